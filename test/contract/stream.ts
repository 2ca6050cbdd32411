/** What every store must do with the event stream: every event of a tracker once, in order, and who is sent it. */
import assert from 'node:assert/strict';
import type { HeldSending, Json, Store, StreamItem, Subscription } from '../../src/contracts.js';
import { bot, day, message, nasty, rejects, walk } from './store.js';

export const subscription = (id: string, more: Partial<Subscription> = {}): Subscription => ({
  id,
  kind: 'webhook',
  name: nasty,
  url: 'https://example.org/hook',
  appId: null,
  events: null,
  secret: 'sealed',
  enabled: true,
  error: null,
  failingSince: null,
  position: 0,
  version: 0,
  by: 'somebody',
  createdAt: day(1),
  ...more,
});
const held = (subscriptionId: string, position: number, more: Partial<HeldSending> = {}): HeldSending => ({
  ...{ subscriptionId, position, appId: 'a', conversation: nasty, state: 'waiting' },
  ...{ attempts: 1, error: nasty, nextAt: 5, at: day(1) },
  ...more,
});
const event = (n: number): Json => ({ event: 'user', text: `${nasty}${n}`, timestamp: 1700000000.25 + n });

export function streamTests(store: () => Store, reopen: () => Promise<void>, setDay: (n: number) => void): void {
  beforeEach(async () => {
    setDay(1);
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
  });
  /** All that follows a position, read in pages of two. */
  const following = async (after = 0): Promise<StreamItem[]> => {
    const items: StreamItem[] = [];
    for (let at = after; ;) {
      const page = await store().stream.read(at, 2);
      items.push(...page.items);
      if (page.end === at) return items;
      at = page.end;
    }
  };
  const said = (items: StreamItem[]): [string, string, Json[]][] =>
    items.map(({ appId, conversation, events }) => [appId, conversation, events]);

  it('shows what was added to trackers in the order in which it was stored', async () => {
    await store().subscriptions.add(subscription('s'));
    const { trackers } = store();
    assert.deepEqual([await store().stream.head(), await following()], [0, []]);
    await store().conversations.receive(message('a', 'e', { conversation: nasty, channel: 'web' }));
    await trackers.append('a', nasty, 0, [event(0), event(1)]);
    await trackers.append('b', 'other', 0, [event(2)]);
    await trackers.append('a', nasty, 9, [event(9)]);
    await trackers.append('a', nasty, 2, []);
    await trackers.extend('a', nasty, [event(3)]);
    await reopen();
    await store().trackers.append('a', nasty, 3, [event(4)]);
    const items = await following();
    assert.deepEqual(said(items), [
      ['a', nasty, [event(0), event(1)]],
      ['b', 'other', [event(2)]],
      ['a', nasty, [event(3)]],
      ['a', nasty, [event(4)]],
    ]);
    assert.deepEqual(
      items.map(({ channel }) => channel),
      ['web', null, 'web', 'web'],
    );
    const positions = items.map(({ position }) => position);
    assert.deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
    );
    assert.equal(await store().stream.head(), positions[3]);
    assert.deepEqual(said(await following(positions[1])), said(items.slice(2)));
    assert.deepEqual(await store().stream.at(positions[2] ?? 0), items[2]);
    assert.equal(await store().stream.at(positions[3]! + 1), null);
  });
  it('loses none of what is stored at once while somebody reads', async () => {
    await store().subscriptions.add(subscription('s'));
    const seen = new Map<string, Json[]>();
    let at = 0;
    let writing = true;
    // What follows one that failed is shown when that can't appear any more: whoever finds nothing is not at the end yet.
    const behind = async (): Promise<boolean> => writing || at < (await store().stream.head());
    const read = async (): Promise<void> => {
      while (await behind()) {
        const { items, end } = await store().stream.read(at, 7);
        for (const { conversation, events } of items)
          seen.set(conversation, [...(seen.get(conversation) ?? []), ...events]);
        at = end;
      }
    };
    const reader = read();
    const senders = Array.from({ length: 8 }, (_, n) => `s${n}`);
    await Promise.all(
      senders.map(async (sender) => {
        for (let n = 0; n < 12; n++) await store().trackers.append('a', sender, n, [event(n)]);
      }),
    );
    writing = false;
    await reader;
    const all = Array.from({ length: 12 }, (_, n) => event(n));
    for (const sender of senders) assert.deepEqual(seen.get(sender), all, sender);
  }).timeout(30_000);
  it('finds a place by the time', async () => {
    await store().subscriptions.add(subscription('s'));
    for (const n of [1, 2, 3, 4]) {
      setDay(n);
      await store().trackers.extend('a', `s${n}`, [event(n)]);
    }
    const from = async (time: string): Promise<string[]> =>
      (await following(await store().stream.seek(time))).map(({ conversation }) => conversation);
    assert.deepEqual(await from(day(0)), ['s1', 's2', 's3', 's4']);
    assert.deepEqual(await from(day(3)), ['s3', 's4']);
    assert.deepEqual(await from(day(5)), []);
  });
  it('begins with what was there before anybody subscribed, and shows nothing that was erased', async () => {
    const { trackers, conversations } = store();
    setDay(2);
    await conversations.receive(message('a', 'late', { conversation: 'late' }));
    await trackers.append('a', 'late', 0, [event(1), event(2)]);
    await trackers.append('a', 'late', 2, [event(3)]);
    setDay(1);
    await conversations.receive(message('a', 'gone', { conversation: 'gone' }));
    await trackers.append('a', 'gone', 0, [event(4)]);
    await trackers.append('b', 'x', 0, [event(5)]);
    await store().subscriptions.add(subscription('s'));
    await trackers.append('a', 'gone', 1, [event(6)]);
    const before = await following();
    const gone = before.find(({ conversation }) => conversation === 'gone');
    await conversations.erase('a', 'gone');
    await store().bots.delete('b');
    assert.deepEqual(
      (await following()).map(({ conversation }) => conversation).filter((one) => one !== 'late'),
      [],
    );
    assert.deepEqual(
      (await following()).flatMap(({ events }) => events),
      [1, 2, 3].map(event),
    );
    assert.equal(await store().stream.at(gone?.position ?? 0), null);
    await conversations.receive(message('a', 'again', { conversation: 'gone' }));
    await trackers.append('a', 'gone', 0, [event(7)]);
    assert.deepEqual((await following()).at(-1)?.events, [event(7)]);
  });
  it('shows a tracker that was replaced as it is now', async () => {
    await store().subscriptions.add(subscription('s'));
    await store().trackers.append('a', 's', 0, [event(1), event(2)]);
    await store().trackers.replace('a', 's', [event(1), event(8)]);
    await store().trackers.append('a', 's', 2, [event(9)]);
    const all = (await following()).flatMap(({ events }) => events);
    assert.deepEqual(all.slice(-3), [event(1), event(8), event(9)]);
  });
  it('goes on with higher positions when a subscription comes after the last one has gone', async () => {
    await store().subscriptions.add(subscription('s'));
    await store().trackers.append('a', 's', 0, [event(1)]);
    const first = await store().stream.head();
    await store().subscriptions.remove('s');
    await store().trackers.append('a', 's', 1, [event(2)]);
    await store().subscriptions.add(subscription('t'));
    await store().trackers.append('a', 's', 2, [event(3)]);
    const items = await following();
    assert.deepEqual(
      items.flatMap(({ events }) => events),
      [1, 2, 3].map(event),
    );
    assert.ok((items.at(-1)?.position ?? 0) > first);
  });

  it('keeps subscriptions whole, and changes of one what is named', async () => {
    const all = [subscription('one'), subscription('two', { appId: 'a', events: ['user', 'bot'], kind: 'kafka' })];
    for (const one of all) await store().subscriptions.add(one);
    await reopen();
    assert.deepEqual(await walk((page) => store().subscriptions.list(page), 1), all);
    assert.deepEqual((await store().subscriptions.list({ limit: 5 }, 'a')).items, all.slice(1));
    await Promise.all([
      store().subscriptions.update('one', { position: 7 }),
      store().subscriptions.update('one', { enabled: false }),
    ]);
    const changed = subscription('one', { position: 7, enabled: false, version: 2 });
    assert.deepEqual(await store().subscriptions.get('one'), changed);
    assert.equal(await store().subscriptions.update('nobody', { position: 7 }), null);
    await rejects(store().subscriptions.add(subscription('three', { appId: 'nobody' })), 'not_found');
    await store().bots.delete('a');
    assert.equal(await store().subscriptions.get('two'), null);
    assert.deepEqual(
      [await store().subscriptions.remove('one'), await store().subscriptions.remove('one')],
      [true, false],
    );
  });
  it('notes what became of the sendings of one version, and of no other', async () => {
    const { subscriptions } = store();
    await subscriptions.add(subscription('one'));
    const noted = subscription('one', { position: 5 });
    assert.deepEqual(await subscriptions.update('one', { position: 5 }, 0), noted);
    const back = subscription('one', { position: 2, version: 1 });
    assert.deepEqual(await subscriptions.update('one', { position: 2 }), back);
    assert.equal(await subscriptions.update('one', { position: 6 }, 0), null);
    assert.deepEqual(await subscriptions.get('one'), back);
    assert.equal((await subscriptions.update('one', { position: 6 }, 1))?.position, 6);
  });
  it('keeps what could not be sent until it is dropped, or its subscription is gone', async () => {
    const { subscriptions } = store();
    for (const id of ['one', 'two']) await subscriptions.add(subscription(id, { appId: 'a' }));
    for (const position of [9, 3, 5]) await subscriptions.hold(held('one', position));
    await subscriptions.hold(held('two', 3));
    await subscriptions.hold(held('one', 5, { state: 'dead', attempts: 8 }));
    await subscriptions.hold(held('nobody', 5));
    await reopen();
    const of = async (id: string, state: HeldSending['state']): Promise<number[]> =>
      (await walk((page) => store().subscriptions.held(id, state, page), 1)).map(({ position }) => position);
    assert.deepEqual([await of('one', 'waiting'), await of('one', 'dead')], [[3, 9], [5]]);
    assert.deepEqual((await store().subscriptions.held('one', 'dead', { limit: 1 })).items, [
      held('one', 5, { state: 'dead', attempts: 8 }),
    ]);
    assert.deepEqual(
      [await store().subscriptions.drop('one', 3), await store().subscriptions.drop('one', 3)],
      [true, false],
    );
    assert.deepEqual([await of('one', 'waiting'), await of('nobody', 'waiting')], [[9], []]);
    await store().subscriptions.remove('one');
    await store().bots.delete('a');
    for (const id of ['one', 'two']) assert.deepEqual(await of(id, 'waiting'), []);
  });
}
