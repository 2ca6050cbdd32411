import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRetention, type Retention } from '../src/hub/retention.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { bot, message } from './contract/store.js';
import { eventually, newHub } from './support/hub.js';

const dayMs = 86_400_000;

describe('Retention', () => {
  it('removes, through any number of steps, what is older than so many days, and tries again after trouble', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sb-retention-'));
    let nowMs = Date.UTC(2024, 0, 1);
    const store = await openStore(`sqlite:${join(directory, 'x.db')}`, { now: () => new Date(nowMs) });
    const lines: string[] = [];
    const { log } = openLog({ level: 'info', pretty: false, write: (line) => lines.push(line) });
    let retention: Retention | null = null;
    try {
      await store.bots.create(bot('a'));
      for (let n = 0; n < 450; n += 1) {
        if (n === 430) nowMs += 2 * dayMs;
        const { message: one } = await store.conversations.receive(message('a', `e${n}`));
        await store.conversations.settle(one.id, { state: 'answered', delivered: true });
      }
      nowMs += dayMs;
      let broken = true;
      const expire: typeof store.conversations.expire = (before, page) =>
        broken ? Promise.reject(new Error('no disk')) : store.conversations.expire(before, page);
      retention = createRetention({
        store: { ...store, conversations: { expire } },
        days: 3,
        log,
        now: () => nowMs,
      });
      await eventually(() => lines.some((line) => line.includes('trying again in an hour')));
      broken = false;
      assert.equal(await retention.sweep(), 0, 'three days are not over');
      nowMs += 1;
      assert.equal(await retention.sweep(), 430);
      assert.equal((await store.conversations.list('a', { limit: 1 })).items[0]!.messages, 20);
    } finally {
      await retention?.stop();
      await store.close();
      await rm(directory, { recursive: true });
    }
  });
  it('is off unless the operator says how long, and on from the start then', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sb-retention-hub-'));
    const days = 3650;
    const hub = await newHub({ dataDir });
    const { appId } = (await hub.api('POST', '/bots', { name: 'Old' })).body as { appId: string };
    await hub.stop();
    const store = await openStore(`sqlite:${join(dataDir, 'switchboard.db')}`, { now: () => new Date(0) });
    const { message: one } = await store.conversations.receive(message(appId, 'e'));
    await store.conversations.settle(one.id, { state: 'answered', delivered: true });
    await store.close();
    const talks = async (env: Record<string, string>, count: number): Promise<void> => {
      const again = await newHub({ dataDir, env });
      try {
        const list = async () => (await again.api('GET', `/bots/${appId}/conversations`)).body.items as unknown[];
        await eventually(async () => (await list()).length === count);
      } finally {
        await again.stop();
      }
    };
    await talks({}, 1);
    const kept = await newHub({ dataDir });
    const retention = `/bots/${appId}/retention`;
    assert.deepEqual((await kept.api('GET', retention)).body, { days: null });
    assert.equal((await kept.api('PUT', retention, { days: 0 })).status, 422);
    assert.equal((await kept.api('PUT', retention, { days: 36_500 })).status, 200);
    await kept.stop();
    await talks({ CONVERSATION_DAYS: String(days) }, 1);
    const again = await newHub({ dataDir });
    await again.api('PUT', retention, { days: null });
    await again.stop();
    await talks({ CONVERSATION_DAYS: String(days) }, 0);
    await rm(dataDir, { recursive: true, force: true });
  });
});
