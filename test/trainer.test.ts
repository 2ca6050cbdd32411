import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { JobWire } from '../src/wire.js';
import { labelsOf, needsOf, unmet } from '../src/training/labels.js';
import { wordsOf } from '../src/training/device.js';
import { TrainingKeys } from '../src/training/redis.js';
import { startTrainerProcess } from './faults/training-rig.js';
import { eventually, type HubOptions, newHub, type TestHub } from './support/hub.js';
import { freePort } from './support/ports.js';
import { TestRedis } from './support/redis.js';
import { anyModelEngine, newTrainer, standInTrainer, type TestTrainer, trainerToken } from './support/trainer.js';

const faq = [{ Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: 'From nine to five.' }];

describe('Trainers on hosts of their own', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let hub: TestHub;
  let port = 0;
  let dataDir = '';
  const trainers: TestTrainer[] = [];

  const openHub = async (over: Partial<HubOptions> = {}): Promise<void> => {
    hub = await newHub({
      dataDir,
      trains: false,
      env: {
        REDIS_URL: redis.url,
        TRAINER_TOKEN: trainerToken,
        PORT: String(port),
        ADMIN_TOKEN: 'admin-token-0123456789',
      },
      rasa: { reason: 'A stand-in answers.' },
      standIns: { engines: { rasa: anyModelEngine() }, training: { lockMs: 1500, sweepMs: 300, gpuGraceMs: 500 } },
      ...over,
    });
  };
  const train = async (
    options: Parameters<typeof standInTrainer>[0] = {},
    more: Pick<Parameters<typeof newTrainer>[0], 'cuda' | 'version' | 'env'> = {},
  ): Promise<TestTrainer> => {
    const given = { redis: redis.url, hub: hub.url, train: standInTrainer(options), lockMs: 1500, ...more };
    const trainer = await newTrainer(given);
    trainers.push(trainer);
    return trainer;
  };
  const newBot = async (): Promise<string> => {
    const { body } = await hub.api('POST', '/bots', { name: 'Shop', engine: 'rasa' });
    return body.appId as string;
  };
  const submit = async (appId: string, pairs: unknown = faq): Promise<string> => {
    const { status, body } = await hub.api('POST', `/bots/${appId}/train`, pairs);
    assert.equal(status, 202, JSON.stringify(body));
    return body.jobId as string;
  };
  const job = async (jobId: string): Promise<JobWire> => (await hub.api('GET', `/jobs/${jobId}`)).body as JobWire;
  const ended = (jobId: string) =>
    eventually(async () => {
      const now = await job(jobId);
      return now.endedAt ? now : null;
    }, 30);

  before(async () => {
    redis = await TestRedis.open();
    port = await freePort();
  });
  beforeEach(async () => {
    redis.cli('flushall');
    dataDir = await mkdtemp(join(tmpdir(), 'sb-trainer-hub-'));
    await openHub();
    await hub.api('DELETE', '/bots/demo');
  });
  afterEach(async () => {
    await Promise.all(trainers.splice(0).map((trainer) => trainer.stop()));
    await hub.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  after(() => redis.close());

  it('train what a hub that does not train was asked for, and the bot answers with it', async () => {
    const appId = await newBot();
    const jobId = await submit(appId);
    assert.deepEqual([(await job(jobId)).state, (await job(jobId)).position], ['queued', 1]);
    await train();
    const done = await ended(jobId);
    assert.deepEqual([done.state, done.error, done.attempts], ['done', null, 1]);
    assert.match(done.device as string, /stand-in/);
    const [answer] = (await hub.api('POST', `/bots/${appId}/messages`, { sender: 'u', message: 'hi' })).body as {
      text: string;
    }[];
    assert.equal(answer?.text, done.modelId);
    const events = (await hub.api('GET', `/jobs/${jobId}/events`)).body as string;
    assert.match(events, /training .*trained/s);
  });
  it('are shown with what they are at', async () => {
    let go: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (go = resolve));
    await train({ ready: () => waiting });
    const appId = await newBot();
    const jobId = await submit(appId);
    const [shown] = await eventually(async () => {
      const { items } = (await hub.api('GET', '/trainers')).body as { items: { jobs: unknown[] }[] };
      return items[0]?.jobs.length ? items : null;
    }, 15);
    assert.deepEqual(shown!.jobs, [{ jobId, appId }]);
    // A trainer shows its job before its hub has heard of it.
    await eventually(async () => (await job(jobId)).state === 'running', 15);
    const running = (await hub.api('GET', '/jobs')).body.items as { jobId: string; state: string }[];
    assert.deepEqual(
      running.map((one) => [one.jobId, one.state]),
      [[jobId, 'running']],
    );
    go();
    await ended(jobId);
  });
  it('take a job while no hub is there, and hand the model over when one is', async () => {
    const appId = await newBot();
    const jobId = await submit(appId);
    await hub.app.stop();
    const trainer = await train();
    await eventually(() => trainer.log.some((line) => /did not take a model/.test(line)), 15);
    await openHub();
    assert.equal((await ended(jobId)).state, 'done');
  });
  it('are named in what they trained, though the hub heard of nothing before the model came', async () => {
    const client = new Redis(redis.url);
    const deaf = setInterval(() => void client.client('KILL', 'TYPE', 'pubsub'), 20);
    await client.client('KILL', 'TYPE', 'pubsub');
    await train();
    const jobId = await submit(await newBot());
    const { attempts, trainer, device } = await ended(jobId);
    clearInterval(deaf);
    client.disconnect();
    assert.equal(attempts, 1);
    assert.ok(trainer);
    assert.match(device ?? '', /stand-in/);
  });
  describe('write the log of a job, and the hub keeps all of it', () => {
    const logOf = async (jobId: string): Promise<string[]> => {
      const events = (await hub.api('GET', `/jobs/${jobId}/events`)).body as string;
      return (JSON.parse(/^data: (.*)$/m.exec(events)![1]!) as JobWire & { lines: string[] }).lines;
    };

    it('also the last lines, of which it did not hear when the model came', async () => {
      await train({
        ready: () => {
          redis.cli('client', 'kill', 'type', 'pubsub');
          return Promise.resolve();
        },
      });
      const appId = await newBot();
      const jobId = await submit(appId);
      await ended(jobId);
      assert.deepEqual(await logOf(jobId), [`training ${appId}`, 'trained']);
    });
    it('also when the job failed while no hub was there', async () => {
      const appId = await newBot();
      const jobId = await submit(appId);
      await hub.app.stop();
      const trainer = await train({ ready: () => Promise.reject(new Error('broken')) });
      await eventually(() => trainer.log.some((line) => /training failed/.test(line)), 15);
      await openHub();
      assert.equal((await ended(jobId)).state, 'failed');
      assert.deepEqual(await logOf(jobId), [`training ${appId}`]);
    });
    it('also when one hub keeps lines while another looks, and once more when they could not be kept', async () => {
      const client = new Redis(redis.url);
      const keys = new TrainingKeys(client, 'switchboard');
      const kept: string[] = [];
      const keep = async (lines: string[]): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        kept.push(...lines);
      };
      await keys.writeLines('a', ['1', '2\n2']);
      await assert.rejects(
        keys.keepLines('a', () => Promise.reject(new Error('not now'))),
        /not now/,
      );
      const first = keys.keepLines('a', keep);
      await keys.writeLines('a', ['3']);
      const second = await keys.keepLines('a', keep);
      assert.deepEqual(kept, ['1', '2\n2', '3'], 'who looked second waits for what the first keeps');
      assert.deepEqual([...(await first), ...second], kept);
      assert.deepEqual(await keys.keepLines('a', keep), []);
      client.disconnect();
    });
    it('also of the trainer that had it before, and was stopped', async () => {
      const appId = await newBot();
      const jobId = await submit(appId);
      const first = await train({
        ready: (_appId, signal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      });
      await eventually(async () => (await job(jobId)).stage === 'training', 15);
      await first.stop();
      trainers.length = 0;
      await train();
      await ended(jobId);
      assert.deepEqual(await logOf(jobId), [`training ${appId}`, `training ${appId}`, 'trained']);
    });
  });
  it('fail a job for its content at once, in words, and never twice', async () => {
    await train();
    const appId = await newBot();
    const trained: string[] = [];
    await trainers[0]!.stop();
    trainers.length = 0;
    const { TrainingFailure } = await import('../src/training/failure.js');
    trainers.push(
      await newTrainer({
        redis: redis.url,
        hub: hub.url,
        train: (content) => {
          trained.push(content.bot.appId);
          return Promise.reject(new TrainingFailure('bad_yaml', 'Line 3 is no YAML; correct it.', 'found a tab'));
        },
      }),
    );
    const failed = await ended(await submit(appId));
    assert.deepEqual(
      [failed.state, failed.error],
      ['failed', { code: 'bad_yaml', message: 'Line 3 is no YAML; correct it.', detail: 'found a tab' }],
    );
    assert.deepEqual(trained, [appId]);
  });
  it('stop what was cancelled', async () => {
    let aborted = false;
    await train({
      ready: (_appId, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(signal.reason as Error);
          });
        }),
    });
    const appId = await newBot();
    const jobId = await submit(appId);
    await eventually(async () => (await job(jobId)).state === 'running', 15);
    assert.equal((await hub.api('POST', `/jobs/${jobId}/cancel`)).body.state, 'cancelled');
    await eventually(() => aborted, 15);
    assert.equal((await job(jobId)).state, 'cancelled');
  });
  it('give back what they had when they are stopped, and another takes it', async () => {
    const trainer = await train({
      ready: (_appId, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    });
    const jobId = await submit(await newBot());
    await eventually(async () => (await job(jobId)).state === 'running', 15);
    await trainer.stop();
    trainers.length = 0;
    await train();
    assert.equal((await ended(jobId)).state, 'done');
  });
  it('have nothing to do when nothing has changed since the active model', async () => {
    await train();
    const appId = await newBot();
    const first = await ended(await submit(appId));
    const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`);
    assert.deepEqual([body.state, body.modelId, body.attempts], ['done', first.modelId, 0]);
    const forced = (await hub.api('POST', `/bots/${appId}/train?force=true&wait=true`)).body;
    assert.deepEqual([forced.state, forced.attempts, forced.modelId === first.modelId], ['done', 1, false]);
  });
  it('cannot publish with a wrong token of theirs, of the job, with an old fence, or twice', async () => {
    const [a, b] = [await newBot(), await newBot()];
    const [jobA, jobB] = [await submit(a), await submit(b)];
    const client = new Redis(redis.url);
    const tokenOf = async (id: string): Promise<string> =>
      (JSON.parse((await client.hget(`switchboard:line:any:${id}`, 'data'))!) as { token: string }).token;
    const [tokenA, tokenB] = [await tokenOf(jobA), await tokenOf(jobB)];
    client.disconnect();
    const body = randomBytes(500);
    const put = async (over: Record<string, string>): Promise<number> => {
      const headers = {
        authorization: `Bearer ${trainerToken}`,
        'x-job-token': tokenA,
        'x-job-fence': '5',
        'x-sha256': createHash('sha256').update(body).digest('hex'),
        'x-train-seconds': '1',
        ...over,
      };
      return (await fetch(`${hub.url}/api/v1/jobs/${jobA}/model`, { method: 'PUT', headers, body })).status;
    };
    const project = (token: string) =>
      fetch(`${hub.url}/api/v1/jobs/${jobA}/project`, {
        headers: { authorization: `Bearer ${trainerToken}`, 'x-job-token': token },
      });
    assert.equal(await put({ authorization: 'Bearer wrong-token-0123456789' }), 401);
    assert.equal((await project(tokenB)).status, 409);
    assert.equal(((await (await project(tokenA)).json()) as { bot: { appId: string } }).bot.appId, a);
    assert.equal(await put({ 'x-job-token': tokenB }), 409);
    assert.equal(await put({ 'x-job-token': '' }), 409);
    assert.equal(await put({ 'x-sha256': '0'.repeat(64) }), 422);
    assert.equal((await job(jobA)).state, 'queued');
    assert.equal(await put({}), 200);
    assert.equal((await job(jobA)).state, 'done');
    assert.equal(await put({}), 409);
    assert.equal(await put({ 'x-job-fence': '4' }), 409);
    assert.equal((await project(tokenA)).status, 409);
    assert.equal(((await hub.api('GET', `/bots/${a}/models`)).body.items as unknown[]).length, 1);
  });
  it('lose to the one that took the job after them', async () => {
    const appId = await newBot();
    const order: string[] = [];
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => (release = resolve));
    const first = await train({
      ready: async () => {
        order.push('first');
        await blocked;
      },
    });
    const jobId = await submit(appId);
    let done: JobWire;
    try {
      await eventually(async () => (await job(jobId)).state === 'running', 15);
      // As a blocked event loop would, the first trainer lets its lock go.
      redis.cli('del', `switchboard:line:any:${jobId}:lock`);
      await train({
        ready: () => {
          order.push('second');
          return Promise.resolve();
        },
      });
      done = await ended(jobId);
      assert.deepEqual([done.state, done.attempts], ['done', 2]);
    } finally {
      // Whatever was found: who stops this trainer waits for it.
      release();
    }
    await eventually(() => first.log.some((line) => /training/.test(line)), 5);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal((await job(jobId)).modelId, done.modelId);
    assert.equal(((await hub.api('GET', `/bots/${appId}/models`)).body.items as unknown[]).length, 1);
    assert.deepEqual(order, ['first', 'second']);
  });
  describe('with a GPU', () => {
    const forever = (_appId: string, signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const deviceShown = (label: string) =>
      eventually(async () => {
        const { items } = (await hub.api('GET', '/trainers')).body as { items: { labels: string[] }[] };
        return items.some(({ labels }) => labels.includes(label));
      });
    const newClassicBot = async (): Promise<string> => {
      const { body } = await hub.api('POST', '/bots', { name: 'Classic', engine: 'rasa', pipeline: 'classic' });
      return body.appId as string;
    };
    const handedOver = async (jobId: string): Promise<void> => {
      const done = await ended(jobId);
      assert.deepEqual([done.state, done.error], ['done', null]);
      assert.match((await hub.api('GET', `/jobs/${jobId}/events`)).body as string, /No trainer with a GPU is left/);
    };

    it('get the jobs that gain by one, and leave them to the others when the last of them goes', async () => {
      const gpu = await train({ ready: forever }, { cuda: true, env: { MAX_PARALLEL_TRAININGS: '2' } });
      await deviceShown('gpu');
      const [first, second] = [await submit(await newClassicBot()), await submit(await newClassicBot())];
      for (const one of [first, second]) await eventually(async () => (await job(one)).state === 'running', 15);
      await train();
      const plain = await submit(await newBot());
      assert.equal((await ended(plain)).state, 'done');
      assert.equal((await job(second)).state, 'running');
      trainers.shift();
      await gpu.stop();
      await handedOver(first);
      await handedOver(second);
    });
    it('lose what they had when they are killed, though nobody else looks after their line', async () => {
      const spec = {
        redis: redis.url,
        hub: hub.url,
        token: trainerToken,
        dataDir,
        lockMs: 1500,
        jobMs: 60_000,
        cuda: true,
      };
      const gpu = await startTrainerProcess(spec);
      await deviceShown('gpu');
      const jobId = await submit(await newClassicBot());
      await eventually(async () => (await job(jobId)).state === 'running', 15);
      await gpu.kill();
      // It would be shown for fifteen seconds yet.
      redis.cli(
        'eval',
        "for _, key in ipairs(redis.call('keys', 'switchboard:trainer:*')) do redis.call('del', key) end",
        '0',
      );
      await train();
      await handedOver(jobId);
    });
  });
  it('take what fits them alone, and a job says what it waits for', async () => {
    await hub.stop();
    await openHub({ rasa: { python: '/no/python', version: '3.6.21' } });
    await train({}, { version: '3.5.0' });
    await train({}, { version: '3.6.21', env: { TRAINER_LANGUAGES: 'zh,de' } });
    const jobId = await submit(await newBot());
    await eventually(async () => (await job(jobId)).stage.startsWith('waiting for a trainer with '), 15);
    assert.match((await job(jobId)).stage, /with (rasa-3\.6\.21|language-en)$/);
    await train({}, { version: '3.6.21', env: { TRAINER_LANGUAGES: 'en' } });
    assert.equal((await ended(jobId)).state, 'done');
  });
  it('are waited for in a hub that is ready, and says so, while their Redis is away', async () => {
    const ready = async () => {
      const response = await fetch(`${hub.url}/health/ready`);
      return { status: response.status, body: (await response.json()) as { status: string; queue: string } };
    };
    assert.deepEqual((await hub.api('GET', '/machine')).body.queue, { kind: 'bull', at: `127.0.0.1:${redis.port}` });
    assert.deepEqual(await ready(), { status: 200, body: { status: 'ok', store: 'ok', queue: 'ok' } });
    await redis.kill();
    const limited = await ready();
    assert.deepEqual([limited.status, limited.body.status], [200, 'limited']);
    assert.match(limited.body.queue, /Redis .* does not answer\. Look at REDIS_URL/);
    await redis.start();
    await eventually(async () => (await ready()).body.queue === 'ok');
    redis.cli('config', 'set', 'maxmemory', '1');
    assert.match((await ready()).body.queue, /Redis .* is full/);
    redis.cli('config', 'set', 'maxmemory', '0');
  });
  it('do not keep a hub from its first start when their Redis is not there', async () => {
    const env = { REDIS_URL: `redis://127.0.0.1:${await freePort()}`, TRAINER_TOKEN: trainerToken };
    const other = await newHub({ env });
    assert.equal((await fetch(`${other.url}/health/ready`)).status, 200);
    await other.stop();
  });
  it('keep only so many models of a bot, and never delete what is named', async () => {
    await hub.stop();
    hub = await newHub({
      dataDir,
      trains: false,
      env: {
        REDIS_URL: redis.url,
        TRAINER_TOKEN: trainerToken,
        PORT: String(port),
        ADMIN_TOKEN: 'admin-token-0123456789',
        MODELS_KEPT: '2',
      },
      rasa: { reason: 'A stand-in answers.' },
      standIns: { engines: { rasa: anyModelEngine() }, training: { sweepMs: 300 } },
    });
    await train();
    const appId = await newBot();
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1)
      made.push(
        (await ended(await submit(appId, [...faq, { Q: [{ q: `extra ${i}` }], A: String(i) }]))).modelId as string,
      );
    const models = (await hub.api('GET', `/bots/${appId}/models`)).body.items as { modelId: string; active: boolean }[];
    assert.deepEqual(
      models.map(({ modelId }) => modelId),
      made.slice(2).reverse(),
    );
    assert.equal((await hub.api('POST', `/bots/${appId}/models/${made[2]!}/activate`)).status, 200);
    assert.equal((await hub.api('POST', `/bots/${appId}/models/${made[1]!}/activate`)).status, 404);
  });
});

