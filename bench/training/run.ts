/**
 * `npm run bench:training`: what training through Redis and a trainer of its own costs beside training in the hub; how long a 30 MB
 * archive takes to arrive; what 500 watchers of a job cost the hub. Prints a table and one line of JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually, newHub, realRasa, type TestHub } from '../../test/support/hub.js';
import { TestRedis } from '../../test/support/redis.js';
import { shopFaq } from '../../test/support/shop.js';
import { anyModelEngine, newTrainer, standInTrainer, trainerToken } from '../../test/support/trainer.js';

const rounds = 7;
const watchers = 500;
const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const middle = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Seconds from the request to the answering model. */
async function trainOnce(hub: TestHub, appId: string): Promise<number> {
  const started = performance.now();
  const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true&force=true`, shopFaq);
  if (body.state !== 'done') throw new Error(JSON.stringify(body));
  return (performance.now() - started) / 1000;
}

async function ratio(redis: TestRedis): Promise<{ direct: number; through: number; device: string }> {
  const rasa = realRasa();
  const direct = await newHub({ rasa });
  const env = { REDIS_URL: redis.url, TRAINER_TOKEN: trainerToken };
  const far = await newHub({ rasa, trains: false, env });
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const { PATH = '', HOME = '' } = process.env;
  const python = 'python' in rasa ? rasa.python : '';
  const trainer = spawn(process.execPath, [main, 'trainer'], {
    env: {
      PATH,
      HOME,
      ...env,
      HUB_URL: far.url,
      DATA_DIR: dataDir,
      RASA_PYTHON: python,
      MIN_FREE_DISK: '1m',
      MAX_PARALLEL_TRAININGS: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const hubs = [direct, far];
    const bots = await Promise.all(
      hubs.map(async (hub) => (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string),
    );
    for (const hub of hubs)
      await eventually(async () => (await hub.api('GET', '/bots/demo')).body.trainingJob === null, 300);
    const seconds: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      for (const [n, hub] of hubs.entries()) seconds[n]?.push(await trainOnce(hub, bots[n]!));
    }
    const jobs = (await far.api('GET', `/bots/${bots[1]!}/jobs`)).body.items as { device: string }[];
    return { direct: middle(seconds[0]), through: middle(seconds[1]), device: jobs[0]?.device ?? '' };
  } finally {
    const gone = once(trainer, 'exit');
    trainer.kill('SIGTERM');
    await gone;
    await Promise.all([direct.stop(), far.stop()]);
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function withStandIn<T>(redis: TestRedis, work: (hub: TestHub) => Promise<T>): Promise<T> {
  redis.cli('flushall');
  const env = { REDIS_URL: redis.url, TRAINER_TOKEN: trainerToken };
  const hub = await newHub({ trains: false, env, standIns: { engines: { rasa: anyModelEngine() } } });
  await hub.api('DELETE', '/bots/demo');
  try {
    return await work(hub);
  } finally {
    await hub.stop();
  }
}

/** Seconds from the first byte sent to the job's end, 30 MB between. */
async function arrival(redis: TestRedis): Promise<number> {
  return withStandIn(redis, async (hub) => {
    const trainer = await newTrainer({ redis: redis.url, hub: hub.url, train: standInTrainer({ bytes: 30_000_000 }) });
    const seconds: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { appId } = (await hub.api('POST', '/bots', { name: 'Big', engine: 'rasa' })).body as { appId: string };
      const { body } = await hub.api('POST', `/bots/${appId}/train`, shopFaq);
      const events = await fetch(`${hub.url}/api/v1/jobs/${body.jobId as string}/events`, {
        headers: { authorization: `Bearer ${hub.app.adminToken}` },
      });
      let sent = 0;
      const decoder = new TextDecoder();
      for await (const chunk of events.body!) {
        const text = decoder.decode(chunk as Uint8Array);
        if (sent === 0 && text.includes('handing the model over')) sent = performance.now();
      }
      seconds.push((performance.now() - sent) / 1000);
    }
    await trainer.stop();
    return middle(seconds);
  });
}

/** Bytes by which the hub's memory grows. */
async function watching(redis: TestRedis): Promise<number> {
  return withStandIn(redis, async (hub) => {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Watched', engine: 'rasa' })).body as { appId: string };
    const { body } = await hub.api('POST', `/bots/${appId}/train`, shopFaq);
    const url = `${hub.url}/api/v1/jobs/${body.jobId as string}/events`;
    await fetch(url, { headers: { authorization: `Bearer ${hub.app.adminToken}` } }).then((response) =>
      response.body?.cancel(),
    );
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const clients = spawn(process.execPath, [fileURLToPath(import.meta.url), 'watch', url, hub.app.adminToken], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(clients.stdout, 'data');
    await sleep(1000);
    globalThis.gc?.();
    const grown = process.memoryUsage().rss - before;
    const gone = once(clients, 'exit');
    clients.kill('SIGKILL');
    await gone;
    await hub.api('POST', `/jobs/${body.jobId as string}/cancel`);
    return grown;
  });
}

/** The other side of `watching`, in a process of its own. */
async function watch(url: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const streams = await Promise.all(Array.from({ length: watchers }, () => fetch(url, { headers })));
  await Promise.all(streams.map(async (stream) => stream.body!.getReader().read()));
  process.stdout.write('all there\n');
  await sleep(600_000);
}

async function run(): Promise<void> {
  const redis = await TestRedis.open();
  try {
    const grown = await watching(redis);
    const seconds = await arrival(redis);
    redis.cli('flushall');
    const { direct, through, device } = await ratio(redis);
    const rows = [
      ['training in the hub, 20 questions and answers, to the answering model', `${direct.toFixed(1)} s`],
      [
        `the same through Redis and a trainer (${device})`,
        `${through.toFixed(1)} s, ratio ${(through / direct).toFixed(2)}`,
      ],
      ['a 30 MB archive, from sending to the published model', `${seconds.toFixed(2)} s`],
      [`${watchers} watchers of one job, memory of the hub`, `${(grown / 1e6).toFixed(1)} MB`],
    ];
    for (const row of rows) process.stdout.write(`| ${row.join(' | ')} |\n`);
    process.stdout.write(
      `${JSON.stringify({ direct, through, ratio: through / direct, arrival: seconds, watchersBytes: grown })}\n`,
    );
  } finally {
    await redis.close();
  }
}

if (process.argv[2] === 'watch') await watch(process.argv[3] ?? '', process.argv[4] ?? '');
else await run();
