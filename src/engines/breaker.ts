/** A server that keeps failing is left alone for a while: who asks meanwhile hears of it at once, and one question tries whether it is back. */
import { HubError } from '../errors.js';

export interface BreakerLimits {
  /** After so many failures in a row it is left alone. */
  failures: number;
  /** For so long. */
  pauseMs: number;
  /** Milliseconds; a clock that is never set. */
  now: () => number;
}
export interface Breaker {
  /** Is it left alone at present? */
  readonly open: boolean;
  /** Answers and rejects as `work` does; rejects with `turn_failed`, without work, while it is open. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export const breakerLimits: BreakerLimits = { failures: 5, pauseMs: 5000, now: () => performance.now() };

/** `what` is the server, in the sentence. */
export function createBreaker(what: string, { failures, pauseMs, now }: BreakerLimits): Breaker {
  let failed = 0;
  let until = -Infinity;
  const isOpen = (): boolean => now() < until;
  return {
    get open() {
      return isOpen();
    },
    async run(work) {
      if (isOpen()) {
        const seconds = Math.ceil((until - now()) / 1000);
        throw new HubError(
          'turn_failed',
          `${what} failed ${failed} times in a row; it is asked again in ${seconds} s.`,
        );
      }
      // The one that tries keeps the others waiting for its outcome.
      if (failed >= failures) until = now() + pauseMs;
      try {
        const answer = await work();
        failed = 0;
        until = -Infinity;
        return answer;
      } catch (error) {
        failed += 1;
        if (failed >= failures) until = now() + pauseMs;
        throw error;
      }
    },
  };
}
