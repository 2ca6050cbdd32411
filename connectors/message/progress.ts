/**
 * One reply may be several posts. When one of them fails, the next attempt goes on from there, so that nothing is shown twice; and all that an
 * attempt does ends within the time that the hub waits for it, so that two attempts never overlap.
 */
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
/** The attempts under way of one connection, by where they post, for an SDK that calls back with nothing but the call. */
export interface Attempts {
  /** Runs `work`, an attempt to post into `place`; there is one at a time in each. */
  run<T>(place: string, left: Left, work: () => Promise<T>): Promise<T>;
  /** What is left of the attempt that posts into `place`; where there is none, or no place is named, as much as is asked for. */
  left(place: string | null): Left;
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
 * Nothing runs yet. An asynchronous storage would find the attempt wherever it is asked for; but from its first use on Node passes it every
 * promise of the process, those of all other channels too.
 */
export function createAttempts(): Attempts {
  const running = new Map<string, Left>();
  return {
    async run(place, left, work) {
      running.set(place, left);
      try {
        return await work();
      } finally {
        if (running.get(place) === left) running.delete(place);
      }
    },
    left: (place) => (place === null ? undefined : running.get(place)) ?? ((otherwise) => otherwise),
  };
}
