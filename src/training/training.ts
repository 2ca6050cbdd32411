/**
 * The training path: a snapshot of the bot's content goes on the shelf and a job into the queue; when its turn comes a model is made from
 * that snapshot, put on the shelf, launched, and only then made the bot's active one. A job that fails changes nothing.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type {
  Bot,
  JobEvent,
  JobReport,
  Model,
  ProjectFile,
  Store,
  Training,
  TrainingContent,
  TrainingJob,
  TrainingQueue,
  TrainingRequest,
} from '../contracts.js';
import { HubError } from '../errors.js';
import { untilStored } from '../stored.js';
import { jobErrorOf } from './failure.js';
import { requested } from './import/file.js';
import { underWay } from './job-run.js';
import { all, botOf, Publisher, type PublisherOptions } from './publisher.js';
import { aloneOf, codeRefusal, contentOf } from './snapshot.js';
import { standingOf, type Standing } from './standing.js';

/** Makes an archive from a snapshot. Rejects with `TrainingFailure`; ends early when `signal` aborts. */
export type Trainer = (
  content: TrainingContent,
  report: JobReport,
  signal: AbortSignal,
) => Promise<{ archivePath: string; seconds: number }>;

export interface TrainingOptions extends PublisherOptions {
  store: Pick<Store, 'bots' | 'faq' | 'files' | 'jobs' | 'models'>;
  queue: TrainingQueue;
  /** Null on a machine without Rasa: then the snapshot itself is the model, and the lite engine answers from it. */
  trainer: Trainer | null;
  /** Free bytes where models are kept, and how many must stay free. */
  freeDisk: () => Promise<number>;
  minFreeDisk: number;
  /** CUSTOM_CODE: may projects bring Python? */
  customCode: boolean;
  /** Rejects with `invalid` for texts that no training may begin from. */
  judge: (files: ProjectFile[]) => Promise<void>;
}
const over = (job: TrainingJob): boolean => !['queued', 'running', 'evaluating'].includes(job.state);
const newest = { limit: 1 };
const nothingNew = {
  state: 'done',
  percent: 100,
  stage: 'nothing has changed since the active model was trained',
} as const;
const diskPollMs = 5000;

class TrainingPath implements Training {
  /** How long a training took of late, in seconds. */
  private pace: number | null = null;
  private readonly publisher: Publisher;

  constructor(private readonly options: TrainingOptions) {
    this.publisher = new Publisher(options);
    options.queue.watch(({ job }) => this.learnPace(job));
  }

  async request(appId: string, request: TrainingRequest): Promise<TrainingJob> {
    const { store, shelf, queue } = this.options;
    const bot = await botOf(this.options.store, appId);
    if (bot.engine === 'remote') throw new HubError('nothing_to_train', 'A remote bot is trained where it runs.');
    if (request.pairs) await store.faq.put(appId, request.pairs);
    const stored = await contentOf(store, bot, request.yaml ?? null);
    const content = request.apart ? aloneOf(stored) : stored;
    if (content.pairs.length === 0 && content.files.length === 0 && content.yaml === null) {
      throw new HubError(
        'nothing_to_train',
        'The bot has no questions and answers yet: PUT its faq, or send [{"Q":[{"q":"…"}],"A":"…"}] with this request.',
      );
    }
    const refusal = this.options.customCode ? null : codeRefusal(content);
    if (refusal) throw new HubError('invalid', refusal);
    await this.judge(content);
    const { digest } = await shelf.putText(JSON.stringify(content));
    const job = { ...newJob(appId, digest), ...(request.by && { by: request.by }) };
    const same = request.force ? null : await this.unchanged(bot, digest);
    if (same) {
      const now = job.createdAt;
      const done = { ...job, ...nothingNew, modelId: same.id, startedAt: now, endedAt: now };
      await store.jobs.create(done);
      return done;
    }
    await store.jobs.create(job);
    await queue.submit(job).catch(async (error: unknown) => {
      await this.refused(job, error);
      throw error;
    });
    return job;
  }

