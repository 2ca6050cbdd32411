/** The trainer role with real Rasa: killed in the middle of a training, another takes over. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobWire } from '../../src/wire.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';
import { TestRedis } from '../support/redis.js';
import { shopFaq } from '../support/shop.js';
import { trainerToken } from '../support/trainer.js';

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

describe('A trainer with Rasa on a host of its own', function () {
  this.timeout(8 * 60_000);
  let redis: TestRedis;
  let hub: TestHub;
  let dataDir = '';
  const trainers: ChildProcess[] = [];

  const startTrainer = (): ChildProcess => {
    const rasa = realRasa();
    const { PATH = '', HOME = '' } = process.env;
    const env = {
      PATH,
      HOME,
      REDIS_URL: redis.url,
      HUB_URL: hub.url,
      TRAINER_TOKEN: trainerToken,
      DATA_DIR: dataDir,
      MIN_FREE_DISK: '1m',
      MAX_PARALLEL_TRAININGS: '1',
      RASA_PYTHON: 'python' in rasa ? rasa.python : '',
    };
    const child = spawn(process.execPath, [main, 'trainer'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    trainers.push(child);
    return child;
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };

  before(async () => {
    redis = await TestRedis.open();
    dataDir = await mkdtemp(join(tmpdir(), 'sb-trainer-e2e-'));
    hub = await newHub({
      rasa: realRasa(),
      trains: false,
      env: { REDIS_URL: redis.url, TRAINER_TOKEN: trainerToken },
    });
    await hub.api('DELETE', '/bots/demo');
  });
  after(async () => {
    await Promise.all(trainers.map((trainer) => end(trainer, 'SIGTERM')));
    await hub.stop();
    await redis.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('is killed mid-training, another takes over, and the bot answers with what that one made', async () => {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Shop' })).body as { appId: string };
    const { jobId } = (await hub.api('POST', `/bots/${appId}/train`, shopFaq)).body as { jobId: string };
    const job = async (): Promise<JobWire> => (await hub.api('GET', `/jobs/${jobId}`)).body as JobWire;
    const first = startTrainer();
    await eventually(async () => (await job()).state === 'running', 180);
    await end(first, 'SIGKILL');
    startTrainer();
    const done = await eventually(async () => {
      const now = await job();
      return now.endedAt ? now : null;
    }, 240);
    assert.deepEqual([done.state, done.error, done.attempts], ['done', null, 2]);
    assert.match(done.device ?? '', /^(cpu|cuda): /);
    const reply = await hub.api('POST', `/bots/${appId}/messages`, {
      sender: 'u',
      message: 'how do I reset the password?',
    });
    assert.deepEqual(reply.body, [
      { recipient_id: 'u', text: 'Reset it under "Forgot password".', metadata: { engine: 'rasa' } },
    ]);
    assert.match((await hub.api('GET', `/jobs/${jobId}/events`)).body as string, /The trainer was lost/);
  });
});
