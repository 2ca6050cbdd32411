/** Where events go: what the pump (pump.ts) asks of a webhook or of Kafka. */
import type { Json, StreamItem } from '../contracts.js';

/** One item of the stream on its way: what was stored of one conversation at once. */
export interface Sending {
  item: StreamItem;
  /** The events of it that are wanted; never none. */
  events: Json[];
}
/**
 * What became of it. `failed`: it counts, and is tried again by the schedule. `away`: nobody is there; that counts for nobody, and all wait.
 * `gone`: whoever subscribed wants nothing more.
 */
export type Sent = { outcome: 'sent' } | { outcome: 'failed' | 'away' | 'gone'; reason: string };
export interface Sink {
  /** Items under way at once; those of one conversation never are. */
  readonly parallel: number;
  /** Never rejects. */
  send(sending: Sending): Promise<Sent>;
  close(): Promise<void>;
}

/** A sink that is opened by the first sending. */
export function lateSink(parallel: number, open: () => Promise<Omit<Sink, 'parallel'>>): Sink {
  let opened: ReturnType<typeof open> | undefined;
  return {
    parallel,
    send: async (sending) => (await (opened ??= open())).send(sending),
    close: async () => (await opened)?.close(),
  };
}
