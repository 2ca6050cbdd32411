/**
 * What hubs of one store tell each other, over the Pub/Sub of their Redis: at once, and without any promise. Whatever must not be lost is in
 * the store, where a slower look finds it when Redis was away.
 */
import type { Json } from '../contracts.js';

/** A connection that can be published on, and one that listens: what `ioredis` has of it. */
export interface Wire {
  publish(channel: string, text: string): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  disconnect(): void;
}
export interface Bus {
  /** Tells one hub, or all others. Never throws: what cannot be told now is lost. */
  tell(to: string | null, topic: string, body: Json): void;
  on(topic: string, listener: (body: Json, from: string) => void): void;
  /** Calls `listener` when something may have been lost: the line broke, and is there again. */
  onGap(listener: () => void): void;
  /** Is the line there? */
  readonly open: boolean;
  close(): Promise<void>;
}
export interface BusOptions {
  /** This hub. */
  id: string;
  /** Tells this store's hubs from those of another that use the same Redis. */
  prefix: string;
  /** Opens a connection that comes back by itself. */
  connect: () => Wire;
  failed: (error: unknown, what: string) => void;
}

/** Connects at once. */
export function createBus({ id, prefix, connect, failed }: BusOptions): Bus {
  const listeners = new Map<string, ((body: Json, from: string) => void)[]>();
  const gaps: (() => void)[] = [];
  const [out, ear] = [connect(), connect()];
  const nameOf = (to: string | null): string => `${prefix}:${to ?? 'all'}`;
  let open = false;
  let before = false;
  ear.on('ready', () => {
    open = true;
    if (before) for (const listener of gaps) listener();
    before = true;
  });
  ear.on('close', () => void (open = false));
  const take = (text: string): void => {
    const { topic, from, body } = JSON.parse(text) as { topic: string; from: string; body: Json };
    if (from === id) return;
    for (const listener of listeners.get(topic) ?? []) listener(body, from);
  };
  ear.on('message', (_channel, text) => {
    try {
      take(text);
    } catch (error) {
      failed(error, 'what another hub told could not be read');
    }
  });
  void ear.subscribe(nameOf(id), nameOf(null)).catch((error: unknown) => failed(error, 'other hubs cannot be heard'));
  return {
    tell(to, topic, body) {
      // What waited for a Redis that is away would be old news.
      if (!open) return;
      out.publish(nameOf(to), JSON.stringify({ topic, from: id, body })).catch(() => undefined);
    },
    on: (topic, listener) => void listeners.set(topic, [...(listeners.get(topic) ?? []), listener]),
    onGap: (listener) => void gaps.push(listener),
    get open() {
      return open;
    },
    close() {
      for (const wire of [out, ear]) wire.disconnect();
      return Promise.resolve();
    },
  };
}
