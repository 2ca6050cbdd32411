/**
 * What the operator on call asks of the hub, as figures. The only importer of prom-client; names follow Prometheus' conventions (base units,
 * `_total`). What is counted for each bot has the label `bot`, and goes when the bot goes; histograms have none, for their size.
 * docker/observability has the dashboard and the alerts that read them, docs/operations.md says what each is for.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OutboxEntry, PoolUsage, StoredMessage, TrainingJob, TrainerStatus } from './contracts.js';

/** What is asked at each scrape. */
export interface Watched {
  /** Messages that are not settled yet. */
  underway: () => Iterable<Pick<StoredMessage, 'appId' | 'channel' | 'receivedAt'>>;
  /** How many replies wait to leave. */
  outbox: () => number;
  pool: () => PoolUsage;
  /** Where bots run: this hub, and its nodes. */
  nodes: () => NodeFigures[];
  /** Trainings that have not ended. May reject: then the figures stay away, which says that nobody knows. */
  jobs: () => Promise<TrainingJob[]>;
  trainers: () => Promise<TrainerStatus[]>;
  /** How far each subscriber to the event stream is behind. */
  subscribers: () => { subscription: string; held: number; lagSeconds: number }[];
}
export interface NodeFigures {
  address: string;
  state: string;
  usage: PoolUsage | null;
  outstanding: number;
}
export interface Metrics {
  received(message: Pick<StoredMessage, 'appId' | 'channel'>): void;
  settled(message: StoredMessage): void;
  /** A reply was given up. */
  buried(entry: OutboxEntry): void;
  /** A bot's process was launched, or could not be. */
  wake(facts: { appId: string; ok: boolean; seconds: number }): void;
  /** One was put to sleep. */
  park(reason: string): void;
  /** One grew too large. */
  recycle(how: string): void;
  /** A job as it is now; counted when it has ended. */
  job(job: TrainingJob): void;
  /** Events left for a subscriber, or did not; of some of them the subscriber said that they never will. */
  streamed(sent: { subscription: string; result: 'sent' | 'failed' | 'dead'; events: number }): void;
  /** An event of a bot that runs elsewhere was read. */
  ingested(result: 'noted' | 'skipped'): void;
  response(facts: { method: string; route: string; status: number; ms: number }): void;
  /** Called once, when everything there is to be asked is there. */
  watch(watched: Watched): void;
  /** The bot is gone: its series go too. */
  forget(appId: string): void;
  text(): Promise<{ type: string; text: string }>;
}

type Registers = Registry[];
const turnBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const wakeBuckets = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
const trainingBuckets = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** A registry of its own, so that two hubs in one process do not mix. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'switchboard_' });
  const registers = [registry];
  const messages = messageMetrics(registers);
  const bots = botMetrics(registers);
  const requests = kept(
    new Histogram({
      name: 'switchboard_http_request_seconds',
      help: 'HTTP requests by route',
      labelNames: ['method', 'route', 'status'],
      buckets: requestBuckets,
      registers,
    }),
  );
  return {
    ...messages.tell,
    ...bots.tell,
    ...streamMetrics(registers),
    job: jobMetric(registers),
    response: ({ method, route, status, ms }) => requests.of(method, route, String(status)).observe(ms / 1000),
    watch(watched) {
      messageGauges(registers, watched);
      poolGauges(registers, watched.pool);
      nodeGauges(registers, watched.nodes);
      trainingGauges(registers, watched);
      streamGauges(registers, watched);
    },
    forget: (appId) => [...messages.byBot, ...bots.byBot].forEach((counters) => counters.forget(appId)),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}

/** A metric's children by their labels. prom-client hashes the labels anew at each call, twice per message; these have few values. */
interface Kept<Child> {
  of(...labels: string[]): Child;
  /** Removes those with this first label. */
  forget(first: string): void;
}
function kept<Child>(metric: { labels(...labels: string[]): Child; remove(...labels: string[]): void }): Kept<Child> {
  const children = new Map<string, { child: Child; labels: string[] }>();
  return {
    of(...labels) {
      const key = labels.join('\n');
      let known = children.get(key);
      if (!known) children.set(key, (known = { child: metric.labels(...labels), labels }));
      return known.child;
    },
    forget(first) {
      for (const [key, { labels }] of children) {
        if (labels[0] !== first) continue;
        children.delete(key);
        metric.remove(...labels);
      }
    },
  };
}

/** A counter for each bot and whatever else `labels` says. */
function perBot(registers: Registers, [name, help]: [name: string, help: string], ...labels: string[]) {
  return kept(new Counter({ name, help, labelNames: ['bot', ...labels], registers }));
}

