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
  ProjectFile,
  Store,
  Training,
  TrainingContent,
  TrainingJob,
  TrainingQueue,
  TrainingRequest,
} from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import { jobErrorOf, TrainingFailure } from './failure.js';
import { requested } from './import/file.js';
import { standingOf, type Standing } from './standing.js';

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
  /** How many models of a bot are kept beside the active one. */
  modelsKept: number;
  /** CUSTOM_CODE: may projects bring Python? */
  customCode: boolean;
  /** Rejects with `invalid` for texts that no training may begin from. */
  judge: (files: ProjectFile[]) => Promise<void>;
  /** Judges models that were trained; null for one that may go live at once. Rejects when the model does not start. */
  judgeModel?: (
    model: Model,
    against: string | null,
    signal: AbortSignal,
  ) => Promise<{ verdict: 'promoted' | 'held' | 'refused'; reasons: string[] } | null>;
  /** Called when a model went live after it was judged. */
  onPromoted?: (model: Model) => Promise<void>;
  /** Version of the default Rasa installation; null where nobody knows. */
  rasaVersion: string | null;
  log: Log;
}
const over = (job: TrainingJob): boolean => !['queued', 'running', 'evaluating'].includes(job.state);
const newest = { limit: 1 };
const nothingNew = {
  state: 'done',
  percent: 100,
  stage: 'nothing has changed since the active model was trained',
} as const;
/** What was trained: on the shelf, or nothing but the content itself. */
interface Made {
  archive: { digest: string; bytes: number } | null;
  seconds: number;
}
const diskPollMs = 5000;

class TrainingPath implements Training {
  /** How long a training took of late, in seconds. */
  private pace: number | null = null;

  constructor(private readonly options: TrainingOptions) {
    options.queue.watch(({ job }) => this.learnPace(job));
  }

