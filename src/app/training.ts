/** Wires the training path, and the tests and checks of bots that use the same Rasa. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Engines, ProjectFinding, Training, TrainingContent, TrainingQueue } from '../contracts.js';
import type { EvaluateRoutesOptions } from '../http/evaluate.js';
import type { FindingsOf } from '../http/files.js';
import { freeDisk } from '../machine.js';
import { createEvaluator } from '../training/evaluate.js';
import { HubError } from '../errors.js';
import { crossValidate } from '../training/cross-validate.js';
import { inTurnWithin, type QuestionChild } from '../training/question.js';
import { createValidator, type Validation } from '../training/validate.js';
import { labelsOf } from '../training/labels.js';
import { openLine } from '../training/line.js';
import { openBullQueue } from '../training/queue-bull.js';
import { createEmbeddedQueue } from '../training/queue-embedded.js';
import { sharedQueue } from '../training/shared-queue.js';
import { createProjectReader } from '../training/import/thread.js';
import { createPacker } from '../training/packer.js';
import { createSelf, type Self } from '../training/self.js';
import { createRasaTrainer } from '../training/train.js';
import type { JobTokens } from '../training/tokens.js';
import { allowedIn } from './projects.js';
import { codeRefusal, contentOf } from '../training/snapshot.js';
import { createTraining, type TrainingOptions } from '../training/training.js';
import { packageDir, type Parts, type RasaRuntime, type StandIns } from './parts.js';

/** How long saving one file, or a whole project, waits for the validator. */
const [fileMs, archiveMs] = [2000, 10_000];

/** This machine as a trainer. */
function selfOf({ options }: Parts): Self {
  const { config, rasa } = options;
  const runtimes = Object.keys(config.rasaRuntimes);
  const labels = labelsOf({ cuda: false, rasa: versionOf(rasa), runtimes, languages: config.trainerLanguages });
  const device = 'python' in rasa ? 'cpu' : 'cpu: no Rasa here, the lite engine answers';
  return createSelf(hostname(), { folder: config.dataDir, labels, device });
}

const versionOf = (rasa: RasaRuntime): string | null => ('python' in rasa ? (rasa.version ?? null) : null);

/** The paces of the queue that a test has set. */
function pacesOf(standIns: StandIns | undefined): { lockMs?: number; sweepMs?: number; gpuGraceMs?: number } {
  const { train: _train, ...paces } = standIns?.training ?? {};
  return paces;
}

/** The queue: in Redis where there is one, else in this process. */
async function openQueue(parts: Parts, tokens: JobTokens): Promise<TrainingQueue> {
  const { options, store, shelf, log } = parts;
  const { redisUrl } = options.config;
  const common = { jobs: store.jobs, log, ...selfOf(parts) };
  if (!redisUrl) return createEmbeddedQueue(common);
  const { lockMs, ...paces } = pacesOf(options.standIns);
  const line = openLine({ url: redisUrl, log, ...(lockMs === undefined ? {} : { lockMs }) });
  try {
    await line.check();
  } catch (error) {
    // A hub without its Redis still answers in the chats; one that may lose jobs without a word must not start.
    if (error instanceof Error && error.message.includes('maxmemory-policy')) {
      await line.close();
      throw error;
    }
    log.warn({ err: error }, 'trainings wait for Redis');
  }
  const pack = createPacker({ shelf, tokens, trainers: () => line.keys.trainers(), rasa: versionOf(options.rasa) });
  const queue = openBullQueue({ ...common, line, pack, ...paces });
  return parts.replicas ? sharedQueue(queue, { bus: parts.replicas.bus, jobs: store.jobs, log }) : queue;
}

export async function openTraining(
  parts: Parts,
  {
    engines,
    tokens,
    gate,
  }: { engines: Engines; tokens: JobTokens; gate: Pick<TrainingOptions, 'judgeModel' | 'onPromoted'> },
): Promise<{ queue: TrainingQueue; training: Training }> {
  const { options, store, shelf, life, log, templates, runtimeDir, warm } = parts;
  const { config, rasa } = options;
  const queue = await openQueue(parts, tokens);
  life.onStop('training queue', () => queue.close());
  const trainer =
    options.standIns?.training?.train ??
    ('python' in rasa && warm
      ? createRasaTrainer({
          python: rasa.python,
          packageDir,
          workDir: runtimeDir,
          env: config.childEnv,
          templates,
          customCode: config.customCode,
          start: (child) => warm.start(child),
        })
      : null);
  const reader = createProjectReader(allowedIn(config));
  const free = (): Promise<number> => freeDisk(config.dataDir);
  return {
    queue,
    training: createTraining({
      store,
      shelf,
      queue,
      engines,
      trainer,
      freeDisk: free,
      minFreeDisk: config.minFreeDisk,
      modelsKept: config.modelsKept,
      customCode: config.customCode,
      judge: (files) => reader.judge(files),
      ...gate,
      rasaVersion: versionOf(rasa),
      log,
    }),
  };
}

