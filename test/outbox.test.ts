import assert from 'node:assert/strict';
import type { OutboxEntry, OutboxStore, SendLimits, SendResult } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { createOutbox, type Outbox } from '../src/hub/outbox.js';
import { createPace, type Pace } from '../src/hub/pace.js';
import { openLog } from '../src/log.js';
import { eventually } from './support/hub.js';

const { log } = openLog({ level: 'silent', pretty: false });

describe('the outbox', () => {
  let sent: { id: string; at: number }[];
  let buried: OutboxEntry[];
  let done: string[];
  let retried: OutboxEntry[];
  let limits: SendLimits | undefined;
  let answer: (entry: OutboxEntry) => SendResult | Promise<SendResult>;
  let failing: number;
  let waiting: OutboxEntry[];
  let outbox: Outbox;

  const entries: OutboxStore = {
    of: () => Promise.resolve([]),
    pending: () => Promise.resolve({ items: waiting, next: null }),
    async sent(entry) {
      await Promise.resolve();
      if (failing-- > 0) throw new HubError('store_unavailable', 'locked');
      done.push(entry.id);
    },
    retry: (entry) => Promise.resolve(void retried.push({ ...entry })),
    bury: (entry) => Promise.resolve(void buried.push({ ...entry })),
  };
  const open = (): Outbox =>
    createOutbox({
      store: { outbox: entries, conversations: { settle: () => Promise.resolve([]) } },
      connections: {
        limits: () => limits,
        shows: () => false,
        show: () => undefined,
        send: async (address) => {
          const entry = address as OutboxEntry;
          sent.push({ id: entry.id, at: performance.now() });
          return answer(entry);
        },
      },
      log,
      sendLimitMs: 100,
      backoffMs: () => 10,
    });
  const entry = (id: string, change: Partial<OutboxEntry> = {}): OutboxEntry => ({
    id,
    messageId: '1',
    appId: 'bot-1',
    channel: 'test',
    conversation: 'c1',
    to: 'x',
    part: 0,
    reply: { recipient_id: 'x', text: id },
    attempts: 0,
    maybeSent: false,
    error: null,
    hold: null,
    ...change,
  });
  const ids = (): string[] => sent.map(({ id }) => id);

  beforeEach(() => {
    [sent, buried, done, retried, waiting] = [[], [], [], [], []];
    [limits, failing] = [undefined, 0];
    answer = () => ({ outcome: 'sent' });
    outbox = open();
  });
  afterEach(() => outbox.stop());

  it('sends a conversation in order, one at a time, and others beside it', async () => {
    let running = 0;
    answer = async (one) => {
      if (one.conversation === 'c1') assert.equal(++running, 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (one.conversation === 'c1') running -= 1;
      return { outcome: 'sent' };
    };
    outbox.post([entry('a'), entry('b'), entry('other', { conversation: 'c2' })]);
    await eventually(() => done.length === 3);
    assert.deepEqual(ids(), ['a', 'other', 'b']);
    assert.equal(outbox.size, 0);
  });

  it('sends again what the platform put off, before anything later in that conversation', async () => {
    let refusals = 2;
    answer = () => (refusals-- > 0 ? { outcome: 'later', reason: '500' } : { outcome: 'sent' });
    outbox.post([entry('a'), entry('b')]);
    await eventually(() => done.length === 2);
    assert.deepEqual(ids(), ['a', 'a', 'a', 'b']);
    assert.deepEqual(
      retried.map((one) => [one.attempts, one.error]),
      [
        [1, 'later: 500'],
        [2, 'later: 500'],
      ],
    );
  });

  it('holds back a conversation, or all of the bot, until the time the platform named', async () => {
    for (const scope of ['conversation', 'bot'] as const) {
      sent = [];
      done = [];
      let first = true;
      answer = () => {
        if (!first) return { outcome: 'sent' };
        first = false;
        return { outcome: 'later', reason: '429', afterMs: 200, scope };
      };
      outbox.post([entry('a', { appId: scope })]);
      await eventually(() => retried.some((one) => one.hold?.scope === scope));
      outbox.post([entry('other', { appId: scope, conversation: 'c2' })]);
      outbox.post([entry('foreign', { appId: `${scope}-2` })]);
      await eventually(() => done.length === 3);
      const again = sent.findLastIndex((one) => one.id === 'a');
      assert.ok(sent[again]!.at - sent[0]!.at >= 199);
      assert.ok(ids().indexOf('foreign') < again, 'another bot does not wait');
      const other = sent.find((one) => one.id === 'other')!;
      if (scope === 'bot') assert.ok(other.at - sent[0]!.at >= 199);
      else assert.ok(sent.indexOf(other) < again, 'another conversation does not wait');
    }
  });

  it('keeps to the limits of the platform', async () => {
    limits = { conversation: [{ count: 1, ms: 60 }], bot: [{ count: 3, ms: 100 }] };
    for (let i = 0; i < 8; i += 1) outbox.post([entry(`e${i}`, { conversation: `c${i % 4}` })]);
    await eventually(() => done.length === 8);
    const times = sent.map(({ at }) => at);
    for (let i = 3; i < 8; i += 1) assert.ok(times[i]! - times[i - 3]! >= 98, `${times[i]! - times[i - 3]!}`);
  });

  it('sends a second copy when the receipt was lost, never a third, and says so', async () => {
    answer = () => ({ outcome: 'unsure', reason: 'timeout' });
    outbox.post([entry('a'), entry('b')]);
    await eventually(() => buried.length === 2);
    assert.deepEqual(ids(), ['a', 'a', 'b', 'b']);
    assert.deepEqual(
      buried.map((one) => [one.maybeSent, one.error]),
      [
        [true, 'unsure: timeout'],
        [true, 'unsure: timeout'],
      ],
    );
  });

  it('counts a connector that throws or does not answer as unsure, and tells it to stop', async () => {
    answer = () => Promise.reject(new Error('a secret detail'));
    outbox.post([entry('throws')]);
    await eventually(() => retried.length === 1);
    assert.equal(retried[0]!.error, 'unsure: the connector failed');
    answer = () => new Promise(() => undefined);
    await eventually(() => buried.length === 1);
    assert.equal(buried[0]!.error, 'unsure: no answer within 0.1 s');
  });

  it('gives up at once what the platform refused, and goes on', async () => {
    answer = (one) => (one.id === 'a' ? { outcome: 'refused', reason: 'blocked by the user' } : { outcome: 'sent' });
    outbox.post([entry('a'), entry('b')]);
    await eventually(() => done.length === 1);
    assert.deepEqual(
      buried.map((one) => one.error),
      ['refused: blocked by the user'],
    );
  });

  it('gives up in the end what is put off again and again', async () => {
    answer = () => ({ outcome: 'later', reason: 'down' });
    outbox.post([entry('a')]);
    await eventually(() => buried.length === 1);
    assert.equal(buried[0]!.attempts, 16);
  });

  it('sends nothing twice because the store could not note it', async () => {
    failing = 3;
    outbox.post([entry('a'), entry('b')]);
    await eventually(() => done.length === 2);
    assert.deepEqual(ids(), ['a', 'b']);
  });

  it('takes up what an earlier run left: the first of each conversation may be there already', async () => {
    waiting = [
      entry('a'),
      entry('b'),
      entry('held', { conversation: 'c2', hold: { until: Date.now() + 150, scope: 'conversation' } }),
    ];
    const maybe: string[] = [];
    answer = (one) => {
      if (one.maybeSent) maybe.push(one.id);
      return { outcome: 'sent' };
    };
    const started = performance.now();
    assert.equal(await outbox.recover(), 3);
    await eventually(() => done.length === 3);
    assert.deepEqual(maybe, ['a']);
    assert.ok(sent.find((one) => one.id === 'held')!.at - started >= 140);
  });

  it('stops at once while it waits, and begins nothing afterwards', async () => {
    answer = () => ({ outcome: 'later', reason: '429', afterMs: 60_000 });
    outbox.post([entry('a')]);
    await eventually(() => retried.length === 1);
    await outbox.stop();
    outbox.post([entry('b', { conversation: 'c2' })]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(ids(), ['a']);
  });
});

describe('a pace', () => {
  const now = (): number => performance.now();
  const begin = async (pace: Pace): Promise<{ at: number; end: () => void }> => {
    const end = await pace.turn();
    assert.ok(end);
    return { at: now(), end };
  };
  const asleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  // Timers may fire a little early by this clock.
  const early = 2;

  it('lets no more begin in a window than its count, by when the earlier ones ended', async () => {
    const pace = createPace([{ count: 2, ms: 60 }]);
    const first = await begin(pace);
    const second = await begin(pace);
    const third = begin(pace);
    const fourth = begin(pace);
    await asleep(80);
    first.end();
    const ended = [now()];
    await asleep(20);
    second.end();
    ended.push(now());
    const later = await Promise.all([third, fourth]);
    assert.ok(later[0].at - ended[0]! >= 60 - early, 'the third waits for the first to be 60 ms old');
    assert.ok(later[1].at - ended[1]! >= 60 - early, 'the fourth for the second');
  });

  it('keeps the strictest of several limits', async () => {
    const pace = createPace([
      { count: 2, ms: 10 },
      { count: 3, ms: 120 },
    ]);
    const begun: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      const { at, end } = await begin(pace);
      begun.push(at);
      end();
    }
    assert.ok(begun[3]! - begun[0]! >= 120 - early);
  });

  it('begins nothing in a pause, the longest one counts, and those who wait begin in the order they came', async () => {
    const pace = createPace([{ count: 1, ms: 1 }]);
    const held = now();
    pace.hold(80);
    pace.hold(40);
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      const { at, end } = await begin(pace);
      assert.ok(at - held >= 80 - early);
      order.push(name);
      end();
    };
    await Promise.all(['a', 'b', 'c'].map(wait));
    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('can be forgotten only when nothing waits, runs, is held or counts any more', async () => {
    let time = 1000;
    const pace = createPace([{ count: 1, ms: 100 }], () => time);
    assert.equal(pace.idle(), true);
    const end = await pace.turn();
    assert.equal(pace.idle(), false);
    end?.();
    end?.();
    assert.equal(pace.idle(), false);
    time += 100;
    assert.equal(pace.idle(), true);
    pace.hold(50);
    assert.equal(pace.idle(), false);
  });

  it('turns everybody away once it has ended', async () => {
    const pace = createPace([]);
    pace.hold(60_000);
    const waiting = pace.turn();
    pace.end();
    assert.deepEqual([await waiting, await pace.turn()], [null, null]);
  });
});
