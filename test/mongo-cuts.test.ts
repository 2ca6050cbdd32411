import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { BotMessage, OutboxEntry, Store, StoredMessage } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { openStore } from '../src/stores/index.js';
import { bot, message, rejects } from './contract/store.js';
import { MongoServer } from './support/mongo.js';
import { commandOn, CuttingProxy } from './support/proxy.js';

const say = (...texts: string[]): BotMessage[] => texts.map((text) => ({ recipient_id: 'r', text }));

/** As platforms do: what is refused is sent again until it is taken. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof HubError && error.code === 'store_unavailable')) throw error;
    }
    await sleep(20);
  }
}

/** Of a store that is not to refuse anything: a server on a busy machine takes its time. */
const patient = { patienceMs: 20_000 };

describe('The MongoDB store whose line is cut', function () {
  this.timeout(120_000);
  const server = new MongoServer();
  let databases = 0;
  let line: CuttingProxy;
  let store: Store;
  /** The database, past the line. */
  let direct = '';

  before(() => server.start());
  after(() => server.dispose());
  beforeEach(async () => {
    direct = server.url(`cuts${(databases += 1)}`);
    line = await new CuttingProxy(() => server.port).open();
    store = await openStore(server.url(`cuts${databases}`, line.port), patient);
    await store.bots.create(bot('a'));
  });
  afterEach(async () => {
    await store.close();
    await line.close();
  });

  type Command = Parameters<typeof commandOn>[0];
  /** From now on the store has a hub's patience, so that it refuses within two seconds. */
  const hurry = async (): Promise<void> => {
    await store.close();
    store = await openStore(server.url(`cuts${databases}`, line.port));
  };
  /** Cuts the line at a command, and it stays cut. */
  const cut = async (when: 'before' | 'after', command: Command, collection: string): Promise<void> => {
    await hurry();
    line.cutAt({ when, at: commandOn(command, collection), stays: true });
  };
  /** Cuts the line behind a command, before its answer. Whoever calls again is put through. */
  const loseAnswer = (command: Command, collection: string): void =>
    line.cutAt({ when: 'after', at: commandOn(command, collection), stays: false });
  /** The hub dies where the line was cut; another one starts on what is in the database. */
  const crash = async (): Promise<void> => {
    await store.close();
    const client = await mongoose.mongo.MongoClient.connect(direct);
    // In this process it lives on; a hub that is killed would not be waited for.
    await client.db().collection<{ _id: string }>('hub').deleteOne({ _id: 'owner' });
    await client.close();
    store = await openStore(direct, patient);
  };
  const logged = async (): Promise<StoredMessage[]> =>
    (await patiently(() => store.conversations.messages('a', 'c', { limit: 500 }))).items;
  const counted = async (): Promise<number[]> =>
    (await patiently(() => store.conversations.list('a', { limit: 9 }))).items.map(({ messages }) => messages);
  const pending = async (): Promise<OutboxEntry[]> =>
    (await patiently(() => store.outbox.pending({ limit: 500 }))).items;
  const received = async (eventId: string): Promise<boolean> =>
    (await store.conversations.receive(message('a', eventId))).duplicate;

  describe('while it makes a bot with files', () => {
    const files = [{ path: 'config.yml', content: 'x' }];
    const there = async (): Promise<unknown[]> => [await store.bots.get('b'), await store.files.read('b')];
    for (const [when, command, collection] of [
      ['after', 'insert', 'bots'],
      ['after', 'insert', 'texts'],
      ['before', 'insert', 'files'],
      ['after', 'update', 'files'],
      ['before', 'update', 'bots'],
    ] as const) {
      it(`has none at the next start, and makes it then, cut ${when} the ${command} in ${collection}`, async () => {
        await cut(when, command, collection);
        await assert.rejects(store.bots.create(bot('b'), files));
        await crash();
        assert.deepEqual(await there(), [null, []]);
        assert.deepEqual((await store.bots.list({ limit: 9 })).items, [bot('a')]);
        await store.bots.create(bot('b'), files);
        assert.deepEqual(await there(), [bot('b'), files]);
      });
    }
    it('asks again for an answer that was lost, and makes it once', async () => {
      loseAnswer('update', 'bots');
      await store.bots.create(bot('b'), files);
      assert.deepEqual(await there(), [bot('b'), files]);
    });
  });

  describe('while it receives', () => {
    it('counts the message at the next start, when it died before it could', async () => {
      await received('first');
      await cut('before', 'update', 'conversations');
      await rejects(store.conversations.receive(message('a', 'e')), 'store_unavailable');
      await crash();
      const { items } = await store.conversations.unsettled({ limit: 9 });
      assert.deepEqual(
        items.map(({ eventId }) => eventId),
        ['first', 'e'],
      );
      assert.deepEqual(await counted(), [2]);
      assert.equal(await received('e'), true);
    });
    for (const [when, command, collection] of [
      ['before', 'insert', 'messages'],
      ['after', 'insert', 'messages'],
      ['before', 'insert', 'conversations'],
      ['after', 'insert', 'conversations'],
    ] as const) {
      it(`takes an event that it refused as new when it comes again, cut ${when} the ${command} in ${collection}`, async () => {
        await cut(when, command, collection);
        await rejects(store.conversations.receive(message('a', 'e')), 'store_unavailable');
        await rejects(store.conversations.receive(message('a', 'e')), 'store_unavailable');
        line.heal();
        assert.equal(await patiently(() => received('e')), false);
        assert.equal(await patiently(() => received('e')), true);
        assert.deepEqual([(await logged()).length, await counted()], [1, [1]]);
      });
    }
    it('asks again for an answer that was lost, and stores once', async () => {
      for (const collection of ['messages', 'conversations']) {
        loseAnswer('insert', collection);
        assert.equal(await received(`e in ${collection}`), false);
      }
      assert.deepEqual([(await logged()).length, await counted()], [2, [2]]);
    });
    it('tells those who send the same event meanwhile what became of it', async () => {
      await cut('before', 'insert', 'messages');
      const both = await Promise.allSettled([received('e'), received('e')]);
      assert.deepEqual(
        both.map(({ status }) => status),
        ['rejected', 'rejected'],
      );
      line.heal();
      const again = await Promise.all([1, 2].map(() => patiently(() => received('e'))));
      assert.deepEqual(again.sort(), [false, true], 'new to one of both');
    });
  });

  describe('while it settles', () => {
    const outcome = { state: 'failed', error: 'x', replies: say('one', 'two') } as const;
    const then = { send: say('one', 'two'), bury: { attempts: 2 } };
    const settle = (id: string): Promise<OutboxEntry[]> =>
      store.conversations.settle(id, { ...outcome, replies: say('one', 'two') }, then);
    const state = async (): Promise<unknown[]> => {
      const [first] = await logged();
      const letters = (await patiently(() => store.deadLetters.list({ limit: 9 }))).items;
      return [first?.state, first?.replies.length, (await pending()).map(({ part }) => part), letters.length];
    };
    for (const [when, expected] of [
      ['before', ['received', 0, [], 0]],
      ['after', ['failed', 2, [0, 1], 1]],
    ] as const) {
      it(`has written all of it or nothing, cut ${when} the write`, async () => {
        const { id } = (await store.conversations.receive(message('a', 'e'))).message;
        await cut(when, 'update', 'messages');
        await rejects(settle(id), 'store_unavailable');
        await crash();
        assert.deepEqual(await state(), expected);
      });
    }
    it('writes it once when it is asked again after a lost answer', async () => {
      const { id } = (await store.conversations.receive(message('a', 'e'))).message;
      await cut('after', 'update', 'messages');
      await rejects(settle(id), 'store_unavailable');
      line.heal();
      const entries = await patiently(() => settle(id));
      assert.deepEqual(entries, await pending());
      assert.deepEqual(await state(), ['failed', 2, [0, 1], 1]);
    });
    it('writes each step of a reply once when its answer is lost', async () => {
      const { id } = (await store.conversations.receive(message('a', 'e'))).message;
      loseAnswer('update', 'messages');
      const [one, two] = await settle(id);
      loseAnswer('update', 'messages');
      await store.outbox.sent(one!);
      loseAnswer('update', 'messages');
      await store.outbox.bury(two!);
      const [letter] = (await store.deadLetters.list({ limit: 9 })).items;
      loseAnswer('update', 'messages');
      assert.ok(await store.deadLetters.revive(letter!.id));
      assert.deepEqual(
        (await pending()).map(({ part }) => part),
        [1],
      );
    });
  });

  describe('in the middle of other things', () => {
    it('has deleted a bot as soon as it is marked, and finishes at the next start', async () => {
      await received('e');
      await store.trackers.append('a', 's', 0, [{ event: 'user' }]);
      await store.faq.put('a', [{ id: '1', questions: [], answer: 'x' }]);
      await cut('before', 'delete', 'conversations');
      await rejects(store.bots.delete('a'), 'store_unavailable');
      await crash();
      assert.equal(await store.bots.get('a'), null);
      await store.bots.create(bot('a'));
      assert.deepEqual([await logged(), await counted(), await store.trackers.senders('a')], [[], [], []]);
      assert.equal((await store.faq.get('a')).version, 0);
    });
    it('keeps a tracker whole that it was replacing', async () => {
      const events = [{ event: 'user', text: 'old' }];
      await store.trackers.replace('a', 's', events);
      await cut('before', 'update', 'trackers');
      await rejects(store.trackers.replace('a', 's', [{ event: 'user', text: 'new' }]), 'store_unavailable');
      await crash();
      assert.deepEqual(await store.trackers.read('a', 's', true), { offset: 0, events });
      await store.trackers.replace('a', 's', [{ event: 'user', text: 'newer' }]);
      assert.equal((await store.trackers.read('a', 's', true))?.events[0]?.['text'], 'newer');
    });
    it('keeps an FAQ whole that it was replacing', async () => {
      const pairs = [{ id: '1', questions: [], answer: 'old' }];
      await store.faq.put('a', pairs);
      await cut('before', 'update', 'faqs');
      await rejects(store.faq.put('a', []), 'store_unavailable');
      await crash();
      assert.deepEqual(await store.faq.get('a'), { version: 1, pairs });
      assert.equal(await store.faq.put('a', [], 1), 2);
    });
    it('keeps project files whole that it was replacing', async () => {
      const next = [{ path: 'q', content: 'new' }];
      await store.files.write('a', [{ path: 'p', content: 'old' }]);
      await cut('before', 'update', 'files');
      await rejects(store.files.write('a', next, { replace: true }), 'store_unavailable');
      await crash();
      assert.deepEqual(await store.files.read('a'), [{ path: 'p', content: 'old' }]);
      await store.files.write('a', next, { replace: true });
      assert.deepEqual(await store.files.read('a'), next);
    });
  });

  it('loses nothing and doubles nothing over ten cuts in the middle of writes', async () => {
    const fresh = new Map<string, number>();
    /** As the platform and the hub do: again until it is stored, then one settlement, again until it is stored. */
    const persist = async <T>(work: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'store_unavailable');
          await sleep(50);
        }
      }
    };
    const one = async (n: number): Promise<void> => {
      const incoming = message('a', `e${n}`, { conversation: `c${n % 8}` });
      const { message: stored, duplicate } = await persist(() => store.conversations.receive(incoming));
      if (!duplicate) fresh.set(stored.eventId, (fresh.get(stored.eventId) ?? 0) + 1);
      await persist(() =>
        store.conversations.settle(stored.id, { state: 'answered', replies: say('x') }, { send: say('x') }),
      );
    };
    await hurry();
    let n = 0;
    while (line.cuts < 10) {
      const batch = Array.from({ length: 10 }, () => one((n += 1)));
      // Somewhere in the middle of their writes.
      await Promise.race(batch);
      await sleep(Math.random() * 10);
      line.cut();
      await Promise.all(batch);
    }
    const entries = await pending();
    assert.deepEqual(
      [...fresh.values()].filter((times) => times !== 1),
      [],
    );
    assert.equal(fresh.size, n);
    assert.deepEqual([entries.length, new Set(entries.map(({ messageId }) => messageId)).size], [n, n]);
    const { items } = await patiently(() => store.conversations.list('a', { limit: 99 }));
    assert.equal(
      items.reduce((all, { messages }) => all + messages, 0),
      n,
    );
  });
});

