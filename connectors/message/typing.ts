/** Shows that the bot is at it, where the answer takes its time; answers that come at once need no such sign, and it costs a call. */

export interface Typing {
  /** The bot begins to work on an answer for `to`, or has ended. */
  set(to: string, working: boolean): void;
  close(): void;
}

const afterMs = 1000;

/** `show` tells the platform; it must not throw. */
export function createTyping(show: (to: string) => void): Typing {
  const timers = new Map<string, NodeJS.Timeout>();
  const end = (to: string): void => {
    clearTimeout(timers.get(to));
    timers.delete(to);
  };
  return {
    set(to, working) {
      end(to);
      if (!working) return;
      const begin = (): void => {
        timers.delete(to);
        show(to);
      };
      timers.set(to, setTimeout(begin, afterMs));
    },
    close: () => [...timers.keys()].forEach(end),
  };
}
