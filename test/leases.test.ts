import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { At, LeaseDuties, Leases, Store } from '../src/contracts.js';
import { openStore } from '../src/stores/index.js';
import { placed } from '../src/stores/mongo/leases.js';
import { bot, message } from './contract/store.js';
import { eventually } from './support/hub.js';
import { MongoServer } from './support/mongo.js';

const server = new MongoServer();
let databases = 0;
let opened: Store[] = [];

/** A hub's store, and what it was asked to do with its conversations. */
async function open(url: string, duties: Partial<LeaseDuties> = {}): Promise<{ store: Store; leases: Leases }> {
  const store = await openStore(url, { shared: true });
  opened.push(store);
  const leases = store.leases!;
  const none = { open: () => Promise.resolve(), idle: () => true, changed: () => undefined };
  await leases.start({ ...none, ...duties });
  return { store, leases };
}
/** As a process that is stopped: its pulse stands still, and it does not know. */
function stopPulse(leases: Leases): void {
  clearInterval((leases as unknown as { timer: NodeJS.Timeout }).timer);
}
const talks = Array.from({ length: 40 }, (_, n): At => ({ appId: 'a', conversation: `c${n}` }));
const owned = (leases: Leases): At[] => talks.filter((at) => leases.stateOf(at) === 'own');

describe('Leases of conversations', function () {
  this.timeout(60_000);
  let url: string;
  before(() => server.start());
  after(() => server.dispose());
  beforeEach(() => (url = server.url(`leases${(databases += 1)}`)));
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    opened = [];
  });

  it('fall to hubs evenly, and only what is gained or lost moves', () => {
    const ids = ['h1', 'h2', 'h3', 'h4'];
    const before = placed(ids);
    for (const id of ids) assert.ok(Math.abs(before.filter((one) => one === id).length - 64) < 28);
    const after = placed([...ids, 'h5']);
    assert.ok(before.every((one, shard) => after[shard] === one || after[shard] === 'h5'));
    assert.ok(after.filter((one) => one === 'h5').length < 90);
  });

  it('are divided among the hubs that live: each conversation has one owner, at whom the others agree', async () => {
    const first = await open(url);
    assert.equal(owned(first.leases).length, talks.length);
    const { leases } = await open(url);
    await eventually(() => owned(leases).length > 5 && owned(leases).length + owned(first.leases).length === 40);
    await eventually(() => talks.every((at) => [first.leases, leases].every((one) => one.ownerOf(at) !== null)));
    for (const at of talks) assert.equal(first.leases.ownerOf(at), leases.ownerOf(at));
    await leases.leave();
    await eventually(() => owned(first.leases).length === 40);
  });

  it('are not given away while something of them runs', async () => {
    let running = true;
    const first = await open(url, { idle: () => !running });
    const { leases } = await open(url);
    await sleep(2500);
    assert.equal(owned(leases).length, 0);
    const given = talks.filter((at) => first.leases.stateOf(at) === 'other');
    assert.ok(given.length > 5, 'no new turn begins in those that are to go');
    running = false;
    await eventually(() => owned(leases).length === given.length);
  });

  it('are taken from a hub that stands still, which then writes nothing: no outcome, no sending', async () => {
    const first = await open(url);
    const store = first.store;
    await store.bots.create(bot('a'));
    const take = async (n: number) => (await store.conversations.receive(message('a', `e${n}`, talks[n]))).message;
    const [one, two] = [await take(0), await take(1)];
    const reply = { recipient_id: 'x', text: 'from the first' };
    const answered = { state: 'answered' as const, replies: [reply] };
    const [entry] = await store.conversations.settle(two.id, answered, { send: [reply] });
    stopPulse(first.leases);
    const seen: At[] = [];
    const second = await open(url, {
      open: (mine) => Promise.resolve(void seen.push(...talks.filter(mine))),
    });
    await eventually(() => owned(second.leases).length === 40, 15);
    assert.ok(seen.length >= 40);
    // By the clock it is sure of nothing; and once it looks, it knows.
    assert.notEqual(first.leases.stateOf(talks[0]!), 'own');
    await assert.rejects(store.conversations.settle(one.id, answered), { code: 'store_unavailable' });
    // A write that had passed that check and was on its way meanwhile.
    Object.assign(first.leases, { sureUntil: Infinity });
    await assert.rejects(store.conversations.settle(one.id, answered), { code: 'stopping' });
    for (const write of ['sent', 'retry', 'bury'] as const)
      await assert.rejects(store.outbox[write](entry!), { code: 'stopping' });
    const [left] = await second.store.outbox.of(two.id);
    assert.equal(left?.id, entry?.id);
    await second.store.conversations.settle(one.id, answered);
    await second.store.outbox.sent(entry!);
    await first.leases.look();
    assert.equal(first.leases.stateOf(talks[0]!) === 'own', false);
  });

  it('can be lent for a turn, and a guest that stood still meanwhile writes nothing', async () => {
    const first = await open(url);
    const second = await open(url);
    await eventually(() => owned(second.leases).length > 0 && owned(first.leases).length > 0);
    await first.store.bots.create(bot('a'));
    const at = owned(second.leases)[0]!;
    const { message: stored } = await first.store.conversations.receive(message('a', 'e', at));
    const settle = () => first.store.conversations.settle(stored.id, { error: 'by a guest' });
    await assert.rejects(settle(), { code: 'stopping' });
    const end = first.leases.borrow(at, second.leases.epochOf(at));
    await settle();
    // None that was on its way before it stood still: that would be sure again without a look at what is lent.
    await first.leases.look();
    Object.assign(first.leases, { sureUntil: 0 });
    await first.leases.look();
    await assert.rejects(settle(), { code: 'stopping' });
    end();
  });

  it('leave numbers in the order of arrival, whichever hub stored the message', async () => {
    const hubs = [await open(url), await open(url)];
    await hubs[0]!.store.bots.create(bot('a'));
    const numbers: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const event = message('a', `e${n}`, { conversation: 'one' });
      numbers.push((await hubs[n % 2]!.store.conversations.receive(event)).message.number);
    }
    assert.deepEqual(
      numbers,
      [...numbers].sort((x, y) => x - y),
    );
    const waiting = await hubs[1]!.store.conversations.waiting('a', 'one');
    assert.deepEqual(
      waiting.map(({ eventId }) => eventId),
      Array.from({ length: 12 }, (_, n) => `e${n}`),
    );
    const [talk] = (await hubs[0]!.store.conversations.list('a', { limit: 9 })).items;
    assert.equal(talk?.messages, 12);
  });

  it('keep a hub without Redis away, whose store would be its own', async () => {
    await open(url);
    await assert.rejects(openStore(url), { code: 'store_unavailable', message: /Several hubs share .* set REDIS_URL/ });
  });
});
