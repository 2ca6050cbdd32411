import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainingJob } from '../src/contracts.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { type LineOptions, openLine } from '../src/training/line.js';
import { openBullQueue } from '../src/training/queue-bull.js';
import { createEmbeddedQueue } from '../src/training/queue-embedded.js';
import { connectRedis, type Redis } from '../src/training/redis.js';
import { queueContract } from './contract/queue.js';
import { bot, job, rejects } from './contract/store.js';
import { eventually } from './support/hub.js';
import { TestRedis } from './support/redis.js';

async function emptyStore() {
  const directory = await mkdtemp(join(tmpdir(), 'switchboard-queue-'));
  const store = await openStore(`sqlite:${join(directory, 'switchboard.db')}`);
  const dispose = async (): Promise<void> => {
    await store.close();
    await rm(directory, { recursive: true });
  };
  return { store, dispose };
}

queueContract('embedded', async () => ({ ...(await emptyStore()), queue: createEmbeddedQueue, takings: 2 }));

describe('With a real Redis', () => {
  let redis: TestRedis;
  before(async () => {
    redis = await TestRedis.open();
  });
  after(() => redis.close());

  queueContract('Bull', async () => {
    redis.cli('flushall');
    const connections: Redis[][] = [];
    return {
      ...(await emptyStore()),
      takings: 3,
      queue(parts) {
        const own: Redis[] = [];
        connections.push(own);
        const connect = (): Redis => {
          own.push(connectRedis(redis.url));
          return own.at(-1)!;
        };
        const line = openLine({ url: redis.url, connect, log: parts.log, lockMs: parts.lockMs });
        const pack = () => Promise.resolve({ content: null, token: 't', label: 'any' as const });
        return openBullQueue({ ...parts, line, pack, sweepMs: 500, showMs: 50 });
      },
      crash: () => connections.at(-1)!.forEach((connection) => connection.disconnect()),
    };
  });

  describe('the Bull queue', function () {
    this.timeout(30_000);
    const open: { close(): Promise<void> }[] = [];
    const opened = async (connect?: LineOptions['connect']) => {
      redis.cli('flushall');
      const { store, dispose } = await emptyStore();
      await store.bots.create(bot('a'));
      const { log } = openLog({ level: 'silent', pretty: false });
      const line = openLine({ url: redis.url, log, lockMs: 5000, watchdogMs: 500, ...(connect ? { connect } : {}) });
      const pack = () => Promise.resolve({ content: null, token: 't', label: 'any' as const });
      const self = {
        id: 's',
        name: 's',
        labels: [],
        cores: 1,
        memory: { total: 1, free: 1 },
        gpus: [],
        device: 'd',
        holding: null,
      };
      const queue = openBullQueue({
        jobs: store.jobs,
        line,
        pack,
        trainer: self,
        self: () => Promise.resolve(self),
        sweepMs: 200,
        log,
      });
      open.push({ close: async () => queue.close().then(dispose) });
      const submit = async (id: string): Promise<void> => {
        await store.jobs.create(job(id, 'a'));
        await queue.submit((await store.jobs.get(id))!);
      };
      const done = (id: string) => eventually(async () => (await store.jobs.get(id))?.state === 'done', 20);
      return { store, line, queue, submit, done };
    };
    const handler = (taken: TrainingJob) => Promise.resolve({ modelId: `model-of-${taken.id}` });
    afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

    it('puts jobs in again that Redis lost, and takes them under a higher fence than before', async () => {
      const { store, queue, submit, done } = await opened();
      await submit('a1');
      await store.jobs.update('a1', { fence: 7 });
      redis.cli('flushall');
      await queue.work(handler, 1);
      await done('a1');
      assert.equal((await store.jobs.get('a1'))!.fence, 8);
    });
    it('opens itself anew when jobs wait and nobody takes them', async () => {
      let deaf = true;
      const { queue, submit, done } = await opened((kind) => {
        const connection = connectRedis(redis.url);
        // As after some reconnects: the call that waits for a job never answers.
        if (kind === 'bclient' && deaf) {
          deaf = false;
          connection.brpoplpush = () => new Promise<null>(() => undefined);
        }
        return connection;
      });
      await queue.work(handler, 1);
      await submit('a1');
      await done('a1');
    });
    it('promises nothing while Redis is away, and takes jobs again when it is back', async () => {
      const { store, queue, submit, done } = await opened();
      await queue.work(handler, 1);
      await submit('a1');
      await done('a1');
      await redis.kill();
      await store.jobs.create(job('a2', 'a'));
      await rejects(queue.submit((await store.jobs.get('a2'))!), 'queue_unavailable');
      await redis.start();
      await done('a2');
    });
    it('runs no more jobs than allowed, whatever lines they wait in', async () => {
      redis.cli('flushall');
      // Without a hub, which would take out of the line what its store does not know.
      const line = openLine({ url: redis.url, lockMs: 5000 });
      open.push(line);
      const labels = ['any', 'gpu'] as const;
      for (const label of labels) {
        const entry = { id: label, appId: label, base: 0, digest: '', content: null, token: 't' };
        await line.add(entry, { label, priority: 1 });
      }
      const taken: string[] = [];
      let most = 0;
      await line.start({
        ...{ parallel: 1, labels, offers: [] },
        // Both are asked for before either runs.
        holding: () => sleep(50, null),
        async take({ entry }) {
          taken.push(entry.id);
          most = Math.max(most, line.jobs().length);
          await sleep(100);
          return { outcome: 'over' };
        },
      });
      await eventually(() => taken.length === 2);
      assert.equal(most, 1);
    });
    it('refuses a Redis that evicts, with the remedy', async () => {
      const { line } = await opened();
      redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru');
      try {
        await assert.rejects(line.check(), {
          code: 'queue_unavailable',
          message: /allkeys-lru.*Set "maxmemory-policy noeviction"/,
        });
      } finally {
        redis.cli('config', 'set', 'maxmemory-policy', 'noeviction');
      }
      await line.check();
    });
  });
});
