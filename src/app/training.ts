/** Wires the training path, and the tests and checks of bots that use the same Rasa. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Engines, Training, TrainingContent, TrainingQueue } from '../contracts.js';
import type { EvaluateRoutesOptions } from '../http/evaluate.js';
import { freeDisk } from '../machine.js';
import { createEvaluator, type QuestionChild } from '../training/evaluate.js';
import { labelsOf } from '../training/labels.js';
import { openLine } from '../training/line.js';
import { openBullQueue } from '../training/queue-bull.js';
import { createEmbeddedQueue } from '../training/queue-embedded.js';
import { createProjectReader } from '../training/import/thread.js';
import { createPacker } from '../training/packer.js';
import { createSelf, type Self } from '../training/self.js';
import { createRasaTrainer } from '../training/train.js';
import type { JobTokens } from '../training/tokens.js';
import { codeRefusal, contentOf, createTraining } from '../training/training.js';
import { packageDir, type Parts, type RasaRuntime, type StandIns } from './parts.js';

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
  return openBullQueue({ ...common, line, pack, ...paces });
}

export async function openTraining(
  parts: Parts,
  { engines, tokens }: { engines: Engines; tokens: JobTokens },
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
  const reader = createProjectReader(config.customCode);
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
      rasaVersion: versionOf(rasa),
      log,
    }),
  };
}

/** Tests and checks of bots by this machine's Rasa; null where it has none. */
export function evaluationOf({
  options,
  store,
  shelf,
  templates,
  runtimeDir,
  warm,
}: Parts): EvaluateRoutesOptions['rasa'] {
  if (!warm) return null;
  const { customCode } = options.config;
  const start = (child: QuestionChild) => warm.start(child);
  const evaluator = createEvaluator({ workDir: runtimeDir, templates, customCode, start });
  return {
    evaluate: async ({ bot, model, yaml, endToEnd }, gone) => {
      const archivePath = await shelf.fetch(model.archive ?? '');
      const { files } = JSON.parse(await readFile(await shelf.fetch(model.content), 'utf8')) as TrainingContent;
      const held = { bot: { ...bot, pipeline: model.pipeline }, files, archivePath, yaml, endToEnd };
      return evaluator.evaluate(held, gone);
    },
    validate: async (bot, gone) => {
      const content = await contentOf(store, bot, null);
      const refusal = options.config.customCode ? null : codeRefusal(content);
      return refusal ? { valid: false, lines: [refusal] } : evaluator.validate(content, gone);
    },
  };
}
