/** What Rasa's API does to models, done the hub's way: trained in the queue, kept on the shelf, switched without a lost message. */
import type { Bot, Model, ModelShelf, Store, Training, TrainingJob } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { badRequest, notRasa, RasaError } from './failure.js';
import { queryOf, type RasaAsked } from './request.js';

export interface ModelOptions {
  store: Pick<Store, 'bots' | 'models'>;
  shelf: ModelShelf;
  training: Training;
  /** Takes the bot's model out of use. */
  unload: (appId: string) => Promise<void>;
}

/** Faults of what was sent; anything else is the training's own. */
const faultsOfData = ['bad_yaml', 'no_config', 'nothing_to_train', 'bad_path'];
/** What a model's archive is called. */
export const fileOf = (model: Model): string => `${model.id}.tar.gz`;

/** The id of a model in a path such as `models/ID.tar.gz`, which is how `GET /status` and a training name it. */
const idIn = (path: string): string => (path.split('/').at(-1) ?? '').replace(/\.tar\.gz$/, '');

/** The model that `path` names. Throws Rasa's 400. */
export async function modelAt({ store }: Pick<ModelOptions, 'store'>, bot: Bot, path: unknown): Promise<Model> {
  const model = typeof path === 'string' ? await store.models.get(bot.appId, idIn(path)) : null;
  if (model) return model;
  const name = typeof path === 'string' ? path : 'None';
  throw badRequest(`Agent with name '${name}' could not be loaded.`, 'model');
}

/** `PUT /model`. */
export async function load(options: ModelOptions, bot: Bot, { body }: RasaAsked): Promise<void> {
  if (!body?.length) throw badRequest('No path to model file defined in request_body.');
  const wanted = jsonIn(body);
  if (wanted['model_server'] || wanted['remote_storage']) {
    const message =
      'This hub loads models from its own shelf: send {"model_file": "ID.tar.gz"} with the id of one of the bot\'s models.';
    throw badRequest(message, wanted['model_server'] ? 'model_server' : 'remote_storage', 'body');
  }
  const model = await modelAt(options, bot, wanted['model_file'] ?? null);
  try {
    await options.training.activate(bot.appId, model.id);
  } catch (error) {
    throw failed('LoadingError', `An unexpected error occurred. Error: ${wordsOf(error)}`);
  }
}

/** `POST /model/train`: the name and the place of the archive, which is then one of the bot's models. */
export async function train(
  options: ModelOptions,
  bot: Bot,
  asked: RasaAsked,
): Promise<{ file: string; archive: string }> {
  if (!asked.body?.length)
    throw badRequest('You must provide training data in the request body in order to train your model.');
  const force = queryOf(asked, 'force_training')?.toLowerCase() === 'true';
  const job = await trained(options.training, bot.appId, { yaml: asked.body.toString('utf8'), force });
  const model = job.modelId === null ? null : await options.store.models.get(bot.appId, job.modelId);
  if (job.state !== 'done' || !model) throw trainingError(job);
  if (model.archive === null) throw notRasa('lite');
  return { file: fileOf(model), archive: await options.shelf.fetch(model.archive) };
}

/** The job as it ended. It waits for what the bot itself has to train, rather than taking its place; and is asked for again when that took its. */
async function trained(
  training: Training,
  appId: string,
  { yaml, force }: { yaml: string; force: boolean },
): Promise<TrainingJob> {
  for (;;) {
    await training.settled(appId);
    const { id } = await training.request(appId, { yaml, apart: true, ...(force ? { force } : {}) }).catch(refused);
    const job = await training.ended(id);
    if (job.state !== 'superseded') return job;
  }
}

/** What no training may begin from is a fault of the request, to Rasa. */
function refused(error: unknown): never {
  if (error instanceof HubError && error.code === 'invalid') throw badYaml(error.message);
  throw error;
}
const badYaml = (words: string): RasaError =>
  badRequest(`The request body does not contain valid YAML. Error: ${words}`);

function trainingError({ state, error }: TrainingJob): RasaError {
  const words = error ? [error.message, error.detail].filter(Boolean).join(' ') : `The training was ${state}.`;
  if (error && faultsOfData.includes(error.code)) return badYaml(words);
  return failed('TrainingError', `An unexpected error occurred during training. Error: ${words}`);
}

const failed = (reason: string, message: string): RasaError => new RasaError(500, { reason, message });
const wordsOf = (error: unknown): string => (error instanceof HubError ? error.message : String(error));

function jsonIn(body: Buffer): Record<string, unknown> {
  const fault = badRequest('Failed when parsing body as json');
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    throw fault;
  }
  throw fault;
}
