/** What becomes of models that were made: they are published, activated, gone back from, and deleted. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type {
  Bot,
  Engines,
  JobReport,
  Listed,
  Model,
  ModelShelf,
  Page,
  Store,
  TrainingContent,
  TrainingJob,
} from '../contracts.js';
import { HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import { untilStored } from '../stored.js';
import { TrainingFailure } from './failure.js';
import { contentOf } from './snapshot.js';

export interface PublisherOptions {
  store: Pick<Store, 'bots' | 'faq' | 'files' | 'models'>;
  shelf: ModelShelf;
  engines: Engines;
  /** How many models of a bot are kept beside the active one. */
  modelsKept: number;
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
/** What was trained: on the shelf, or nothing but the content itself. */
export interface Made {
  archive: { digest: string; bytes: number } | null;
  seconds: number;
}
/** What a job under way tells, and by what it is given up. */
export interface UnderWay {
  report: JobReport;
  signal: AbortSignal;
}

/** `activate`, `adopt`, `rollBack` and `remove` are as `Training` has them. */
export class Publisher {
  constructor(private readonly options: PublisherOptions) {}

  /** Makes the archive the bot's model and puts it into use; from the beginning once more when the store was away in the middle of it. */
  publish(job: TrainingJob, made: Made, under: UnderWay): Promise<{ modelId: string }> {
    return untilStored(() => this.publishOnce(job, made, under), under.signal);
  }

  private async publishOnce(job: TrainingJob, made: Made, { report, signal }: UnderWay): Promise<{ modelId: string }> {
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
      if (error instanceof TrainingFailure || hubErrorOf(error).code === 'store_unavailable') throw error;
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
  private async letIn(model: Model, { report, signal }: UnderWay): Promise<void> {
    const { judgeModel, onPromoted, store } = this.options;
    report({ percent: 95, stage: 'starting the new model' });
    const { activeModel } = await botOf(this.options.store, model.appId);
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
    const { activeModel } = await botOf(this.options.store, appId);
    const models = await all((page) => store.models.list(appId, page));
    const loose = models.filter(({ id, about }) => id !== activeModel && !about?.label);
    for (const { id, archive, content } of loose.slice(modelsKept)) {
      await store.models.remove(appId, id);
      await this.clear([archive, content]);
    }
  }

  async activate(appId: string, modelId: string): Promise<Model> {
    await botOf(this.options.store, appId);
    const model = await this.options.store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    await this.goLive(model);
    // Whoever activates a model that the gate kept out lets it in.
    if (model.about?.gate) await this.options.store.models.note(appId, modelId, { ...model.about, gate: 'promoted' });
    return model;
  }

  async adopt(appId: string, archivePath: string): Promise<Model> {
    const { store, shelf } = this.options;
    const { bot, ...content } = await contentOf(this.options.store, await botOf(this.options.store, appId), null);
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
    const bot = await botOf(this.options.store, appId);
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
    const bot = await botOf(this.options.store, appId);
    if (bot.activeModel === modelId)
      throw new HubError('model_active', 'Activate another model first; this one is answering.');
    const model = await store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    await store.models.remove(appId, modelId);
    await this.clear([model.archive, model.content]);
  }

  /** Removes the files that no model and no job names any more. */
  async clear(digests: (string | null)[]): Promise<void> {
    const { store, shelf } = this.options;
    for (const digest of new Set(digests)) {
      if (digest !== null && !(await store.models.references(digest))) await shelf.remove(digest);
    }
  }

  /** Which Rasa made it, in words; null for what the lite engine answers from. */
  private rasaOf({ bot }: TrainingContent, { archive }: Made): string | null {
    return archive && (bot.runtime ?? this.options.rasaVersion);
  }

  private async goLive(model: Model): Promise<void> {
    await this.options.engines.swap(model.appId, model, async () => {
      await this.options.store.bots.update(model.appId, { activeModel: model.id });
    });
    this.options.log.info({ appId: model.appId, modelId: model.id }, 'model live');
  }
}

/** The bot. Rejects with `not_found`. */
export async function botOf(store: Pick<Store, 'bots'>, appId: string): Promise<Bot> {
  const bot = await store.bots.get(appId);
  if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
  return bot;
}

/** Every item of a paged list. */
export async function all<T>(list: (page: Page) => Promise<Listed<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return items;
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
