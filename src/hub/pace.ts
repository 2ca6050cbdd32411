/**
 * Turns in a platform's rate limits and the pauses it asked for. A sending counts from its beginning until a limit's time after its end: when
 * it reached the platform in between is not known, so the platform never sees more than its limit, however the hub or the network stutters.
 */
import type { Rate } from '../contracts.js';

export interface Pace {
  /** Resolves when the next sending may begin, first come first served, with what to call when it has ended; with null once the pace was ended. */
  turn(): Promise<(() => void) | null>;
  /** No sending begins before `ms` from now. */
  hold(ms: number): void;
  /** Nothing waits, runs or is held, and what ended counts no more: it can be forgotten. */
  idle(): boolean;
  /** Whoever waits is answered null, and who comes later too. */
  end(): void;
}

/** Node's timers overflow beyond 24 days; a longer pause is waited for in pieces. */
const longestWaitMs = 3_600_000;

/** `now`: a clock that is never set back, in milliseconds. */
export function createPace(rates: readonly Rate[], now: () => number = () => performance.now()): Pace {
  const keep = Math.max(0, ...rates.map((rate) => rate.count));
  const longest = Math.max(0, ...rates.map((rate) => rate.ms));
  const waiting: ((done: (() => void) | null) => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running = 0;
  let ends: number[] = [];
  let until = 0;
  let ended = false;

  /** When the next one may begin; never, while those that run use up a limit. */
  const earliest = (): number =>
    Math.max(
      until,
      ...rates.map(({ count, ms }) => (running >= count ? Infinity : (ends.at(running - count) ?? -Infinity) + ms)),
    );
  const done = (): void => {
    running -= 1;
    if (keep > 0) ends = [...ends, now()].slice(-keep);
    next();
  };
  const next = (): void => {
    clearTimeout(timer);
    while (waiting.length > 0) {
      const wait = earliest() - now();
      if (wait === Infinity) return;
      if (wait > 0) return void (timer = setTimeout(next, Math.min(Math.ceil(wait), longestWaitMs)));
      running += 1;
      let counts = true;
      waiting.shift()?.(() => {
        if (counts) done();
        counts = false;
      });
    }
  };
  return {
    turn() {
      if (ended) return Promise.resolve(null);
      return new Promise((resolve) => {
        waiting.push(resolve);
        next();
      });
    },
    hold(ms) {
      until = Math.max(until, now() + ms);
    },
    idle: () => waiting.length === 0 && running === 0 && Math.max(until, (ends.at(-1) ?? -Infinity) + longest) <= now(),
    end() {
      ended = true;
      clearTimeout(timer);
      for (const resolve of waiting.splice(0)) resolve(null);
    },
  };
}
