import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import mongoose from 'mongoose';
import type { Store } from '../src/contracts.js';
import { changeDocument } from '../src/documents.js';
import { migrateStore, openStore, storePlaceOf } from '../src/stores/index.js';
import { redisPlaceOf } from '../src/training/redis.js';
import { connect } from '../src/stores/mongo/database.js';
import { flawOf, type Collection, type Stored } from '../src/stores/mongo/declare.js';
import { collections, migrate, migrations } from '../src/stores/mongo/migrations.js';
import type { Table, Values } from '../src/stores/mongo/table.js';
import { bot, message, rejects } from './contract/store.js';
import { eventually } from './support/hub.js';
import { MongoServer } from './support/mongo.js';

const { MongoClient } = mongoose.mongo;
const server = new MongoServer();
const opened: Store[] = [];
const children: ChildProcess[] = [];
let databases = 0;
let url = '';

/** What a store does is asked here, not how soon: a server on a busy machine takes its time. */
const patienceMs = 20_000;

async function open(options: Parameters<typeof openStore>[1] = {}): Promise<Store> {
  const store = await openStore(url, { patienceMs, ...options });
  opened.push(store);
  return store;
}
/** The document `owner` of the database, as somebody else would change it. */
async function onOwner(
  change: (owner: mongoose.mongo.Collection<{ _id: string; value: string; rev: string }>) => Promise<unknown>,
) {
  const client = await MongoClient.connect(url);
  try {
    await change(client.db().collection('hub'));
  } finally {
    await client.close();
  }
}