function messageMetrics(registers: Registers) {
  const received = perBot(registers, ['switchboard_messages_received_total', 'Messages stored'], 'channel');
  const settled = perBot(registers, ['switchboard_messages_total', 'Messages settled'], 'channel', 'state');
  const empty = perBot(registers, ['switchboard_empty_answers_total', 'Turns answered with nothing'], 'channel');
  const buried = perBot(
    registers,
    ['switchboard_replies_given_up_total', 'Replies that became dead letters'],
    'channel',
  );
  const spent = perBot(registers, ['switchboard_bot_turn_seconds_total', 'Time that turns took, by bot']);
  const turns = kept(
    new Histogram({
      name: 'switchboard_turn_seconds',
      help: 'From the start of a turn to its replies',
      labelNames: ['channel'],
      buckets: turnBuckets,
      registers,
    }),
  );
  const tell: Pick<Metrics, 'received' | 'settled' | 'buried'> = {
    received: ({ appId, channel }) => received.of(appId, channel).inc(),
    settled({ appId, channel, state, replies, ms, turn }) {
      settled.of(appId, channel, state).inc();
      if (state === 'answered' && replies.length === 0 && turn?.agent === undefined) empty.of(appId, channel).inc();
      if (ms === null) return;
      turns.of(channel).observe(ms / 1000);
      spent.of(appId).inc(ms / 1000);
    },
    buried: ({ appId, channel }) => buried.of(appId, channel).inc(),
  };
  return { tell, byBot: [received, settled, empty, buried, spent] };
}

function botMetrics(registers: Registers) {
  const wakes = perBot(registers, ['switchboard_wakes_total', "Launches of bots' processes"], 'result');
  const counter = (name: string, help: string, label: string) =>
    new Counter({ name, help, labelNames: [label], registers });
  const seconds = new Histogram({
    name: 'switchboard_wake_seconds',
    help: 'From the start of a launch to a bot that answers',
    buckets: wakeBuckets,
    registers,
  });
  const parks = counter('switchboard_parks_total', "Bots' processes put to sleep", 'reason');
  const recycles = counter('switchboard_recycles_total', "Bots' processes that grew too large", 'how');
  const tell: Pick<Metrics, 'wake' | 'park' | 'recycle'> = {
    wake({ appId, ok, seconds: took }) {
      wakes.of(appId, ok ? 'ok' : 'failed').inc();
      if (ok) seconds.observe(took);
    },
    park: (reason) => parks.inc({ reason }),
    recycle: (how) => recycles.inc({ how }),
  };
  return { tell, byBot: [wakes] };
}

function streamMetrics(registers: Registers): Pick<Metrics, 'streamed' | 'ingested'> {
  const streamed = new Counter({
    name: 'switchboard_stream_events_total',
    help: 'Events of conversations that were sent to subscribers; sendings that failed, or were given up',
    labelNames: ['subscription', 'result'],
    registers,
  });
  const ingested = new Counter({
    name: 'switchboard_ingested_events_total',
    help: 'Events of bots that run elsewhere, read from Kafka',
    labelNames: ['result'],
    registers,
  });
  return {
    streamed: ({ subscription, result, events }) => streamed.inc({ subscription, result }, events),
    ingested: (result) => ingested.inc({ result }),
  };
}

function streamGauges(registers: Registers, { subscribers }: Watched): void {
  const figures = [
    ['switchboard_stream_lag_seconds', 'Age of the oldest event that a subscriber has not got', 'lagSeconds'],
    ['switchboard_stream_held', 'Sendings that failed and are tried again, or wait behind one', 'held'],
  ] as const;
  for (const [name, help, of] of figures)
    gauge(registers, {
      name,
      help,
      labels: ['subscription'],
      now: () => subscribers().map((one) => [{ subscription: one.subscription }, one[of]]),
    });
}

function jobMetric(registers: Registers): Metrics['job'] {
  const ended = new Counter({
    name: 'switchboard_trainings_total',
    help: 'Trainings that have ended',
    labelNames: ['state'],
    registers,
  });
  const seconds = new Histogram({
    name: 'switchboard_training_seconds',
    help: 'From the start of a training to the model in use',
    buckets: trainingBuckets,
    registers,
  });
  return ({ state, startedAt, endedAt }) => {
    if (endedAt === null) return;
    ended.inc({ state });
    if (state === 'done' && startedAt !== null) seconds.observe(secondsBetween(startedAt, endedAt));
  };
}

const secondsBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1000;
const ageOf = (since: string[]): number =>
  since.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...since.map((at) => Date.parse(at)))) / 1000);

