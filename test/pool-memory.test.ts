import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Bot, Engines, Model } from '../src/contracts.js';
import { parkingWorth } from '../src/engines/pool/budget.js';
import { newLines } from '../src/engines/pool/diary.js';
import { type MemoryOptions, openPool, type PoolOptions } from '../src/engines/pool/index.js';
import { HubError } from '../src/errors.js';
import { openLog } from '../src/log.js';
import { privateBytes, residentBytes } from '../src/engines/rasa/memory.js';
import {
  enoughMemory,
  scriptedEngine,
  type ScriptedBot,
  type ScriptedEngine,
  someBot,
  someModel,
} from './support/engines.js';

const mb = 2 ** 20;
const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(condition: () => boolean, what = 'waited ten seconds in vain'): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i += 1) await soon(10);
  assert.ok(condition(), what);
}
const nothing = (): Promise<void> => Promise.resolve();

/** A turn that lasts until it is told to end. */
function heldTurn(pool: Engines, appId: string): { done: Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const held = new Promise<void>((resolve) => (end = resolve));
  return { done: pool.use(appId, () => held), end };
}

describe('the memory of awake bots', () => {
  let engine: ScriptedEngine;
  let pool: Engines;
  let bots: Map<string, Partial<Bot>>;
  let events: string[];
  const models = new Map<string, Model>([1, 2].map((n) => [`m${n}`, someModel({ id: `m${n}` })]));

  const open = (memory: Partial<MemoryOptions>, more: Partial<PoolOptions> = {}): Engines =>
    (pool = openPool({
      bot: (appId) => Promise.resolve(someBot({ appId, ...bots.get(appId) })),
      model: (_appId, id) => Promise.resolve(models.get(id) ?? null),
      load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
      engineFor: () => engine,
      idleParkMs: 60_000,
      memory: enoughMemory(memory),
      backoffMs: [0, 20],
      parallelWakes: 2,
      observer: {
        wake: ({ ok }) => events.push(ok ? 'wake' : 'failed'),
        park: (reason) => events.push(`park ${reason}`),
        recycle: (how) => events.push(how),
      },
      log: openLog({ level: 'silent', pretty: false }).log,
      ...more,
    }));
  const running = (): ScriptedBot[] => engine.launched.filter(({ stopped }) => !stopped);
  const statesOf = (...appIds: string[]) => appIds.map((appId) => pool.status(appId).state);

  beforeEach(() => {
    engine = scriptedEngine();
    engine.bytes = 100 * mb;
    bots = new Map();
    events = [];
  });
  afterEach(() => pool.stop());

  describe('within the budget', () => {
    it('puts an idle bot to sleep when another needs its room, and counts what is used', async () => {
      open({ budget: 250 * mb });
      for (const appId of ['a', 'b', 'c']) await pool.use(appId, nothing);
      assert.equal(running().length, 2);
      const { used, budget, states, waiting } = pool.usage();
      assert.deepEqual([used, budget, waiting], [200 * mb, 250 * mb, 0]);
      assert.deepEqual(states, { asleep: 1, waking: 0, awake: 2, draining: 0, quarantined: 0 });
      assert.deepEqual(events, ['wake', 'wake', 'park memory', 'wake']);
      assert.equal(pool.status('c').memory, 100 * mb);
    });

    it('counts what the engine holds for all its bots', async () => {
      engine.memory = () => Promise.resolve(200 * mb);
      open({ budget: 350 * mb });
      await pool.use('a', nothing);
      await until(() => pool.usage().shared === 200 * mb);
      await pool.use('b', nothing);
      assert.deepEqual(statesOf('a', 'b'), ['asleep', 'awake']);
      assert.equal(pool.usage().used, 300 * mb);
    });

    it('lets nobody go who has a turn: the next waits, says why, and gets its room when the turn ends', async () => {
      open({ budget: 250 * mb });
      const turns = [heldTurn(pool, 'a'), heldTurn(pool, 'b')];
      await until(() => running().length === 2);
      const third = pool.use('c', () => Promise.resolve('answered'));
      await until(() => /busy/.test(pool.status('c').reason ?? ''));
      await soon(50);
      assert.deepEqual(statesOf('a', 'b', 'c'), ['awake', 'awake', 'waking']);
      assert.match(pool.status('c').reason ?? '', /200 MB of 250 MB \(MEMORY_BUDGET\)/);
      assert.match(pool.usage().waitsFor ?? '', /MEMORY_BUDGET/);
      assert.equal(pool.usage().waiting, 1);
      turns[1]!.end();
      assert.equal(await third, 'answered');
      assert.deepEqual(statesOf('a', 'b', 'c'), ['awake', 'asleep', 'awake']);
      assert.equal(pool.status('c').reason, null);
      turns[0]!.end();
      await Promise.all(turns.map(({ done }) => done));
    });

    it('wakes a bot that is larger than the whole budget when it is alone', async () => {
      open({ budget: 50 * mb });
      await pool.use('a', nothing);
      await pool.use('b', nothing);
      assert.deepEqual(statesOf('a', 'b'), ['asleep', 'awake']);
    });

    it('promises no room twice to launches that run at once', async () => {
      engine.launchMs = 30;
      open({ budget: 250 * mb }, { parallelWakes: 10 });
      await pool.use('first', nothing);
      await Promise.all(Array.from({ length: 10 }, (_, i) => pool.use(`bot-${i}`, nothing)));
      assert.ok(engine.mostLaunching <= 2, `${engine.mostLaunching} at once`);
      assert.ok(pool.usage().used <= 250 * mb);
    });

    it('goes by what was measured, not by a guess, also after a bot has grown', async () => {
      engine.bytes = 40 * mb;
      open({ budget: 250 * mb });
      for (const appId of ['a', 'b', 'c', 'd', 'e', 'f']) await pool.use(appId, nothing);
      assert.equal(running().length, 6);
      await pool.use('g', nothing);
      assert.equal(running().length, 6);
    });

    it('parks first what is idle longest for its size and its wake time', () => {
      const one = { idleSince: 0, bytes: 100, wakeMs: 500 };
      const worth = (change: object): number => parkingWorth({ ...one, ...change }, 1000);
      assert.ok(worth({ idleSince: -1000 }) > worth({}));
      assert.ok(worth({ bytes: 200 }) > worth({}));
      assert.ok(worth({ wakeMs: 5000 }) < worth({}));
      assert.equal(worth({ bytes: 200, wakeMs: 1000 }), worth({}));
    });

    it('parks the larger of two that are idle', async () => {
      open({ budget: 320 * mb });
      // What a busy machine adds to a launch or to the time between is little beside such wake times and sizes.
      engine.launchMs = 100;
      engine.bytes = 1 * mb;
      await pool.use('small', nothing);
      engine.bytes = 300 * mb;
      await pool.use('large', nothing);
      engine.bytes = 1 * mb;
      await soon(30);
      await pool.use('new', nothing);
      assert.deepEqual(statesOf('small', 'large', 'new'), ['awake', 'asleep', 'awake']);
    });
  });

  describe('and the floors', () => {
    it('wait for free memory, and say so', async () => {
      let free = 100 * mb;
      open({ floors: { memory: 200 * mb, disk: 0 }, freeMemory: () => free });
      const asked = pool.use('a', nothing);
      await until(() => /MIN_FREE_MEMORY/.test(pool.status('a').reason ?? ''));
      assert.equal(engine.launched.length, 0);
      free = 500 * mb;
      await asked;
    });

    it('put an idle bot to sleep when the machine runs short', async () => {
      let free = 2000 * mb;
      open({ floors: { memory: 200 * mb, disk: 0 }, freeMemory: () => free });
      await pool.use('a', nothing);
      free = 150 * mb;
      const asked = pool.use('b', nothing);
      await until(() => pool.status('a').state === 'asleep');
      free = 250 * mb;
      await asked;
    });

    it('wait for disk space, and say so; a disk that cannot be asked holds nobody up', async () => {
      let free = (): Promise<number> => Promise.resolve(10 * mb);
      open({ floors: { memory: 0, disk: 50 * mb }, freeDisk: () => free() });
      const asked = pool.use('a', nothing);
      await until(() => /disk.*10 MB.*50 MB/.test(pool.status('a').reason ?? ''));
      assert.equal(engine.launched.length, 0);
      free = () => Promise.reject(new Error('gone'));
      await asked;
    });
  });

  describe('when many wake', () => {
    it('starts a few at once, in the order in which they asked', async () => {
      engine.launchMs = 5;
      const order: string[] = [];
      const launch = engine.launch.bind(engine);
      engine.launch = (bot, model) => (order.push(bot.appId), launch(bot, model));
      open({});
      const appIds = Array.from({ length: 40 }, (_, i) => `bot-${i}`);
      await Promise.all(appIds.map((appId) => pool.use(appId, nothing)));
      assert.equal(engine.mostLaunching, 2);
      assert.deepEqual(order, appIds);
    });

    it('gives a bot one place in the line, however much it is asked and however often it fails', async () => {
      engine.launchMs = 5;
      const order: string[] = [];
      const launch = engine.launch.bind(engine);
      engine.launch = (bot, model) => (order.push(bot.appId), launch(bot, model));
      engine.failures = [new HubError('wake_failed', 'once')];
      open({}, { parallelWakes: 1, backoffMs: [0] });
      const greedy = Array.from({ length: 50 }, () => pool.use('greedy', nothing));
      const others = ['b', 'c', 'd'].map((appId) => pool.use(appId, nothing));
      await Promise.all([...greedy, ...others]);
      assert.deepEqual(order, ['greedy', 'b', 'c', 'd', 'greedy']);
    });

    it('puts nobody to sleep before the one who asked had his turn, however the moments fall', async () => {
      for (let moments = 0; moments < 30; moments += 1) {
        engine.launched = [];
        const freeDisk = async (): Promise<number> => {
          for (let i = 0; i < moments; i += 1) await Promise.resolve();
          return 2 ** 40;
        };
        open({ budget: 150 * mb, freeDisk });
        await Promise.all(['a', 'b', 'c'].map((appId) => pool.use(appId, nothing)));
        assert.equal(engine.launched.length, 3, `with ${moments} moments`);
        await pool.stop();
      }
    });

    it('refuses who waits when the hub stops, and starts nothing more', async () => {
      open({ budget: 120 * mb });
      const turn = heldTurn(pool, 'a');
      await until(() => running().length === 1);
      const asked = pool.use('b', nothing);
      await until(() => pool.usage().waiting === 1);
      const refused = assert.rejects(asked, { code: 'stopping' });
      await pool.stop();
      await refused;
      await assert.rejects(pool.use('c', nothing), { code: 'stopping' });
      turn.end();
      await turn.done;
      assert.equal(engine.launched.length, 1);
    });

    it('answers 1,000 bots in random order within room for ten: none fails', async function () {
      this.timeout(60_000);
      engine.launchMs = 2;
      open({ budget: 1000 * mb });
      const waits: number[] = [];
      // Steps of a prime: every bot at least once, in no order.
      const asked = Array.from({ length: 1500 }, (_, i) => `bot-${(i * 7919) % 1000}`);
      let most = 0;
      let next = 0;
      const client = async (): Promise<void> => {
        for (let appId = asked[next++]; appId !== undefined; appId = asked[next++]) {
          const started = performance.now();
          const turn = { sender: 's', text: 'x', payload: false, channel: 'rest', metadata: {} };
          await pool.use(appId, (bot) => {
            waits.push(performance.now() - started);
            return bot.reply(turn);
          });
          most = Math.max(most, pool.usage().used);
        }
      };
      await Promise.all(Array.from({ length: 50 }, client));
      assert.equal(waits.length, 1500);
      assert.ok(most <= 1000 * mb, `${most / mb} MB used`);
      assert.equal(events.filter((event) => event === 'failed').length, 0);
      waits.sort((a, b) => a - b);
      process.stdout.write(
        `      (wake to turn with 50 callers at once: p50 ${Math.round(waits[750]!)} ms, p95 ${Math.round(waits[1425]!)} ms; ${engine.launched.length} launches)\n`,
      );
    });
  });

  describe('and more than one process per bot', () => {
    it('adds one when turns queue up, gives turns to the freest, and never more than the maximum', async () => {
      open({});
      pool.register('a', { min: 0, max: 2 });
      const turns = [heldTurn(pool, 'a')];
      await until(() => running().length === 1);
      await soon(50);
      assert.equal(running().length, 1, 'one turn queues behind nobody');
      turns.push(heldTurn(pool, 'a'));
      await until(() => pool.status('a').pids.length === 2);
      const taken: unknown[] = [];
      const next = (): Promise<void> => pool.use('a', (bot) => Promise.resolve(void taken.push(bot)));
      await next();
      assert.deepEqual(taken, [engine.launched[1]]);
      for (let i = 0; i < 6; i += 1) turns.push(heldTurn(pool, 'a'));
      await soon(50);
      assert.equal(engine.launched.length, 2);
      for (const { end } of turns) end();
      await Promise.all(turns.map(({ done }) => done));
    });

    it('adds none when memory does not allow it, and puts nobody to sleep for it', async () => {
      open({ budget: 250 * mb });
      await pool.use('other', nothing);
      pool.register('a', { min: 0, max: 2 });
      const turns = [heldTurn(pool, 'a'), heldTurn(pool, 'a'), heldTurn(pool, 'a')];
      await soon(50);
      assert.equal(pool.status('a').pids.length, 1);
      assert.equal(pool.status('other').state, 'awake');
      for (const { end } of turns) end();
      await Promise.all(turns.map(({ done }) => done));
    });

    it('lets those go at once that are more than it may have from now on, after their turns', async () => {
      open({}, { idleParkMs: 60_000 });
      pool.register('a', { min: 3, max: 3 });
      await until(() => pool.status('a').pids.length === 3);
      const turn = heldTurn(pool, 'a');
      await soon(20);
      pool.register('a', { min: 1, max: 1 });
      await until(() => running().length === 1);
      assert.equal(running()[0]?.turns.length, 0);
      assert.equal(pool.status('a').pids.length, 1);
      turn.end();
      await turn.done;
      assert.equal(engine.launched.length, 3);
    });

    it('lets the extra one go when it is idle', async () => {
      open({}, { idleParkMs: 400 });
      pool.register('a', { min: 1, max: 2 });
      const turns = [heldTurn(pool, 'a'), heldTurn(pool, 'a'), heldTurn(pool, 'a')];
      await until(() => pool.status('a').pids.length === 2);
      for (const { end } of turns) end();
      await Promise.all(turns.map(({ done }) => done));
      await until(() => running().length === 1);
      await soon(600);
      assert.equal(running().length, 1, 'the minimum stays awake over idle parking');
      assert.equal(engine.launched.length, 2, 'and was not launched anew');
    });

    it('wakes those that are to be awake without being asked, again when they were parked for memory', async () => {
      open({ budget: 250 * mb }, { idleParkMs: 1000 });
      pool.register('a', { min: 2, max: 2 });
      await until(() => pool.status('a').pids.length === 2);
      await pool.use('b', nothing);
      assert.equal(pool.status('a').pids.length, 1, 'rather one less than no answer');
      await pool.park('b');
      await until(() => pool.status('a').pids.length === 2);
    });

    it('puts those to sleep last that are to stay awake', async () => {
      open({ budget: 250 * mb });
      pool.register('kept', { min: 1, max: 1 });
      await until(() => pool.status('kept').state === 'awake');
      await soon(30);
      await pool.use('b', nothing);
      await pool.use('c', nothing);
      assert.deepEqual(statesOf('kept', 'b', 'c'), ['awake', 'asleep', 'awake']);
    });

    it('leave a bot asleep that somebody put to sleep, until it is needed', async () => {
      open({}, { idleParkMs: 1000 });
      pool.register('a', { min: 1, max: 1 });
      await until(() => pool.status('a').state === 'awake');
      await pool.park('a');
      await soon(600);
      assert.equal(pool.status('a').state, 'asleep');
      await pool.use('a', nothing);
      assert.equal(pool.status('a').state, 'awake');
    });

    it('switches all of them to a new model at once, or none', async () => {
      open({});
      pool.register('a', { min: 2, max: 2 });
      await until(() => pool.status('a').pids.length === 2);
      const old = [...engine.launched];
      engine.failures = [null, new HubError('wake_failed', 'corrupt')];
      await assert.rejects(pool.swap('a', models.get('m2')!, nothing), /corrupt/);
      assert.deepEqual(running(), old, 'the one that came up is stopped');
      await pool.swap('a', models.get('m2')!, () => Promise.resolve(void bots.set('a', { activeModel: 'm2' })));
      await until(() => running().length === 2);
      assert.deepEqual(
        running().map(({ model }) => model),
        ['m2', 'm2'],
      );
      assert.ok(old.every(({ stopped }) => stopped));
    });

    it('never installs a process that was launched with the model of before', async () => {
      open({});
      const launch = engine.launch.bind(engine);
      let begun = false;
      let come = (): void => undefined;
      const held = new Promise<void>((resolve) => (come = resolve));
      engine.launch = async (bot, model, how) => {
        if (begun) return launch(bot, model, how);
        begun = true;
        await held;
        return launch(bot, model, how);
      };
      const asked = pool.use('a', (bot) => Promise.resolve((bot as ScriptedBot).model));
      await until(() => begun);
      await pool.swap('a', models.get('m2')!, () => Promise.resolve(void bots.set('a', { activeModel: 'm2' })));
      come();
      assert.equal(await asked, 'm2');
      await until(() => running().length === 1);
      assert.equal(running()[0]!.model, 'm2');
    });

    it('lets no fresh process go before the switch is made', async () => {
      open({ budget: 250 * mb });
      await pool.use('a', nothing);
      const turn = heldTurn(pool, 'a');
      let live = (): void => undefined;
      const swapped = pool.swap('a', models.get('m2')!, () => new Promise<void>((resolve) => (live = resolve)));
      await until(() => engine.launched.length === 2);
      const asked = pool.use('b', nothing);
      await until(() => /MEMORY_BUDGET/.test(pool.status('b').reason ?? ''));
      await soon(50);
      assert.equal(engine.launched[1]!.stopped, false);
      live();
      await swapped;
      const fresh = heldTurn(pool, 'a');
      turn.end();
      await Promise.all([turn.done, asked]);
      assert.equal(engine.launched[1]!.stopped, false);
      fresh.end();
      await fresh.done;
    });

    it('need no room for the switch beyond their own', async () => {
      open({ budget: 110 * mb });
      await pool.use('a', nothing);
      const turn = heldTurn(pool, 'a');
      await pool.swap('a', models.get('m2')!, nothing);
      turn.end();
      await turn.done;
      assert.deepEqual(events, ['wake', 'wake']);
    });
  });

  describe('and one process that grows', () => {
    it('replaces it near the cap while it still answers, and lets it finish its turns', async () => {
      open({ cap: 300 * mb });
      const turn = heldTurn(pool, 'a');
      await until(() => running().length === 1);
      const [old] = engine.launched;
      old!.bytes = 280 * mb;
      await until(() => engine.launched.length === 2 && pool.status('a').pids[0] !== old!.pid, 'not replaced');
      assert.equal(old!.stopped, false, 'it has a turn');
      await pool.use('a', (bot) => Promise.resolve(assert.equal(bot, engine.launched[1])));
      turn.end();
      await turn.done;
      await until(() => old!.stopped);
      assert.deepEqual(events, ['wake', 'wake', 'replaced']);
      assert.deepEqual(old!.graces, [undefined]);
      assert.ok(pool.log('a').some(({ line }) => /has grown to 280 MB/.test(line)));
    });

    it('looks sooner at one that was idle and gets a turn', async () => {
      open({ cap: 115 * mb });
      await pool.use('a', nothing);
      // Its first look, which found it quiet: the next would be in a minute.
      await soon(700);
      engine.launched[0]!.bytes = 120 * mb;
      await pool.use('a', nothing);
      await until(() => events.includes('killed'));
    });

    it('ends it at the cap, without grace, and starts it anew once', async () => {
      open({ cap: 300 * mb });
      await pool.use('a', nothing);
      const [old] = engine.launched;
      old!.bytes = 310 * mb;
      await pool.use('a', nothing);
      await until(() => engine.launched.length === 2 && pool.status('a').state === 'awake', 'not started anew');
      assert.equal(old!.graces[0], 0);
      await soon(400);
      assert.equal(engine.launched.length, 2);
      assert.deepEqual(events, ['wake', 'killed', 'wake']);
      assert.ok(pool.log('a').some(({ line }) => /ended: it reached 310 MB.*BOT_MEMORY_CAP/.test(line)));
    });

    it('starts one successor when it reaches the cap while its successor is on the way', async () => {
      open({ cap: 300 * mb });
      await pool.use('a', nothing);
      const [old] = engine.launched;
      engine.launchMs = 600;
      old!.bytes = 280 * mb;
      await pool.use('a', nothing);
      await until(() => engine.launching === 1);
      old!.bytes = 320 * mb;
      await until(() => old!.stopped);
      await pool.use('a', (bot) => Promise.resolve(assert.equal(bot, engine.launched[1])));
      await soon(700);
      assert.equal(engine.launched.length, 2);
      assert.deepEqual(events, ['wake', 'killed', 'wake']);
    });

    it('does not replace a bot over and over that is near the cap from its start', async () => {
      engine.bytes = 280 * mb;
      open({ cap: 300 * mb });
      await pool.use('a', nothing);
      await pool.use('a', nothing);
      await soon(700);
      assert.equal(engine.launched.length, 1);
    });

    it('takes a bot out of service that reaches the cap again and again, naming the setting', async () => {
      engine.bytes = 400 * mb;
      open({ cap: 300 * mb });
      await pool.use('a', nothing);
      await until(() => pool.status('a').state === 'quarantined', 'not quarantined');
      assert.match(pool.status('a').reason ?? '', /BOT_MEMORY_CAP/);
      assert.equal(engine.launched.length, 5);
    });
  });
});

