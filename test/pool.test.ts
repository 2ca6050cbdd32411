import assert from 'node:assert/strict';
import type { Bot, Engines, Model } from '../src/contracts.js';
import { openPool } from '../src/engines/pool/index.js';
import { HubError } from '../src/errors.js';
import { openLog } from '../src/log.js';
import { enoughMemory, scriptedEngine, type ScriptedEngine, someBot, someModel } from './support/engines.js';

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i += 1) await soon(10);
  assert.ok(condition(), 'waited five seconds in vain');
}

describe('the pool of awake bots', () => {
  let engine: ScriptedEngine;
  let pool: Engines;
  let bot: Bot | null;
  const models = new Map<string, Model>();

  const open = (idleParkMs = 60_000): Engines =>
    openPool({
      bot: () => Promise.resolve(bot),
      model: (_appId, id) => Promise.resolve(models.get(id) ?? null),
      load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
      engineFor: () => engine,
      idleParkMs,
      memory: enoughMemory(),
      backoffMs: [0, 20],
      log: openLog({ level: 'silent', pretty: false }).log,
    });

  beforeEach(() => {
    engine = scriptedEngine();
    bot = someBot();
    models.clear();
    for (const id of ['m1', 'm2']) models.set(id, someModel({ id }));
    pool = open();
  });
  afterEach(() => pool.stop());
  const nothing = (): Promise<void> => Promise.resolve();

  it('shares one launch among all who ask while it wakes', async () => {
    engine.launchMs = 30;
    const asked = Promise.all(Array.from({ length: 20 }, () => pool.use('bot-1', nothing)));
    await soon(10);
    assert.equal(pool.status('bot-1').state, 'waking');
    await asked;
    assert.equal(engine.launched.length, 1);
    const awake = { state: 'awake', engineInUse: 'rasa', pids: [1000], memory: 0, reason: null };
    assert.deepEqual(pool.status('bot-1'), awake);
  });

  it('says what is missing: no bot, no model', async () => {
    bot = someBot({ activeModel: null });
    await assert.rejects(pool.use('bot-1', nothing), { code: 'no_model' });
    bot = null;
    await assert.rejects(pool.use('bot-1', nothing), { code: 'not_found' });
  });

  it('starts a bot again when its process dies', async () => {
    await pool.use('bot-1', nothing);
    engine.launched[0]!.die();
    await until(() => engine.launched.length === 2 && pool.status('bot-1').state === 'awake');
  });

  it('tries a failed launch again, with pauses', async () => {
    engine.failures = [new HubError('wake_failed', 'not yet')];
    await pool.use('bot-1', nothing);
    assert.equal(engine.launched.length, 1);
  });

  it('quarantines a bot that keeps failing, starts it no more, and says why', async () => {
    engine.failures = Array.from({ length: 20 }, () => new HubError('wake_failed', 'the disk is on fire'));
    await assert.rejects(pool.use('bot-1', nothing), { code: 'bot_quarantined' });
    const status = pool.status('bot-1');
    assert.equal(status.state, 'quarantined');
    assert.match(status.reason ?? '', /disk is on fire/);
    assert.equal(engine.failures.length, 15, 'five launches in a minute, no more');
    await assert.rejects(pool.use('bot-1', nothing), { code: 'bot_quarantined' });
    assert.equal(engine.failures.length, 15);
  });

  it('leaves quarantine on restart and on a model that works', async () => {
    engine.failures = Array.from({ length: 5 }, () => new HubError('wake_failed', 'no'));
    await assert.rejects(pool.use('bot-1', nothing), { code: 'bot_quarantined' });
    await pool.swap('bot-1', models.get('m2')!, nothing);
    assert.equal(pool.status('bot-1').state, 'awake');
  });

  it('switches models without breaking the turn that runs, and stops the old one after it', async () => {
    await pool.use('bot-1', nothing);
    let finish = (): void => undefined;
    const turn = pool.use(
      'bot-1',
      (running) =>
        new Promise<string>(
          (resolve) => (finish = () => resolve((running as (typeof engine.launched)[0]).model ?? '')),
        ),
    );
    await pool.swap('bot-1', models.get('m2')!, nothing);
    const [old, fresh] = engine.launched;
    assert.equal(old!.stopped, false, 'the old one still has a turn');
    await pool.use('bot-1', (running) => Promise.resolve(assert.equal(running, fresh)));
    finish();
    assert.equal(await turn, 'm1');
    await until(() => old!.stopped);
    assert.equal(pool.status('bot-1').state, 'awake', 'the end of the old process is no failure');
  });

  it('keeps the old model when the new one does not start, or cannot be recorded', async () => {
    await pool.use('bot-1', nothing);
    engine.failures = [new HubError('wake_failed', 'corrupt')];
    await assert.rejects(pool.swap('bot-1', models.get('m2')!, nothing), /corrupt/);
    await assert.rejects(
      pool.swap('bot-1', models.get('m2')!, () => Promise.reject(new Error('store down'))),
      /store down/,
    );
    assert.equal(engine.launched[1]!.stopped, true, 'the unused one is stopped');
    await pool.use('bot-1', (running) => Promise.resolve(assert.equal(running, engine.launched[0])));
  });

  it('puts an idle bot to sleep and wakes it when asked', async () => {
    await pool.stop();
    pool = open(100);
    await pool.use('bot-1', nothing);
    await until(() => engine.launched[0]!.stopped);
    assert.equal(pool.status('bot-1').state, 'asleep');
    await pool.use('bot-1', nothing);
    assert.equal(engine.launched.length, 2);
  });

  it('never parks a bot under a running turn', async () => {
    let finish = (): void => undefined;
    const turn = pool.use('bot-1', () => new Promise<void>((resolve) => (finish = resolve)));
    await until(() => engine.launched.length === 1);
    const parked = pool.park('bot-1');
    await soon(30);
    assert.equal(pool.status('bot-1').state, 'draining');
    assert.equal(engine.launched[0]!.stopped, false);
    finish();
    await Promise.all([turn, parked]);
    assert.equal(engine.launched[0]!.stopped, true);
    assert.equal(pool.status('bot-1').state, 'asleep');
  });
});
