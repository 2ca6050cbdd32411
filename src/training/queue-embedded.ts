/** The training queue inside the hub's own process: for one machine, without a broker. The job store is all it keeps on disk. */
import type { JobEvent, JobHandler, JobStore, TrainerStatus, TrainingJob, TrainingQueue } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import { Run, nowOf, underWay, waitingAgain, type Desk } from './job-run.js';
import { createWatchers, type Watchers } from './watchers.js';

export interface EmbeddedQueueOptions {
  jobs: JobStore;
  /** This machine as a trainer. */
  self: () => Promise<Omit<TrainerStatus, 'parallel' | 'jobs'>>;
  /** Who trains here, and on what, as jobs show it. */
  trainer: Desk['trainer'];
  log?: Log | undefined;
  /** Milliseconds since 1970; the machine's clock when absent. */
  clock?: (() => number) | undefined;
}

/** A job that was lost with its hub is taken once more. */
const maxAttempts = 2;
const lost = {
  code: 'trainer_lost',
  message:
    'The hub stopped twice in the middle of this training, often for want of memory; look at its log, then train again.',
};

/** Opens the queue over `jobs`; nothing is taken before `work`. */
export function createEmbeddedQueue(options: EmbeddedQueueOptions): TrainingQueue {
  return new EmbeddedQueue(options);
}

/** Who waits. Bots take turns; within a bot the oldest job goes first. */
class Line {
  private readonly bots = new Map<string, TrainingJob[]>();

  add(job: TrainingJob, place: 'front' | 'back' = 'back'): void {
    const waiting = this.bots.get(job.appId) ?? [];
    if (waiting.some(({ id }) => id === job.id)) return;
    if (place === 'front') waiting.unshift(job);
    else waiting.push(job);
    this.bots.set(job.appId, waiting);
  }
  /** Takes out all jobs of the same bot that wait before `job`. */
  removeBefore(job: TrainingJob): TrainingJob[] {
    const waiting = this.bots.get(job.appId) ?? [];
    const place = waiting.findIndex(({ id }) => id === job.id);
    return waiting.splice(0, Math.max(0, place));
  }
  remove(id: string): TrainingJob | null {
    for (const [appId, waiting] of this.bots) {
      const place = waiting.findIndex((job) => job.id === id);
      if (place < 0) continue;
      const [job] = waiting.splice(place, 1);
      if (waiting.length === 0) this.bots.delete(appId);
      return job ?? null;
    }
    return null;
  }
  /** The next job of the first bot that is not busy; that bot goes to the end. */
  next(busy: Set<string>): TrainingJob | null {
    for (const [appId, waiting] of this.bots) {
      if (busy.has(appId)) continue;
      this.bots.delete(appId);
      const job = waiting.shift();
      if (waiting.length > 0) this.bots.set(appId, waiting);
      if (job) return job;
    }
    return null;
  }
}

class EmbeddedQueue implements TrainingQueue {
  private readonly line = new Line();
  private readonly runs = new Map<string, Run>();
  private readonly watchers: Watchers;
  private readonly desk: Desk;
  private worker: { handler: JobHandler; parallel: number } | null = null;
  private recovery: Promise<void> | null = null;
  private closing = false;

  constructor(private readonly options: EmbeddedQueueOptions) {
    const { jobs, trainer, log, clock = Date.now } = options;
    this.watchers = createWatchers(log);
    this.desk = {
      jobs,
      trainer,
      log,
      clock,
      tell: (event) => this.watchers.tell(event),
      isClosing: () => this.closing,
    };
  }

  async submit(job: TrainingJob): Promise<void> {
    await this.recovered();
    if (this.closing) throw new HubError('stopping', 'The hub is shutting down; the training starts when it is back.');
    if (!this.runs.has(job.id)) this.line.add(job);
    const older = this.line.removeBefore(job);
    this.desk.tell({ job: { ...job }, lines: [] });
    this.takeNext();
    const writes = await Promise.allSettled(older.map((waiting) => this.end(waiting, 'superseded')));
    for (const write of writes) if (write.status === 'rejected') throw write.reason;
  }

  async cancel(jobId: string): Promise<boolean> {
    await this.recovered();
    const run = this.runs.get(jobId);
    if (run) return run.stop('cancelled');
    const waiting = this.line.remove(jobId);
    return waiting !== null && this.end(waiting, 'cancelled');
  }

  watch(listener: (event: JobEvent) => void): () => void {
    return this.watchers.watch(listener);
  }

  async work(handler: JobHandler, parallel: number): Promise<void> {
    await this.recovered();
    this.worker = { handler, parallel };
    this.takeNext();
  }

  async close(): Promise<void> {
    this.closing = true;
    for (const run of this.runs.values()) run.stop('queued');
    await Promise.all([this.recovery?.catch(() => undefined), ...[...this.runs.values()].map((run) => run.over)]);
  }

  async trainers(): Promise<TrainerStatus[]> {
    if (!this.worker) return [];
    const jobs = [...this.runs.values()].map(({ jobId, appId }) => ({ jobId, appId }));
    return [{ ...(await this.options.self()), parallel: this.worker.parallel, jobs }];
  }

  /** It has nothing to reach but the store, which is asked by itself. */
  ping(): Promise<void> {
    return Promise.resolve();
  }

  /** Loads what an earlier run of the hub left, once, before anything else is done. */
  private recovered(): Promise<void> {
    this.recovery ??= this.recover().catch((error: unknown) => {
      this.recovery = null;
      throw error;
    });
    return this.recovery;
  }

  private async recover(): Promise<void> {
    const { jobs } = this.desk;
    for (const job of await jobs.unfinished()) {
      if (job.state === 'queued') {
        this.line.add(job);
        continue;
      }
      const end = { state: 'failed', error: lost, eta: null, endedAt: nowOf(this.desk) } as const;
      const changed = await jobs.update(job.id, job.attempts < maxAttempts ? waitingAgain : end, underWay);
      if (!changed) continue;
      if (changed.state === 'queued') this.line.add(changed);
      this.desk.tell({ job: changed, lines: [] });
    }
  }

  /** Ends a job that was taken out of the line; back in it goes when the store cannot be written. False: it had gone from the store. */
  private async end(job: TrainingJob, state: 'cancelled' | 'superseded'): Promise<boolean> {
    const change = { state, eta: null, endedAt: nowOf(this.desk) };
    const ended = await this.desk.jobs.update(job.id, change, ['queued']).catch((error: unknown) => {
      this.line.add(job, 'front');
      throw error;
    });
    if (ended) this.desk.tell({ job: ended, lines: [] });
    return ended !== null;
  }

  private takeNext(): void {
    if (!this.worker) return;
    while (!this.closing && this.runs.size < this.worker.parallel) {
      const job = this.line.next(new Set([...this.runs.values()].map((run) => run.appId)));
      if (!job) return;
      const run = new Run(this.desk, job, { from: ['queued'], state: 'running', fence: job.fence + 1 });
      this.runs.set(job.id, run);
      void this.follow(run, this.worker.handler);
    }
  }

  private async follow(run: Run, handler: JobHandler): Promise<void> {
    run.start(handler);
    await run.over;
    this.runs.delete(run.jobId);
    this.takeNext();
  }
}
