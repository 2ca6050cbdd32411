/** Shows that the bot is at it, where the answer takes its time; answers that come at once need no such sign, and it costs a call. */

export interface Typing {
  /** The bot begins to work on an answer for `to`, or has ended; answers whether the sign was shown and is to be taken back. */
  set(to: string, working: boolean): boolean;
  close(): void;
}

const usualMs = 1000;

/** `show` tells the platform, `afterMs` after the work began; it must not throw. */
export function createTyping(show: (to: string) => void, afterMs = usualMs): Typing {
  const timers = new Map<string, NodeJS.Timeout>();
  const shown = new Set<string>();
  const end = (to: string): boolean => {
    clearTimeout(timers.get(to));
    timers.delete(to);
    return shown.delete(to);
  };
  return {
    set(to, working) {
      const before = end(to);
      if (!working) return before;
      const begin = (): void => {
        timers.delete(to);
        shown.add(to);
        show(to);
      };
      timers.set(to, setTimeout(begin, afterMs));
      return before;
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
