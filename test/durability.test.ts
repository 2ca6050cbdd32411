import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type LogSync, openLogSync } from '../src/stores/sqlite/log-sync.js';
import { Writer } from '../src/stores/sqlite/writer.js';

describe('durability', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchboard-durability-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  describe('of a write', () => {
    let database: Database.Database;
    let syncs: { resolve: () => void; reject: (error: Error) => void }[];
    let writer: Writer;
    const log: LogSync = {
      sync: () => new Promise((resolve, reject) => syncs.push({ resolve, reject })),
      close: () => undefined,
    };
    const add = (n: number) => (): number => database.prepare('INSERT INTO t VALUES (?)').run(n).changes;
    const rows = (): unknown[] => database.prepare('SELECT n FROM t ORDER BY n').pluck().all();
    const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

    beforeEach(() => {
      syncs = [];
      database = new Database(join(folder, 'x.db'));
      database.pragma('journal_mode = WAL');
      database.exec('CREATE TABLE t (n INTEGER PRIMARY KEY)');
      writer = new Writer(database, log, 100);
    });
    afterEach(() => database.close());

    it('is answered after the sync, one that is only to be committed before it, by one sync for a whole batch', async () => {
      const answered: string[] = [];
      const note = (name: string) => (): void => void answered.push(name);
      const writes = [
        writer.write(add(1), 'durable').then(note('durable')),
        writer.write(add(2), 'committed').then(note('committed')),
        writer.write(add(3), 'durable').then(note('durable too')),
      ];
      await tick();
      assert.deepEqual([rows(), answered, syncs.length], [[1, 2, 3], ['committed'], 1]);
      syncs[0]?.resolve();
      await Promise.all(writes);
      assert.deepEqual(answered, ['committed', 'durable', 'durable too']);
    });

    it('waits for a sync that runs, together with all others that must be durable', async () => {
      const first = writer.write(add(1), 'durable');
      await tick();
      const rest = [writer.write(add(2), 'durable'), writer.write(add(3), 'durable')];
      await tick();
      assert.deepEqual([rows(), syncs.length], [[1], 1]);
      syncs[0]?.resolve();
      await first;
      await tick();
      assert.deepEqual([rows(), syncs.length], [[1, 2, 3], 2]);
      syncs[1]?.resolve();
      await Promise.all(rest);
    });

    it('waits for no sync when it is only to be committed; what went along has a sync of its own', async () => {
      const answered: number[] = [];
      const write = (n: number, lasting: 'durable' | 'committed') =>
        writer.write(add(n), lasting).then(() => void answered.push(n));
      const writes = [write(1, 'durable')];
      await tick();
      writes.push(write(2, 'durable'), write(3, 'committed'));
      await tick();
      assert.deepEqual([rows(), answered, syncs.length], [[1, 2, 3], [3], 1]);
      syncs[0]?.resolve();
      await tick();
      assert.deepEqual([answered, syncs.length], [[3, 1], 2], 'a sync that had begun before it was committed');
      syncs[1]?.resolve();
      await Promise.all(writes);
    });

    it('is synced before the log is closed, when the writer is closed during a sync', async () => {
      const writes = [writer.write(add(1), 'durable')];
      await tick();
      writes.push(writer.write(add(2), 'durable'));
      writer.close();
      assert.deepEqual([rows(), syncs.length], [[1, 2], 2]);
      for (const { resolve } of syncs) resolve();
      await Promise.all(writes);
    });

    it('is refused when the sync failed', async () => {
      const write = writer.write(add(1), 'durable');
      await tick();
      syncs[0]?.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO', syscall: 'fdatasync' }));
      await assert.rejects(write, { code: 'store_unavailable' });
    });

    it('stands when another write of its transaction fails, which alone is refused', async () => {
      const [one, twice, three] = [
        writer.write(add(1), 'committed'),
        writer.write(add(1), 'committed'),
        writer.write(add(3), 'committed'),
      ];
      await assert.rejects(twice);
      await Promise.all([one, three]);
      assert.deepEqual(rows(), [1, 3]);
      await writer.write(add(4), 'committed');
      assert.deepEqual(rows(), [1, 3, 4]);
    });
  });

  describe('of a log', () => {
    it('is closed after the syncs that run, however many', async () => {
      const path = join(folder, 'x.db');
      await writeFile(`${path}-wal`, 'x');
      const log = openLogSync(path, () => assert.fail('nothing failed'));
      const syncs = [log.sync(), log.sync()];
      log.close();
      log.close();
      await Promise.all(syncs);
    });

    it('is not trusted after a sync that failed, before it was healed', async () => {
      const path = join(folder, 'x.db');
      // A pipe can't be synced.
      execFileSync('mkfifo', [`${path}-wal`]);
      let healed = 0;
      const log = openLogSync(path, () => {
        healed += 1;
        if (healed === 1) throw new Error('the disk is still broken');
      });
      await assert.rejects(log.sync(), { code: 'EINVAL' });
      await assert.rejects(log.sync(), /still broken/);
      await assert.rejects(log.sync(), { code: 'EINVAL' });
      assert.equal(healed, 2);
      log.close();
    });
  });
});
