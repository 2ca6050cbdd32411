/** Trackers in memory, for a bot that only rehearses: they are gone with it. */
import type { Json, TrackerStore } from '../../contracts.js';

/** For one bot. */
export function createTrackers(): TrackerStore {
  const kept = new Map<string, Json[]>();
  const of = (sender: string): Json[] => kept.get(sender) ?? [];
  return {
    read: (_, sender) => Promise.resolve(kept.has(sender) ? { offset: 0, events: of(sender) } : null),
    append: (_, sender, from, events) => {
      const fits = of(sender).length === from;
      if (fits) kept.set(sender, [...of(sender), ...events]);
      return Promise.resolve(fits);
    },
    extend: (_, sender, events) => Promise.resolve(void kept.set(sender, [...of(sender), ...events])),
    replace: (_, sender, events) => Promise.resolve(void kept.set(sender, events)),
    senders: () => Promise.resolve([...kept.keys()]),
  };
}
