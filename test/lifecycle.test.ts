import assert from 'node:assert/strict';
import { createLifecycle } from '../src/lifecycle.js';
import { openLog } from '../src/log.js';

const { log } = openLog({ level: 'silent', pretty: false });

describe('the lifecycle', () => {
  it('stops parts in reverse order, once, however often it is asked, and past one that fails', async () => {
    const stopped: string[] = [];
    const life = createLifecycle(log);
    for (const name of ['store', 'broken', 'hub']) {
      life.onStop(name, () => {
        stopped.push(name);
        return name === 'broken' ? Promise.reject(new Error('no')) : Promise.resolve();
      });
    }
    assert.deepEqual(await Promise.all([life.stop(), life.stop()]), [true, true]);
    assert.deepEqual(stopped, ['hub', 'broken', 'store']);
  });

  it('gives up on a part that does not stop, and says so', async () => {
    const life = createLifecycle(log, 30);
    life.onStop('stuck', () => new Promise(() => undefined));
    assert.equal(await life.stop(), false);
  });
});