  async current(appId: string): Promise<TrainingJob | null> {
    const job = (await this.options.store.jobs.list(appId, newest)).items[0];
    return job && !over(job) ? job : null;
  }

  async ended(jobId: string): Promise<TrainingJob> {
    return this.until(
      (event) => (event.job.id === jobId && over(event.job) ? event.job : null),
      async () => {
        const job = await this.options.store.jobs.get(jobId);
        if (!job) throw new HubError('not_found', `There is no job ${jobId}.`);
        return over(job) ? job : null;
      },
    );
  }

  async settled(appId: string): Promise<void> {
    await this.until(
      async (event) => (event.job.appId === appId && over(event.job) ? this.nothingLeft(appId) : null),
      () => this.nothingLeft(appId),
    );
  }

  activate(appId: string, modelId: string): Promise<Model> {
    return this.publisher.activate(appId, modelId);
  }
  rollBack(appId: string): Promise<Model> {
    return this.publisher.rollBack(appId);
  }
  adopt(appId: string, archivePath: string): Promise<Model> {
    return this.publisher.adopt(appId, archivePath);
  }
  remove(appId: string, modelId: string): Promise<void> {
    return this.publisher.remove(appId, modelId);
  }

  async discard(appId: string): Promise<void> {
    const { store, queue } = this.options;
    const job = await this.current(appId);
    if (job && (await queue.cancel(job.id))) await this.ended(job.id);
    const models = await all((page) => store.models.list(appId, page));
    const jobs = await all((page) => store.jobs.list(appId, page));
    await store.bots.delete(appId);
    await this.publisher.clear([
      ...models.flatMap(({ archive, content }) => [archive, content]),
      ...jobs.map(({ content }) => content),
    ]);
  }

  async content(jobId: string): Promise<string> {
    const job = await this.options.store.jobs.get(jobId);
    if (!job || over(job))
      throw new HubError('stale_result', 'That job has ended; its content is not needed any more.');
    return readFile(await this.options.shelf.fetch(job.content), 'utf8');
  }

  async deliver(result: { jobId: string; fence: number; archivePath: string; seconds: number }): Promise<TrainingJob> {
    const { queue, shelf } = this.options;
    const { jobId, fence, archivePath, seconds } = result;
    if (!queue.deliver) throw new HubError('stale_result', 'This hub trains by itself; no trainer has a job of it.');
    return queue.deliver({ jobId, fence }, async (job, report, signal) => {
      const archive = await shelf.putFile(archivePath);
      signal.throwIfAborted();
      return this.publisher.publish(job, { archive, seconds }, { report, signal });
    });
  }

  async standing(jobId: string): Promise<Standing | null> {
    const { store, queue } = this.options;
    const jobs = await store.jobs.unfinished();
    const trainers = await queue.trainers().catch(() => []);
    const slots = trainers.filter(({ holding }) => holding === null).reduce((sum, { parallel }) => sum + parallel, 0);
    return standingOf(jobId, { jobs, slots, seconds: this.pace });
  }

  unfinished(): Promise<TrainingJob[]> {
    return this.options.store.jobs.unfinished();
  }

  async start(parallel: number): Promise<void> {
    await this.options.queue.work((job, report, signal) => this.run(job, report, signal), parallel);
  }

  /** Files were judged when they were written; but the operator may have taken back since what was allowed then. */
  private async judge({ bot, files, yaml }: TrainingContent): Promise<void> {
    const { customCode, judge } = this.options;
    const sent = yaml === null ? [] : [{ path: requested, content: yaml }];
    const kept = bot.pipeline === 'project' && !customCode ? files : [];
    if (kept.length + sent.length > 0) await judge([...kept, ...sent]);
  }