describe('The MongoDB store whose server is stopped', function () {
  this.timeout(120_000);
  it('refuses everything within two seconds, and goes on by itself when the server is back', async () => {
    const server = await new MongoServer().start();
    try {
      const before = await openStore(server.url('stopped'), patient);
      await before.bots.create(bot('a'));
      await before.conversations.receive(message('a', 'e'));
      await before.close();
      const store = await openStore(server.url('stopped'));
      await server.stop();
      const took: number[] = [];
      for (let round = 0; round < 3; round++) {
        const started = performance.now();
        const refused = [
          store.ping(),
          store.conversations.receive(message('a', 'f')),
          store.bots.get('a'),
          store.faq.get('a'),
        ];
        for (const one of refused) await rejects(one, 'store_unavailable');
        took.push(performance.now() - started);
      }
      // Beside other suites one round may have to wait for a processor.
      assert.ok(Math.min(...took) < 2000, took.join(', '));
      await server.start();
      const end = Date.now() + 20_000;
      while (
        await store.ping().then(
          () => false,
          () => Date.now() < end,
        )
      );
      const again = (eventId: string) => patiently(() => store.conversations.receive(message('a', eventId)));
      assert.equal((await again('e')).duplicate, true);
      assert.equal((await again('f')).duplicate, false);
      await store.close();
    } finally {
      await server.dispose();
    }
  });
});
