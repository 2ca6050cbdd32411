/** What every engine owes the pool. A new engine passes this suite with a bot that knows `knownQuestion`. */
import assert from 'node:assert/strict';
import type { Bot, Engine, LoadableModel, RunningEngine } from '../../src/contracts.js';

export const knownQuestion = 'When are you open?';
export const knownAnswer = 'From {9} to 5.\n\nAsk for "Anna".';

export interface EngineUnderTest {
  engine: Engine;
  bot: Bot;
  model: LoadableModel | null;
  /** The reply texts that the known answer arrives as; Rasa's own REST channel splits at blank lines. */
  texts: string[];
}

export function engineContract(name: string, open: () => Promise<EngineUnderTest>): void {
  describe(`the ${name} engine`, function () {
    this.timeout(120_000);
    let running: RunningEngine;
    let under: EngineUnderTest;
    before(async () => {
      under = await open();
      running = await under.engine.launch(under.bot, under.model);
    });
    after(() => running.stop());
    const turn = (text: string) =>
      running.reply({ sender: 'anna/ü', text, payload: false, channel: 'rest', metadata: {} });

    it('says its name and answers what it knows, to the one who asked', async () => {
      assert.equal(running.engine, under.engine.name);
      const { messages } = await turn(knownQuestion);
      assert.deepEqual(
        messages.map(({ recipient_id, text }) => ({ recipient_id, text })),
        under.texts.map((text) => ({ recipient_id: 'anna/ü', text })),
      );
    });

    it('understands without answering, and admits not knowing', async () => {
      const known = await running.parse(knownQuestion);
      assert.equal(known.text, knownQuestion);
      assert.equal(known.intent.name, 'faq');
      assert.ok(known.intent.confidence > 0 && known.intent.confidence <= 1);
      assert.equal((await running.parse('Who won the football match yesterday evening?')).intent.name, 'nlu_fallback');
    });

    it('takes many turns at once, and odd ones', async () => {
      const odd = ['/restart', ' ', '🙂', 'x'.repeat(5000), '{slot} ${HOME} %s', '你好'];
      const answers = await Promise.all(
        odd.map((text, i) => running.reply({ sender: `odd${i}`, text, payload: false, channel: 'rest', metadata: {} })),
      );
      for (const { messages } of answers) assert.ok(Array.isArray(messages));
      assert.equal((await turn(knownQuestion)).messages[0]?.text, under.texts[0]);
    });

    it('keeps a log, and stops once however often it is told', async () => {
      assert.ok(Array.isArray(running.log()));
      await Promise.all([running.stop(), running.stop()]);
      const exit = await running.exited;
      assert.ok('code' in exit && 'signal' in exit);
    });
  });
}
