/** Several hubs of one store: F30, whatever dies at random, F31, one after the other; and F27, a long run of one hub. */
import { setTimeout as sleep } from 'node:timers/promises';
import { onNode } from '../bot.js';
import { type Hosts, nodesOf, trainersOf } from '../hosts.js';
import { basics, type Finding, quantile, type Rig, type RigOptions, type Scenario, speed, withRig } from '../rig.js';

/** The short run shares its machine. */
const perSecond = ({ short }: RigOptions): number => (short ? 8 : 20);
const bots = 6;
/** Of the run that kills everything: as many bots again run on nodes. */
const [remoteBots, nodeBots, nodeCount] = [3, 3, 3];
/** What a short run breaks; a long one draws lots. */
const shortly = ['node', 'hub', 'trainer', 'node'];
/** Faults that are no excuse for a reply that comes twice. */
const withoutCopies = ['node', 'trainer', 'redis'];

/** One thing that goes wrong, and comes back. */
interface Fault {
  kind: string;
  /** How often it comes among the others. */
  weight: number;
  run(): Promise<void>;
}
/** When something went wrong, by the clock of `performance`. */
interface Hit {
  kind: string;
  at: number;
}

/** Bots of the lite engine that are trained again and again; answers the jobs that did not end well. */
class Trainings {
  private readonly jobs: string[] = [];
  private appId = '';
  constructor(private readonly rig: Rig) {}

  async open(): Promise<void> {
    const bot = (await this.rig.api('POST', '/bots', { name: 'Trained', engine: 'lite' })) as { appId: string };
    this.appId = bot.appId;
  }

  /** At a hub that may be down, or whose Redis is: then nothing was promised. */
  async ask(): Promise<void> {
    const which = Math.floor(this.rig.random() * 2);
    const faq = [{ Q: [{ q: `question ${this.jobs.length}` }], A: 'answer' }];
    const asked = this.rig.api('POST', `/bots/${this.appId}/train`, faq, which) as Promise<{ jobId: string }>;
    await asked.then(
      ({ jobId }) => this.jobs.push(jobId),
      () => undefined,
    );
  }

  async unended(): Promise<string[]> {
    const left: string[] = [];
    for (const id of this.jobs) {
      const { state } = (await this.rig.api('GET', `/jobs/${id}`)) as { state: string };
      if (!['done', 'superseded'].includes(state)) left.push(`${id} ${state}`);
    }
    return left;
  }

  get count(): number {
    return this.jobs.length;
  }
}

/** Bots that trainers train and nodes run; their turns stand in the rig's journal. */
async function addNodeBots(rig: Rig): Promise<void> {
  for (let i = 0; i < nodeBots; i += 1) {
    const { appId } = (await rig.api('POST', '/bots', { name: `On nodes ${i}`, engine: 'rasa' })) as { appId: string };
    const faq = [{ Q: [{ q: 'anything' }], A: 'answer' }];
    const job = (await rig.api('POST', `/bots/${appId}/train?wait=true`, faq)) as { state: string; error: unknown };
    if (job.state !== 'done') throw new Error(`A bot for the nodes was not trained: ${JSON.stringify(job.error)}`);
    await rig.connect(appId);
  }
}

function faultsOf(rig: Rig, { trainers, nodes }: Record<'trainers' | 'nodes', Hosts>): Fault[] {
  const pick = (count = 2): number => Math.floor(rig.random() * count);
  const killHub = async (): Promise<void> => {
    const which = pick();
    await rig.kill(which);
    await sleep(rig.random() * 2000);
    await rig.start(which);
  };
  const killTrainer = async (): Promise<void> => {
    const which = pick();
    await trainers.kill(which);
    await trainers.start(which);
  };
  const killNode = async (): Promise<void> => {
    const which = pick(nodeCount);
    await nodes.kill(which);
    await sleep(rig.random() * 1000);
    await nodes.start(which);
  };
  const killRedis = async (): Promise<void> => {
    await rig.redis?.kill();
    await sleep(500 + rig.random() * 1500);
    await rig.redis?.start();
  };
  const stopMongo = async (): Promise<void> => {
    await rig.mongo.stop();
    await sleep(500);
    await rig.mongo.start();
  };
  return [
    { kind: 'hub', weight: 5, run: killHub },
    { kind: 'node', weight: 4, run: killNode },
    { kind: 'trainer', weight: 2, run: killTrainer },
    { kind: 'redis', weight: 1.5, run: killRedis },
    { kind: 'mongo', weight: 1.5, run: stopMongo },
    { kind: 'pause', weight: 0.8, run: () => rig.pause(pick(), 7000) },
  ];
}

