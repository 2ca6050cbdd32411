import assert from 'node:assert/strict';
import { limited } from '../connectors/message/call.js';
import { keepOpen } from '../connectors/message/line.js';
import { createAttempts, createProgress, type Left } from '../connectors/message/progress.js';
import type { Delivery, SendResult } from '../src/contracts.js';
import { eventually } from './support/hub.js';

const delivery = (limitMs: number): Delivery => ({
  messageId: '1',
  part: 0,
  limitMs,
  reply: { recipient_id: 'x' },
  signal: new AbortController().signal,
});
const sent: SendResult = { outcome: 'sent' };

describe('a reply of several posts', () => {
  const posts = [{ n: 1 }, { n: 2 }, { n: 3 }];

  it('goes on where it was stopped, and begins anew once it is out', async () => {
    const progress = createProgress();
    const seen: number[] = [];
    let refusals = 1;
    const posting = {
      pauseMs: 1,
      post: ({ n }: { n: number }): Promise<SendResult> => {
        if (n === 2 && refusals-- > 0) return Promise.resolve({ outcome: 'later', reason: 'x' });
        seen.push(n);
        return Promise.resolve(sent);
      },
    };
    assert.equal((await progress.send(delivery(1000), posts, posting)).outcome, 'later');
    assert.deepEqual(await progress.send(delivery(1000), posts, posting), sent);
    assert.deepEqual(seen, [1, 2, 3]);
    await progress.send(delivery(1000), posts, posting);
    assert.deepEqual(seen, [1, 2, 3, 1, 2, 3]);
  });

  it('begins no post that the hub would not wait for, and says that the rest follows', async () => {
    const progress = createProgress();
    let begun = 0;
    const posting = {
      pauseMs: 100,
      post: async (): Promise<SendResult> => {
        begun += 1;
        await new Promise((resolve) => setTimeout(resolve, 250));
        return sent;
      },
    };
    const first = await progress.send(delivery(600), posts, posting);
    assert.ok(first.outcome === 'later' && first.afterMs === 100, JSON.stringify(first));
    assert.ok(begun < 3);
    while ((await progress.send(delivery(600), posts, posting)).outcome !== 'sent');
    assert.equal(begun, 3);
  });

  it('tells every call how long it may take, in whole milliseconds, and each attempt its own', async () => {
    const progress = createProgress();
    const attempts = createAttempts();
    const told: [number, number][] = [];
    const posting = {
      pauseMs: 1,
      post: ({ place }: { place: string }, left: Left): Promise<SendResult> =>
        attempts.run(place, left, async () => {
          await Promise.resolve();
          told.push([left(60_000), attempts.left(place)(60_000)]);
          return sent;
        }),
    };
    await Promise.all([
      progress.send(delivery(5000), [{ place: 'a' }], posting),
      progress.send({ ...delivery(900), messageId: '2' }, [{ place: 'b' }], posting),
    ]);
    assert.ok(told.flat().every(Number.isInteger));
    const within = ([least, most]: [number, number], given: number[] = []): boolean =>
      given.length === 2 && given.every((ms) => ms > least && ms <= most);
    assert.ok(within([4000, 4800], told[0]) && within([0, 700], told[1]), JSON.stringify(told));
    assert.deepEqual([attempts.left('a')(123), attempts.left(null)(123)], [123, 123]);
  });

  it('lets no call begin when the time is over: it would overtake the next attempt', async () => {
    const progress = createProgress();
    let called = false;
    const post = async (_: object, left: Left): Promise<SendResult> => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      left(60_000);
      called = true;
      return sent;
    };
    await assert.rejects(progress.send(delivery(300), [{}], { pauseMs: 1, post }), { code: 'TOO_LATE' });
    assert.equal(called, false);
  });
});

describe('a limit on time', () => {
  const forever = (limit: AbortSignal) =>
    new Promise<string>((resolve) => limit.addEventListener('abort', () => resolve('aborted')));

  it('ends the work when it is over, or when all is closed, however much runs at once, without a warning', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error): number => warnings.push(warning);
    process.on('warning', hear);
    const closing = new AbortController();
    const over = limited(closing.signal, 20, forever);
    const many = Array.from({ length: 20 }, () => limited(closing.signal, 60_000, forever));
    assert.equal(await over, 'aborted');
    closing.abort();
    assert.deepEqual(new Set(await Promise.all(many)), new Set(['aborted']));
    process.off('warning', hear);
    assert.deepEqual(warnings, []);
  });
});

describe('a line that we open', () => {
  it('is opened again when it breaks or cannot be opened, and not after it was closed', async () => {
    let opened = 0;
    const failures: unknown[] = [];
    let cut: () => void = () => undefined;
    const line = keepOpen({
      pauseMs: () => 5,
      failed: (error) => failures.push(error),
      open: (broken) => {
        opened += 1;
        cut = broken;
        return opened === 2 ? Promise.reject(new Error('no')) : Promise.resolve(() => Promise.resolve());
      },
    });
    await eventually(() => line.isOpen);
    cut();
    cut();
    assert.equal(line.isOpen, false);
    await eventually(() => line.isOpen);
    assert.deepEqual([opened, failures.length], [3, 1]);
    await line.close();
    cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([opened, line.isOpen], [3, false]);
  });

  it('is shut as soon as it opens when it was closed meanwhile', async () => {
    let open: (shut: () => Promise<void>) => void = () => undefined;
    let shut = 0;
    const line = keepOpen({
      failed: () => undefined,
      open: () => new Promise((resolve) => (open = resolve)),
    });
    await line.close();
    open(() => Promise.resolve(void (shut += 1)));
    await eventually(() => shut === 1);
    assert.equal(line.isOpen, false);
  });
});