/** Tests and checks of bots by this machine's Rasa. */
export interface RasaChecks {
  /** Null where there is no Rasa. */
  rasa: EvaluateRoutesOptions['rasa'];
  findings: FindingsOf;
  /** What the validator says of a project; null where there is no Rasa. */
  check: ((content: TrainingContent, gone: AbortSignal) => Promise<ProjectFinding[]>) | null;
}

export function openChecks(parts: Parts): RasaChecks {
  const { options, store, shelf, templates, runtimeDir, warm } = parts;
  if (!warm || !('python' in options.rasa)) return { rasa: null, findings: () => Promise.resolve(null), check: null };
  const { python } = options.rasa;
  const { customCode } = options.config;
  const common = { workDir: runtimeDir, customCode, start: (child: QuestionChild) => warm.start(child) };
  const evaluator = createEvaluator(common);
  const validator = createValidator({ ...common, templates });
  const reader = createProjectReader(allowedIn(options.config));
  const inLine = inTurnWithin(runtimeDir);
  /** Why the operator would not have this looked at, though it was allowed when it was written: Rasa imports what a config and a domain name. */
  const refusal = async (content: TrainingContent): Promise<string | null> => {
    if (customCode) return null;
    const named = content.files.filter(({ path }) => !path.startsWith('data/'));
    return codeRefusal(content) ?? reader.judge(named).then(() => null, wordsOf);
  };
  const checked = async (content: TrainingContent, gone: AbortSignal): Promise<Validation> => {
    const refused = await refusal(content);
    return refused === null ? validator.validate(content, gone) : refusedFor(refused);
  };
  const train = createRasaTrainer({
    ...{ python, packageDir, workDir: runtimeDir, env: options.config.childEnv, templates, customCode },
    start: (child) => warm.start(child),
  });
  return {
    rasa: {
      crossValidate: async (bot, folds, gone) => {
        const content = await contentOf(store, bot, null);
        const refused = await refusal(content);
        if (refused !== null) throw new HubError('invalid', refused);
        const parts = {
          train: (kept: TrainingContent, signal: AbortSignal) => train(kept, () => undefined, signal),
          ask: async ({ files }: TrainingContent, asked: { archivePath: string; yaml: string }, signal: AbortSignal) =>
            (await evaluator.evaluate({ bot, files, ...asked, endToEnd: false }, signal)).nlu,
        };
        return inLine(() => crossValidate(parts, { content, folds }, gone));
      },
      evaluate: async ({ bot, model, yaml, endToEnd }, gone) => {
        const archivePath = await shelf.fetch(model.archive ?? '');
        const { files } = JSON.parse(await readFile(await shelf.fetch(model.content), 'utf8')) as TrainingContent;
        const held = { bot: { ...bot, pipeline: model.pipeline }, files, archivePath, yaml, endToEnd };
        return evaluator.evaluate(held, gone);
      },
      validate: async (bot, gone) => checked(await contentOf(store, bot, null), gone),
    },
    check: async (content, gone) => (await checked(content, gone)).findings,
    findings: async (bot, { files, replace = false, gone }) => {
      // Files count for a bot of this pipeline alone, whatever it has while they are written.
      const stored = await contentOf(store, { ...bot, pipeline: 'project' }, null);
      const kept = replace ? [] : stored.files.filter(({ path }) => !files.some((file) => file.path === path));
      const content = { ...stored, files: [...kept, ...files] };
      if ((await refusal(content)) !== null) return null;
      return validator.findings({ content, saved: files, limitMs: replace ? archiveMs : fileMs }, gone);
    },
  };
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const refusedFor = (message: string): Validation => ({
  valid: false,
  findings: [{ severity: 'error', path: null, line: null, message }],
  lines: [message],
});
