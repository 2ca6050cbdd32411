/**
 * One reply may be several posts. When one of them fails, the next attempt goes on from there, so that nothing is shown twice; and all that an
 * attempt does ends within the time that the hub waits for it, so that two attempts never overlap.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { Delivery, SendResult } from '../../src/contracts.js';

export interface Posting<P> {
  /** Posts one, within `Progress.leftMs`; anything but `sent` ends the attempt. */
  post(post: P): Promise<SendResult>;
  /** The pause between two posts of one reply. */
  pauseMs: number;
}
export interface Progress {
  send<P extends object>(delivery: Delivery, posts: P[], posting: Posting<P>): Promise<SendResult>;
  /**
   * Milliseconds that the running attempt still has, wherever in its calls it is asked for; `otherwise` when there is none, or more are left.
   * Throws an error with the code `TOO_LATE` when its time is over: a call that began now would overtake what the hub does meanwhile.
   */
  leftMs(otherwise: number): number;
}

/** Replies that are half out at the same time; the oldest is forgotten beyond that, and would begin anew. */
const most = 10_000;
/** An attempt ends so much before the hub gives it up. */
const marginMs = 200;

/**
 * Remembers, in memory, how far each reply of a connector is. One for all its connections: Node passes every promise of the process by each
 * storage of this kind, so that one for each of two hundred bots would take two fifths of the hub's time.
 */
export function createProgress(): Progress {
  const done = new Map<string, number>();
  const ends = new AsyncLocalStorage<number>();
  const rest = (): number => (ends.getStore() ?? Infinity) - performance.now();
  const leftMs = (otherwise: number): number => {
    const left = Math.floor(Math.min(otherwise, rest()));
    if (left < 1) throw Object.assign(new Error('the time for this attempt is over'), { code: 'TOO_LATE' });
    return left;
  };

  async function attempt<P extends object>(
    key: string,
    posts: P[],
    { post, pauseMs }: Posting<P>,
  ): Promise<SendResult> {
    const waiting = posts.slice(done.get(key) ?? 0);
    for (const [at, one] of waiting.entries()) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, Math.max(0, rest()))));
      if (rest() < pauseMs) {
        return { outcome: 'later', reason: 'a long answer goes out in several steps', afterMs: pauseMs };
      }
      const result = await post(one);
      if (result.outcome !== 'sent') return result;
      done.set(key, (done.get(key) ?? 0) + 1);
      if (done.size > most) done.delete(done.keys().next().value ?? '');
    }
    done.delete(key);
    return { outcome: 'sent' };
  }
  return {
    leftMs,
    send({ messageId, part, limitMs }, posts, posting) {
      return ends.run(performance.now() + limitMs - marginMs, () => attempt(`${messageId}.${part}`, posts, posting));
    },
  };
}