describe('The labels of trainers and jobs', () => {
  const abilities = { cuda: false, rasa: '3.6.21', runtimes: ['spacy'], languages: null };
  const bot = {
    appId: 'a',
    name: 'A',
    language: 'pt-BR',
    template: 'faq',
    pipeline: 'semantic',
    threshold: null,
  } as const;
  it('say what a trainer has', () => {
    assert.deepEqual(labelsOf(abilities), ['rasa-3.6.21', 'runtime-spacy']);
    assert.deepEqual(labelsOf({ ...abilities, cuda: true, rasa: null, languages: ['en'] }), [
      'gpu',
      'runtime-spacy',
      'language-en',
    ]);
  });
  it('say what a job needs: the Rasa of its hub or the installation of its bot, and its language', () => {
    assert.deepEqual(needsOf(bot, '3.6.21'), ['rasa-3.6.21', 'language-pt']);
    assert.deepEqual(needsOf({ ...bot, runtime: 'spacy' }, '3.6.21'), ['runtime-spacy', 'language-pt']);
    assert.deepEqual(needsOf(bot, null), ['language-pt']);
  });
  it('fit, where a trainer that names no language takes all', () => {
    const needs = ['rasa-3.6.21', 'language-pt'];
    assert.deepEqual(unmet(needs, ['rasa-3.6.21']), []);
    assert.deepEqual(unmet(needs, ['rasa-3.6.21', 'language-en']), ['language-pt']);
    assert.deepEqual(unmet(needs, ['rasa-3.6.20', 'language-pt']), ['rasa-3.6.21']);
    assert.deepEqual(unmet(['runtime-spacy'], ['rasa-3.6.21']), ['runtime-spacy']);
  });
});

describe('On what a training computes', () => {
  it('is a GPU that its TensorFlow lists, or the CPU with the reason', () => {
    assert.deepEqual(wordsOf({ gpus: ['NVIDIA A10'], built: true }, true), { words: 'cuda: NVIDIA A10', cuda: true });
    assert.deepEqual(wordsOf({ gpus: [], built: true }, false), {
      words: 'cpu: this machine has no NVIDIA driver',
      cuda: false,
    });
    assert.match(wordsOf({ gpus: [], built: true }, true).words, /^cpu: .*CUDA libraries/);
    assert.match(wordsOf({ gpus: [], built: false }, true).words, /^cpu: .*built without CUDA/);
    assert.match(wordsOf(null, true).words, /^cpu: .*did not say/);
  });
});
