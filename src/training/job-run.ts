/** One job under way in this process. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobEvent, JobHandler, JobReport, JobState, JobStore, TrainingJob } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import { jobErrorOf } from './failure.js';

/** A save is up to two writes (state, log lines), so a job writes at most four times a second. */
const saveEveryMs = 500;
const retryMs = 1000;
/** Lines kept for a store that cannot be written; the oldest go first. */
const maxUnsavedLines = 5000;
/** The states of a job that somebody works on. */
export const underWay: JobState[] = ['running', 'evaluating'];
/** What makes a job under way one that waits. */
export const waitingAgain = { state: 'queued', percent: 0, stage: 'waiting', eta: null, startedAt: null } as const;

/** How a run takes its job: from which states, as which, under which fence. */
export interface Taking {
  from: JobState[];
  state: 'running' | 'evaluating';
  fence: number;
}

/** What a run needs of its queue. */
export interface Desk {
  /** Who trains here, and on what, as jobs show it. */
  trainer: { name: string; device: string };
  jobs: JobStore;
  log: Log | undefined;
  clock: () => number;
  tell(event: JobEvent): void;
  isClosing(): boolean;
}

/** The desk's time as the store writes it. */
export function nowOf(desk: Desk): string {
  return new Date(desk.clock()).toISOString();
}

/** One job under way: takes it in the store, runs the handler, saves what it reports now and then, and writes how it ended. */
export class Run {
  readonly appId: string;
  readonly jobId: string;
  /** Resolves when the handler gave up and all is written, with the job as it was left; null when it could not be taken. Never rejects. */
  over: Promise<TrainingJob | null> = Promise.resolve(null);
  private readonly abort = new AbortController();
  private wanted: 'cancelled' | 'queued' | null = null;
  private finished = false;
  private startedMs = 0;
  private unsaved: string[] = [];
  private savedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly desk: Desk,
    private job: TrainingJob,
    private readonly taking: Taking,
  ) {
    this.appId = job.appId;
    this.jobId = job.id;
  }

  start(handler: JobHandler): void {
    this.over = this.run(handler);
  }

  /** Aborts the handler; the job becomes `state` when it gave up. False: it has ended by itself already. A cancel outlives a close. */
  stop(state: 'cancelled' | 'queued'): boolean {
    if (this.finished) return false;
    if (this.wanted !== 'cancelled') this.wanted = state;
    this.abort.abort(new Error(state === 'cancelled' ? 'The training was cancelled.' : 'The hub is stopping.'));
    return true;
  }

  private async run(handler: JobHandler): Promise<TrainingJob | null> {
    const taken = await this.take();
    if (!taken) return null;
    this.job = taken;
    this.startedMs = this.desk.clock();
    this.desk.tell({ job: { ...this.job }, lines: [] });
    await this.finish(await this.outcome(handler));
    return this.job;
  }

  /** Null: the job is gone, or the hub closes before the store can be written; then it still waits there. */
  private async take(): Promise<TrainingJob | null> {
    const { from, state, fence } = this.taking;
    const { name: trainer, device } = this.desk.trainer;
    const taken = { stage: 'starting', percent: 0, attempts: this.job.attempts + 1, trainer, device };
    const change = { state, fence, eta: null, ...(state === 'running' ? taken : {}) };
    for (;;) {
      try {
        const startedAt = state === 'evaluating' && this.job.startedAt !== null ? this.job.startedAt : nowOf(this.desk);
        return await this.desk.jobs.update(this.jobId, { ...change, startedAt }, from);
      } catch (error) {
        this.desk.log?.warn({ err: error, jobId: this.jobId }, 'the job cannot be taken now; trying again');
      }
      if (this.desk.isClosing()) return null;
      await sleep(retryMs);
    }
  }

  private async outcome(handler: JobHandler): Promise<Partial<TrainingJob>> {
    const ended = (change: Partial<TrainingJob>) => ({ ...change, eta: null, endedAt: nowOf(this.desk) });
    try {
      this.abort.signal.throwIfAborted();
      const { modelId } = await handler({ ...this.job }, this.report, this.abort.signal);
      // Also after an abort that came too late: the model is in use, and the job must not say otherwise.
      return ended({ state: 'done', percent: 100, stage: 'done', modelId, error: null });
    } catch (error) {
      if (this.wanted === 'cancelled') return ended({ state: 'cancelled' });
      if (this.wanted === 'queued') return { ...waitingAgain, attempts: this.job.attempts - 1 };
      this.desk.log?.warn({ err: error, jobId: this.jobId, appId: this.appId }, 'training failed');
      return ended({ state: 'failed', error: jobErrorOf(error) });
    } finally {
      this.finished = true;
    }
  }

  private readonly report: JobReport = ({ percent, stage, line }) => {
    if (this.finished) return;
    if (percent !== undefined && percent > this.job.percent) this.job.percent = Math.min(100, percent);
    if (stage !== undefined) this.job.stage = stage;
    this.job.eta = this.eta();
    if (line !== undefined) this.unsaved.push(line);
    this.desk.tell({ job: { ...this.job }, lines: line === undefined ? [] : [line] });
    if (this.timer) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.savedAt = performance.now();
        this.saving = this.saving.then(() => this.save());
      },
      Math.max(0, this.savedAt + saveEveryMs - performance.now()),
    );
  };

  private eta(): number | null {
    const { percent } = this.job;
    if (percent < 5) return null;
    return Math.round(((this.desk.clock() - this.startedMs) / 1000) * ((100 - percent) / percent));
  }

  private async save(): Promise<void> {
    const { percent, stage, eta, fence } = this.job;
    try {
      const stored = await this.desk.jobs.update(this.jobId, { percent, stage, eta, fence }, underWay);
      if (stored) this.job.state = stored.state;
      // Gone with its bot, ended by somebody else, or taken by another trainer: nothing it makes is wanted.
      else this.abort.abort(new Error('The job is gone.'));
      if (stored) await this.saveLines();
    } catch (error) {
      this.desk.log?.warn({ err: error, jobId: this.jobId }, 'the progress of a job could not be saved');
    }
  }

  private async saveLines(): Promise<void> {
    const lines = this.unsaved.splice(0);
    if (lines.length === 0) return;
    await this.desk.jobs.appendLog(this.jobId, lines).catch((error: unknown) => {
      this.unsaved = [...lines, ...this.unsaved].slice(-maxUnsavedLines);
      throw error;
    });
  }

  /** Writes the end, however long the store is away; only a closing hub gives up, and finds the job `running` at its next start. */
  private async finish(end: Partial<TrainingJob>): Promise<void> {
    clearTimeout(this.timer);
    await this.saving;
    for (;;) {
      try {
        await this.writeEnd(end);
        return;
      } catch (error) {
        this.desk.log?.error({ err: error, jobId: this.jobId }, 'the end of a job could not be saved');
        const passes = error instanceof HubError && error.code === 'store_unavailable';
        if (!passes || this.desk.isClosing()) return;
      }
      await sleep(retryMs);
    }
  }

  private async writeEnd(end: Partial<TrainingJob>): Promise<void> {
    const { percent, stage, fence } = this.job;
    // The lines first: who is told of the end finds the log complete.
    if (await this.desk.jobs.get(this.jobId)) await this.saveLines();
    const stored = await this.desk.jobs.update(this.jobId, { percent, stage, fence, ...end }, underWay);
    if (!stored) return;
    this.job = stored;
    this.desk.tell({ job: stored, lines: [] });
  }
}
