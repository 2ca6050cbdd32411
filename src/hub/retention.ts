/** Removes what people said once it was kept as long as its bot's author wants, or else the operator (CONVERSATION_DAYS), a little at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Aged, Store } from '../contracts.js';
import type { Log } from '../log.js';

export interface RetentionOptions {
  store: {
    conversations: Pick<Store['conversations'], 'expire'>;
    parses: Pick<Store['parses'], 'expire'>;
    bots: Pick<Store['bots'], 'list'>;
    documents: Pick<Store['documents'], 'get'>;
  };
  /** For bots that say nothing of their own; null: for ever. */
  days: number | null;
  log: Log;
  /** Milliseconds since 1970; the machine's clock when absent. */
  now?: () => number;
}
/** The document in which a bot says how long its conversations are kept: `{days}`. */
const retentionDocument = 'retention';
export interface Retention {
  /** Removes what is too old now; answers how many messages. Rejects as the store does. */
  sweep(): Promise<number>;
  stop(): Promise<void>;
}
const everyMs = 3_600_000;
const dayMs = 86_400_000;
/** Messages looked at in one step, and the pause after it: chats go first. */
const limit = 200;
const pauseMs = 50;

/** Sweeps now and every hour, until it is stopped. */
export function createRetention({ store, days, log, now = Date.now }: RetentionOptions): Retention {
  let stopped = false;
  const sweep = async (): Promise<number> => {
    const aged = await agedOf({ store, days, now });
    if (aged.before !== null) await store.parses.expire(aged.before);
    if (aged.before === null && Object.keys(aged.bots).length === 0) return 0;
    let cursor: string | undefined;
    let total = 0;
    do {
      const { removed, next } = await store.conversations.expire(aged, { limit, cursor });
      total += removed;
      cursor = next ?? undefined;
      if (cursor !== undefined) await sleep(pauseMs);
    } while (cursor !== undefined && !stopped);
    return total;
  };
  const one = (): Promise<void> =>
    sweep().then(
      (messages) => void (messages > 0 && log.info({ messages, days }, 'removed messages that were kept long enough')),
      (error: unknown) => log.warn({ err: error }, 'old messages could not be removed; trying again in an hour'),
    );
  let running = one();
  const timer = setInterval(() => void (running = running.then(one)), everyMs).unref();
  return {
    sweep,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

/** Before which time messages go now. */
async function agedOf({ store, days, now }: Required<Pick<RetentionOptions, 'store' | 'days' | 'now'>>): Promise<Aged> {
  const before = (kept: number): string => new Date(now() - kept * dayMs).toISOString();
  const aged: Aged = { before: days === null ? null : before(days), bots: {} };
  for (let cursor: string | undefined, more = true; more;) {
    const page = await store.bots.list({ limit, cursor });
    for (const { appId } of page.items) {
      const own = (await store.documents.get(appId, retentionDocument))?.['days'];
      if (typeof own === 'number') aged.bots[appId] = before(own);
    }
    cursor = page.next ?? undefined;
    more = page.next !== null;
  }
  return aged;
}
