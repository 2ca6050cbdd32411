/** The trainer role: builds a trainer from the config, on a host with Redis and a hub to reach, and nothing else. */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import { openWarmRasa } from './engines/rasa/warm.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import type { Logs } from './log.js';
import { freeDisk } from './machine.js';
import { openScratch } from './scratch.js';
import { deviceOf } from './training/device.js';
import { createHubClient } from './training/hub-client.js';
import { labelsOf } from './training/labels.js';
import { openLine } from './training/line.js';
import { createSelf } from './training/self.js';
import { loadTemplates } from './training/templates.js';
import { createRasaTrainer } from './training/train.js';
import { startTrainer, untilUsable } from './training/trainer.js';
import type { Trainer } from './training/training.js';

export interface TrainerAppOptions {
  config: Config;
  logs: Logs;
  /** A Python that has Rasa, and its version; null only with a stand-in. */
  rasa: { python: string; version: string } | null;
  signal: AbortSignal;
  /** For tests and the fault rig: trains in place of Rasa, of the version that it says, with a GPU if it says so. */
  standIn?: { train: Trainer; lockMs?: number; cuda?: boolean; version?: string };
}
const here = fileURLToPath(new URL('.', import.meta.url));
const packageDir = join(here, 'engines', 'rasa');

/** Starts a trainer. Rejects, with everything stopped again, when it cannot, in words that say what to set. */
export async function openTrainer(options: TrainerAppOptions): Promise<{ stop(): Promise<boolean> }> {
  const life = createLifecycle(options.logs.log);
  try {
    await startParts(options, life);
  } catch (error) {
    await life.stop();
    throw error;
  }
  return { stop: () => life.stop() };
}

async function startParts(options: TrainerAppOptions, life: Lifecycle): Promise<void> {
  const { config, logs, rasa, signal, standIn } = options;
  const { redisUrl, hubUrls, trainerToken } = needed(config);
  logs.hide(trainerToken);
  const { log } = logs;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const workDir = await openScratch(tmpdir());
  life.onStop('work folder', () => rm(workDir, { recursive: true, force: true }));
  const lockMs = standIn?.lockMs;
  const line = openLine({ url: redisUrl, log, ...(lockMs === undefined ? {} : { lockMs }) });
  life.onStop('training queue', () => line.close());
  await untilUsable(line, log, signal);
  const device = rasa
    ? await deviceOf({ python: rasa.python, env: config.childEnv, folder: workDir })
    : { words: 'none: a stand-in trains', cuda: standIn?.cuda ?? false };
  const offers = labelsOf({
    cuda: device.cuda,
    rasa: rasa?.version ?? standIn?.version ?? null,
    runtimes: Object.keys(config.rasaRuntimes),
    languages: config.trainerLanguages,
  });
  const holding = async (): Promise<string | null> =>
    (await freeDisk(workDir)) < config.minFreeDisk ? 'Less disk space is free than MIN_FREE_DISK asks for.' : null;
  const self = createSelf(hostname(), {
    folder: workDir,
    labels: offers,
    device: device.words,
    holding,
  });
  const host = await startTrainer({
    line,
    hub: createHubClient({ urls: hubUrls, token: trainerToken, log }),
    train: standIn?.train ?? (await rasaTrainer(options, { workDir, life })),
    self,
    parallel: config.maxParallelTrainings ?? availableParallelism(),
    labels: device.cuda ? ['gpu', 'any'] : ['any'],
    offers,
    holding,
    log,
  });
  life.onStop('trainer', () => host.stop());
  log.info({ device: device.words, hubs: hubUrls }, 'taking training jobs');
}

/** Trainings are forked from a preloaded parent, like the hub's own. */
async function rasaTrainer({ config, rasa, logs }: TrainerAppOptions, { workDir, life }: Place): Promise<Trainer> {
  if (rasa === null)
    throw new Error('A trainer needs Rasa. Set RASA_PYTHON to a Python that has Rasa 3.6, or leave it empty.');
  const warm = openWarmRasa({
    pythons: { '': rasa.python, ...config.rasaRuntimes },
    packageDir,
    runtimeDir: workDir,
    encoderDir: join(config.cacheDir, 'encoder'),
    env: config.childEnv,
    uids: config.childUids,
    log: logs.log,
  });
  life.onStop('Rasa parents', () => warm.stop());
  void warm.prepare();
  const templates = await loadTemplates(join(here, '..', 'templates'));
  return createRasaTrainer({
    python: rasa.python,
    packageDir,
    workDir,
    env: config.childEnv,
    templates,
    customCode: config.customCode,
    start: (child) => warm.start(child),
  });
}
interface Place {
  workDir: string;
  life: Lifecycle;
}

function needed({ redisUrl, hubUrls, trainerToken, adminToken }: Config) {
  const token = trainerToken ?? adminToken;
  const missing = [
    ...(redisUrl ? [] : ['REDIS_URL (the Redis of the hub)']),
    ...(hubUrls ? [] : ['HUB_URL (where models are handed over)']),
    ...(token ? [] : ['TRAINER_TOKEN (as the hub has it)']),
  ];
  if (!redisUrl || !hubUrls || !token) throw new Error(`A trainer needs ${missing.join(', ')}.`);
  return { redisUrl, hubUrls, trainerToken: token };
}
