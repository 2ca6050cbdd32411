/** The paces of all conversations and bots that send: see pace.ts. One is kept as long as it counts. */
import type { OutboxEntry, SendLimits, SendScope } from '../contracts.js';
import { createPace, type Pace } from './pace.js';

export interface Paces {
  /** Null where nothing is limited or held: then nothing is kept either. */
  of(scope: SendScope, entry: OutboxEntry): Pace | null;
  /** No sending begins before `ms` from now. */
  hold(scope: SendScope, entry: OutboxEntry, ms: number): void;
  /** Whoever waits is answered null, and who comes later too. */
  end(): void;
}
const sweepMs = 60_000;

/** `limits`: what the platform of a channel takes at most. */
export function createPaces(limits: (channel: string) => SendLimits | undefined): Paces {
  const kept: Record<SendScope, Map<string, Pace>> = { conversation: new Map(), bot: new Map() };
  const made = (scope: SendScope, entry: OutboxEntry): Pace => {
    const key = keyOf(scope, entry);
    const pace = kept[scope].get(key) ?? createPace(limits(entry.channel)?.[scope] ?? []);
    kept[scope].set(key, pace);
    return pace;
  };
  const sweeper = setInterval(() => {
    for (const paces of Object.values(kept)) for (const [key, pace] of paces) if (pace.idle()) paces.delete(key);
  }, sweepMs).unref();
  return {
    of: (scope, entry) =>
      limits(entry.channel)?.[scope] ? made(scope, entry) : (kept[scope].get(keyOf(scope, entry)) ?? null),
    hold: (scope, entry, ms) => made(scope, entry).hold(ms),
    end() {
      clearInterval(sweeper);
      for (const paces of Object.values(kept)) for (const pace of paces.values()) pace.end();
    },
  };
}

const keyOf = (scope: SendScope, { appId, channel, conversation }: OutboxEntry): string =>
  scope === 'bot' ? `${appId} ${channel}` : `${appId} ${conversation}`;
