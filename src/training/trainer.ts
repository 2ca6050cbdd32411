/**
 * A trainer on a host of its own: takes jobs out of the line, trains them, and hands the models to the hub. It keeps nothing: when it is
 * killed, another trainer takes its jobs.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobReport, TrainingContent } from '../contracts.js';
import type { Log } from '../log.js';
import { jobErrorOf } from './failure.js';
import type { HubClient } from './hub-client.js';
import type { Label, Line, Outcome, Taken } from './line.js';
import type { Self } from './self.js';
import type { Trainer } from './training.js';

export interface TrainerHostOptions {
  line: Line;
  hub: HubClient;
  train: Trainer;
  self: Self;
  parallel: number;
  labels: readonly Label[];
  /** What this trainer has, as labels. */
  offers: readonly string[];
  /** Null, or why no job is taken at present. */
  holding: () => Promise<string | null>;
  log: Log;
}
export interface TrainerHost {
  /** Takes no more jobs, and gives back those under way: another trainer takes them. */
  stop(): Promise<void>;
}
const showMs = 5000;
const tellMs = 500;
const cancelled = new Error('The training was cancelled.');
const stopping = new Error('The trainer is stopping.');

/** Starts taking jobs. */
export async function startTrainer(options: TrainerHostOptions): Promise<TrainerHost> {
  const { line, self, parallel, labels, offers, holding, log } = options;
  const stop = new AbortController();
  const show = async (): Promise<void> => line.keys.show({ ...(await self.self()), parallel, jobs: line.jobs() });
  const shown = setInterval(() => void show().catch(() => undefined), showMs);
  void show().catch((error: unknown) => log.warn({ err: error }, 'this trainer cannot be shown now'));
  await line.start({ parallel, labels, offers, holding, take: (taken) => new Taking(options, taken).run(stop.signal) });
  return {
    async stop() {
      clearInterval(shown);
      // First, or it would take again what it gives back.
      await line.pause();
      stop.abort(stopping);
      await line.keys.hideTrainer((await self.self()).id).catch(() => undefined);
      await line.close();
      await options.hub.close();
    },
  };
}

/** One job in this trainer's hands. */
class Taking {
  private readonly abort = new AbortController();
  private readonly startedMs = Date.now();
  private percent = 0;
  private stage = 'starting';
  private lines: string[] = [];
  private telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: TrainerHostOptions,
    private readonly taken: Taken,
  ) {}

  async run(stop: AbortSignal): Promise<Outcome> {
    const onStop = (): void => this.abort.abort(stop.reason);
    stop.addEventListener('abort', onStop, { once: true });
    const timer = setInterval(() => void this.tell().catch(() => undefined), tellMs);
    const { entry, fence } = this.taken;
    this.options.log.info({ jobId: entry.id, appId: entry.appId, fence }, 'training');
    try {
      await this.tell();
      await this.train();
      return { outcome: 'over' };
    } catch (error) {
      if (this.abort.signal.reason === stopping) return { outcome: 'returned' };
      if (this.abort.signal.aborted) return { outcome: 'over' };
      this.options.log.warn({ err: error, jobId: entry.id }, 'training failed');
      await this.tell();
      return { outcome: 'failed', error: jobErrorOf(error), fence };
    } finally {
      clearInterval(timer);
      stop.removeEventListener('abort', onStop);
    }
  }

  private async train(): Promise<void> {
    const { hub, train } = this.options;
    const { signal } = this.abort;
    const held = { id: this.taken.entry.id, fence: this.taken.fence, token: this.taken.entry.token };
    const text = this.taken.entry.content ?? (await hub.content(held, signal));
    if (text === null) return;
    if (createHash('sha256').update(text).digest('hex') !== this.taken.entry.digest) {
      throw new Error('The content of the job is not what its digest says.');
    }
    const made = await train(JSON.parse(text) as TrainingContent, this.report, signal);
    try {
      this.report({ percent: 94, stage: 'handing the model over' });
      await this.tell();
      await hub.deliver(held, made, signal);
    } finally {
      await rm(made.archivePath, { force: true });
    }
  }

  private readonly report: JobReport = ({ percent, stage, line }) => {
    if (percent !== undefined && percent > this.percent) this.percent = Math.min(100, percent);
    if (stage !== undefined) this.stage = stage;
    if (line !== undefined) this.lines.push(line);
  };

  /** Tells the hub how far it is, and hears whether it is still wanted. What cannot be told now is told the next time. */
  private tell(): Promise<void> {
    const told = this.telling.then(() => this.tellNow());
    this.telling = told.catch(() => undefined);
    return told;
  }

  private async tellNow(): Promise<void> {
    const { taken, options, percent, stage } = this;
    if (await taken.cancelled()) this.abort.abort(cancelled);
    const count = this.lines.length;
    if (count > 0) await taken.write(this.lines.slice(0, count));
    this.lines.splice(0, count);
    const { name: trainer, device } = options.self.trainer;
    const seconds = (Date.now() - this.startedMs) / 1000;
    const eta = percent < 5 ? null : Math.round(seconds * ((100 - percent) / percent));
    const startedAt = new Date(this.startedMs).toISOString();
    await taken.progress({ fence: taken.fence, trainer, device, startedAt, percent, stage, eta });
  }
}

/** Resolves when Redis is there and may be used; rejects when it would drop keys. Says once that it waits. */
export async function untilUsable(line: Line, log: Log, signal: AbortSignal): Promise<void> {
  for (let said = false; ; said = true) {
    try {
      await line.check();
      return;
    } catch (error) {
      if (error instanceof Error && /maxmemory-policy/.test(error.message)) throw error;
      if (!said) log.warn({ err: error }, 'waiting for Redis');
    }
    await sleep(500, undefined, { signal });
  }
}
