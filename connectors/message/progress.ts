/** One reply may be several posts. When one of them fails, the next attempt goes on from there, so that nothing is shown twice. */
import type { Delivery, SendResult } from '../../src/contracts.js';

export interface Posting<P> {
  /** Posts one; anything but `sent` ends the attempt. */
  post(post: P): Promise<SendResult>;
  /** The pause between two posts of one reply. */
  pauseMs: number;
}
export interface Progress {
  send<P>(delivery: Delivery, posts: P[], posting: Posting<P>): Promise<SendResult>;
}

/** Replies that are half out at the same time; the oldest is forgotten beyond that, and would begin anew. */
const most = 1000;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** Remembers, in memory, how far each reply of a connection is. */
export function createProgress(): Progress {
  const done = new Map<string, number>();
  return {
    async send(delivery, posts, { post, pauseMs }) {
      const { messageId, part, signal } = delivery;
      const key = `${messageId}.${part}`;
      for (let at = done.get(key) ?? 0; at < posts.length; at += 1) {
        if (signal.aborted) return { outcome: 'later', reason: 'the time for one sending was over; the rest follows' };
        const result = await post(posts[at] as NonNullable<(typeof posts)[number]>);
        if (result.outcome !== 'sent') return result;
        done.set(key, at + 1);
        if (done.size > most) done.delete(done.keys().next().value ?? '');
        if (at + 1 < posts.length) await pause(pauseMs, signal);
      }
      done.delete(key);
      return { outcome: 'sent' };
    },
  };
}