function pickOf(faults: Fault[], random: number): Fault {
  let left = random * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) if ((left -= fault.weight) < 0) return fault;
  return faults[0]!;
}

/** When the turns of an event were taken, and what went wrong before the last of them. */
function storyOf(rig: Rig, text: string, hits: Hit[]): string {
  const [first = 0, ...more] = rig.bot.times.get(text) ?? [];
  const end = more.at(-1) ?? first;
  const before = hits.filter(({ at }) => at > first - 10_000 && at < end);
  const faults = before.map(({ kind, at }) => `${kind} at ${((at - first) / 1000).toFixed(2)} s`).join(', ');
  const acked = rig.events.find((event) => event.text === text)?.ackedAt ?? first;
  const again = more.map((at) => `${((at - first) / 1000).toFixed(2)} s`).join(', ');
  return `${text}: acknowledged ${((acked - first) / 1000).toFixed(2)} s from its turn, which came again after ${again}; ${faults}`;
}

/** How long those waited for their answer who were acknowledged around each kind of fault, in words. */
function waitsOf(rig: Rig, hits: Hit[]): string[] {
  const first = new Map<string, number>();
  for (const { text, at } of rig.replies) if (!first.has(text)) first.set(text, at);
  const waits = (kind: string | null): number[] =>
    rig.events.flatMap(({ ackedAt, text }) => {
      const answered = first.get(`echo ${text}`);
      if (ackedAt === null || answered === undefined) return [];
      const near = hits.some((hit) => hit.kind === kind && ackedAt > hit.at - 1000 && ackedAt < hit.at + 3000);
      return kind === null || near ? [answered - ackedAt] : [];
    });
  const words = (kind: string | null): string => {
    const times = waits(kind);
    const [p50, p95, most] = [0.5, 0.95, 1].map((p) => (quantile(times, p) / 1000).toFixed(2));
    return `${kind ?? 'all'}: answered after ${p50} s (median), ${p95} s (95 %), ${most} s (all)`;
  };
  return [null, ...new Set(hits.map(({ kind }) => kind))].map(words);
}

/** Breaks hubs, nodes, trainers, Redis and MongoDB at random, one after the other, under a load over both hubs. */
export async function replicasUnderFaults(options: RigOptions, faults: number): Promise<Finding> {
  const settings = { hubs: 2, trains: false, nodes: true };
  return withRig({ options, settings, bots: remoteBots }, async (rig) => {
    // Turns on nodes are long enough to be hit.
    rig.bot.behave = (_, bot) => ({ ms: rig.random() * (onNode(bot) ? 250 : 30) + 2 });
    const hosts = { trainers: trainersOf(rig), nodes: nodesOf(rig) };
    try {
      await Promise.all([0, 1].map((which) => hosts.trainers.start(which)));
      await Promise.all(Array.from({ length: nodeCount }, (_, which) => hosts.nodes.start(which)));
      await addNodeBots(rig);
      return await broken(rig, faultsOf(rig, hosts), faults);
    } finally {
      await Promise.all([hosts.trainers.close(), hosts.nodes.close()]);
    }
  });
}

