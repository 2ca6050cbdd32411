/** The trainer role: builds a trainer from the config, on a host with Redis and a hub to reach, and nothing else. */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import { unpackedEncoder } from './engines/rasa/encoder.js';
import { createLifecycle } from './lifecycle.js';
import type { Logs } from './log.js';
import { freeDisk } from './machine.js';
import { openScratch } from './scratch.js';
import { deviceOf } from './training/device.js';
import { createHubClient } from './training/hub-client.js';
import { openLine } from './training/line.js';
import { createSelf } from './training/self.js';
import { loadTemplates } from './training/templates.js';
import { createRasaTrainer } from './training/train.js';
import { startTrainer, untilUsable } from './training/trainer.js';
import type { Trainer } from './training/training.js';

export interface TrainerAppOptions {
  config: Config;
  logs: Logs;
  /** A Python that has Rasa; null only with a stand-in. */
  python: string | null;
  signal: AbortSignal;
  /** For the fault rig: trains in place of Rasa. */
  standIn?: { train: Trainer; lockMs?: number };
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

async function startParts(options: TrainerAppOptions, life: ReturnType<typeof createLifecycle>): Promise<void> {
  const { config, logs, python, signal, standIn } = options;
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
  const device = python
    ? await deviceOf({ python, env: config.childEnv, folder: workDir })
    : { words: 'none: a stand-in trains', cuda: false };
  const holding = async (): Promise<string | null> =>
    (await freeDisk(workDir)) < config.minFreeDisk ? 'Less disk space is free than MIN_FREE_DISK asks for.' : null;
  const self = createSelf(hostname(), {
    folder: workDir,
    labels: [...(device.cuda ? ['gpu'] : []), ...(python ? ['rasa'] : [])],
    device: device.words,
    holding,
  });
  const host = await startTrainer({
    line,
    hub: createHubClient({ urls: hubUrls, token: trainerToken, log }),
    train: standIn?.train ?? (await rasaTrainer(options, workDir)),
    self,
    parallel: config.maxParallelTrainings ?? availableParallelism(),
    labels: device.cuda ? ['gpu', 'any'] : ['any'],
    holding,
    log,
  });
  life.onStop('trainer', () => host.stop());
  log.info({ device: device.words, hubs: hubUrls }, 'taking training jobs');
}

async function rasaTrainer({ config, python }: TrainerAppOptions, workDir: string): Promise<Trainer> {
  if (python === null)
    throw new Error('A trainer needs Rasa. Set RASA_PYTHON to a Python that has Rasa 3.6, or leave it empty.');
  const { childEnv, cacheDir } = config;
  const encoder = await unpackedEncoder({ python, packageDir, folder: join(cacheDir, 'encoder'), env: childEnv });
  const templates = await loadTemplates(join(here, '..', 'templates'));
  return createRasaTrainer({ python, packageDir, workDir, env: { ...childEnv, ...encoder }, templates });
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
