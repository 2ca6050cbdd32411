/**
 * The line of waiting jobs in Redis: one Bull queue per label, one Bull job per waiting training, taken by `queue.process` under Bull's
 * locks. The only importer of bull. The hub puts jobs in (queue-bull.ts), hubs and trainers take them out.
 */
import Bull from 'bull';
import type { JobError, TrainerStatus } from '../contracts.js';
import { within } from '../deadline.js';
import type { Log } from '../log.js';
import { unmet } from './labels.js';
import { checkPolicy, connectRedis, queueErrorOf, type Redis, TrainingKeys, unreachable } from './redis.js';

/** `gpu`: for trainers whose training process lists a CUDA device. */
export type Label = 'any' | 'gpu';
export const labels: readonly Label[] = ['any', 'gpu'];

/** A job as it waits: all that a trainer needs which has no database and may find no hub. */
export interface Entry {
  id: string;
  appId: string;
  /** The fence the store knew when it was put in. */
  base: number;
  /** sha256 of the content snapshot, and the snapshot itself when it is small; else it is asked for at the hub. */
  digest: string;
  content: string | null;
  /** What shows to the hub that the bearer has this job. */
  token: string;
  /** Labels that its trainer must have (labels.ts); absent in jobs of an older release. */
  needs?: readonly string[];
}
/** How far a job is, as its trainer last said. */
export interface Progress {
  fence: number;
  trainer: string;
  device: string;
  startedAt: string;
  percent: number;
  stage: string;
  eta: number | null;
}
/** How a taking ended: `over` (published, or somebody else's by now), `failed` for a reason of the job's own, `returned` (another shall take it). */
export type Outcome =
  { outcome: 'over' } | { outcome: 'failed'; error: JobError; fence: number } | { outcome: 'returned' };
/** A job that was taken. */
export interface Taken {
  entry: Entry;
  fence: number;
  /** Tells the hub, if it listens. */
  progress(progress: Progress): Promise<void>;
  /** Adds lines to the job's log. */
  write(lines: string[]): Promise<void>;
  cancelled(): Promise<boolean>;
}
export interface Work {
  parallel: number;
  labels: readonly Label[];
  /** What this trainer has, as labels. */
  offers: readonly string[];
  /** Null, or why no job is taken at present. */
  holding?: () => Promise<string | null>;
  take(taken: Taken): Promise<Outcome>;
}
export interface LineEvents {
  progress(jobId: string, progress: Progress): void;
  /** A Bull job has ended, well or not. */
  ended(jobId: string): void;
  /** Its trainer was lost; it waits again. */
  stalled(jobId: string): void;
}
export interface LineOptions {
  url: string;
  /** Keys begin with it. */
  prefix?: string;
  /** A job whose lock was not renewed for so long has lost its trainer. */
  lockMs?: number;
  /** Jobs that wait for so long while nobody takes any: the queue is opened anew. */
  watchdogMs?: number;
  log?: Log | undefined;
  /** Stands in for connections in tests. */
  connect?: (kind: 'client' | 'subscriber' | 'bclient') => Redis;
}
/** Where a job stands. */
export type Place =
  { at: 'waiting' | 'active' } | { at: 'ended'; label: Label; outcome: Outcome | null; lost: boolean };

/** A job in the line. */
export interface Seen {
  id: string;
  label: Label;
  needs: readonly string[];
}
/** `active`: taken, also when its trainer was lost. */
export type Standings = Record<'waiting' | 'active' | 'ended', Seen[]>;

/** Thrown in a processor: back into the line, and not before `ms`. */
class Later extends Error {
  constructor(readonly ms: number) {
    super('Not now.');
  }
}
const commandMs = 5000;
/** How long a job of a busy bot is put off. */
const putOffMs = 250;
/** How long one that needs another trainer is. */
const unfitMs = 500;
const longestPutOffMs = 5000;
const closeMs = 4000;
/** Lost with its trainer so often, a job is given up. */
const maxStalls = 2;

/** One queue of one label, which may be opened anew. */
interface Lane {
  label: Label;
  queue: Bull.Queue<Entry>;
  clients: Redis[];
  stuckSince: number | null;
}

/** Opens the line. It needs no Redis to be there yet: `check` says whether it is, and whether it may be used. */
export function openLine(options: LineOptions): Line {
  return new Line(options);
}

