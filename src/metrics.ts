/** Counters and timings. The only importer of prom-client; names follow Prometheus' conventions (base units, `_total`). */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OutboxEntry, PoolUsage, StoredMessage } from './contracts.js';

export interface Metrics {
  message(message: StoredMessage): void;
  /** A reply was given up. */
  buried(entry: OutboxEntry): void;
  /** `size` answers how many replies wait; asked at each scrape. */
  watchOutbox(size: () => number): void;
  /** A bot's process was launched, or could not be. */
  wake(facts: { ok: boolean; seconds: number }): void;
  /** One was put to sleep. */
  park(reason: string): void;
  /** One grew too large. */
  recycle(how: string): void;
  /** `usage` is asked at each scrape. */
  watchPool(usage: () => PoolUsage): void;
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
  const pool = poolMetrics(registers);
  const settled = kept((channel, state) => messages.labels(channel, state));
  const turnsOf = kept((channel) => turns.labels(channel));
  const requestsOf = kept((method, route, status) => requests.labels(method, route, status));
  return {
    ...pool,
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
    message({ channel, state, replies, ms, turn }) {
      settled(channel, state).inc();
      if (state === 'answered' && replies.length === 0 && turn?.agent === undefined) empty.inc({ channel });
      if (ms !== null) turnsOf(channel).observe(ms / 1000);
    },
    response: ({ method, route, status, ms }) => requestsOf(method, route, String(status)).observe(ms / 1000),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}

/** Keeps what `find` answers, by its labels: prom-client hashes them anew at each call, twice per message. Labels here have few values. */
function kept<Child>(find: (...labels: string[]) => Child): (...labels: string[]) => Child {
  const children = new Map<string, Child>();
  return (...labels) => {
    const key = labels.join('\n');
    const child = children.get(key) ?? find(...labels);
    children.set(key, child);
    return child;
  };
}

function poolMetrics(registers: Registry[]): Pick<Metrics, 'wake' | 'park' | 'recycle' | 'watchPool'> {
  const wakes = new Counter({
    name: 'switchboard_wakes_total',
    help: "Launches of bots' processes",
    labelNames: ['result'],
    registers,
  });
  const seconds = new Histogram({
    name: 'switchboard_wake_seconds',
    help: 'From the start of a launch to a bot that answers',
    buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64],
    registers,
  });
  const parks = new Counter({
    name: 'switchboard_parks_total',
    help: "Bots' processes put to sleep",
    labelNames: ['reason'],
    registers,
  });
  const recycles = new Counter({
    name: 'switchboard_recycles_total',
    help: "Bots' processes that grew too large",
    labelNames: ['how'],
    registers,
  });
  return {
    wake({ ok, seconds: took }) {
      wakes.inc({ result: ok ? 'ok' : 'failed' });
      if (ok) seconds.observe(took);
    },
    park: (reason) => parks.inc({ reason }),
    recycle: (how) => recycles.inc({ how }),
    watchPool: (usage) => poolGauges(registers, usage),
  };
}

function poolGauges(registers: Registry[], usage: () => PoolUsage): void {
  const figures: [name: string, help: string, of: (now: PoolUsage) => number][] = [
    ['switchboard_memory_budget_bytes', 'Memory that awake bots may use', ({ budget }) => budget],
    ['switchboard_memory_used_bytes', 'Memory that awake bots and their engines use', ({ used }) => used],
    ['switchboard_wakes_waiting', 'Launches that wait for their turn or for memory', ({ waiting }) => waiting],
  ];
  for (const [name, help, of] of figures)
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of(usage()));
      },
    });
  new Gauge({
    name: 'switchboard_bots',
    help: 'Bots by state',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(usage().states)) this.set({ state }, count);
    },
  });
}