  /** One job, on a trainer's side of the queue. */
  private async run(job: TrainingJob, report: JobReport, signal: AbortSignal): Promise<{ modelId: string }> {
    await this.spaceOnDisk(report, signal);
    const { shelf, trainer, store } = this.options;
    const content = JSON.parse(await readFile(await shelf.fetch(job.content), 'utf8')) as TrainingContent;
    const made = trainer ? await trainer(content, report, signal) : null;
    const archive = made ? await shelf.putFile(made.archivePath) : null;
    signal.throwIfAborted();
    // From here on this trainer's model is the job's model, unless another trainer was given the job meanwhile.
    const claim = { state: 'evaluating', fence: job.fence } as const;
    const claimed = await untilStored(() => store.jobs.update(job.id, claim, underWay), signal);
    if (!claimed) throw new HubError('stale_result', 'The job has ended, or another trainer has it by now.');
    return this.publisher.publish(job, { archive, seconds: made?.seconds ?? 0 }, { report, signal });
  }

  /** The active model, when it was made from this very content by what would be used now. */
  private async unchanged(bot: Bot, digest: string): Promise<Model | null> {
    const { store, trainer, queue } = this.options;
    if (bot.activeModel === null || (await this.current(bot.appId))) return null;
    const model = await store.models.get(bot.appId, bot.activeModel);
    return model?.content === digest && model.engine === (trainer || queue.deliver ? 'rasa' : 'lite') ? model : null;
  }

  /** A job that the queue would not have is no waiting job. */
  private async refused(job: TrainingJob, error: unknown): Promise<void> {
    if (!(error instanceof HubError) || error.code !== 'queue_unavailable') return;
    const change = { state: 'failed', error: jobErrorOf(error), endedAt: new Date().toISOString() } as const;
    await this.options.store.jobs.update(job.id, change, ['queued']);
  }

  private learnPace({ state, startedAt, endedAt }: TrainingJob): void {
    if (state !== 'done' || startedAt === null || endedAt === null) return;
    const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
    this.pace = this.pace === null ? seconds : 0.7 * this.pace + 0.3 * seconds;
  }

  /** Holds the job while the disk is too full, rather than failing it. */
  private async spaceOnDisk(report: JobReport, signal: AbortSignal): Promise<void> {
    while ((await this.options.freeDisk()) < this.options.minFreeDisk) {
      signal.throwIfAborted();
      report({
        stage: 'waiting for free disk space',
        line: 'Less disk space is free than MIN_FREE_DISK asks for; the training waits.',
      });
      await new Promise((resolve) => setTimeout(resolve, diskPollMs));
    }
  }

  private async nothingLeft(appId: string): Promise<true | null> {
    return (await this.current(appId)) ? null : true;
  }

  /** Waits for the first job event that `seen` recognises; `now` is asked once after listening began, so nothing slips between. */
  private async until<T>(
    seen: (event: JobEvent) => T | null | Promise<T | null>,
    now: () => Promise<T | null>,
  ): Promise<T> {
    let unwatch: () => void = () => undefined;
    const later = new Promise<T>((resolve, reject) => {
      unwatch = this.options.queue.watch((event) => {
        Promise.resolve(seen(event)).then((value) => {
          if (value !== null) resolve(value);
        }, reject);
      });
    });
    later.catch(() => undefined);
    try {
      return (await now()) ?? (await later);
    } finally {
      unwatch();
    }
  }
}

function newJob(appId: string, content: string): TrainingJob {
  return {
    id: randomUUID(),
    appId,
    content,
    state: 'queued',
    percent: 0,
    stage: 'waiting',
    eta: null,
    error: null,
    modelId: null,
    attempts: 0,
    fence: 0,
    trainer: null,
    device: null,
    createdAt: new Date().toISOString(),
    startedAt: null,
    endedAt: null,
  };
}

/** Builds the training path; nothing is taken from the queue before `start`. */
export function createTraining(options: TrainingOptions): Training {
  return new TrainingPath(options);
}
