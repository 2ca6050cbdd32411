import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Store } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { migrateStore, openStore, storeMembers } from '../src/stores/index.js';
import { openSqliteStore, type SqliteStore } from '../src/stores/sqlite/index.js';
import { migrate, migrations } from '../src/stores/sqlite/migrations.js';
import { fromColumn, toColumn } from '../src/stores/text.js';
import { MongoServer } from './support/mongo.js';
import { bot, job, message, rejects, storeContract, type OpenStore } from './contract/store.js';

let folder = '';
let file = '';
const stores: Store[] = [];
const children: ChildProcess[] = [];

async function folderMade(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'switchboard-store-'));
}
async function opened(path = file, busyMs = 50): Promise<SqliteStore> {
  const store = await openSqliteStore(path, { busyMs });
  stores.push(store);
  return store;
}

describe('The stores', () => {
  const server = new MongoServer();
  let databases = 0;
  before(() => server.start());
  after(() => server.dispose());
  /** Where a store that is a server of its own has its server here. */
  const served: Record<string, () => string> = { mongodb: () => server.url(`contract${(databases += 1)}`) };

  for (const { scheme, localUrl } of storeMembers) {
    storeContract(scheme, () => openMember((directory) => localUrl?.(directory) ?? served[scheme]!()));
  }
});