  async request(appId: string, request: TrainingRequest): Promise<TrainingJob> {
    const { store, shelf, queue } = this.options;
    const bot = await this.bot(appId);
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

  async activate(appId: string, modelId: string): Promise<Model> {
    await this.bot(appId);
    const model = await this.options.store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    await this.goLive(model);
    // Whoever activates a model that the gate kept out lets it in.
    if (model.about?.gate) await this.options.store.models.note(appId, modelId, { ...model.about, gate: 'promoted' });
    return model;
  }

  async adopt(appId: string, archivePath: string): Promise<Model> {
    const { store, shelf } = this.options;
    const { bot, ...content } = await contentOf(this.options.store, await this.bot(appId), null);
    const archive = await shelf.putFile(archivePath);
    // Marked, so that a training of the bot's own content is never taken for what is active already.
    const snapshot = { bot, ...content, pairs: [], files: [], initialModel: archive.digest };
    const { digest } = await shelf.putText(JSON.stringify(snapshot));
    const made = { archive, seconds: 0 };
    const model: Model = { ...modelOf({ id: randomUUID(), appId, content: digest }, made), pipeline: 'project' };
    await store.models.add(model);
    await this.goLive(model).catch(async (error: unknown) => {
      await store.models.remove(appId, model.id);
      await this.clear([archive.digest, digest]);
      throw new HubError('invalid', `The model was fetched but does not start: ${wordsOf(error)}`, { cause: error });
    });
    return model;
  }

  async rollBack(appId: string): Promise<Model> {
    const bot = await this.bot(appId);
    const models = await all((page) => this.options.store.models.list(appId, page));
    const place = models.findIndex(({ id }) => id === bot.activeModel);
    const wasLive = ({ about }: Model): boolean => about?.gate === undefined || about.gate === 'promoted';
    const earlier = place < 0 ? undefined : models.slice(place + 1).find(wasLive);
    if (!earlier) throw new HubError('no_model', 'There is no earlier model to go back to.');
    await this.goLive(earlier);
    return earlier;
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
      return this.publish(job, { archive, seconds }, { report, signal });
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

  /** One job, on a trainer's side of the queue. */
  private async run(job: TrainingJob, report: JobReport, signal: AbortSignal): Promise<{ modelId: string }> {
    await this.spaceOnDisk(report, signal);
    const { shelf, trainer, store } = this.options;
    const content = JSON.parse(await readFile(await shelf.fetch(job.content), 'utf8')) as TrainingContent;
    const made = trainer ? await trainer(content, report, signal) : null;
    const archive = made ? await shelf.putFile(made.archivePath) : null;
    signal.throwIfAborted();
    // From here on this trainer's model is the job's model, unless another trainer was given the job meanwhile.
    const claimed = await store.jobs.update(job.id, { state: 'evaluating', fence: job.fence }, [
      'running',
      'evaluating',
    ]);
    if (!claimed) throw new HubError('stale_result', 'The job has ended, or another trainer has it by now.');
    return this.publish(job, { archive, seconds: made?.seconds ?? 0 }, { report, signal });
  }

  /** Makes the archive the bot's model and puts it into use. */
  private async publish(
    job: TrainingJob,
    made: Made,
    { report, signal }: { report: JobReport; signal: AbortSignal },
  ): Promise<{ modelId: string }> {
    const { shelf, store } = this.options;
    const content = JSON.parse(await readFile(await shelf.fetch(job.content), 'utf8')) as TrainingContent;
    const model: Model = {
      ...modelOf(job, made),
      pipeline: content.bot.pipeline,
      about: { by: job.by ?? null, rasa: this.rasaOf(content, made), label: null, scores: null },
    };
    await store.models.remove(model.appId, model.id);
    await store.models.add(model);
    const use = content.apart ? Promise.resolve() : this.letIn(model, { report, signal });
    await use.catch(async (error: unknown) => {
      if (error instanceof TrainingFailure) throw error;
      await store.models.remove(model.appId, model.id);
      throw new TrainingFailure(
        'model_does_not_start',
        'The new model was trained but does not start; the old one keeps answering.',
        wordsOf(error),
      );
    });
    await this.thinOut(job.appId).catch((error: unknown) => {
      this.options.log.warn({ err: error, appId: job.appId }, 'old models could not be deleted');
    });
    return { modelId: model.id };
  }

  /** Through the bot's gate into use. One that is held is kept for a person to activate; one that is refused is kept to be looked at. */
  private async letIn(model: Model, { report, signal }: { report: JobReport; signal: AbortSignal }): Promise<void> {
    const { judgeModel, onPromoted, store } = this.options;
    report({ percent: 95, stage: 'starting the new model' });
    const { activeModel } = await this.bot(model.appId);
    const judged = (await judgeModel?.(model, activeModel, signal)) ?? null;
    const reasons = judged?.reasons.join('; ') ?? '';
    if (judged && model.about) await store.models.note(model.appId, model.id, { ...model.about, gate: judged.verdict });
    if (judged?.verdict === 'refused')
      throw new TrainingFailure(
        'gate_refused',
        `The new model was trained but not let in: ${reasons}. The old one keeps answering; GET the model's gate shows what is wrong.`,
      );
    if (judged?.verdict === 'held') return void report({ line: `The new model waits for a person: ${reasons}.` });
    await this.goLive(model);
    if (judged) await onPromoted?.(model);
  }

  /** Deletes the oldest models beyond those that are kept; files that a job or another model names stay. */
  private async thinOut(appId: string): Promise<void> {
    const { store, modelsKept } = this.options;
    const { activeModel } = await this.bot(appId);
    const models = await all((page) => store.models.list(appId, page));
    const loose = models.filter(({ id, about }) => id !== activeModel && !about?.label);
    for (const { id, archive, content } of loose.slice(modelsKept)) {
      await store.models.remove(appId, id);
      await this.clear([archive, content]);
    }
  }

  /** Which Rasa made it, in words; null for what the lite engine answers from. */
  private rasaOf({ bot }: TrainingContent, { archive }: Made): string | null {
    return archive && (bot.runtime ?? this.options.rasaVersion);
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

/** What the bot would be trained from now. */
export async function contentOf(
  store: Pick<Store, 'faq' | 'files'>,
  bot: Bot,
  yaml: string | null,
): Promise<TrainingContent> {
  const { appId, name, language, template, pipeline, threshold, runtime, options } = bot;
  const [faq, files] = await Promise.all([store.faq.get(appId), store.files.read(appId)]);
  const facts = {
    appId,
    name,
    language,
    template,
    pipeline,
    threshold,
    ...(runtime === null ? {} : { runtime }),
    ...(options && { options }),
  };
  return { bot: facts, pairs: faq.pairs, files, yaml };
}

/** The request's YAML as a project of its own. */
const aloneOf = ({ bot, yaml }: TrainingContent): TrainingContent => ({
  bot: { ...bot, pipeline: 'project' },
  pairs: [],
  files: [],
  yaml,
  apart: true,
});

/** Why a hub that runs no Python of bots does not touch this project; null when it brings none. Files may be older than the operator's word on them. */
export function codeRefusal({ bot, files }: TrainingContent): string | null {
  const code = bot.pipeline === 'project' ? files.find(({ path }) => path.endsWith('.py')) : undefined;
  if (!code) return null;
  return `The project brings Python (${code.path}), which this hub does not run. Whoever runs the hub can allow it (CUSTOM_CODE=on); or remove the file.`;
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

/** The model of a job. One job makes one, also when a hub was killed between this and the end of the job: they share their id. */
function modelOf(
  { id, appId, content }: Pick<TrainingJob, 'id' | 'appId' | 'content'>,
  { archive, seconds }: Made,
): Omit<Model, 'pipeline'> {
  return {
    id,
    appId,
    jobId: id,
    engine: archive ? 'rasa' : 'lite',
    archive: archive?.digest ?? null,
    content,
    bytes: archive?.bytes ?? 0,
    trainSeconds: seconds,
    createdAt: new Date().toISOString(),
  };
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Builds the training path; nothing is taken from the queue before `start`. */
export function createTraining(options: TrainingOptions): Training {
  return new TrainingPath(options);
}
