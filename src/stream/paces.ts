/** How patient the event stream is with its subscribers. */

/** Times in milliseconds. */
export interface Paces {
  /** Waits before each further try; after the last one it is given up. */
  retries: readonly number[];
  /** How often the store is asked when nobody wakes the pump. */
  poll: number;
  /** How often the position is written. */
  commit: number;
  /** Between two looks for a sink that is away: at first, and at most. */
  away: readonly [number, number];
  /** Nothing at all went through for so long: the subscription is switched off. */
  patience: number;
  /** What is under way when the hub stops gets so long. */
  drain: number;
  /** Not a time: sendings of one subscription that are held at most; beyond that it is read no further. */
  mostHeld: number;
}
const [second, minute, hour] = [1000, 60_000, 3_600_000];
/** Svix's schedule: eight tries within 28 hours, and five days until an endpoint is switched off. */
export const paces: Paces = {
  retries: [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 10 * hour],
  poll: second,
  commit: second / 2,
  away: [second / 5, 5 * second],
  patience: 5 * 24 * hour,
  drain: 2 * second,
  mostHeld: 1000,
};
