/**
 * The training queue over Redis, for trainers on hosts of their own: every waiting job is a Bull job that any of them takes, whether a hub
 * is there or not. The job store stays the record that people see: this side writes into it what the trainers tell.
 */
import type { JobEvent, JobHandler, JobStore, TrainerStatus, TrainingJob, TrainingQueue } from '../contracts.js';
import { within } from '../deadline.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import { Run, nowOf, underWay, waitingAgain, type Desk } from './job-run.js';
import type { Entry, Label, Line, Outcome, Place, Progress, Taken } from './line.js';
import { Misfits } from './misfits.js';
import { createWatchers, type Watchers } from './watchers.js';

export interface BullQueueOptions {
  jobs: JobStore;
  line: Line;
  /** What travels with a job; `label` says which trainers it prefers, `needs` what its trainer must have. */
  pack: (
    job: TrainingJob,
  ) => Promise<{ content: string | null; token: string; label: Label; needs?: readonly string[] }>;
  /** This machine as a trainer. */
  self: () => Promise<Omit<TrainerStatus, 'parallel' | 'jobs'>>;
  /** Who trains here, and on what, as jobs show it. */
  trainer: Desk['trainer'];
  /** What this machine has as a trainer, as labels; none when absent. */
  offers?: readonly string[];
  /** Labels whose jobs are taken here. */
  labels?: readonly Label[];
  /** How often this trainer shows itself, and how often the store and Redis are compared. */
  showMs?: number;
  sweepMs?: number;
  /** How long the last trainer with a GPU may be away before its jobs go to the others. */
  gpuGraceMs?: number;
  log?: Log | undefined;
  clock?: (() => number) | undefined;
}
const unfinished: TrainingJob['state'][] = ['queued', ...underWay];
const closeMs = 3000;
const lost = {
  code: 'trainer_lost',
  message:
    'The trainer was lost three times in the middle of this training, often for want of memory; look at its log, then train again.',
};
const noGpu = 'No trainer with a GPU is left: any trainer takes this training now, and it computes on a CPU.';
const broke = {
  code: 'internal',
  message: 'The training broke for a reason inside the trainer; its log has it. Train again.',
};

/** Opens the queue; nothing is taken here before `work`. Redis need not be there: what waits in the store is put in when it is. */
export function openBullQueue(options: BullQueueOptions): TrainingQueue & Required<Pick<TrainingQueue, 'deliver'>> {
  return new BullQueue(options);
}

class BullQueue implements TrainingQueue {
  private readonly runs = new Map<string, Run>();
  private readonly submitting = new Map<string, Promise<void>>();
  private readonly cancelling = new Set<string>();
  private readonly keeping = new Map<string, Promise<void>>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly watchers: Watchers;
  private readonly desk: Desk;
  private readonly line: Line;
  private readonly jobs: JobStore;
  private readonly misfits: Misfits;
  private sweeping: Promise<void> | null = null;
  private swept = false;
  private parallel = 0;
  private closing = false;

  constructor(private readonly options: BullQueueOptions) {
    const { jobs, line, trainer, log, clock = Date.now } = options;
    this.jobs = jobs;
    this.line = line;
    this.watchers = createWatchers(log);
    this.desk = {
      jobs,
      trainer,
      log,
      clock,
      tell: (event) => this.watchers.tell(event),
      isClosing: () => this.closing,
    };
    this.misfits = new Misfits({
      line,
      jobs,
      busy: (id) => this.runs.has(id) || this.submitting.has(id),
      again: (job) => this.wait(job, 'gpu'),
      tell: (job) => this.desk.tell({ job, lines: [] }),
      graceMs: options.gpuGraceMs ?? 15_000,
    });
    line.listen({
      progress: (id, progress) => this.inOrder(id, () => this.keep(id, progress)),
      ended: (id) => this.inOrder(id, () => this.settle(id)),
      stalled: (id) => this.inOrder(id, () => this.note(id, 'The trainer was lost; the job waits for another.')),
    });
    this.timers.push(setInterval(() => void this.sweep().catch(() => undefined), options.sweepMs ?? 10_000));
  }

  async submit(job: TrainingJob): Promise<void> {
    if (this.closing) throw new HubError('stopping', 'The hub is shutting down; the training starts when it is back.');
    const submitted = this.put(job);
    this.submitting.set(job.id, submitted);
    await submitted.finally(() => this.submitting.delete(job.id));
  }

  async cancel(jobId: string): Promise<boolean> {
    this.cancelling.add(jobId);
    try {
      await this.submitting.get(jobId)?.catch(() => undefined);
      const run = this.runs.get(jobId);
      if (run) return run.stop('cancelled');
      return await this.end(jobId, 'cancelled', unfinished);
    } finally {
      this.cancelling.delete(jobId);
    }
  }

  watch(listener: (event: JobEvent) => void): () => void {
    return this.watchers.watch(listener);
  }