export class Line {
  readonly keys: TrainingKeys;
  private readonly lanes: Lane[];
  private readonly running = new Map<string, string>();
  private entering = 0;
  private readonly returned: { label: Label; entry: Entry }[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly connection: Redis;
  private readonly lockMs: number;
  private readonly prefix: string;
  private work: Work | null = null;
  private events: LineEvents | null = null;
  private readonly connections: Redis[] = [];
  private closing = false;
  private closed: Promise<void> | null = null;

  constructor(private readonly options: LineOptions) {
    this.prefix = options.prefix ?? 'switchboard';
    this.lockMs = options.lockMs ?? 30_000;
    this.connection = this.connect('client');
    this.keys = new TrainingKeys(this.connection, this.prefix);
    this.lanes = labels.map((label) => this.lane(label));
  }

  /** Rejects with `queue_unavailable` when Redis is not there, or would drop keys when it is full. */
  async check(): Promise<void> {
    await this.asked(() => checkPolicy(this.connection));
  }

  /** Rejects with `queue_unavailable` when a job could not be put in now: Redis is not there, may not be used, or is full. */
  async ping(): Promise<void> {
    await this.check();
    await this.asked(() => this.keys.pulse());
  }

  /** Hears what happens to jobs, wherever they are trained. */
  listen(events: LineEvents): void {
    this.events = events;
    for (const lane of this.lanes) this.hear(lane);
  }

  /** Puts a job in, once; the lower `priority`, the earlier. Rejects with `queue_unavailable`. */
  async add(entry: Entry, place: { label: Label; priority: number }): Promise<void> {
    await this.asked(() =>
      this.queue(place.label).add(entry, {
        jobId: entry.id,
        priority: place.priority,
        attempts: 1_000_000,
        backoff: { type: 'later' },
        stackTraceLimit: 1,
      }),
    );
  }

  /** Takes a job out that nobody has taken; false: somebody has, or it is not there. */
  async remove(jobId: string): Promise<boolean> {
    return this.asked(async () => {
      const job = await this.find(jobId);
      if (!job || (await job.isActive())) return false;
      return job.remove().then(
        () => true,
        () => false,
      );
    });
  }

  /** Takes a job out that nobody works on, be it that its trainer was lost; false: somebody does, or it is not there. */
  async removeIdle(jobId: string): Promise<boolean> {
    return this.asked(async () => {
      const job = await this.find(jobId);
      if (!job || (await this.connection.exists(job.lockKey())) === 1) return false;
      return job.remove().then(
        () => true,
        () => false,
      );
    });
  }

  async place(jobId: string): Promise<Place | null> {
    return this.asked(async () => {
      const job = await this.find(jobId);
      if (!job) return null;
      const label = this.lanes.find(({ queue }) => queue === job.queue)?.label ?? 'any';
      if (await job.isCompleted()) return { at: 'ended', label, outcome: job.returnvalue as Outcome, lost: false };
      if (await job.isFailed())
        return { at: 'ended', label, outcome: null, lost: /stalled/.test(job.failedReason ?? '') };
      return { at: (await job.isActive()) ? 'active' : 'waiting' };
    });
  }

  /** All jobs in the line, by where they stand. */
  async all(): Promise<Standings> {
    return this.asked(async () => {
      const all: Standings = { waiting: [], active: [], ended: [] };
      for (const { label, queue } of this.lanes) {
        // Null for a job that went while the list was read, whatever Bull's types say.
        const seen = (jobs: (Bull.Job<Entry> | null)[]): Seen[] =>
          jobs.flatMap((job) => (job ? [{ id: String(job.id), label, needs: job.data.needs ?? [] }] : []));
        all.waiting.push(...seen(await queue.getJobs(['waiting', 'delayed', 'paused'])));
        all.active.push(...seen(await queue.getActive()));
        all.ended.push(...seen(await queue.getJobs(['completed', 'failed'])));
      }
      return all;
    });
  }

  /** What its trainer told last; null: nothing yet, or it is not there. */
  async progress(jobId: string): Promise<Progress | null> {
    return this.asked(async () => {
      const told = (await this.find(jobId))?.progress() as Progress | 0 | undefined;
      return told || null;
    });
  }

  /** As `keepLines` of the keys (redis.ts). */
  async keepLines(jobId: string, keep: (lines: string[]) => Promise<void>): Promise<string[]> {
    return this.asked(() => this.keys.keepLines(jobId, keep));
  }

  /** Starts taking jobs. */
  async start(work: Work): Promise<void> {
    this.work = work;
    for (const lane of this.lanes) if (work.labels.includes(lane.label)) this.process(lane);
    const everyMs = Math.max(100, (this.options.watchdogMs ?? 20_000) / 4);
    this.timers.push(setInterval(() => void this.watchdog().catch(() => undefined), everyMs));
    return Promise.resolve();
  }

  /** The jobs that this process has taken. */
  jobs(): TrainerStatus['jobs'] {
    return [...this.running].map(([jobId, appId]) => ({ jobId, appId }));
  }

  /** Takes no more jobs. */
  async pause(): Promise<void> {
    this.closing = true;
    this.timers.forEach((timer) => clearInterval(timer));
    await within(Promise.all(this.lanes.map(({ queue }) => queue.pause(true, true))), closeMs).catch(() => null);
  }

  /** Waits for the jobs under way, puts back those that were returned, and closes the connections. */
  close(): Promise<void> {
    return (this.closed ??= this.finish());
  }

  private async finish(): Promise<void> {
    await this.pause();
    await within(Promise.all(this.lanes.map(({ queue }) => queue.pause(true))), closeMs).catch(() => null);
    await within(this.putBack(), closeMs).catch(() => null);
    await within(Promise.all(this.lanes.map(({ queue }) => queue.close(true))), closeMs).catch(() => null);
    for (const connection of this.connections) {
      connection.disconnect();
      // Bull connects anew when it was told to pause, sometimes after it was closed.
      connection.connect = () => Promise.resolve();
    }
  }

  private connect(kind: 'client' | 'subscriber' | 'bclient'): Redis {
    const connection = this.options.connect?.(kind) ?? connectRedis(this.options.url);
    connection.on('error', (error: Error) => this.options.log?.debug({ err: error }, 'Redis'));
    this.connections.push(connection);
    return connection;
  }

  private lane(label: Label): Lane {
    const clients: Redis[] = [];
    const queue = new Bull<Entry>(label, {
      prefix: `${this.prefix}:line`,
      createClient: (kind) => {
        const client = this.connect(kind);
        clients.push(client);
        return client;
      },
      settings: {
        lockDuration: this.lockMs,
        stalledInterval: this.lockMs,
        maxStalledCount: maxStalls,
        retryProcessDelay: 500,
        drainDelay: 5,
        backoffStrategies: { later: (_attempts: number, error: Error) => (error instanceof Later ? error.ms : -1) },
      },
    });
    queue.on('error', (error) => this.options.log?.debug({ err: error, label }, 'the training queue'));
    return { label, queue, clients, stuckSince: null };
  }

  private queue(label: Label): Bull.Queue<Entry> {
    const lane = this.lanes.find((one) => one.label === label);
    if (!lane) throw new Error(`no queue for the label ${label}`);
    return lane.queue;
  }

  private async find(jobId: string): Promise<Bull.Job<Entry> | null> {
    for (const { queue } of this.lanes) {
      const job = await queue.getJob(jobId);
      if (job) return job;
    }
    return null;
  }

  private hear({ queue }: Lane): void {
    const { events } = this;
    if (!events) return;
    queue.on('global:progress', (id: string, progress: unknown) => events.progress(id, progress as Progress));
    queue.on('global:completed', (id: string) => events.ended(id));
    queue.on('global:failed', (id: string) => events.ended(id));
    queue.on('global:stalled', (id: string) => events.stalled(id));
  }

  private process(lane: Lane): void {
    const { work } = this;
    if (!work) return;
    // Bull's own loop ends only when the queue closes.
    lane.queue
      .process(work.parallel, (job) => this.processOne(lane.label, job, work))
      .catch((error: unknown) => this.options.log?.debug({ err: error }, 'a training queue closed'));
  }

  /** Makes it one of those that run here; throws `Later` when it may not now. */
  private async enter({ data: entry, opts }: Bull.Job<Entry>, work: Work): Promise<void> {
    if (unmet(entry.needs ?? [], work.offers).length > 0) throw new Later(unfitMs);
    // One that lost its lock may still be at it in this very process.
    if (this.closing || this.running.has(entry.id)) throw new Later(300);
    // The lanes take at once, and each would find the last place free.
    if (this.running.size + this.entering >= work.parallel) throw new Later(300);
    this.entering += 1;
    try {
      if (await work.holding?.()) throw new Later(300);
      if (await this.keys.takeBot(entry.appId, entry.id, this.lockMs)) {
        this.running.set(entry.id, entry.appId);
        return;
      }
      // The further back among its bot's jobs, the later: a hundred of them must not keep trainers from everybody else.
      throw new Later(Math.min(longestPutOffMs, putOffMs * Math.max(1, (opts.priority ?? 1) - 1)));
    } finally {
      this.entering -= 1;
    }
  }

  private async processOne(label: Label, job: Bull.Job<Entry>, work: Work): Promise<Outcome> {
    const entry = job.data;
    await this.enter(job, work);
    const holding = setInterval(() => {
      void this.keys.takeBot(entry.appId, entry.id, this.lockMs).catch(() => undefined);
    }, this.lockMs / 2);
    try {
      const fence = await this.keys.fence(entry.id, entry.base);
      const outcome = await work.take({
        entry,
        fence,
        progress: async (progress) => job.progress(progress),
        write: (lines) => this.keys.writeLines(entry.id, lines),
        cancelled: () => this.keys.isCancelled(entry.id),
      });
      if (outcome.outcome === 'returned') this.returned.push({ label, entry });
      return outcome;
    } finally {
      clearInterval(holding);
      this.running.delete(entry.id);
      await within(this.keys.leaveBot(entry.appId, entry.id), 1000).catch(() => null);
    }
  }

  /** Jobs that were given back go among the first of their line, behind those of the same priority that wait there. */
  private async putBack(): Promise<void> {
    for (const { label, queue } of this.lanes) {
      // Bull takes the next job with the end of the last, and drops it when it is told to pause just then.
      for (const job of await queue.getActive()) {
        const { token } = queue as unknown as { token: string };
        if ((await this.connection.get(job.lockKey())) !== token) continue;
        await job.releaseLock();
        this.returned.push({ label, entry: job.data });
      }
    }
    for (const { label, entry } of this.returned.splice(0)) {
      await (await this.find(entry.id))?.remove();
      await this.add(entry, { label, priority: 1 });
    }
  }

  /** After some losses of its connection Bull adds jobs but takes none (OptimalBits/bull#1873): then the queue is opened anew. */
  private async watchdog(): Promise<void> {
    if (this.closing || this.connection.status !== 'ready') return;
    for (const [at, lane] of this.lanes.entries()) {
      if (!this.work?.labels.includes(lane.label)) continue;
      const counts = await lane.queue.getJobCounts();
      const stuck = counts.waiting > 0 && counts.active === 0 && this.running.size === 0;
      lane.stuckSince = stuck ? (lane.stuckSince ?? performance.now()) : null;
      if (lane.stuckSince === null || performance.now() - lane.stuckSince < (this.options.watchdogMs ?? 20_000))
        continue;
      this.options.log?.warn(
        { label: lane.label, ...counts },
        'jobs wait and nobody takes them: opening the queue anew',
      );
      const fresh = this.lane(lane.label);
      this.lanes[at] = fresh;
      this.hear(fresh);
      this.process(fresh);
      void this.abandon(lane);
    }
  }

  private async abandon({ queue, clients }: Lane): Promise<void> {
    await within(queue.close(true), closeMs).catch(() => null);
    clients.forEach((client) => client.disconnect());
  }

  /** Asks Redis, and doesn't wait for one that is not there: what is asked of it now would be done when nobody expects it any more. */
  private async asked<T>(work: () => Promise<T>): Promise<T> {
    if (this.connection.status === 'connecting' || this.connection.status === 'connect')
      await within(this.connection.ping(), commandMs);
    if (this.connection.status !== 'ready') throw unreachable();
    const wrapped = work().then((value) => ({ value }));
    const answer = await within(wrapped, commandMs).catch((error: unknown) => {
      throw queueErrorOf(error);
    });
    if (answer === null) throw unreachable();
    return answer.value;
  }
}
