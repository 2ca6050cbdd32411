/** What every pool of awake bots owes the hub, on this machine or over a line to another. The engine is scripted. */
import assert from 'node:assert/strict';
import type { Bot, Engines, Model } from '../../src/contracts.js';
import { HubError } from '../../src/errors.js';
import { saying, type ScriptedEngine, scriptedEngine, someBot } from '../support/engines.js';
import { eventually } from '../support/hub.js';

export interface EnginesUnderTest {
  engines: Engines;
  /** What is stored; `bot-1` is there with the active model `m1`, and has `m1` and `m2`. */
  bots: Map<string, Bot>;
  models: Map<string, Model>;
  close(): Promise<void>;
}

export function enginesContract(name: string, open: (engine: ScriptedEngine) => Promise<EnginesUnderTest>): void {
  describe(`bots awake ${name}`, () => {
    let engine: ScriptedEngine;
    let under: EnginesUnderTest;
    let engines: Engines;
    const nothing = (): Promise<void> => Promise.resolve();
    const modelOf = (id: string): Model => under.models.get(id)!;
    const turn = (text: string) => ({ sender: 'anna/ü', text, payload: false, channel: 'rest', metadata: { a: [1] } });
    const ask = (text: string): Promise<string | undefined> =>
      engines.use('bot-1', async (running) => (await running.reply(turn(text))).messages[0]?.text);
    const state = (): string => engines.status('bot-1').state;

    beforeEach(async () => {
      engine = scriptedEngine();
      engine.answer = (asked, bot) => Promise.resolve(saying(asked, `${bot.model}: ${asked.text}`));
      under = await open(engine);
      ({ engines } = under);
      engines.register('bot-1', { min: 0, max: 1 });
    });
    afterEach(() => under.close());

    it('answer turns, understand, and show their conversations', async () => {
      engine.tracker = (sender) => Promise.resolve([{ event: 'user', sender }]);
      assert.equal(await ask('你好 🙂'), 'm1: 你好 🙂');
      assert.deepEqual(engine.launched[0]?.turns[0], turn('你好 🙂'));
      await engines.use('bot-1', async (running) => {
        assert.equal(running.engine, 'rasa');
        assert.equal((await running.parse('a text')).text, 'a text');
        assert.deepEqual(await running.tracker?.('x'), [{ event: 'user', sender: 'x' }]);
      });
    });

    it('pass the language of a text on, and requests of the API byte for byte', async () => {
      const heard: unknown[] = [];
      await ask('wake');
      const [bot] = engine.launched;
      bot!.parse = (text, language) => {
        heard.push(language);
        return Promise.resolve({ text, intent: { name: null, confidence: 1 }, entities: [] });
      };
      await engines.use('bot-1', async (running) => {
        await running.parse('bonjour', 'fr');
        await running.parse('hello');
      });
      assert.deepEqual(heard, ['fr', undefined]);
      bot!.api = ({ method, path, body }) =>
        Promise.resolve({ status: 201, headers: { at: `${method} ${path}` }, body: Buffer.concat([body, body]) });
      // What it can do is asked when it wakes.
      await engines.park('bot-1');
      const answer = engine.launch.bind(engine);
      engine.launch = async (...given) => Object.assign(await answer(...given), { api: bot!.api });
      const body = Buffer.from([0, 255, 10, 128]);
      const got = await engines.use('bot-1', (running) =>
        running.api!({ method: 'PUT', path: '/a%2Fb?c=d', headers: {}, body }),
      );
      assert.deepEqual([got.status, got.headers], [201, { at: 'PUT /a%2Fb?c=d' }]);
      assert.deepEqual(got.body, Buffer.concat([body, body]));
    });

    it('share one launch among all who ask while it wakes, and say that it is awake', async () => {
      engine.launchMs = 30;
      const asked = Promise.all(Array.from({ length: 20 }, () => engines.use('bot-1', nothing)));
      await asked;
      assert.equal(engine.launched.length, 1);
      const status = engines.status('bot-1');
      assert.deepEqual([status.state, status.engineInUse, status.pids], ['awake', 'rasa', [1000]]);
      assert.equal(engines.usage().states.awake <= 1, true);
    });

    it('say what is missing, and what failed, with the code that it has', async () => {
      under.bots.set('bot-1', someBot({ activeModel: null }));
      await assert.rejects(engines.use('bot-1', nothing), { code: 'no_model' });
      await assert.rejects(engines.use('bot-2', nothing), { code: 'not_found' });
      under.bots.set('bot-1', someBot());
      engine.answer = () => Promise.reject(new HubError('turn_timeout', 'It takes too long.'));
      await assert.rejects(ask('x'), { code: 'turn_timeout', message: 'It takes too long.' });
    });

    it('quarantine a bot that keeps failing, say why, and let it go again', async () => {
      engine.failures = Array.from({ length: 5 }, () => new HubError('wake_failed', 'the disk is on fire'));
      await assert.rejects(ask('x'), { code: 'bot_quarantined', message: /disk is on fire/ });
      assert.equal(state(), 'quarantined');
      assert.match(engines.status('bot-1').reason ?? '', /disk is on fire/);
      await engines.restart('bot-1');
      assert.equal(state(), 'awake');
    });

    it('start a process anew that has died', async () => {
      await ask('x');
      engine.launched[0]?.die();
      await eventually(() => engine.launched.length === 2 && state() === 'awake');
      assert.equal(await ask('again'), 'm1: again');
    });

    it('switch to another model when that is up, and only then', async () => {
      await ask('x');
      const order: string[] = [];
      await engines.swap('bot-1', modelOf('m2'), () => {
        order.push(`live with ${engine.launched.length}`);
        under.bots.set('bot-1', someBot({ activeModel: 'm2' }));
        return Promise.resolve();
      });
      assert.deepEqual(order, ['live with 2']);
      assert.equal(await ask('y'), 'm2: y');
      await eventually(() => engine.launched[0]?.stopped);
    });

    it('change nothing when the other model does not come up, or may not', async () => {
      await ask('x');
      engine.failures = [new HubError('wake_failed', 'it is broken')];
      let lived = false;
      const live = (): Promise<void> => Promise.resolve(void (lived = true));
      await assert.rejects(engines.swap('bot-1', modelOf('m2'), live), { code: 'wake_failed' });
      assert.equal(lived, false);
      const refuse = (): Promise<void> => Promise.reject(new HubError('store_unavailable', 'The store is away.'));
      await assert.rejects(engines.swap('bot-1', modelOf('m2'), refuse), { code: 'store_unavailable' });
      assert.equal(await ask('y'), 'm1: y');
      await eventually(() => engine.launched.at(-1)?.stopped);
    });

    it('switch a bot that sleeps, whose new model is tried first', async () => {
      await engines.swap('bot-1', modelOf('m2'), () => {
        under.bots.set('bot-1', someBot({ activeModel: 'm2' }));
        return Promise.resolve();
      });
      assert.equal(await ask('y'), 'm2: y');
    });

    it('sleep when they are told to, after their turns, and wake for the next', async () => {
      let answer: () => void = () => undefined;
      engine.answer = (asked) =>
        new Promise((resolve) => {
          answer = () => resolve(saying(asked, 'late'));
        });
      const asked = ask('x');
      await eventually(() => engine.launched[0]?.turns.length === 1);
      const parked = engines.park('bot-1');
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(engine.launched[0]?.stopped, false);
      answer();
      assert.equal(await asked, 'late');
      await parked;
      assert.equal(state(), 'asleep');
      await engines.use('bot-1', nothing);
      assert.equal(engine.launched.length, 2);
    });

    it('start anew when they are told to', async () => {
      await ask('x');
      await engines.restart('bot-1');
      assert.deepEqual([engine.launched.length, engine.launched[0]?.stopped, state()], [2, true, 'awake']);
    });

    it('lend a process of its own, with any model, and end it afterwards', async () => {
      await ask('x');
      const how: unknown[] = [];
      const launch = engine.launch.bind(engine);
      engine.launch = (bot, model, given) => {
        how.push(given);
        return launch(bot, model);
      };
      const said = await engines.apart(
        'bot-1',
        'm2',
        async (running) => {
          assert.equal(engine.launched[1]?.stopped, false);
          return (await running.reply(turn('psst'))).messages[0]?.text;
        },
        { rehearsal: true },
      );
      assert.deepEqual([said, how], ['m2: psst', [{ rehearsal: true }]]);
      await eventually(() => engine.launched[1]?.stopped);
      await assert.rejects(engines.apart('bot-1', 'm9', nothing), { code: 'not_found' });
      assert.equal(await ask('y'), 'm1: y');
    });

    it('keep a log of what processes wrote and of what was done with them, and let it be followed', async () => {
      const heard: string[] = [];
      const end = engines.follow('bot-1', ({ line }) => void heard.push(line));
      await ask('x');
      engine.launched[0]?.lines.push('another line');
      await eventually(() => heard.includes('another line'));
      end();
      const lines = engines.log('bot-1');
      assert.ok(lines.some(({ line, source }) => source === 'hub' && line.startsWith('awake after')));
      assert.deepEqual(
        lines.filter(({ source }) => source === 'bot').map(({ line }) => line),
        ['a line', 'another line'],
      );
      const numbers = lines.map(({ number }) => number);
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
    });

    it('are awake as many as they are to be, with nobody asking', async () => {
      engines.register('bot-1', { min: 1, max: 1 });
      await eventually(() => state() === 'awake');
      engines.register('bot-1', { min: 0, max: 2 });
      engine.answer = (asked) => new Promise((resolve) => setTimeout(() => resolve(saying(asked, 'x')), 300));
      await Promise.all(Array.from({ length: 6 }, (_, i) => ask(`${i}`)));
      await eventually(() => engines.status('bot-1').pids.length === 2);
    });

    it('are forgotten with their processes', async () => {
      await ask('x');
      await engines.forget('bot-1');
      assert.deepEqual([state(), engine.launched[0]?.stopped, engines.log('bot-1')], ['asleep', true, []]);
    });
  });
}
