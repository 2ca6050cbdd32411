/** Slows down who guesses: after a few failures each further one costs a longer wait. Failures are forgotten in time, and by a success. */
import { HubError } from '../errors.js';

export interface Throttle {
  /** Throws `throttled`, with the seconds to wait, while any of these keys must wait. */
  check(keys: string[]): void;
  /** A failure under these keys. */
  failed(keys: string[]): void;
  /** A success: what failed under this key does not count any more. */
  passed(key: string): void;
}
interface Entry {
  failures: number;
  last: number;
  until: number;
}

const free = 5;
const firstWaitMs = 2000;
const longestWaitMs = 15 * 60_000;
const forgottenAfterMs = 60 * 60_000;
/** So that made-up names do not fill the memory; the oldest go first. */
const most = 50_000;

/** The way to the same throttle at the other hubs of the store. */
export interface OtherThrottles {
  tell(body: { failed: string[] } | { passed: string }): void;
  listen(listener: (body: Record<string, unknown>) => void): void;
}

/** `now`: milliseconds; the machine's clock when absent. `others`: what fails or passes at other hubs counts here as well. */
export function createThrottle(now: () => number = Date.now, others?: OtherThrottles): Throttle {
  const entries = new Map<string, Entry>();
  const known = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (!entry || now() - entry.last < forgottenAfterMs) return entry;
    entries.delete(key);
    return undefined;
  };
  const own = {
    check(keys: string[]) {
      const wait = Math.max(...keys.map((key) => (known(key)?.until ?? 0) - now()));
      if (wait <= 0) return;
      const afterSeconds = Math.ceil(wait / 1000);
      throw new HubError('throttled', `Too many tries that failed; try again in ${afterSeconds} s.`, { afterSeconds });
    },
    failed(keys: string[]) {
      for (const key of keys) {
        const failures = (known(key)?.failures ?? 0) + 1;
        const over = failures - free;
        const wait = over < 0 ? 0 : Math.min(firstWaitMs * 2 ** over, longestWaitMs);
        entries.delete(key);
        entries.set(key, { failures, last: now(), until: now() + wait });
      }
      for (const key of entries.keys()) {
        if (entries.size <= most) break;
        entries.delete(key);
      }
    },
    passed: (key: string) => void entries.delete(key),
  };
  others?.listen(({ failed, passed }) => {
    if (Array.isArray(failed)) own.failed(failed.map(String));
    if (typeof passed === 'string') own.passed(passed);
  });
  return {
    check: own.check,
    failed(keys) {
      own.failed(keys);
      others?.tell({ failed: keys });
    },
    passed(key) {
      own.passed(key);
      others?.tell({ passed: key });
    },
  };
}
