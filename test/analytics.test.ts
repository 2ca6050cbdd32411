import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageChange, Store } from '../src/contracts.js';
import { createAnalytics } from '../src/hub/analytics/analytics.js';
import { figuresOf, openDay, count } from '../src/hub/analytics/tally.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { bot, message } from './contract/store.js';
import { eventually, newHub } from './support/hub.js';

const { log } = openLog({ level: 'silent', pretty: false, write: () => undefined });

describe('The figures of a bot', () => {
  let directory: string;
  let store: Store;
  let now: number;
  let events: number;
  const at = (day: number, hour = 12): number => Date.UTC(2026, 0, day, hour);
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sb-analytics-'));
    [now, events] = [at(1), 0];
    store = await openStore(`sqlite:${join(directory, 'x.db')}`, { now: () => new Date(now) });
    for (const appId of ['a', 'b']) await store.bots.create(bot(appId));
  });
  afterEach(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  const counting = () => createAnalytics({ store, log, now: () => now, settleMs: 1000, everyMs: null });
  const said = async (conversation: string, change: MessageChange = {}, channel = 'web', appId = 'a') => {
    const { message: one } = await store.conversations.receive(
      message(appId, `e${(events += 1)}`, { conversation, channel }),
    );
    await store.conversations.settle(one.id, {
      state: 'answered',
      ms: 40,
      intent: 'faq/x',
      turn: { model: 'm1' },
      ...change,
    });
  };
  const january = { from: '2026-01-01', to: '2026-01-31' };

  it('are those of its turns by day, channel, version and intent', async () => {
    await said('c1');
    await said('c1', { intent: 'nlu_fallback', ms: 900 });
    await said('c2', { turn: { actions: ['action_handoff'] } }, 'slack');
    await said('c2', { turn: { agent: 'Ann' }, intent: null }, 'slack');
    await said('c3', { state: 'failed', intent: null, turn: { model: 'm2' } }, 'slack');
    await said('c9', {}, 'web', 'b');
    now = at(2);
    await said('c1', { turn: { model: 'm2' } });
    now = at(3);
    const analytics = counting();
    await analytics.catchUp();
    const { days, channels, versions, intents, totals, upTo } = await analytics.report('a', january);
    assert.equal(upTo, new Date(at(3) - 1000).toISOString());
    assert.deepEqual(
      days.map(({ day, people, messages }) => [day, people, messages]),
      [
        ['2026-01-01', 3, 5],
        ['2026-01-02', 1, 1],
      ],
    );
    assert.deepEqual(
      channels.map(({ channel, messages, handovers, held, failed }) => [channel, messages, handovers, held, failed]),
      [
        ['web', 3, 0, 0, 0],
        ['slack', 3, 1, 1, 1],
      ],
    );
    assert.deepEqual(
      versions.map(({ version, messages }) => [version, messages]),
      [
        ['m1', 2],
        ['', 2],
        ['m2', 2],
      ],
    );
    assert.deepEqual(intents, [
      { intent: 'faq/x', count: 3 },
      { intent: 'nlu_fallback', count: 1 },
    ]);
    assert.deepEqual([totals.messages, totals.answered, totals.fallback, totals.fallbackRate], [6, 4, 1, 0.25]);
    assert.deepEqual(totals.ms, { mean: (40 * 3 + 900) / 4, p50: 50, p95: 1000 });
    const slack = await analytics.report('a', { ...january, channel: 'slack' });
    assert.deepEqual(
      slack.days.map(({ people, messages }) => [people, messages]),
      [
        [2, 3],
        [0, 0],
      ],
    );
    assert.equal((await analytics.report('a', { ...january, version: 'm2' })).totals.messages, 2);
    assert.deepEqual((await analytics.report('a', { from: '2026-01-02', to: '2026-01-02' })).days.length, 1);
    assert.equal((await analytics.rows('a', january)).length, 4);
  });

  it('go on where they were, count nothing twice, and are the same after a restart on any day', async () => {
    let analytics = counting();
    const expected: number[] = [];
    for (const day of [1, 2, 3]) {
      for (const hour of [1, 9, 23]) {
        now = at(day, hour);
        for (let n = 0; n < day; n += 1) await said(`c${n}`);
        await analytics.catchUp();
        now += 2000;
        await analytics.catchUp();
        if (hour === 9) analytics = counting();
      }
      expected.push(3 * day);
    }
    await analytics.catchUp();
    const messagesOf = async () => (await analytics.report('a', january)).days.map(({ messages }) => messages);
    assert.deepEqual(await messagesOf(), expected);
    // Retention takes messages, and leaves the figures of days that are over.
    await store.conversations.erase('a', 'c0');
    analytics = counting();
    await analytics.catchUp();
    assert.deepEqual(await messagesOf(), [3, 6, 6]);
    now = at(9);
    await analytics.catchUp();
    assert.equal((await analytics.report('a', january)).days.length, 3);
    await store.bots.delete('b');
  });

  it('leave out turns that may still get their outcome, and bots that went away', async () => {
    await said('c1');
    await said('c9', {}, 'web', 'b');
    const analytics = counting();
    await analytics.catchUp();
    assert.deepEqual((await analytics.report('a', january)).days, []);
    now += 1001;
    await analytics.catchUp();
    assert.equal((await analytics.report('a', january)).totals.messages, 1);
    await store.bots.delete('b');
    now = at(2);
    await analytics.catchUp();
    assert.equal((await analytics.report('a', january)).totals.messages, 1);
  });

  it('hold however many intents there are, and none without answers', () => {
    const day = openDay();
    for (let n = 0; n < 500; n += 1)
      count(day, {
        ...{
          id: `${n}`,
          appId: 'a',
          channel: 'web',
          conversation: 'c',
          state: 'answered',
          intent: `i${n}`,
          ms: 60_000,
        },
        ...{ receivedAt: '', model: null, agent: null, calls: false },
      });
    const [cell] = [...day.cells.values()];
    assert.equal(Object.keys(cell!.intents).length, 201);
    assert.equal(cell!.intents['(others)'], 300);
    assert.deepEqual(figuresOf([...day.cells.values()]).ms, { mean: 60_000, p50: null, p95: null });
    assert.deepEqual(figuresOf([]).ms, { mean: null, p50: null, p95: null });
  });

  it('are had over the API, as JSON and as a table', async () => {
    const hub = await newHub();
    const { appId } = (await hub.api('POST', '/bots', { name: 'A' })).body as { appId: string };
    const path = `/bots/${appId}/analytics`;
    for (const query of ['from=x', 'from=2026-02-01&to=2026-01-01', 'from=1800-01-01', 'format=xml'])
      assert.equal((await hub.api('GET', `${path}?${query}`)).status, 422, query);
    const empty = await hub.api('GET', path);
    assert.deepEqual([empty.status, empty.body.totals.messages, empty.body.days], [200, 0, []]);
    await eventually(async () => (await hub.api('GET', path)).body.upTo !== '');
    const table = await hub.api('GET', `${path}?format=csv`);
    assert.match(table.headers.get('content-type') ?? '', /^text\/csv/);
    assert.match(table.body as string, /^day,channel,version,messages,.*\r\n$/);
    await hub.stop();
  });
});