describe('the log of a bot', () => {
  it('keeps what a process wrote when it dies, and the last lines when the bot sleeps', async () => {
    const engine = scriptedEngine();
    const pool = openPool({
      bot: (appId) => Promise.resolve(someBot({ appId })),
      model: () => Promise.resolve(someModel()),
      load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
      engineFor: () => engine,
      idleParkMs: 60_000,
      memory: enoughMemory(),
      log: openLog({ level: 'silent', pretty: false }).log,
    });
    const texts = (): string[] => pool.log('a').map(({ line }) => line);
    await pool.use('a', nothing);
    engine.launched[0]!.lines = Array.from({ length: 300 }, (_, i) => `line ${i}`);
    engine.launched[0]!.die();
    await until(() => engine.launched.length === 2 && pool.status('a').state === 'awake');
    assert.ok(
      ['line 0', 'line 299', "failed: The bot's process was ended by SIGKILL."].every((one) => texts().includes(one)),
    );
    engine.launched[1]!.lines = Array.from({ length: 500 }, (_, i) => `later ${i}`);
    assert.equal(texts().length, 500, 'it is bounded');
    const numbers = pool.log('a').map(({ number }) => number);
    assert.equal(numbers.at(-1)! - numbers[0]!, 499);
    await pool.park('a');
    assert.equal(texts().length, 20);
    assert.ok(texts().includes('later 499') && texts().includes('put to sleep: by request'));
    await pool.stop();
  });

  it('finds what is new when the oldest lines were dropped', () => {
    assert.deepEqual(newLines([], ['a']), ['a']);
    assert.deepEqual(newLines(['a', 'b'], ['a', 'b']), []);
    assert.deepEqual(newLines(['a', 'b'], ['a', 'b', 'c']), ['c']);
    assert.deepEqual(newLines(['a', 'b', 'c'], ['b', 'c', 'd', 'e']), ['d', 'e']);
    assert.deepEqual(newLines(['a', 'b'], ['x', 'y']), ['x', 'y']);
    assert.deepEqual(newLines(['a', 'a'], ['a', 'a', 'a']), ['a']);
  });
});

(process.platform === 'linux' ? describe : describe.skip)('the memory of a process', () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill('SIGKILL'));

  it('is what it has for itself; null when it has gone', async () => {
    const script =
      'const held = Buffer.alloc(200 * 2 ** 20, 1); console.log(held.length); setInterval(() => held[0]++, 1000)';
    child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout!, 'data');
    const bytes = (await privateBytes(child.pid!))!;
    assert.ok(bytes > 200 * mb && bytes < 400 * mb, String(bytes));
    assert.ok((await residentBytes(child.pid!)) > bytes);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await privateBytes(child.pid!), null);
  });
});
