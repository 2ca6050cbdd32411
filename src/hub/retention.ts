/** Removes what people said once it was kept as long as the operator wants (CONVERSATION_DAYS), a little at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../contracts.js';
import type { Log } from '../log.js';

export interface RetentionOptions {
  store: { conversations: Pick<Store['conversations'], 'expire'>; parses: Pick<Store['parses'], 'expire'> };
  days: number;
  log: Log;
  /** Milliseconds since 1970; the machine's clock when absent. */
  now?: () => number;
}
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
    const before = new Date(now() - days * dayMs).toISOString();
    await store.parses.expire(before);
    let cursor: string | undefined;
    let total = 0;
    do {
      const { removed, next } = await store.conversations.expire(before, { limit, cursor });
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
