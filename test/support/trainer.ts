/** Trainers for tests: in this process with a stand-in for Rasa, or the real role in a process of its own. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import type { Engine, RunningEngine } from '../../src/contracts.js';
import { openLog } from '../../src/log.js';
import { openTrainer } from '../../src/trainer.js';
import type { Trainer } from '../../src/training/training.js';

export const trainerToken = 'trainer-token-0123456789';

/** Makes an archive of so many random bytes when `ready` resolves, instead of training. */
export function standInTrainer(
  options: { bytes?: number; ready?: (appId: string, signal: AbortSignal) => Promise<void> } = {},
): Trainer {
  return async (content, report, signal) => {
    report({ percent: 10, stage: 'training', line: `training ${content.bot.appId}` });
    await options.ready?.(content.bot.appId, signal);
    signal.throwIfAborted();
    report({ percent: 90, line: 'trained' });
    const archivePath = join(tmpdir(), `sb-stand-in-${randomUUID()}.tar.gz`);
    await writeFile(archivePath, randomBytes(options.bytes ?? 1000));
    return { archivePath, seconds: 1 };
  };
}

/** An engine that comes up with any archive and answers with the model's id: for tests of training, not of answering. */
export function anyModelEngine(): Engine {
  return {
    name: 'rasa',
    needsModel: true,
    launch(_bot, model) {
      let end: (exit: { code: number; signal: null }) => void = () => undefined;
      const exited = new Promise<{ code: number; signal: null }>((resolve) => (end = resolve));
      const running: RunningEngine = {
        engine: 'rasa',
        pid: null,
        reply: ({ sender }) =>
          Promise.resolve({ messages: [{ recipient_id: sender, text: model?.id ?? '' }], parse: null }),
        parse: (text) => Promise.resolve({ text, intent: { name: null, confidence: 1 }, entities: [] }),
        stop: () => Promise.resolve(end({ code: 0, signal: null })),
        exited,
        log: () => [],
      };
      return Promise.resolve(running);
    },
  };
}

export interface TestTrainer {
  log: string[];
  stop(): Promise<void>;
}

/** The trainer role in this process, with a stand-in for Rasa. */
export async function newTrainer(options: {
  redis: string;
  hub: string;
  train?: Trainer;
  env?: Record<string, string>;
  lockMs?: number;
  /** It shows the label `gpu`. */
  cuda?: boolean;
  /** The version of the Rasa that it says it has. */
  version?: string;
}): Promise<TestTrainer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-trainer-'));
  const log: string[] = [];
  const logs = openLog({ level: 'info', pretty: false, write: (line) => void log.push(line) });
  const config = configOf({
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DATA_DIR: dataDir,
    MIN_FREE_DISK: '1m',
    REDIS_URL: options.redis,
    HUB_URL: options.hub,
    TRAINER_TOKEN: trainerToken,
    ...options.env,
  });
  const { train = standInTrainer(), lockMs = 5000, cuda = false, version } = options;
  const standIn = { train, lockMs, cuda, ...(version === undefined ? {} : { version }) };
  const app = await openTrainer({ config, logs, rasa: null, signal: new AbortController().signal, standIn });
  return {
    log,
    async stop() {
      await app.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
