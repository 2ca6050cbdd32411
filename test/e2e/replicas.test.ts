import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { basics, Rig } from '../faults/rig.js';

/** Two hubs on one MongoDB and one Redis, each in a process of its own, behind a balancer that does not know which of them live. */
describe('Two hubs of one store', function () {
  this.timeout(240_000);
  const rig = new Rig({ seed: 11, short: true, python: null }, { hubs: 2 });
  before(() => rig.open(6));
  after(() => rig.close());

  it('keep order and lose nothing while each is killed once and one stands still for longer than its lease', async () => {
    rig.bot.behave = () => ({ ms: 2 + Math.floor(rig.random() * 30) });
    const load = rig.load(330, 15, 30);
    await sleep(3000);
    await rig.kill(0);
    await sleep(1500);
    await rig.start(0);
    await sleep(2500);
    await rig.kill(1);
    await sleep(1500);
    await rig.start(1);
    await sleep(2500);
    await rig.pause(0, 7000);
    await load;
    await rig.settled(12_000);
    const counts = rig.counts();
    assert.deepEqual(basics(counts), []);
    assert.ok(counts.duplicated <= 3, `${counts.duplicated} copies after three faults`);
    assert.ok(counts.acked > 200);
  });
});
