/** What our Rasa owes its users: the same archive parses and answers as in a plain `rasa run`, field by field. */
import assert from 'node:assert/strict';
import type { Json, RunningEngine } from '../../src/contracts.js';
import { differences } from '../support/differences.js';
import { archiveOf, pathOf, plainRasa, type PlainRasa } from '../support/plain-rasa.js';
import { openRealEngine, type RealEngine } from '../support/rasa-engine.js';
import type { RasaProject } from '../support/rasa-projects.js';
import { conversationsOf, textsOf } from '../support/rasa-texts.js';

export interface SameAs {
  python: () => string;
  project: (python: string) => Promise<RasaProject>;
  /** How many texts are parsed, and how many conversations of eight turns are held. */
  texts: number;
  conversations: number;
  seed: number;
}
/** What no two processes share: moments, and ids drawn at random. */
const ownOfEach = ['timestamp', 'message_id'];

export function sameAsPlain(name: string, { python, project, texts, conversations, seed }: SameAs): void {
  describe(`the ${name} project, in our child and in a plain rasa run`, function () {
    this.timeout(600_000);
    let made: RasaProject;
    let engine: RealEngine | undefined;
    let plain: PlainRasa | undefined;
    let ours: RunningEngine | undefined;

    before(async () => {
      made = await project(python());
      const archivePath = await archiveOf(python(), made);
      engine = await openRealEngine(python(), pathOf(made));
      // Both are waited for, so that the one that started is ended when the other did not.
      const [theirs, mine] = await Promise.allSettled([
        plainRasa(python(), made, archivePath),
        engine.launch(made.name, archivePath),
      ]);
      if (theirs.status === 'fulfilled') plain = theirs.value;
      if (mine.status === 'fulfilled') ours = mine.value;
      for (const side of [theirs, mine]) if (side.status === 'rejected') throw side.reason;
    });
    after(async () => {
      await ours?.stop();
      await plain?.stop();
      await engine?.close();
    });

    it(`understand ${texts} texts alike`, async () => {
      const asked = textsOf(made.questions, texts, seed);
      const found: string[] = [];
      const intents = new Set<unknown>();
      for (const text of asked) {
        const theirs = (await plain!.post('/model/parse', { text })) as { intent: { name: unknown } };
        intents.add(theirs.intent.name);
        const parsed = differences(await ours!.parse(text), theirs);
        found.push(...parsed.map((line) => `${JSON.stringify(text)} ${line}`));
      }
      assert.deepEqual(found, []);
      assert.equal(asked.length, texts);
      assert.ok(intents.size > 1, 'one intent for everything compares nothing');
    });

    it(`hold ${conversations} conversations alike: replies, parses and everything that is remembered`, async () => {
      const found: string[] = [];
      let replies = 0;
      for (const [at, turns] of conversationsOf(made.questions, { count: conversations, length: 8, seed }).entries()) {
        const sender = `anna-${at}`;
        for (const text of turns) {
          const metadata: Json = { trace: at };
          const payload = text.startsWith('/');
          const theirs = await plain!.post('/webhooks/rest/webhook', { sender, message: text, metadata });
          const mine = await ours!.reply({ sender, text, payload, channel: 'rest', metadata });
          replies += mine.messages.length;
          const unlike = differences(mine.messages, theirs);
          found.push(...unlike.map((line) => `${sender} ${JSON.stringify(text)} reply ${line}`));
        }
        const tracker = (await plain!.get(`/conversations/${sender}/tracker?include_events=ALL`)) as { events: Json[] };
        const mine = (await ours!.tracker?.(sender)) ?? null;
        const unlike = differences(mine, tracker.events, ownOfEach);
        found.push(...unlike.map((line) => `${sender} event ${line}`));
      }
      assert.deepEqual(found, []);
      assert.ok(replies >= conversations, 'bots that say nothing compare nothing');
    });
  });
}