interface Figure {
  name: string;
  help: string;
  labels?: string[];
  /** Every value there is now: what is not named is shown no more. */
  now: () => Iterable<[labels: Record<string, string>, value: number]> | Promise<[Record<string, string>, number][]>;
}
function gauge(registers: Registers, { name, help, labels = [], now }: Figure): void {
  new Gauge({
    name,
    help,
    labelNames: labels,
    registers,
    async collect() {
      this.reset();
      for (const [on, value] of await now()) this.set(on, value);
    },
  });
}
const one = (value: number): [Record<string, string>, number][] => [[{}, value]];
/** How many there are of each; `labelsOf` tells them apart. */
function counted<T>(
  things: Iterable<T>,
  labelsOf: (thing: T) => Record<string, string>,
): [Record<string, string>, number][] {
  const groups = new Map<string, [Record<string, string>, number]>();
  for (const thing of things) {
    const labels = labelsOf(thing);
    const key = Object.values(labels).join('\n');
    groups.set(key, [labels, (groups.get(key)?.[1] ?? 0) + 1]);
  }
  return [...groups.values()];
}

function messageGauges(registers: Registers, { underway, outbox }: Watched): void {
  gauge(registers, {
    name: 'switchboard_messages_waiting',
    help: 'Messages that are not settled yet',
    labels: ['bot', 'channel'],
    now: () => counted(underway(), ({ appId, channel }) => ({ bot: appId, channel })),
  });
  gauge(registers, {
    name: 'switchboard_oldest_message_seconds',
    help: 'Age of the oldest message that is not settled',
    now: () => one(ageOf([...underway()].map(({ receivedAt }) => receivedAt))),
  });
  gauge(registers, {
    name: 'switchboard_outbox_waiting',
    help: 'Replies that have not left yet',
    now: () => one(outbox()),
  });
}

function trainingGauges(registers: Registers, { jobs, trainers }: Watched): void {
  const known = (): Promise<TrainingJob[]> => jobs().catch(() => []);
  gauge(registers, {
    name: 'switchboard_training_jobs',
    help: 'Trainings that have not ended',
    labels: ['state'],
    now: async () => counted(await known(), ({ state }) => ({ state })),
  });
  gauge(registers, {
    name: 'switchboard_oldest_training_seconds',
    help: 'Age of the oldest training that waits',
    now: async () =>
      one(ageOf((await known()).filter(({ state }) => state === 'queued').map(({ createdAt }) => createdAt))),
  });
  gauge(registers, {
    name: 'switchboard_trainers',
    help: 'Hosts that train, and whether they take jobs now',
    labels: ['taking'],
    now: async () => counted(await trainers().catch(() => []), ({ holding }) => ({ taking: String(holding === null) })),
  });
}

function poolGauges(registers: Registers, usage: () => PoolUsage): void {
  const figures: [name: string, help: string, of: (now: PoolUsage) => number][] = [
    ['switchboard_memory_budget_bytes', 'Memory that awake bots may use', ({ budget }) => budget],
    ['switchboard_memory_used_bytes', 'Memory that awake bots and their engines use', ({ used }) => used],
    ['switchboard_wakes_waiting', 'Launches that wait for their turn or for memory', ({ waiting }) => waiting],
  ];
  for (const [name, help, of] of figures) gauge(registers, { name, help, now: () => one(of(usage())) });
  gauge(registers, {
    name: 'switchboard_bots',
    help: 'Bots by state',
    labels: ['state'],
    now: () => Object.entries(usage().states).map(([state, count]) => [{ state }, count]),
  });
}

function nodeGauges(registers: Registers, nodes: () => NodeFigures[]): void {
  gauge(registers, {
    name: 'switchboard_nodes',
    help: 'Machines that run bots, this hub among them, by state',
    labels: ['state'],
    now: () => counted(nodes(), ({ state }) => ({ state })),
  });
  const figures: [name: string, help: string, of: (node: NodeFigures) => number | undefined][] = [
    ['switchboard_node_outstanding', 'What this hub has a machine do now', ({ outstanding }) => outstanding],
    ['switchboard_node_bots_awake', 'Bots awake on a machine', ({ usage }) => usage?.states.awake],
    ['switchboard_node_memory_used_bytes', 'Memory that bots use on a machine', ({ usage }) => usage?.used],
    ['switchboard_node_memory_budget_bytes', 'Memory that bots may use on a machine', ({ usage }) => usage?.budget],
  ];
  for (const [name, help, of] of figures)
    gauge(registers, {
      name,
      help,
      labels: ['node'],
      now: () =>
        nodes().flatMap((node): [Record<string, string>, number][] => {
          const value = of(node);
          return value === undefined ? [] : [[{ node: node.address }, value]];
        }),
    });
}
