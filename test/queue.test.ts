import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../src/stores/index.js';
import { createEmbeddedQueue } from '../src/training/queue-embedded.js';
import { queueContract } from './contract/queue.js';

queueContract('embedded', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'switchboard-queue-'));
  const store = await openStore(`sqlite:${join(directory, 'switchboard.db')}`);
  return {
    store,
    queue: createEmbeddedQueue,
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