  async work(handler: JobHandler, parallel: number): Promise<void> {
    await this.sweep().catch((error: unknown) =>
      this.options.log?.warn({ err: error }, 'the queue waits for its Redis'),
    );
    this.parallel = parallel;
    await this.line.start({
      parallel,
      offers: this.options.offers ?? [],
      labels: this.options.labels ?? ['any'],
      take: (taken) => this.take(taken, handler),
    });
    this.timers.push(setInterval(() => void this.show().catch(() => undefined), this.options.showMs ?? 5000));
    void this.show().catch(() => undefined);
  }

  async deliver({ jobId, fence }: { jobId: string; fence: number }, handler: JobHandler): Promise<TrainingJob> {
    const late = new HubError(
      'stale_result',
      'That job has ended, or another trainer has it by now: this result is not wanted.',
    );
    // First, so that who is told of the end finds the log complete, and who trained it.
    await this.catchUp(jobId).catch((error: unknown) =>
      this.options.log?.warn({ err: error, jobId }, 'what a trainer told cannot be kept now'),
    );
    const job = await this.jobs.get(jobId);
    // Nothing is awaited between this look and the run: a second model of the job finds it.
    if (!job || this.runs.has(jobId)) throw late;
    const ended = await this.run(job, { from: unfinished, state: 'evaluating', fence }, handler);
    if (!ended) throw late;
    if (ended.state === 'queued')
      throw new HubError('stopping', 'The hub is shutting down; send the model again when it is back.');
    return ended;
  }

  async trainers(): Promise<TrainerStatus[]> {
    return this.line.keys.trainers();
  }

  ping(): Promise<void> {
    return this.line.ping();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.timers.forEach((timer) => clearInterval(timer));
    for (const run of this.runs.values()) run.stop('queued');
    await this.line.pause();
    await Promise.all([...this.runs.values()].map((run) => run.over));
    if (this.parallel > 0)
      await within(this.line.keys.hideTrainer((await this.options.self()).id), closeMs).catch(() => null);
    await this.line.close();
  }

