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
/** By bot and channel. */
type Notes = Map<string, Map<string, Partial<ChannelHealth>>>;
const nothing: ChannelHealth = { lastEventAt: null, lastErrorAt: null, lastError: null };

/** Writes at most once per channel in five seconds, however much happens. */
export function createChannelNotes(store: Pick<ChannelStore, 'note' | 'health'>, log: Log): ChannelNotes {
  const waiting: Notes = new Map();
  /** What the store has been given and may not have yet. */
  let leaving: Notes = new Map();
  let written: Promise<void> = Promise.resolve();

  const writeNow = async (): Promise<void> => {
    const all = [...waiting].flatMap(([appId, channels]) => [...channels].map((entry) => [appId, ...entry] as const));
    leaving = new Map(waiting);
    waiting.clear();
    await Promise.all(
      all.map(([appId, channel, change]) =>
        // A fact for a page that people look at: losing one is no harm, and the store's trouble is told elsewhere.
        store
          .note(appId, channel, change)
          .catch((error: unknown) => log.debug({ appId, err: error }, 'a note was lost')),
      ),
    );
    leaving = new Map();
  };
  const write = (): Promise<void> => (written = written.then(writeNow));
  const timer = setInterval(() => void write(), writeEveryMs).unref();
  return {
    note(appId, channel, change) {
      const channels = waiting.get(appId) ?? new Map<string, Partial<ChannelHealth>>();
      waiting.set(appId, channels.set(channel, { ...channels.get(channel), ...change }));
    },
    async read(appId) {
      // Taken first: what the store is asked for may leave here before it answers.
      const newer = [leaving, waiting].flatMap((notes) => [...(notes.get(appId) ?? [])]);
      const stored = await store.health(appId);
      for (const [channel, change] of newer) {
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
