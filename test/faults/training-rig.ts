/** What the scenarios of training work with: a real Redis, a hub that does not train, trainers in processes of their own, and what was published. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Store, TrainingJob } from '../../src/contracts.js';
import { newHub, type TestHub } from '../support/hub.js';
import { TestRedis } from '../support/redis.js';
import { anyModelEngine, trainerToken } from '../support/trainer.js';
import type { TrainerSpec } from './trainer-process.js';

const entry = fileURLToPath(new URL('trainer-process.js', import.meta.url));
const faq = (text: string) => [{ Q: [{ q: `question ${text}` }], A: text }];

/** One trainer process, and what it said. */
export class TrainerProcess {
  readonly jobs: string[] = [];
  private waiting: (() => void)[] = [];
  constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('job ')) this.jobs.push(line.slice(4));
      this.waiting.splice(0).forEach((wake) => wake());
    });
  }
  async said(): Promise<void> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

/** Resolves when it takes jobs. */
export async function startTrainerProcess(spec: TrainerSpec): Promise<TrainerProcess> {
  const child = spawn(process.execPath, [entry, JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] });
  const trainer = new TrainerProcess(child);
  await trainer.said();
  return trainer;
}

export class TrainingRig {
  redis!: TestRedis;
  hub!: TestHub;
  store!: Store;
  /** How often a model of each job was launched to be published. */
  readonly published = new Map<string, number>();
  readonly trainers: TrainerProcess[] = [];
  private dataDir = '';

  constructor(readonly settings: { lockMs: number; jobMs: number; redisArgs?: string[] }) {}

  async open(): Promise<this> {
    this.redis = await TestRedis.open(this.settings.redisArgs);
    this.dataDir = await mkdtemp(join(tmpdir(), 'sb-training-rig-'));
    const engine = anyModelEngine();
    const launch = engine.launch.bind(engine);
    engine.launch = (bot, model) => {
      if (model) this.published.set(model.jobId, (this.published.get(model.jobId) ?? 0) + 1);
      return launch(bot, model);
    };
    this.hub = await newHub({
      trains: false,
      env: { REDIS_URL: this.redis.url, TRAINER_TOKEN: trainerToken },
      standIns: {
        engines: { rasa: engine },
        training: { lockMs: this.settings.lockMs, sweepMs: 1000 },
        store: (store) => (this.store = store),
      },
    });
    await this.hub.api('DELETE', '/bots/demo');
    return this;
  }

  /** `jobMs`: how long its jobs last; as the rig's settings say when absent. */
  async trainer({ jobMs = this.settings.jobMs } = {}): Promise<TrainerProcess> {
    const { lockMs } = this.settings;
    const spec: TrainerSpec = {
      redis: this.redis.url,
      hub: this.hub.url,
      token: trainerToken,
      dataDir: this.dataDir,
      lockMs,
      jobMs,
    };
    const trainer = await startTrainerProcess(spec);
    this.trainers.push(trainer);
    return trainer;
  }

  async bot(name: string): Promise<string> {
    return (await this.hub.api('POST', '/bots', { name, engine: 'rasa' })).body.appId as string;
  }
  /** Asks for a training; answers the job's id, or null when it was refused. */
  async submit(appId: string, text = appId): Promise<string | null> {
    const { status, body } = await this.hub.api('POST', `/bots/${appId}/train`, faq(text));
    return status === 202 ? (body.jobId as string) : null;
  }
  async job(id: string): Promise<TrainingJob> {
    return (await this.store.jobs.get(id))!;
  }
  /** Waits until `condition` holds; false when it did not in time. */
  async until(condition: () => Promise<boolean> | boolean, seconds: number): Promise<boolean> {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) if (await condition()) return true;
    return false;
  }
  async ended(ids: readonly string[], seconds: number): Promise<boolean> {
    const left = new Set(ids);
    return this.until(async () => {
      for (const id of left) if ((await this.job(id)).endedAt !== null) left.delete(id);
      return left.size === 0;
    }, seconds);
  }
  /** Milliseconds that one chat message takes, for each of `count`. */
  async chat(appId: string, count: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const started = performance.now();
      const { status } = await this.hub.api('POST', `/bots/${appId}/messages`, { sender: `u${i}`, message: 'hello' });
      if (status !== 200) throw new Error(`a chat message was answered ${status}`);
      times.push(performance.now() - started);
    }
    return times;
  }
  async close(): Promise<void> {
    await Promise.all(this.trainers.map((trainer) => trainer.kill()));
    await this.hub.stop();
    await this.redis.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
