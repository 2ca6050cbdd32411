/** Counters and timings. The only importer of prom-client; names follow Prometheus' conventions (base units, `_total`). */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OutboxEntry, StoredMessage } from './contracts.js';

export interface Metrics {
  message(message: StoredMessage): void;
  /** A reply was given up. */
  buried(entry: OutboxEntry): void;
  /** `size` answers how many replies wait; asked at each scrape. */
  watchOutbox(size: () => number): void;
  response(facts: { method: string; route: string; status: number; ms: number }): void;
  text(): Promise<{ type: string; text: string }>;
}

/** A registry of its own, so that two hubs in one process do not mix. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'switchboard_' });
  const registers = [registry];
  const messages = new Counter({
    name: 'switchboard_messages_total',
    help: 'Messages settled',
    labelNames: ['channel', 'state'],
    registers,
  });
  const empty = new Counter({
    name: 'switchboard_empty_answers_total',
    help: 'Turns that the bot answered with nothing',
    labelNames: ['channel'],
    registers,
  });
  const turns = new Histogram({
    name: 'switchboard_turn_seconds',
    help: 'From the start of a turn to its replies',
    labelNames: ['channel'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const requests = new Histogram({
    name: 'switchboard_http_request_seconds',
    help: 'HTTP requests by route',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const buried = new Counter({
    name: 'switchboard_replies_given_up_total',
    help: 'Replies that became dead letters',
    labelNames: ['channel'],
    registers,
  });
  return {
    buried: ({ channel }) => buried.inc({ channel }),
    watchOutbox: (size) =>
      void new Gauge({
        name: 'switchboard_outbox_waiting',
        help: 'Replies that have not left yet',
        registers,
        collect() {
          this.set(size());
        },
      }),
    message({ channel, state, replies, ms }) {
      messages.inc({ channel, state });
      if (state === 'answered' && replies.length === 0) empty.inc({ channel });
      if (ms !== null) turns.observe({ channel }, ms / 1000);
    },
    response: ({ method, route, status, ms }) => requests.observe({ method, route, status }, ms / 1000),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}
