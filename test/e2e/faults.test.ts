import assert from 'node:assert/strict';
import { check } from '../faults/checker.js';
import type { JournalEvent, JournalReply } from '../faults/platform.js';
import type { RigOptions } from '../faults/rig.js';
import { killUnderLoad } from '../faults/scenarios/crash.js';
import { duplicateStorm } from '../faults/scenarios/delivery.js';
import { scenarios } from '../faults/scenarios/index.js';

const options: RigOptions = { seed: 7, short: true, python: null };

/** A seeded part of `npm run faults`; the whole takes half an hour. */
describe('the fault rig', function () {
  this.timeout(120_000);

  for (const id of ['F1', 'F7', 'F9', 'F12', 'F13', 'F15', 'F16', 'F17', 'F18', 'F19', 'F20', 'F25', 'F29']) {
    const scenario = scenarios.find((one) => one.id === id)!;
    it(`${id}: ${scenario.title}`, async () => {
      const { faults, failures } = await scenario.run(options);
      assert.deepEqual(failures, []);
      assert.ok(faults > 0, 'the fault did hit');
    });
  }

  for (const id of ['F1', 'F7', 'F15']) {
    const scenario = scenarios.find((one) => one.id === id)!;
    it(`${id} on MongoDB: ${scenario.title}`, async () => {
      const { faults, failures } = await scenario.run({ ...options, store: 'mongo' });
      assert.deepEqual(failures, []);
      assert.ok(faults > 0, 'the fault did hit');
    });
  }

  for (const id of ['F15', 'F24']) {
    const scenario = scenarios.find((one) => one.id === id)!;
    it(`${id} over the real connectors: ${scenario.title}`, async () => {
      const { faults, failures } = await scenario.run({ ...options, connectors: 'real' });
      assert.deepEqual(failures, []);
      assert.ok(faults > 0, 'the fault did hit');
    });
  }

  it('knows a hub that acknowledges before it stores, by what is lost', async () => {
    const settings = { mutations: ['ack-before-write' as const] };
    const { counts } = await killUnderLoad(options, { messages: 300, kills: 6, settings });
    assert.ok(counts.lost > 0);
  });

  it('knows a hub that does not recognise copies, by its turns', async () => {
    const { counts, failures } = await duplicateStorm(options, { mutations: ['no-dedupe'] });
    assert.ok(counts.turnsTwice > 0);
    assert.ok(failures.some((one) => / turns for 250 events/.test(one)));
  });
});

describe('the checker', () => {
  const event = (text: string, postedAt: number, ackedAt: number | null): JournalEvent => ({
    id: text,
    chat: 'c',
    text,
    appId: 'a',
    platform: 'slack',
    postedAt,
    ackedAt,
    statuses: [],
    ackMs: null,
  });
  const reply = (text: string, at: number, chat = 'c'): JournalReply => ({ platform: 'slack', chat, text, at });
  const events = [event('1', 0, 1), event('2', 2, 3), event('3', 2.5, 9), event('refused', 4, null)];
  const count = (...replies: JournalReply[]) => {
    const { ok, lost, duplicated, unexpected, outOfOrder, notices } = check({ events, replies, turns: new Map() });
    return { ok, lost, duplicated, unexpected, outOfOrder, notices };
  };
  const good = { ok: 3, lost: 0, duplicated: 0, unexpected: 0, outOfOrder: 0, notices: 0 };
  const [one, two, three] = [reply('echo 1', 5), reply('echo 2', 6), reply('echo 3', 7)] as const;

  it('finds nothing where all is well, also when two events that overlapped are answered in either order', () => {
    assert.deepEqual(count(one, two, three), good);
    assert.deepEqual(count(one, reply('echo 3', 5.5), two), good);
  });
  it('counts what is lost, doubled, strange, in the wrong order, and said by the hub itself', () => {
    assert.deepEqual(count(one, two), { ...good, ok: 2, lost: 1 });
    assert.deepEqual(count(one, two, two, three), { ...good, duplicated: 1 });
    assert.deepEqual(count(one, two, three, reply('echo 1', 8, 'elsewhere'), reply('echo x', 8)), {
      ...good,
      unexpected: 2,
    });
    assert.deepEqual(count(two, reply('echo 1', 6.5), three), { ...good, outOfOrder: 1 });
    assert.deepEqual(count(one, two, three, reply('Sorry.', 8)), { ...good, notices: 1 });
  });
});