describe('The MongoDB store', function () {
  this.timeout(60_000);
  before(() => server.start());
  after(() => server.dispose());
  beforeEach(() => (url = server.url(`own${(databases += 1)}`)));
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const store of opened.splice(0)) await store.close();
  });

  describe('and its questions', () => {
    const questions = collections.flatMap((collection) =>
      Object.entries(collection.questions).map(([name, question]) => ({ collection, name, question })),
    );
    it('answers each by a prefix of its index', () => {
      assert.ok(questions.length > 25);
      const flaws = questions.map(({ collection, name, question }) => [name, flawOf(collection, question)]);
      assert.deepEqual(
        flaws.filter(([, flaw]) => flaw !== null),
        [],
      );
    });
    it('would find one that scans, sorts by hand, or names what is not there', () => {
      const fields = { _id: 'string', a: 'string', b: 'string', c: 'string' } as const;
      const indexes = { ab: { keys: ['a', 'b', 'c'] }, few: { keys: ['a', 'b'], only: { a: 'x' } } } as const;
      const of: Collection<never> = { name: 'x', fields: fields, indexes, questions: {} };
      assert.match(flawOf(of, { index: 'ab', equal: ['b'] }) ?? '', /b is no prefix of a, b, c/);
      assert.match(flawOf(of, { index: 'ab', equal: ['a'], sorted: ['c'] }) ?? '', /order c does not follow/);
      assert.match(flawOf(of, { index: 'ab', equal: ['a', 'd'] }) ?? '', /d is not declared/);
      assert.match(flawOf(of, { index: 'ab', equal: [] }) ?? '', /asks for everything/);
      assert.throws(() => flawOf(of, { index: 'ba', equal: ['a'] }), /no index ba/);
      assert.equal(flawOf(of, { index: 'ab', equal: ['b', 'a'], sorted: ['c'] }), null);
      assert.equal(flawOf(of, { index: 'few', equal: [], sorted: ['b'] }), null);
    });
    it('makes every declared index', async () => {
      await open();
      const client = await MongoClient.connect(url);
      for (const { name, indexes } of collections) {
        const made = Object.keys(indexes).length === 0 ? [] : await client.db().collection(name).indexes();
        const found = Object.fromEntries(made.map((index) => [index.name, index]));
        for (const [index, { keys, unique, only }] of Object.entries(indexes)) {
          const { key, unique: isUnique, partialFilterExpression: partial } = found[index]!;
          assert.deepEqual([Object.keys(key), isUnique, partial], [[...keys], unique, only], `${name}.${index}`);
        }
      }
      await client.close();
    });
    it('takes no operator for a value, in any question, whatever is asked', async () => {
      const mongo = await connect(url);
      const payloads: unknown[] = [
        ...['$ne', '$gt', '$gte', '$lt', '$lte', '$not', '$eq'].map((name) => ({ [name]: null })),
        ...['$in', '$nin', '$all', '$or', '$and', '$nor'].map((name) => ({ [name]: [{}] })),
        ...['$regex', '$where', '$expr', '$function', '$text'].map((name) => ({ [name]: '.*' })),
        ...[{ $exists: true }, { $type: 2 }, { $size: 0 }, { $elemMatch: {} }, { $mod: [1, 0] }, { $jsonSchema: {} }],
        ...[[{ $ne: null }], [[]], {}, { a: 1 }, /x/, new Date(), null, undefined, Symbol('x')],
      ];
      assert.ok(payloads.length >= 30);
      for (const { collection, name, question } of questions) {
        const table = mongo.table(collection) as Table<Stored>;
        for (const [field, payload] of question.equal.flatMap((one) => payloads.map((each) => [one, each] as const))) {
          const values = { ...Object.fromEntries(question.equal.map((one) => [one, 'x'])), [field]: payload } as Values;
          await rejects(table.find(name, values, { limit: 1 }), 'invalid');
          await rejects(table.exists(name, values), 'invalid');
          await rejects(table.count(name, values), 'invalid');
          await rejects(table.remove(name, values), 'invalid');
        }
      }
      await mongo.close();
    });
  });

  it('loses no change that two hubs make of one document at once', async () => {
    const [one, two] = [await open({ shared: true }), await open({ shared: true })];
    await one.bots.create(bot('a'));
    const add = (store: Store, n: number) =>
      changeDocument(store.documents, { appId: 'a', name: 'd' }, (body) => ({ ...body, [n]: true }));
    await Promise.all(Array.from({ length: 20 }, (_, n) => add(n % 2 === 0 ? one : two, n)));
    assert.equal(Object.keys((await two.documents.get('a', 'd')) ?? {}).length, 20);
  });

  describe('and its owner', () => {
    it('is refused to a second process in words that name the first', async () => {
      await open();
      const { code, err } = await childEnds(`await openStore('${url}');`);
      assert.equal(code, 1);
      assert.match(err, new RegExp(`Process ${process.pid}, running since .*already uses this MongoDB database`));
      await assert.rejects(migrateStore(url), { code: 'store_unavailable', message: /already uses/ });
    });
    it('is given free by close and by kill -9', async () => {
      await (await open()).close();
      const child = childStarts(
        `await openStore('${url}'); process.stdout.write('open'); setInterval(() => {}, 1000);`,
      );
      await once(child.stdout!, 'data');
      await assert.rejects(open(), new RegExp(`Process ${child.pid ?? 0},`));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await (await open()).ping();
    });
    it('is one of many that start at once', async () => {
      const script = `await openStore('${url}'); process.stdout.write('owner'); setInterval(() => {}, 1000);`;
      const owners: ChildProcess[] = [];
      let losers = 0;
      // The last word may be the winner's or a loser's.
      const heard = (): void => {
        if (owners.length + losers === starts.length) for (const owner of owners) owner.kill();
      };
      const starts = [1, 2, 3].map(() => childStarts(script));
      const ends = starts.map(async (child) => {
        child.stdout!.once('data', () => {
          owners.push(child);
          heard();
        });
        await once(child, 'close');
        if (owners.includes(child)) return;
        losers += 1;
        heard();
      });
      await Promise.all(ends);
      assert.equal(owners.length, 1);
    });
    it('is taken over when its owner, on another machine, shows no life, and not while it does', async () => {
      await (await open()).close();
      const claim = JSON.stringify({ holder: 'x', pid: 1, host: 'elsewhere', place: 'there', since: '2026' });
      let n = 0;
      const beat = (): Promise<void> =>
        onOwner((hub) => hub.updateOne({ _id: 'owner' }, { $set: { value: claim, rev: String((n += 1)) } }));
      await beat();
      const beats = setInterval(() => void beat(), 500);
      await assert.rejects(open(), /Process 1 on elsewhere, running since 2026, already uses/);
      clearInterval(beats);
      await (await open()).ping();
    });
    it('that lost its database refuses everything', async () => {
      const before = await open();
      await before.bots.create(bot('a'));
      await before.close();
      // It refuses when its patience is over.
      const store = await open({ patienceMs: undefined });
      const claim = JSON.stringify({ holder: 'x', pid: 1, host: 'elsewhere', place: 'there', since: '2026' });
      await onOwner((hub) => hub.updateOne({ _id: 'owner' }, { $set: { value: claim, rev: 'theirs' } }));
      const lost = { code: 'store_unavailable', message: /has taken this MongoDB database over/ };
      // Before it knows it may be refused for slowness, too.
      const knows = (): Promise<boolean> =>
        store.ping().then(
          () => false,
          (error: unknown) => error instanceof Error && lost.message.test(error.message),
        );
      await eventually(knows, 20);
      await assert.rejects(store.conversations.receive(message('a', 'e')), lost);
      await assert.rejects(store.bots.get('a'), lost);
    });
  });

  describe('and its schema', () => {
    it('is made once and then up to date', async () => {
      const to = migrations.length;
      assert.deepEqual(await migrateStore(url), { from: 0, to, steps: migrations.map(({ name }) => name) });
      assert.deepEqual(await migrateStore(url), { from: to, to, steps: [] });
    });
    it('is refused when a newer release wrote it, and not touched', async () => {
      await migrateStore(url);
      await onOwner((hub) => hub.updateOne({ _id: 'schema' }, { $set: { value: String(migrations.length + 1) } }));
      const newer = { code: 'store_unavailable', message: /a newer Switchboard wrote it\. Start that release/ };
      await assert.rejects(open(), newer);
      await assert.rejects(migrateStore(url), newer);
    });
    it('takes up the steps where they were cut off', async () => {
      const mongo = await connect(url, { patienceMs });
      const ran: string[] = [];
      const step = (name: string) => ({ name, run: () => Promise.resolve(void ran.push(name)) });
      const broken = { name: 'two', run: () => Promise.reject(new Error('cut')) };
      await assert.rejects(migrate(mongo, [step('one'), broken]), /cut/);
      const done = await migrate(mongo, [step('one'), step('two'), step('three')]);
      assert.deepEqual([done, ran], [{ from: 1, to: 3, steps: ['two', 'three'] }, ['one', 'two', 'three']]);
      await mongo.close();
    });
  });

  describe('and URLs', () => {
    it('says what a URL looks like, and repeats no password', async () => {
      for (const wrong of ['mongodb://', 'mongodb://user:secr%t@host/x', 'mongodb://user:secret@host/x?nonsense=1']) {
        await assert.rejects(openStore(wrong), (error: Error) => {
          assert.match(error.message, /write DATABASE_URL as mongodb:/);
          assert.doesNotMatch(`${error.message} ${error.stack ?? ''}`, /secr/);
          return true;
        });
      }
    });
    it('are shown to operators without user and password', () => {
      const shown: [url: string, at: string][] = [
        ['mongodb://a:27017,b:27018/hub?replicaSet=r', 'a:27017,b:27018/hub'],
        ['mongodb://user:p@ss/w:rd@host/hub', 'host/hub'],
        ['mongodb+srv://user:secret@cluster.example/hub?w=1', 'cluster.example/hub'],
      ];
      for (const [url, at] of shown) assert.deepEqual(storePlaceOf(url), { kind: 'mongodb', at });
      assert.deepEqual(storePlaceOf('sqlite:/var/a@b?.db'), { kind: 'sqlite', at: '/var/a@b?.db' });
      assert.equal(redisPlaceOf('rediss://user:secret@cache:6380/2'), 'cache:6380/2');
    });
    it('says that nobody answers', async () => {
      await assert.rejects(openStore('mongodb://user:secret@127.0.0.1:9/x'), {
        code: 'store_unavailable',
        message: /does not answer; start it, or check DATABASE_URL/,
      });
    });
  });

  it('keeps an FAQ and files that are larger than a document, and refuses a message that is', async () => {
    const store = await open();
    await store.bots.create(bot('a'));
    const large = '\ud83d\ude00x'.repeat(3_000_000);
    const pairs = [{ id: '1', questions: ['q'], answer: large }];
    await store.faq.put('a', pairs);
    await store.files.write('a', [{ path: 'p', content: large }]);
    assert.deepEqual(await store.faq.get('a'), { version: 1, pairs });
    assert.deepEqual(await store.files.read('a'), [{ path: 'p', content: large }]);
    await rejects(store.conversations.receive(message('a', 'e', { text: 'x'.repeat(17_000_000) })), 'too_large');
    assert.equal((await store.conversations.receive(message('a', 'e'))).duplicate, false);
  });
  it('leaves nothing of a bot that is deleted while it is written to', async () => {
    const store = await open();
    await store.bots.create(bot('a'));
    const written = Array.from({ length: 30 }, (_, n) => store.conversations.receive(message('a', `e${n}`)));
    const deleted = store.bots.delete('a');
    await Promise.allSettled([...written, deleted]);
    await store.bots.create(bot('a'));
    const { items } = await store.conversations.list('a', { limit: 9 });
    assert.deepEqual([items, (await store.conversations.unsettled({ limit: 99 })).items], [[], []]);
  });
});

function childStarts(script: string): ChildProcess {
  const stores = new URL('../src/stores/index.js', import.meta.url).href;
  const source = `import { openStore } from '${stores}';\n${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function childEnds(script: string): Promise<{ code: number | null; err: string }> {
  const child = childStarts(script);
  let err = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  await once(child, 'close');
  return { code: child.exitCode, err };
}