/** So many faults, one after the other, and what was seen of them. */
async function broken(rig: Rig, possible: Fault[], faults: number): Promise<Finding> {
  const trainings = new Trainings(rig);
  await trainings.open();
  const hits: Hit[] = [];
  const end = loadOf(rig);
  try {
    for (let i = 0; i < faults; i += 1) {
      await trainings.ask();
      await sleep(500 + rig.random() * 1500);
      const planned = rig.options.short ? possible.find(({ kind }) => kind === shortly[i]) : undefined;
      const fault = planned ?? pickOf(possible, rig.random());
      hits.push({ kind: fault.kind, at: performance.now() });
      rig.note(`fault ${i}: ${fault.kind}`);
      await fault.run();
      if (!withoutCopies.includes(fault.kind)) rig.faults += 1;
    }
  } finally {
    await end();
  }
  await rig.settled(20_000);
  const ended = await rig
    .until('every training to end', 60, async () => (await trainings.unended()).length === 0)
    .then(
      () => [],
      () => trainings.unended(),
    );
  const counts = rig.counts();
  const failures = [...basics(counts), ...ended.map((job) => `training ${job}`)];
  if (counts.duplicated > rig.faults) failures.push(`${counts.duplicated} copies after ${rig.faults} faults`);
  const kinds = [...new Set(hits.map(({ kind }) => kind))];
  const killed = kinds.map((kind) => `${hits.filter((hit) => hit.kind === kind).length} x ${kind}`).join(', ');
  const twice = rig.events.filter(({ text }) => (rig.bot.turns.get(text) ?? 0) > 1);
  const onNodes = twice.filter(({ appId }) => rig.bots.indexOf(appId) >= remoteBots).length;
  if (twice.length > 0) failures.push(`${onNodes} of those with more than one turn on nodes`);
  failures.push(...twice.map(({ text }) => storyOf(rig, text, hits)));
  const notes = [
    killed,
    `${rig.bot.died} turns died with a node`,
    ...waitsOf(rig, hits),
    `${trainings.count} trainings`,
  ];
  return { faults, counts, notes, failures };
}

/** Begins the load; the answer ends it, and resolves when all of it was acknowledged or given up. */
function loadOf(rig: Rig): () => Promise<void> {
  const stop = new AbortController();
  const load: Promise<void>[] = [];
  const rate = perSecond(rig.options);
  const loading = (async () => {
    while (!stop.signal.aborted) {
      load.push(rig.load(rate, rate, 40));
      await sleep(1000);
    }
  })();
  return async () => {
    stop.abort();
    await loading;
    await Promise.all(load);
  };
}

/** Each of two hubs is killed once, and one stands still for longer than its lease. */
async function handOver(options: RigOptions): Promise<Finding> {
  return withRig({ options, settings: { hubs: 2 }, bots }, async (rig) => {
    rig.bot.behave = () => ({ ms: 2 + Math.floor(rig.random() * 30) });
    const load = rig.load(330, 15, 30);
    for (const which of [0, 1]) {
      await sleep(2500);
      await rig.kill(which);
      await sleep(1500);
      await rig.start(which);
    }
    await sleep(2500);
    await rig.pause(0, 7000);
    await load;
    await rig.settled(12_000);
    const counts = rig.counts();
    const failures = basics(counts);
    if (counts.duplicated > 3) failures.push(`${counts.duplicated} copies after three faults`);
    if (counts.acked <= 200) failures.push(`only ${counts.acked} were acknowledged`);
    return { faults: 3, counts, notes: [], failures };
  });
}

const f31: Scenario = {
  id: 'F31',
  title: 'two hubs, each killed once, and one that stands still for longer than its lease',
  run: handOver,
};

const f30: Scenario = {
  id: 'F30',
  title: 'two hubs, three nodes and two trainers on one Redis and one MongoDB, each killed at random',
  run: (options) => replicasUnderFaults(options, options.faults ?? (options.short ? 4 : 50)),
};

/** Figures of the hub from outside: resident memory in bytes, and open descriptors. */
async function sizeOf(pid: number): Promise<{ rss: number; handles: number }> {
  const { readFile, readdir } = await import('node:fs/promises');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  return { rss: kilobytes * 1024, handles: (await readdir(`/proc/${pid}/fd`)).length };
}

