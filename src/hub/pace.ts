/** When the next sending may begin: a platform's rate limits, and the pauses it asked for. Slots are booked in the order they are asked for. */
import type { Rate } from '../contracts.js';

export interface Pace {
  /** Milliseconds until the next slot. */
  delay(): number;
  /** Books that slot; answers the milliseconds until it. */
  book(): number;
  /** Milliseconds until a pause that was asked for ends; 0 when there is none. A slot booked before such a pause is void. */
  held(): number;
  /** No slot before `ms` from now. */
  hold(ms: number): void;
  /** Nothing booked or held matters any more: it can be forgotten. */
  idle(): boolean;
}

/** `now`: a clock that is never set back, in milliseconds. */
export function createPace(rates: readonly Rate[], now: () => number = () => performance.now()): Pace {
  const keep = Math.max(0, ...rates.map((rate) => rate.count));
  const longest = Math.max(0, ...rates.map((rate) => rate.ms));
  let slots: number[] = [];
  let until = 0;

  const earliest = (at: number): number =>
    Math.max(at, until, ...rates.map(({ count, ms }) => (slots[slots.length - count] ?? -Infinity) + ms));
  return {
    delay() {
      const at = now();
      return earliest(at) - at;
    },
    book() {
      const at = now();
      const slot = earliest(at);
      if (keep > 0) slots = [...slots.slice(-keep + 1 || slots.length), slot];
      return slot - at;
    },
    held: () => Math.max(0, until - now()),
    hold(ms) {
      const at = now();
      until = Math.max(until, at + ms);
      slots = slots.filter((slot) => slot <= at);
    },
    idle: () => Math.max(until, (slots.at(-1) ?? -Infinity) + longest) <= now(),
  };
}