async function openMember(urlIn: (directory: string) => string): Promise<OpenStore> {
  const directory = await folderMade();
  const url = urlIn(directory);
  let now: Date | null = null;
  // What a store does is asked here, not how soon: a server on a busy machine takes its time.
  const options = { now: () => now ?? new Date(), patienceMs: 20_000 };
  let store = await openStore(url, options);
  return {
    store,
    setNow: (to) => (now = to),
    async reopen() {
      await store.close();
      store = await openStore(url, options);
      return store;
    },
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

describe('The SQLite store', function () {
  this.timeout(10_000);
  beforeEach(async () => {
    folder = await folderMade();
    file = join(folder, 'switchboard.db');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const store of stores.splice(0)) await store.close();
    await rm(folder, { recursive: true });
  });

  describe('and URLs', () => {
    it('names what is possible for a scheme nobody knows, without repeating a password', async () => {
      await assert.rejects(openStore('mysql://root:secret@db/x'), (error: Error) => {
        assert.match(error.message, /no store for mysql URLs.*sqlite:PATH/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      await assert.rejects(migrateStore('data/x.db'), /sqlite:PATH/);
    });
    it('refuses a URL that names no file', async () => {
      for (const url of ['sqlite:', 'sqlite::memory:', 'sqlite://host/x.db']) {
        await assert.rejects(openStore(url), /names no file; write DATABASE_URL as sqlite:data/);
      }
    });
    it('makes missing folders and a file that only its owner can read', async () => {
      const path = join(folder, 'new', 'x.db');
      const store = await openStore(`sqlite://${path}`);
      await store.close();
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    });
  });

  describe('and its settings', () => {
    it('leaves the sync of its log to us, keeps foreign keys and writes ahead', async () => {
      const { database } = (await opened()).sqlite;
      const value = (name: string): unknown => database.pragma(name, { simple: true });
      assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys'].map(value), ['wal', 1, 1]);
    });
    it('answers every statement by an index', async () => {
      const { sqlite } = await opened();
      // Those that are asked for a whole table, which holds a handful of rows, in the order of its key.
      const listings = ['SELECT name, value FROM settings ORDER BY name', 'SELECT body FROM templates ORDER BY name'];
      // Those that sort a handful: the people who wait.
      const sorts = (sql: string): boolean => sql.includes('FROM care k');
      const statements = sqlite.statements().filter((sql) => !/^\s*INSERT/.test(sql));
      assert.equal(statements.length > 25, true);
      for (const sql of statements) {
        const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1]);
        const plan = sqlite.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Object.fromEntries(names)) as {
          detail: string;
        }[];
        for (const { detail } of plan) {
          const whole =
            detail.startsWith('SCAN') &&
            !listings.includes(sql) &&
            !/CONSTANT ROW|USING (?:COVERING )?INDEX (messages_unsettled|jobs_unfinished|bots_deleting|care_active)/.test(
              detail,
            );
          assert.equal(whole || (detail.includes('TEMP B-TREE') && !sorts(sql)), false, `${detail}: ${sql}`);
        }
      }
    });
    it('finds the rows of a deleted bot by an index', async () => {
      const { database } = (await opened()).sqlite;
      const links = `SELECT m.name AS tab, f."from" AS col FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f.seq = 0`;
      const rows = database.prepare(links).all() as { tab: string; col: string }[];
      assert.equal(rows.length, 20);
      for (const { tab, col } of rows) {
        const plan = database.prepare(`EXPLAIN QUERY PLAN DELETE FROM ${tab} WHERE ${col} = 1`).all() as {
          detail: string;
        }[];
        assert.match(plan[0]?.detail ?? '', /^SEARCH/, tab);
      }
    });
    it('has a way back for every string', () => {
      for (const text of [
        '',
        'plain',
        '\0',
        '\x10',
        '\x100000',
        '\ud800',
        '\udc00\ud800',
        '😀',
        '\ud800😀\udc00',
        'a\x10\0b',
      ]) {
        const stored = toColumn(text);
        assert.equal(stored.isWellFormed() && !stored.includes('\0'), true);
        assert.equal(fromColumn(stored), text);
      }
    });
  });

  describe('and group commit', () => {
    it('commits the writes of one turn together and acknowledges none before', async () => {
      const store = await opened();
      const reader = new Database(file, { readonly: true });
      const rows = reader.prepare('SELECT count(*) FROM settings').pluck();
      const seen: unknown[] = [];
      const writes = Array.from({ length: 50 }, (_, n) =>
        store.settings.set(`k${n}`, 'v').then(() => seen.push(rows.get())),
      );
      assert.equal(rows.get(), 0);
      await Promise.all(writes);
      reader.close();
      assert.deepEqual(
        seen,
        Array.from({ length: 50 }, () => 50),
      );
    });
    it('acknowledges nothing when the commit itself fails', async () => {
      const store = await opened();
      const { sqlite } = store;
      const orphan = sqlite.write(() => {
        sqlite.database.pragma('defer_foreign_keys = ON');
        sqlite.database.exec("INSERT INTO faq VALUES ('nobody', 1, '[]')");
      });
      const beside = store.settings.set('beside', 'x');
      const outcomes = await Promise.allSettled([orphan, beside]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['rejected', 'rejected'],
      );
      assert.equal(await store.settings.get('beside'), null);
      await store.settings.set('beside', 'later');
      assert.equal(await store.settings.get('beside'), 'later');
    });
    it('undoes all of a write that fails halfway, and none of the others', async () => {
      const store = await opened();
      const broken = store.sqlite.write(() => {
        store.sqlite.database.exec("INSERT INTO settings VALUES ('half', 'x')");
        throw new Error('broken');
      });
      const whole = store.settings.set('whole', 'x');
      await rejects(broken, 'internal');
      await whole;
      assert.deepEqual([await store.settings.get('half'), await store.settings.get('whole')], [null, 'x']);
    });
    it('commits in portions, so that a flood does not stop the process', async () => {
      const store = await opened();
      let turns = 0;
      let flooded = true;
      const turn = (): void => {
        turns++;
        if (flooded) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all(Array.from({ length: 30 }, () => store.sqlite.write(() => spin(5))));
      flooded = false;
      assert.equal(turns >= 4, true, `${turns} turns of the event loop in 150 ms`);
    });
  });

  describe('and a bot that has much', function () {
    this.timeout(60_000);
    const filled = async (): Promise<Store> => {
      const store = await openStore(`sqlite:${file}`);
      await store.bots.create(bot('a'));
      await Promise.all(Array.from({ length: 12_000 }, (_, n) => store.conversations.receive(message('a', `e${n}`))));
      return store;
    };
    it('goes in pieces, so that others have their turns, and is shown to nobody any more', async () => {
      const store = await filled();
      const going = { on: true };
      const removed = store.bots.delete('a').finally(() => (going.on = false));
      const again = store.bots.delete('a');
      const oldest = new Set<string | undefined>();
      while (going.on) oldest.add((await store.conversations.unsettled({ limit: 1 })).items[0]?.id);
      // In one piece there would be nothing between all and none.
      assert.ok(oldest.size > 2, `seen ${oldest.size} times`);
      assert.equal(await store.bots.get('a'), null);
      assert.deepEqual([await removed, await again], [true, false]);
      await store.close();
    });
    it('makes one of the same name only when nothing of it is left', async () => {
      const store = await filled();
      const removed = store.bots.delete('a');
      await store.ping();
      await store.bots.create(bot('a'));
      await removed;
      assert.notEqual(await store.bots.get('a'), null);
      assert.deepEqual((await store.conversations.list('a', { limit: 10 })).items, []);
      await store.close();
    });
    it('is removed at the next start when the first was cut off', async () => {
      const store = await filled();
      const removed = store.bots.delete('a').catch(() => undefined);
      await store.close();
      await removed;
      const left = (): number => {
        const database = new Database(file, { readonly: true });
        const count = database.prepare('SELECT count(*) FROM messages').pluck().get() as number;
        database.close();
        return count;
      };
      assert.ok(left() > 0, 'the deletion was cut off');
      await (await openStore(`sqlite:${file}`)).close();
      assert.equal(left(), 0);
    });
  });

  describe('and its thread', () => {
    it('passes errors on as they were, faults and all', async () => {
      const store = await openStore(`sqlite:${file}`);
      await store.bots.create(bot('a'));
      await assert.rejects(
        store.bots.create(bot('a')),
        (error) => error instanceof HubError && error.code === 'bot_exists',
      );
      await store.close();
      await assert.rejects(store.bots.list({ limit: 1 }), { code: 'store_unavailable', message: /stopping/ });
    });
    it('refuses a call that cannot cross, and makes those beside it', async () => {
      const store = await openStore(`sqlite:${file}`);
      const wrong = store.settings.set('a', (() => 1) as never);
      const right = store.settings.set('b', 'v');
      await assert.rejects(wrong, { code: 'internal' });
      await right;
      assert.deepEqual(await store.settings.list(), [{ name: 'b', value: 'v' }]);
      await store.close();
    });
    it('keeps alive no process that has nothing to ask it', async () => {
      const { code, err } = await childEnds(`await openStore('sqlite:${file}');`);
      assert.deepEqual([code, err], [0, '']);
    });
  });

  describe('that cannot be written', () => {
    it('says who holds it, and works again afterwards', async () => {
      const store = await opened();
      const other = new Database(file);
      other.exec('BEGIN IMMEDIATE');
      const refused = [store.ping(), store.settings.set('a', 'b')];
      for (const one of refused) {
        await assert.rejects(one, { code: 'store_unavailable', message: /keeps the database locked; end it/ });
      }
      other.exec('ROLLBACK');
      other.close();
      await store.ping();
    });
    it('waits for another program without stopping the process, keeps the order, and still reads', async () => {
      const store = await opened(file, 10_000);
      await store.settings.set('before', 'x');
      const other = new Database(file);
      other.exec('BEGIN EXCLUSIVE');
      let ticks = 0;
      const ticker = setInterval(() => void (ticks += 1), 1);
      const written: number[] = [];
      const writes = [1, 2, 3].map((n) => store.settings.set(`n${n}`, 'y').then(() => void written.push(n)));
      assert.equal(await store.settings.get('before'), 'x');
      setTimeout(() => other.exec('ROLLBACK'), 30);
      await Promise.all(writes);
      clearInterval(ticker);
      other.close();
      assert.deepEqual(written, [1, 2, 3]);
      assert.ok(ticks > 1);
    });
    it('says that the disk is full, loses nothing acknowledged, and works again afterwards', async () => {
      const store = await opened();
      await store.bots.create(bot('a'));
      const { database } = store.sqlite;
      database.pragma(`max_page_count = ${database.pragma('page_count', { simple: true }) as number}`);
      const large = message('a', 'large', { text: 'x'.repeat(100_000) });
      await assert.rejects(store.conversations.receive(large), {
        code: 'store_unavailable',
        message: /disk.* is full; free some space/,
      });
      database.pragma('max_page_count = 1000000');
      assert.equal((await store.conversations.receive(large)).duplicate, false);
    });
    it('says that it may not write', async () => {
      const store = await opened();
      store.sqlite.database.pragma('query_only = ON');
      await assert.rejects(store.ping(), { code: 'store_unavailable', message: /give its user write permission/ });
    });
    it('says that a file is no database, and leaves it as it is', async () => {
      await writeFile(file, 'not a database, '.repeat(1000));
      await assert.rejects(openSqliteStore(file), { code: 'store_unavailable', message: /damaged or is no database/ });
      assert.equal((await stat(file)).size, 16_000);
    });
    it('says that its folder cannot be used', async () => {
      await writeFile(join(folder, 'plain'), '');
      await assert.rejects(openSqliteStore(join(folder, 'plain', 'x.db')), {
        code: 'store_unavailable',
        message: /permission/,
      });
    });
  });

  describe('and its owner', () => {
    it('is refused to a second process in words that name the first', async () => {
      await opened();
      const { code, err } = await childEnds(`await openStore('sqlite:${file}');`);
      assert.equal(code, 1);
      assert.match(
        err,
        new RegExp(`Process ${process.pid}, running since .*already uses the database .*another DATA_DIR`),
      );
      await assert.rejects(migrateStore(`sqlite:${file}`), { code: 'store_unavailable', message: /already uses/ });
    });
    it('is known under every name of the file', async () => {
      await opened();
      const { symlink } = await import('node:fs/promises');
      await symlink(file, join(folder, 'other.db'));
      await assert.rejects(openSqliteStore(join(folder, 'other.db')), /already uses/);
    });
    it('is given free by close and by kill -9', async () => {
      await (await opened()).close();
      const child = childStarts(
        `await openStore('sqlite:${file}'); process.stdout.write('open'); setInterval(() => {}, 1000);`,
      );
      await once(child.stdout!, 'data');
      await assert.rejects(openSqliteStore(file), new RegExp(`Process ${child.pid ?? 0},`));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await (await opened()).ping();
    });
    it('is one of many that start at once', async () => {
      const script = `await openStore('sqlite:${file}'); process.stdout.write('owner'); setInterval(() => {}, 1000);`;
      const owners: ChildProcess[] = [];
      let losers = 0;
      // The last word may be the winner's or a loser's.
      const heard = (): void => {
        if (owners.length + losers === starts.length) for (const owner of owners) owner.kill();
      };
      const starts = [1, 2, 3, 4].map(() => childStarts(script));
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
  });

  describe('and its schema', () => {
    it('is made once and then up to date', async () => {
      assert.deepEqual(await migrateStore(`sqlite:${file}`), {
        from: 0,
        to: migrations.length,
        steps: migrations.map(({ name }) => name),
      });
      assert.deepEqual(await migrateStore(`sqlite:${file}`), {
        from: migrations.length,
        to: migrations.length,
        steps: [],
      });
    });
    it('turns answers that the first schema kept as undelivered into outbox entries', async () => {
      const old = new Database(file);
      migrate(old, migrations.slice(0, 1));
      old.exec(`
        INSERT INTO bots VALUES (1, 'a', 'A', 'en', 'faq', 'semantic', 'rasa', NULL, NULL, NULL, '2026', '2026');
        INSERT INTO conversations VALUES ('a', 'c', 'web', 4, '2026', '2026', 4)`);
      const insert = old.prepare(
        `INSERT INTO messages VALUES (?, 'a', ?, ?, 'c', ?, 'hi', 0, 'to', '{}', '2026', ?, NULL, ?, NULL, NULL, ?, NULL)`,
      );
      const replies = JSON.stringify([
        { recipient_id: 'x', text: 'one' },
        { recipient_id: 'x', text: 'two' },
      ]);
      const rows = [
        ['web', 'answered', replies, 0],
        ['web', 'answered', replies, 1],
        ['rest', 'answered', replies, 0],
        ['web', 'received', '[]', 0],
      ];
      for (const [n, row] of rows.entries()) {
        const [channel, state, said, delivered] = row;
        insert.run(n + 1, channel, `e${n}`, n + 1, state, said, delivered);
      }
      old.close();
      const store = await opened();
      const entries = (await store.outbox.pending({ limit: 9 })).items;
      assert.deepEqual(
        entries.map(({ messageId, part, reply, to, conversation }) => [messageId, part, reply.text, to, conversation]),
        [
          ['1', 0, 'one', 'to', 'c'],
          ['1', 1, 'two', 'to', 'c'],
        ],
      );
      assert.deepEqual(
        (await store.conversations.unsettled({ limit: 9 })).items.map(({ id }) => id),
        ['4'],
      );
      assert.equal((await store.bots.get('a'))?.lateAnswers, 'send');
    });
    it('is refused when a newer release wrote it, and not touched', async () => {
      await (await opened()).close();
      const later = new Database(file);
      later.prepare('INSERT INTO schema_version VALUES (?, ?, ?)').run(migrations.length + 1, 'later', '');
      later.close();
      const newer = { code: 'store_unavailable', message: /a newer Switchboard wrote it\. Start that release/ };
      await assert.rejects(openSqliteStore(file), newer);
      await assert.rejects(migrateStore(`sqlite:${file}`), newer);
    });
    it('keeps every row through a step that rebuilds a table', async () => {
      const store = await opened();
      await store.bots.create(bot('a'));
      await store.faq.put('a', [{ id: '1', questions: ['q'], answer: 'x' }]);
      await store.conversations.receive(message('a', 'e'));
      await store.close();
      const database = new Database(file);
      const rebuild = `CREATE TABLE next AS SELECT * FROM bots; DROP TABLE bots; ALTER TABLE next RENAME TO bots;
        CREATE UNIQUE INDEX bots_id ON bots (app_id); ALTER TABLE bots ADD COLUMN mood TEXT;`;
      const done = migrate(database, [...migrations, { name: 'moods', sql: rebuild }]);
      assert.deepEqual(done, { from: migrations.length, to: migrations.length + 1, steps: ['moods'] });
      const counts = ['bots', 'faq', 'messages'].map((table) =>
        database.prepare(`SELECT count(*) FROM ${table}`).pluck().get(),
      );
      assert.deepEqual(counts, [1, 1, 1]);
      assert.equal(database.pragma('foreign_keys', { simple: true }), 1);
      database.close();
    });
    it('stays as it was when one of several steps fails or breaks a reference', async () => {
      const store = await opened();
      await store.bots.create(bot('a'));
      await store.jobs.create(job('j', 'a'));
      await store.close();
      const database = new Database(file);
      const good = { name: 'good', sql: 'CREATE TABLE good (x)' };
      assert.throws(() => migrate(database, [...migrations, good, { name: 'bad', sql: 'CREATE nonsense' }]), /syntax/);
      assert.throws(
        () => migrate(database, [...migrations, good, { name: 'bad', sql: 'DELETE FROM bots' }]),
        /refer to nothing/,
      );
      database.close();
      assert.equal((await (await opened()).bots.get('a'))?.appId, 'a');
    });
  });

  describe('whose process is killed', () => {
    it('holds every acknowledged row at 20 random moments', async function () {
      this.timeout(30_000);
      await Promise.all(['w', 'x', 'y', 'z'].map((name) => killedAgainAndAgain(join(folder, `${name}.db`), 5)));
    });
  });
});

/** Kills a process in the middle of its writes, some times over, and looks for every row it was told is stored. */
async function killedAgainAndAgain(path: string, times: number): Promise<void> {
  const store = await openSqliteStore(path);
  await store.bots.create(bot('a'));
  await store.close();
  const acknowledged: string[] = [];
  for (let round = 0; round < times; round++) acknowledged.push(...(await killedWhileWriting(path, round)));
  assert.equal(acknowledged.length >= times, true);
  const { database } = (await opened(path)).sqlite;
  assert.equal(database.pragma('integrity_check', { simple: true }), 'ok');
  const stored = new Set(database.prepare('SELECT event_id FROM messages').pluck().all());
  assert.deepEqual(
    acknowledged.filter((id) => !stored.has(id)),
    [],
  );
}

async function killedWhileWriting(path: string, round: number): Promise<string[]> {
  const child = childStarts(`
    import { writeSync } from 'node:fs';
    const store = await openStore('sqlite:${path}');
    for (let n = 0; ; n++) {
      await Promise.all(Array.from({ length: 10 }, async (_, k) => {
        const eventId = '${round}-' + n + '-' + k;
        const message = { appId: 'a', channel: 'web', conversation: 'c' + k, eventId, text: 'x'.repeat(2000), payload: false, to: '', metadata: {} };
        await store.conversations.receive(message);
        writeSync(1, eventId + '\\n');
      }));
    }`);
  let out = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    if (out === '') setTimeout(() => child.kill('SIGKILL'), Math.random() * 40);
    out += chunk;
  });
  await once(child, 'close');
  return out.split('\n').slice(0, -1);
}

function childStarts(script: string): ChildProcess {
  const stores = new URL('../src/stores/index.js', import.meta.url).href;
  const source = `import { openStore } from '${stores}';\n${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function childEnds(script: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = childStarts(script);
  let out = '';
  let err = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

function spin(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