/** Bytes an hour by which figures grow, by the straight line through them. */
function slopeOf(points: { at: number; bytes: number }[]): number {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ bytes }) => bytes))];
  const over = points.reduce((sum, { at, bytes }) => sum + (at - x) * (bytes - y), 0);
  const under = points.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
  return under === 0 ? 0 : (over / under) * 3_600_000;
}

const megabyte = 1024 * 1024;
/** What a hub that is up for minutes may grow by: its caches fill. After two hours it is one megabyte an hour. */
const slopeLimit = (minutes: number): number => (minutes >= 240 ? 1 : 40) * megabyte;

/** Five messages a second, and now and then something that a hub outlives. */
async function soak(options: RigOptions): Promise<Finding> {
  const minutes = options.minutes ?? (options.short ? 1 : 24 * 60);
  return withRig({ options }, async (rig) => {
    const end = performance.now() + minutes * 60_000;
    const every = Math.min(10 * 60_000, (minutes * 60_000) / 6);
    const platforms = Object.values(rig.platforms);
    const verdict = async (kind: 'lose' | 'refuse' | null, ms: number): Promise<void> => {
      for (const platform of platforms)
        platform.verdict = () => (kind === 'lose' ? { kind } : { kind: 'limit', seconds: 1, scope: 'conversation' });
      await sleep(ms);
      for (const platform of platforms) platform.verdict = () => ({ kind: 'take' });
    };
    const faults: (() => Promise<void>)[] = [
      () => verdict('lose', 300),
      () => verdict(null, 3000),
      () => rig.pause(0, 3000),
      ...(options.store === 'mongo'
        ? [
            () =>
              rig.mongo
                .stop()
                .then(() => rig.mongo.start())
                .then(() => undefined),
          ]
        : []),
    ];
    const load: Promise<void>[] = [];
    const sizes: { at: number; bytes: number; heap: number; handles: number }[] = [];
    let hits = 0;
    let next = performance.now() + every;
    while (performance.now() < end) {
      load.push(rig.load(25, 5));
      await sleep(5000);
      const { rss, handles } = await sizeOf(rig.pid);
      const { heap } = (await rig.tell({ gc: true })) ?? { heap: 0 };
      sizes.push({ at: performance.now(), bytes: rss, heap, handles });
      if (performance.now() < next) continue;
      next += every;
      hits += 1;
      await faults[Math.floor(rig.random() * faults.length)]?.();
    }
    await Promise.all(load);
    await rig.settled(30_000);
    const counts = rig.counts();
    // What a hub has once it has warmed up.
    const late = sizes.slice(Math.floor(sizes.length / 3));
    const slope = slopeOf(late.map(({ at, heap }) => ({ at, bytes: heap })));
    const handles = [late[0]?.handles ?? 0, late.at(-1)?.handles ?? 0] as const;
    const failures = basics(counts);
    const slow = slope > slopeLimit(minutes) ? [`the heap grows by ${(slope / megabyte).toFixed(1)} MB an hour`] : [];
    if (handles[1] > handles[0] + 20) failures.push(`descriptors went from ${handles[0]} to ${handles[1]}`);
    const rss = ((late.at(-1)?.bytes ?? 0) / megabyte).toFixed(0);
    const notes = [
      `${minutes} minutes, ${counts.acked} messages`,
      `the heap after a collection ${slope < 0 ? 'shrinks' : 'grows'} by ${(Math.abs(slope) / megabyte).toFixed(1)} MB an hour, ${rss} MB resident`,
      `descriptors ${handles.join(' to ')}`,
    ];
    return { faults: hits, counts, notes, failures: [...failures, ...speed(options, slow)] };
  });
}

const f27: Scenario = { id: 'F27', title: 'a long run with a fault now and then (`--minutes N`)', run: soak };

export const replicaScenarios: Scenario[] = [f27, f30, f31];
