import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../src/stores/index.js';
import { openLine } from '../src/training/line.js';
import { openBullQueue } from '../src/training/queue-bull.js';
import { createEmbeddedQueue } from '../src/training/queue-embedded.js';
import { connectRedis, type Redis } from '../src/training/redis.js';
import { queueContract } from './contract/queue.js';
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
        const line = openLine({ url: redis.url, connect, log: parts.log, lockMs: 600 });
        const pack = () => Promise.resolve({ content: null, token: 't', label: 'any' as const });
        return openBullQueue({ ...parts, line, pack, sweepMs: 500, showMs: 50 });
      },
      crash: () => connections.at(-1)!.forEach((connection) => connection.disconnect()),
    };
  });
});
