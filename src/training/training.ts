/**
 * The training path: a snapshot of the bot's content goes on the shelf and a job into the queue; when its turn comes a model is made from
 * that snapshot, put on the shelf, launched, and only then made the bot's active one. A job that fails changes nothing.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type {
  Bot,
  Engines,
  JobEvent,
  JobReport,
  Listed,
  Model,
  ModelShelf,
  Page,
  Store,
  Training,
  TrainingContent,
  TrainingJob,
  TrainingQueue,
  TrainingRequest,
} from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import { TrainingFailure } from './failure.js';

/** Makes an archive from a snapshot. Rejects with `TrainingFailure`; ends early when `signal` aborts. */
export type Trainer = (
  content: TrainingContent,
  report: JobReport,
  signal: AbortSignal,
) => Promise<{ archivePath: string; seconds: number }>;

export interface TrainingOptions {
  store: Pick<Store, 'bots' | 'faq' | 'files' | 'jobs' | 'models'>;
  shelf: ModelShelf;
  queue: TrainingQueue;
  engines: Engines;
  /** Null on a machine without Rasa: then the snapshot itself is the model, and the lite engine answers from it. */
  trainer: Trainer | null;
  /** Free bytes where models are kept, and how many must stay free. */
  freeDisk: () => Promise<number>;
  minFreeDisk: number;
  log: Log;
}
const over = (job: TrainingJob): boolean => !['queued', 'running', 'evaluating'].includes(job.state);
const newest = { limit: 1 };
const diskPollMs = 5000;

class TrainingPath implements Training {
  constructor(private readonly options: TrainingOptions) {}

  async request(appId: string, request: TrainingRequest): Promise<TrainingJob> {
    const { store, shelf, queue } = this.options;
    const bot = await this.bot(appId);
    if (bot.engine === 'remote') throw new HubError('nothing_to_train', 'A remote bot is trained where it runs.');
    if (request.pairs) await store.faq.put(appId, request.pairs);
    const content = await this.snapshot(bot, request.yaml ?? null);
    if (content.pairs.length === 0 && content.files.length === 0 && content.yaml === null) {
      throw new HubError(
        'nothing_to_train',
        'The bot has no questions and answers yet: PUT its faq, or send [{"Q":[{"q":"…"}],"A":"…"}] with this request.',
      );
    }
    const { digest } = await shelf.putText(JSON.stringify(content));
    const job = newJob(appId, digest);
    await store.jobs.create(job);
    await queue.submit(job);
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

  async activate(appId: string, modelId: string): Promise<Model> {
    await this.bot(appId);
    const model = await this.options.store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    await this.goLive(model);
    return model;
  }

  async remove(appId: string, modelId: string): Promise<void> {
    const { store } = this.options;
    const bot = await this.bot(appId);
    if (bot.activeModel === modelId)
      throw new HubError('model_active', 'Activate another model first; this one is answering.');
    const model = await store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    await store.models.remove(appId, modelId);
    await this.clear([model.archive, model.content]);
  }

  async discard(appId: string): Promise<void> {
    const { store, queue } = this.options;
    const job = await this.current(appId);
    if (job && (await queue.cancel(job.id))) await this.ended(job.id);
    const models = await all((page) => store.models.list(appId, page));
    const jobs = await all((page) => store.jobs.list(appId, page));
    await store.bots.delete(appId);
    await this.clear([
      ...models.flatMap(({ archive, content }) => [archive, content]),
      ...jobs.map(({ content }) => content),
    ]);
  }

  async start(parallel: number): Promise<void> {
    await this.options.queue.work((job, report, signal) => this.run(job, report, signal), parallel);
  }

  /** Removes the files that no model and no job names any more. */
  private async clear(digests: (string | null)[]): Promise<void> {
    const { store, shelf } = this.options;
    for (const digest of new Set(digests)) {
      if (digest !== null && !(await store.models.references(digest))) await shelf.remove(digest);
    }
  }

  private async bot(appId: string): Promise<Bot> {
    const bot = await this.options.store.bots.get(appId);
    if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
    return bot;
  }

  private async snapshot(bot: Bot, yaml: string | null): Promise<TrainingContent> {
    const { appId, name, language, template, pipeline, threshold, runtime } = bot;
    const [faq, files] = await Promise.all([this.options.store.faq.get(appId), this.options.store.files.read(appId)]);
    const facts = { appId, name, language, template, pipeline, threshold, ...(runtime === null ? {} : { runtime }) };
    return { bot: facts, pairs: faq.pairs, files, yaml };
  }

  /** One job, on a trainer's side of the queue. */
  private async run(job: TrainingJob, report: JobReport, signal: AbortSignal): Promise<{ modelId: string }> {
    await this.spaceOnDisk(report, signal);
    const { shelf, trainer } = this.options;
    const content = JSON.parse(await readFile(await shelf.fetch(job.content), 'utf8')) as TrainingContent;
    const made = trainer ? await trainer(content, report, signal) : null;
    const archive = made ? await shelf.putFile(made.archivePath) : null;
    signal.throwIfAborted();
    report({ percent: 95, stage: 'starting the new model' });
    const model: Model = {
      id: randomUUID(),
      appId: job.appId,
      jobId: job.id,
      engine: archive ? 'rasa' : 'lite',
      pipeline: content.bot.pipeline,
      archive: archive?.digest ?? null,
      content: job.content,
      bytes: archive?.bytes ?? 0,
      trainSeconds: made?.seconds ?? 0,
      createdAt: new Date().toISOString(),
    };
    await this.options.store.models.add(model);
    await this.goLive(model).catch(async (error: unknown) => {
      await this.options.store.models.remove(model.appId, model.id);
      throw new TrainingFailure(
        'model_does_not_start',
        'The new model was trained but does not start; the old one keeps answering.',
        wordsOf(error),
      );
    });
    return { modelId: model.id };
  }

  private async goLive(model: Model): Promise<void> {
    await this.options.engines.swap(model.appId, model, async () => {
      await this.options.store.bots.update(model.appId, { activeModel: model.id });
    });
    this.options.log.info({ appId: model.appId, modelId: model.id }, 'model live');
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

/** Every item of a paged list. */
async function all<T>(list: (page: Page) => Promise<Listed<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return items;
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

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Builds the training path; nothing is taken from the queue before `start`. */
export function createTraining(options: TrainingOptions): Training {
  return new TrainingPath(options);
}
