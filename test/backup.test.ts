import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { refuseHalfRestored } from '../src/backup/lines.js';
import { restore } from '../src/backup/restore.js';
import { backUp } from '../src/backup/write.js';
import type { BotMessage, Connector, Json, Listed, ModelShelf, Page, Store } from '../src/contracts.js';
import { keptSecret } from '../src/seal.js';
import { openSeal, type Seal } from '../src/seal.js';
import { openStore } from '../src/stores/index.js';
import { collections } from '../src/stores/mongo/migrations.js';
import { openSqliteStore } from '../src/stores/sqlite/index.js';
import { openModelShelf } from '../src/training/models.js';
import { apiKey, entry, user } from './contract/access.js';
import { subscription } from './contract/stream.js';
import { bot, job, message, template } from './contract/store.js';
import { newHub, type TestHub } from './support/hub.js';
import { MongoServer } from './support/mongo.js';

const nasty = 'NUL \0, DLE \x10, lone \ud83d, line \u2028 \n "\\';
const place = '["a","slack"]';
const say = (...texts: string[]): BotMessage[] => texts.map((text) => ({ recipient_id: 'r', text }));

describe('A backup', function () {
  this.timeout(60_000);
  const server = new MongoServer();
  let folder = '';
  let number = 0;
  const stores: Store[] = [];
  const hubs: TestHub[] = [];
  before(() => server.start());
  after(() => server.dispose());
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'switchboard-backup-'))));
  afterEach(async () => {
    for (const running of hubs.splice(0)) await running.stop();
    for (const store of stores.splice(0)) await store.close();
    await rm(folder, { recursive: true });
  });

  interface Hub {
    store: Store;
    shelf: ModelShelf;
    dataDir: string;
  }
  const urls = {
    sqlite: () => `sqlite:${join(folder, `${number}.db`)}`,
    mongodb: () => server.url(`backup${number}`),
  };
  async function hub(kind: keyof typeof urls): Promise<Hub> {
    number += 1;
    const dataDir = join(folder, `data${number}`);
    // What is read and written is asked here, not how soon.
    const store = await openStore(urls[kind](), { patienceMs: 20_000 });
    stores.push(store);
    return { store, shelf: await openModelShelf(join(dataDir, 'models')), dataDir };
  }
  /** The seal as the hub opens it without SECRET_KEY; `make` when it has no key yet. */
  async function sealOf({ store, dataDir }: Hub, make: () => Promise<string>): Promise<Seal> {
    const kept = (): Promise<string | null> =>
      readFile(join(dataDir, 'secret-key'), 'utf8').then(
        (key) => key.trim(),
        () => null,
      );
    return (await openSeal({ given: null, previous: null, kept, make, settings: store.settings })).seal;
  }
  async function all<T>(list: (page: Page) => Promise<Listed<T>>): Promise<T[]> {
    const { items, next } = await list({ limit: 500 });
    assert.equal(next, null);
    return items;
  }

  /** Something of everything. */
  async function fill(source: Hub): Promise<void> {
    const { store, shelf, dataDir } = source;
    await writeFile(join(dataDir, 'session-key'), 'the key\n');
    await store.settings.set(nasty, nasty);
    const content = (await shelf.putText(nasty)).digest;
    const model = join(folder, 'model');
    await writeFile(model, Buffer.alloc(1_500_000, 'model'));
    const archive = (await shelf.putFile(model)).digest;
    for (const appId of ['a', 'b', 'empty']) await store.bots.create(bot(appId, { name: nasty }));
    const seal = await sealOf(source, () => keptSecret(dataDir, 'secret-key'));
    const set = { appId: 'a', settings: { nasty, list: [1, { deep: null }] }, updatedAt: '2026' };
    await store.channels.put({ ...set, channel: 'slack', secrets: seal.seal(JSON.stringify(nasty), place) });
    await store.channels.put({ ...set, channel: 'web', secrets: null });
    await store.channels.put({ ...set, appId: 'b', channel: 'web', secrets: null });
    await store.channels.note('a', 'slack', { lastEventAt: '2026', lastErrorAt: '2027', lastError: nasty });
    await store.channels.note('empty', 'telegram', { lastEventAt: '2028' });
    await store.templates.put(template('t'));
    await store.users.create(user('u', { password: '$argon2id$x', role: 'admin', bots: { a: 'agent' } }));
    await store.apiKeys.add(apiKey('k'));
    await store.apiKeys.add(apiKey('of a', 'a'));
    await store.subscriptions.add(subscription('s'));
    await store.subscriptions.add(subscription('of a', { appId: 'a', events: ['user'] }));
    for (const id of ['1', '2']) await store.audit.add(entry(id));
    await store.faq.put('a', []);
    await store.faq.put('a', [{ id: '1', questions: [nasty], answer: nasty }]);
    await store.files.write('a', [{ path: 'x', content: nasty }]);
    for (const id of ['j1', 'j2']) await store.jobs.create(job(id, 'a', { content, state: 'done' }));
    await store.jobs.appendLog('j1', [nasty, 'two']);
    const fixed = {
      jobId: 'j',
      engine: 'rasa',
      pipeline: 'semantic',
      bytes: 9,
      trainSeconds: 1.5,
      createdAt: '2026',
    } as const;
    for (const id of ['m1', 'm2']) await store.models.add({ id, appId: 'a', content, archive, ...fixed });
    await store.bots.update('a', { activeModel: 'm1' });
    for (let n = 0; n < 30; n++) {
      const { id } = (
        await store.conversations.receive(
          message(n % 2 ? 'a' : 'b', `e${n}`, { conversation: `c${n % 5}`, text: nasty }),
        )
      ).message;
      if (n % 3 === 0) continue;
      const replies = say('one', nasty);
      const turn = { slots: { [nasty]: nasty }, model: 'm1' };
      const answered = { state: 'answered', replies, ms: 1.5, turn } as const;
      const entries = await store.conversations.settle(id, answered, { send: replies });
      await store.outbox.sent(entries[0]!);
      if (n % 3 === 1) await store.outbox.bury({ ...entries[1]!, attempts: 3, maybeSent: true, error: nasty });
      else await store.outbox.retry({ ...entries[1]!, attempts: 1, hold: { until: 5.5, scope: 'bot' } });
    }
    const { id } = (await store.conversations.receive(message('a', 'failed'))).message;
    await store.conversations.settle(id, { state: 'failed', error: 'x' }, { bury: { attempts: 2 } });
    await store.documents.put('a', nasty, { [nasty]: nasty });
    await store.care.change('a', 'c1', { state: 'held', agent: nasty, tags: [nasty], since: '2026' });
    for (const text of ['one', nasty]) await store.care.change('a', 'c1', { note: { at: '2026', by: nasty, text } });
    const events = Array.from({ length: 2500 }, (_, n) => ({ event: n === 9 ? 'session_started' : 'user', n }));
    await store.trackers.append('a', nasty, 0, events);
    await store.trackers.replace('a', 'none', []);
  }

  async function contents({ store, shelf, dataDir }: Hub): Promise<unknown> {
    const bots = await all((page) => store.bots.list(page));
    const perBot = await Promise.all(
      bots.map(async ({ appId }) => {
        const talks = await all((page) => store.conversations.list(appId, page));
        return {
          channels: await store.channels.list(appId),
          health: await store.channels.health(appId),
          faq: await store.faq.get(appId),
          files: await store.files.read(appId),
          jobs: await all((page) => store.jobs.list(appId, page)),
          models: await all((page) => store.models.list(appId, page)),
          documents: await store.documents.list(appId),
          care: await Promise.all(talks.map(({ id }) => store.care.get(appId, id))),
          talks,
          messages: await Promise.all(
            talks.map(({ id }) => all((page) => store.conversations.messages(appId, id, page))),
          ),
          trackers: await Promise.all(
            (await store.trackers.senders(appId)).sort().map((sender) => store.trackers.read(appId, sender, true)),
          ),
        };
      }),
    );
    const files = await Promise.all(
      (await all((page) => store.models.list('a', page)))
        .flatMap(({ archive, content }) => [archive!, content])
        .map(async (digest) => (await readFile(await shelf.fetch(digest))).length),
    );
    return {
      bots,
      perBot,
      files,
      log: await store.jobs.log('j1'),
      outbox: await all((page) => store.outbox.pending(page)),
      letters: await all((page) => store.deadLetters.list(page)),
      unsettled: await all((page) => store.conversations.unsettled(page)),
      templates: await store.templates.list(),
      users: await all((page) => store.users.list(page)),
      apiKeys: await all((page) => store.apiKeys.list(page)),
      audit: await all((page) => store.audit.list(page, {})),
      // Their positions are the store's own.
      subscriptions: (await all((page) => store.subscriptions.list(page))).map((one) => ({ ...one, position: 0 })),
      setting: await store.settings.get(nasty),
      keys: await Promise.all(['session-key', 'secret-key'].map((name) => readFile(join(dataDir, name), 'utf8'))),
    };
  }

  for (const [from, to] of [
    ['sqlite', 'mongodb'],
    ['mongodb', 'sqlite'],
    ['sqlite', 'sqlite'],
    ['mongodb', 'mongodb'],
  ] as const) {
    it(`carries a whole hub from ${from} to ${to}, which goes on where it stood`, async () => {
      const [source, target] = [await hub(from), await hub(to)];
      await fill(source);
      const file = join(folder, 'hub.backup');
      const written = await backUp(source, file);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.deepEqual(await restore(target, file), written);
      assert.deepEqual(written, { bots: 3, messages: 31, files: 2, missing: [] });
      assert.deepEqual(await contents(target), await contents(source));
      const { store } = target;
      const seal = await sealOf(target, () => Promise.reject(new Error('a new key would open nothing')));
      assert.equal(seal.open((await store.channels.get('a', 'slack'))?.secrets ?? '', place), JSON.stringify(nasty));
      assert.equal((await store.subscriptions.get('s'))?.position, await store.stream.head());
      assert.equal((await store.conversations.receive(message('a', 'e1'))).duplicate, true);
      const { message: next } = await store.conversations.receive(message('a', 'next', { conversation: 'c1' }));
      const [last] = await store.conversations.latest('a', 'c1', 1);
      assert.equal(last?.id, next.id, 'a new message comes after all others');
      assert.equal((await all((page) => store.conversations.unsettled(page))).at(-1)?.id, next.id);
      const [entry] = await store.conversations.settle(next.id, { replies: say('x') }, { send: say('x') });
      assert.equal((await all((page) => store.outbox.pending(page))).at(-1)?.id, entry?.id);
    });
  }

  it('opens the channels of a running hub where it is restored', async () => {
    const seen: Json[] = [];
    const platform: Connector = {
      name: 'test',
      settings: {
        schema: z.strictObject({ token: z.string(), note: z.string() }),
        secrets: ['token'],
        destinations: [],
        initial: null,
        off: () => null,
      },
      open: ({ settings }) => {
        seen.push(settings);
        const send = () => Promise.reject(new Error('nothing is sent here'));
        return { send, close: () => Promise.resolve() };
      },
      close: () => Promise.resolve(),
    };
    const standIns = { connectors: [platform] };
    const started = (dataDir: string, url: string) => newHub({ dataDir, standIns, env: { DATABASE_URL: url } });
    const source = await hub('sqlite');
    const from = urls.sqlite();
    await source.store.close();
    const first = await started(source.dataDir, from);
    hubs.push(first);
    const { appId } = (await first.api('POST', '/bots', { name: 'Shop' })).body as { appId: string };
    const set = { token: 'canary-token', note: nasty.replaceAll('\ud83d', '') };
    assert.equal((await first.api('PUT', `/bots/${appId}/channels/test`, set)).status, 200);
    await first.stop();

    const reopened = { ...source, store: await openStore(from) };
    stores.push(reopened.store);
    const file = join(folder, 'hub.backup');
    await backUp(reopened, file);
    const target = await hub('mongodb');
    await restore(target, file);
    await target.store.close();
    seen.length = 0;
    hubs.push(await started(target.dataDir, urls.mongodb()));
    assert.deepEqual(seen, [set]);
  });
  it('covers every table and every collection', async () => {
    const { sqlite, close } = await openSqliteStore(join(folder, 'x.db')).then((store) => ({
      sqlite: store.sqlite,
      close: () => store.close(),
    }));
    const names = sqlite.database.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    );
    // Tickets are none: who was signed in signs in anew; and `parses` is a log of times without a word in it, which begins anew; positions of the
    // event stream and numbers are the store's own, and what is held of it stands at one; `hubs` are those that live. A new table is
    // no part of a backup by itself: write it and put it back in src/backup, then add it here and above.
    const tables =
      'api_keys audit bots care channel_health channels conversations dead_letters documents faq files held_sendings job_log jobs messages models outbox parses pulse schema_version settings stream subscriptions templates';
    assert.deepEqual(
      (names.pluck().all() as string[]).sort(),
      `${tables} tickets tracker_events trackers users`.split(' '),
    );
    const expected =
      'api_keys audit bots care channel_health channels conversations counters documents faqs files held_sendings hub hubs job_lines jobs messages models parses settings subscriptions templates texts tickets tracker_events trackers users';
    assert.deepEqual(collections.map(({ name }) => name).sort(), expected.split(' '));
    await close();
  });
  it('is refused by a store that is not empty, and names what is there', async () => {
    const [source, target] = [await hub('sqlite'), await hub('sqlite')];
    await fill(source);
    const file = join(folder, 'hub.backup');
    await backUp(source, file);
    await target.store.bots.create(bot('here'));
    await assert.rejects(restore(target, file), /not empty: it has bots \(here\)\. Restore into a new DATA_DIR/);
    await assert.rejects(backUp(source, file), /is there already; name a new file/);
  });
  it('that is cut short or no backup is refused, with nothing written', async () => {
    const [source, target] = [await hub('sqlite'), await hub('sqlite')];
    await fill(source);
    const file = join(folder, 'hub.backup');
    await backUp(source, file);
    await truncate(file, (await stat(file)).size - 20);
    await assert.rejects(restore(target, file), /no whole backup/);
    await writeFile(file, 'something else');
    await assert.rejects(restore(target, file), /no whole backup/);
    await assert.rejects(restore(target, join(folder, 'none')), /There is no file/);
    assert.deepEqual([await all((page) => target.store.bots.list(page)), await target.store.settings.list()], [[], []]);
  });
  it('whose restore was cut off keeps the hub from starting until it was restored whole', async () => {
    const [source, target] = [await hub('sqlite'), await hub('mongodb')];
    await fill(source);
    const file = join(folder, 'hub.backup');
    await backUp(source, file);
    const broken = { ...target, shelf: { ...target.shelf, putFile: () => Promise.reject(new Error('cut')) } };
    await assert.rejects(restore(broken, file), /cut/);
    await assert.rejects(refuseHalfRestored(target.store), /was cut off; run `switchboard restore FILE` once more/);
    await assert.rejects(backUp(target, join(folder, 'half')), /was cut off/);
    await restore(target, file);
    await refuseHalfRestored(target.store);
    assert.deepEqual(await contents(target), await contents(source));
  });
  it('is not made without a kept secret that cannot be read', async () => {
    const source = await hub('sqlite');
    await fill(source);
    await rm(join(source.dataDir, 'secret-key'));
    await mkdir(join(source.dataDir, 'secret-key'));
    const file = join(folder, 'hub.backup');
    await assert.rejects(backUp(source, file), { code: 'EISDIR' });
    await assert.rejects(access(file), { code: 'ENOENT' });
  });
  it('is made without the model files that are gone, and says so', async () => {
    const source = await hub('sqlite');
    await fill(source);
    const [model] = (await source.store.models.list('a', { limit: 1 })).items;
    const archive = model?.archive ?? '';
    await source.shelf.remove(archive);
    const { files, missing } = await backUp(source, join(folder, 'hub.backup'));
    assert.deepEqual([files, missing], [1, [archive]]);
  });
  it('is two commands, which find the model files where MODEL_STORAGE says', async () => {
    const source = await hub('sqlite');
    await fill(source);
    await source.store.close();
    const file = join(folder, 'hub.backup');
    const run = (command: string, DATABASE_URL: string, DATA_DIR: string): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, ['dist/src/main.js', command, file], {
        env: { ...process.env, DATABASE_URL, DATA_DIR, ...more },
      });
    let more: Record<string, string> = {};
    const { stdout } = await run('backup', urls.sqlite(), source.dataDir);
    assert.match(stdout, /3 bots, 31 messages, 2 model files/);
    const data = join(folder, 'moved');
    const shelf = join(folder, 'shelf');
    more = { MODEL_STORAGE: `file:${shelf}` };
    assert.match((await run('restore', server.url('commanded'), data)).stdout, /Restored 3 bots, 31 messages, 2 model/);
    await assert.rejects(run('restore', server.url('commanded'), data), /The store is not empty: it has bots/);
    const kept = await readdir(shelf, { recursive: true, withFileTypes: true });
    assert.equal(kept.filter((entry) => entry.isFile()).length, 2);
  });
});
