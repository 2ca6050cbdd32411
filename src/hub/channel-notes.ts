/** What was last seen of each channel: kept in memory as it happens, and written to the store every few seconds. */
import type { ChannelHealth, ChannelStore } from '../contracts.js';
import type { Log } from '../log.js';

export interface ChannelNotes {
  note(appId: string, channel: string, change: Partial<ChannelHealth>): void;
  /** By channel name, the newest. */
  read(appId: string): Promise<Map<string, ChannelHealth>>;
  /** Writes what is not written yet. */
  stop(): Promise<void>;
}

const writeEveryMs = 5000;
const nothing: ChannelHealth = { lastEventAt: null, lastErrorAt: null, lastError: null };

/** Writes at most once per channel in five seconds, however much happens. */
export function createChannelNotes(store: Pick<ChannelStore, 'note' | 'health'>, log: Log): ChannelNotes {
  const waiting = new Map<string, Map<string, Partial<ChannelHealth>>>();

  const write = async (): Promise<void> => {
    const all = [...waiting].flatMap(([appId, channels]) => [...channels].map((entry) => [appId, ...entry] as const));
    waiting.clear();
    await Promise.all(
      all.map(([appId, channel, change]) =>
        // A fact for a page that people look at: losing one is no harm, and the store's trouble is told elsewhere.
        store
          .note(appId, channel, change)
          .catch((error: unknown) => log.debug({ appId, err: error }, 'a note was lost')),
      ),
    );
  };
  const timer = setInterval(() => void write(), writeEveryMs).unref();
  return {
    note(appId, channel, change) {
      const channels = waiting.get(appId) ?? new Map<string, Partial<ChannelHealth>>();
      waiting.set(appId, channels.set(channel, { ...channels.get(channel), ...change }));
    },
    async read(appId) {
      const stored = await store.health(appId);
      for (const [channel, change] of waiting.get(appId) ?? []) {
        stored.set(channel, { ...nothing, ...stored.get(channel), ...change });
      }
      return stored;
    },
    async stop() {
      clearInterval(timer);
      await write();
    },
  };
}