  /** Work on one job after the other, in the order it came. */
  private inOrder(id: string, work: () => Promise<void>): void {
    const next = (this.keeping.get(id) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) =>
        this.options.log?.warn({ err: error, jobId: id }, 'what a trainer told could not be kept'),
      )
      .finally(() => {
        if (this.keeping.get(id) === next) this.keeping.delete(id);
      });
    this.keeping.set(id, next);
  }

  private async put(job: TrainingJob): Promise<void> {
    await this.firstSweep();
    const waiting = (await this.jobs.unfinished()).filter((one) => one.appId === job.appId && one.state === 'queued');
    const place = waiting.findIndex(({ id }) => id === job.id);
    const older = waiting.slice(0, Math.max(0, place));
    await this.add(job, 1);
    this.desk.tell({ job: { ...job }, lines: [] });
    const writes = await Promise.allSettled(older.map(({ id }) => this.end(id, 'superseded', ['queued'])));
    for (const write of writes) if (write.status === 'rejected') throw write.reason;
  }

  /** What an earlier hub left goes in before anything new does. */
  private firstSweep(): Promise<void> {
    return this.swept ? Promise.resolve() : (this.sweeping ?? this.sweep());
  }

  /** `waiting`: how many jobs of its bot wait, this one among them; `was`: where it waited before. */
  private async add(job: TrainingJob, waiting: number, was?: Label): Promise<void> {
    const { label, ...packed } = await this.options.pack(job);
    if (was === 'gpu' && label !== 'gpu') await this.note(job.id, noGpu);
    const entry: Entry = { id: job.id, appId: job.appId, base: job.fence, digest: job.content, ...packed };
    await this.line.add(entry, { label, priority: 1 + waiting });
  }

  /** Ends a job that nobody runs here. False: it was in none of `from`. */
  private async end(jobId: string, state: 'cancelled' | 'superseded', from: TrainingJob['state'][]): Promise<boolean> {
    const ended = await this.jobs.update(jobId, { state, eta: null, endedAt: nowOf(this.desk) }, from);
    if (!ended) return false;
    this.desk.tell({ job: ended, lines: [] });
    // The store has it, so nothing it makes will be taken; Redis hears of it to save the trainer the work.
    await this.line.keys.flagCancelled(jobId).catch(() => undefined);
    await this.line.remove(jobId).catch(() => false);
    return true;
  }

  private async take(taken: Taken, handler: JobHandler): Promise<Outcome> {
    const { id } = taken.entry;
    const job = await this.jobs.get(id);
    if (!job || this.runs.has(id) || this.cancelling.has(id)) return { outcome: 'over' };
    if (this.closing) return { outcome: 'returned' };
    const ended = await this.run(job, { from: unfinished, state: 'running', fence: taken.fence }, handler);
    return { outcome: ended?.state === 'queued' ? 'returned' : 'over' };
  }

  private async run(
    job: TrainingJob,
    taking: ConstructorParameters<typeof Run>[2],
    handler: JobHandler,
  ): Promise<TrainingJob | null> {
    const run = new Run(this.desk, job, taking);
    this.runs.set(job.id, run);
    run.start(handler);
    if (this.cancelling.has(job.id)) run.stop('cancelled');
    if (this.closing) run.stop('queued');
    return run.over.finally(() => this.runs.delete(job.id));
  }

  /** Writes what a trainer elsewhere told, and the lines that it wrote into the job's log by now. */
  private async keep(jobId: string, progress: Progress): Promise<void> {
    if (this.runs.has(jobId)) return;
    const { fence, trainer, device, startedAt, percent, stage, eta } = progress;
    const before = await this.jobs.get(jobId);
    if (!before) return;
    const attempts = before.attempts + (before.fence < fence ? 1 : 0);
    const change = { state: 'running', fence, attempts, trainer, device, startedAt, percent, stage, eta } as const;
    const job = await this.jobs.update(jobId, change, ['queued', 'running']);
    if (job) this.desk.tell({ job, lines: [] });
    const lines = await this.line.keepLines(jobId, (written) => this.jobs.appendLog(jobId, written));
    if (job && lines.length > 0) this.desk.tell({ job, lines });
  }

  /** Writes what a trainer elsewhere told last, whether this hub heard of it or not. */
  private async catchUp(jobId: string): Promise<void> {
    const progress = await this.line.progress(jobId);
    if (progress) await this.keep(jobId, progress);
  }

  private async note(jobId: string, line: string): Promise<void> {
    const job = await this.jobs.get(jobId);
    if (!job || !unfinished.includes(job.state)) return;
    await this.jobs.appendLog(jobId, [line]);
    this.desk.tell({ job, lines: [line] });
  }

  /** A Bull job has ended: the store hears of it, then it is taken out. */
  private async settle(jobId: string): Promise<void> {
    if (this.runs.has(jobId)) return;
    const place = await this.line.place(jobId);
    if (place?.at !== 'ended') return;
    await this.catchUp(jobId);
    const job = await this.jobs.get(jobId);
    if (job && unfinished.includes(job.state)) await this.settleOpen(job, place);
    else await this.line.remove(jobId);
  }

  private async settleOpen(
    job: TrainingJob,
    { outcome, lost: stalled, label }: Extract<Place, { at: 'ended' }>,
  ): Promise<void> {
    await this.line.remove(job.id);
    if (outcome && outcome.outcome !== 'failed') {
      await this.wait(job, label);
      return;
    }
    const [error, fence] = outcome ? [outcome.error, outcome.fence] : [stalled ? lost : broke, job.fence];
    const change = { state: 'failed', error, fence, eta: null, endedAt: nowOf(this.desk) } as const;
    const ended = await this.jobs.update(job.id, change, unfinished);
    if (ended) this.desk.tell({ job: ended, lines: [] });
  }

  /** Puts a job that Redis doesn't have into the line again. */
  private async wait(job: TrainingJob, was?: Label): Promise<void> {
    const again = job.state === 'queued' ? job : await this.jobs.update(job.id, waitingAgain, underWay);
    if (!again) return;
    if (job.state !== 'queued') this.desk.tell({ job: again, lines: [] });
    const before = (await this.jobs.unfinished()).filter((one) => one.appId === job.appId && one.state === 'queued');
    await this.add(again, Math.max(1, before.findIndex(({ id }) => id === job.id) + 1), was);
  }

  /** Compares the store with Redis, and puts right what one of them missed while it was away. */
  private sweep(): Promise<void> {
    this.sweeping ??= this.compare().finally(() => (this.sweeping = null));
    return this.sweeping;
  }

  private async compare(): Promise<void> {
    if (this.closing) return;
    await this.line.check();
    const standings = await this.line.all();
    const { waiting, active, ended } = standings;
    const known = new Set([...waiting, ...active, ...ended].map(({ id }) => id));
    for (const { id } of ended) await this.settle(id);
    for (const job of await this.jobs.unfinished()) {
      if (this.runs.has(job.id) || this.submitting.has(job.id)) continue;
      // Once more for those that moved while the list was read.
      if (known.has(job.id) || (await this.line.place(job.id))) continue;
      const now = await this.jobs.get(job.id);
      if (now && unfinished.includes(now.state) && !this.runs.has(job.id)) await this.wait(now);
    }
    for (const { id } of waiting) {
      const job = await this.jobs.get(id);
      if (!job || !unfinished.includes(job.state)) await this.line.remove(id);
    }
    await this.misfits.look(standings);
    this.swept = true;
  }

  private async show(): Promise<void> {
    const self = await this.options.self();
    await this.line.keys.show({ ...self, parallel: this.parallel, jobs: this.line.jobs() });
  }
}
