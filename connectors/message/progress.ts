/**
 * One reply may be several posts. When one of them fails, the next attempt goes on from there, so that nothing is shown twice; and all that an
 * attempt does ends within the time that the hub waits for it, so that two attempts never overlap.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { Delivery, SendResult } from '../../src/contracts.js';

/**
 * Milliseconds that an attempt still has; `otherwise` when more are left. Throws an error with the code `TOO_LATE` when its time is over: a
 * call that began now would overtake what the hub does meanwhile.
 */
export type Left = (otherwise: number) => number;
export interface Posting<P> {
  /** Posts one, within what is `left`; anything but `sent` ends the attempt. */
  post(post: P, left: Left): Promise<SendResult>;
  /** The pause between two posts of one reply. */
  pauseMs: number;
}
export interface Progress {
  send<P extends object>(delivery: Delivery, posts: P[], posting: Posting<P>): Promise<SendResult>;
}
/** What is left of an attempt, for an SDK that calls back without saying for whom. */
export interface Clock {
  /** Runs `work`, in all of whose calls `left` answers for this attempt. */
  run<T>(left: Left, work: () => T): T;
  /** Of the running attempt; `otherwise` when there is none. */
  readonly left: Left;
}

/** Replies that are half out at the same time; the oldest is forgotten beyond that, and would begin anew. */
const most = 10_000;
/** An attempt ends so much before the hub gives it up. */
const marginMs = 200;

/** Remembers, in memory, how far each reply of a connector is. */
export function createProgress(): Progress {
  const done = new Map<string, number>();

  async function attempt<P extends object>(
    key: string,
    posts: P[],
    { post, pauseMs, end }: Posting<P> & { end: number },
  ): Promise<SendResult> {
    const rest = (): number => end - performance.now();
    const left: Left = (otherwise) => {
      const ms = Math.floor(Math.min(otherwise, rest()));
      if (ms < 1) throw Object.assign(new Error('the time for this attempt is over'), { code: 'TOO_LATE' });
      return ms;
    };
    const waiting = posts.slice(done.get(key) ?? 0);
    for (const [at, one] of waiting.entries()) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, Math.max(0, rest()))));
      if (rest() < pauseMs) {
        return { outcome: 'later', reason: 'a long answer goes out in several steps', afterMs: pauseMs };
      }
      const result = await post(one, left);
      if (result.outcome !== 'sent') return result;
      done.set(key, (done.get(key) ?? 0) + 1);
      if (done.size > most) done.delete(done.keys().next().value ?? '');
    }
    done.delete(key);
    return { outcome: 'sent' };
  }
  return {
    send({ messageId, part, limitMs }, posts, posting) {
      return attempt(`${messageId}.${part}`, posts, { ...posting, end: performance.now() + limitMs - marginMs });
    },
  };
}

/**
 * One for all connections of a connector, and for one that cannot do without: Node passes every promise of the process by each storage of this
 * kind, so that one for each of two hundred bots would take two fifths of the hub's time.
 */
export function createClock(): Clock {
  const attempts = new AsyncLocalStorage<Left>();
  return {
    run: (left, work) => attempts.run(left, work),
    left: (otherwise) => attempts.getStore()?.(otherwise) ?? otherwise,
  };
}
