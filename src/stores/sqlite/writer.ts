/**
 * Group commit: all writes asked for in one turn of the event loop share one transaction, and those that must be durable one sync. While a
 * sync runs, writes gather for the next transaction: whoever must be durable would wait for the next sync anyway. Whoever need not be waits for a
 * slow disk no longer than a moment, and what has gathered goes along.
 */
import Database from 'better-sqlite3';
import { closedError, storeErrorOf } from './failure.js';
import type { LogSync } from './log-sync.js';

/** How long one transaction may gather work before it commits: other work of the process waits meanwhile. */
const batchMs = 20;
/** So long a write that need not be durable waits for a sync that runs, for more to gather. */
const gatherMs = 2;
/** Between two looks at a lock that another program holds. Waiting inside SQLite would stop the whole process. */
const lookMs = 25;

/** When a write is answered: once it outlives a power cut, or once it outlives this process. */
export type Lasting = 'durable' | 'committed';
interface Task {
  lasting: Lasting;
  /** When its writer gives up, by the clock of `performance`. */
  until: number;
  /** Does the work and answers what to call after the COMMIT. */
  run(): () => void;
  reject: (error: Error) => void;
}
/** A task that is committed and waits for its sync. */
interface Unsynced extends Pick<Task, 'reject'> {
  settle: () => void;
}

/** Runs writes in the order they were asked for. A write that fails undoes itself only; the others of its transaction stand. */
export class Writer {
  private waiting: Task[] = [];
  private unsynced: Unsynced[] = [];
  private scheduled = false;
  private gathering: NodeJS.Timeout | undefined;
  private syncing = false;
  private closed = false;
  /** The next transaction gives each task a savepoint of its own. */
  private careful = false;
  private readonly statements: Record<
    'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo',
    Database.Statement<[]>
  >;

  /** `patienceMs`: how long a write waits for another program's lock before it is refused. */
  constructor(
    private readonly database: Database.Database,
    private readonly log: LogSync,
    private readonly patienceMs: number,
  ) {
    this.statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      savepoint: database.prepare('SAVEPOINT one'),
      release: database.prepare('RELEASE one'),
      undo: database.prepare('ROLLBACK TO one'),
    };
  }

  /**
   * Runs `work` in the next transaction; answers its result once that is `lasting`. Rejects with a HubError, nothing written. `work` is
   * synchronous and does nothing but read and write the database: when another task of its transaction fails, it is undone and runs again.
   */
  write<T>(work: () => T, lasting: Lasting): Promise<T> {
    if (this.closed) return Promise.reject(closedError());
    return new Promise<T>((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      this.waiting.push({ lasting, until: performance.now() + this.patienceMs, run, reject });
      if (!this.syncing) this.schedule();
      else if (lasting === 'committed') this.gathering ??= setTimeout(() => this.go(), gatherMs);
    });
  }

  /** Commits what waits, or rejects it when the file is locked still, and refuses further writes. */
  close(): void {
    this.closed = true;
    while (this.waiting.length > 0) this.commitBatch();
    // Now, beside the sync that may be running: a moment later the log is closed.
    if (this.unsynced.length > 0) void this.sync();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.go());
  }

  private go(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    this.scheduled = false;
    if (this.waiting.length > 0) this.commitBatch();
    if (this.waiting.length > 0) this.schedule();
  }

  /** True when the transaction is open. When another program holds the lock, whoever has waited long enough is told, and the rest waits on. */
  private begin(): boolean {
    try {
      this.statements.begin.run();
      return true;
    } catch (error) {
      if (!isBusy(error)) throw error;
      const now = this.closed ? Infinity : performance.now();
      const late = this.waiting.filter((task) => task.until <= now);
      this.waiting = this.waiting.filter((task) => task.until > now);
      for (const task of late) task.reject(storeErrorOf(error));
      if (this.waiting.length === 0) return false;
      this.scheduled = true;
      setTimeout(() => this.go(), lookMs);
      return false;
    }
  }

  private commitBatch(): void {
    const taken: Task[] = [];
    const settle: (() => void)[] = [];
    try {
      if (!this.begin()) return;
      const until = performance.now() + batchMs;
      for (const task of this.waiting) {
        taken.push(task);
        settle.push(this.careful ? this.attempt(task) : task.run());
        if (performance.now() > until) break;
      }
      this.statements.commit.run();
      this.waiting.splice(0, taken.length);
      this.careful = false;
    } catch (error) {
      const inTransaction = this.database.open && this.database.inTransaction;
      if (inTransaction) this.statements.rollback.run();
      // Savepoints cost as much as the writes between them, so they come only once something has failed.
      if (inTransaction && !this.careful) return void (this.careful = true);
      this.careful = false;
      // When not even BEGIN succeeded the next one would fail alike: all are told now.
      const failed = this.waiting.splice(0, taken.length || this.waiting.length);
      for (const task of failed) task.reject(storeErrorOf(error));
      return;
    }
    this.answer(taken, settle);
  }

  private answer(taken: Task[], settle: (() => void)[]): void {
    for (const [place, { lasting, reject }] of taken.entries()) {
      const done = settle[place] ?? (() => undefined);
      if (lasting === 'durable') this.unsynced.push({ settle: done, reject });
      else done();
    }
    if (this.unsynced.length > 0 && !this.syncing) void this.sync();
  }

  /** Answers those that must be durable, sync after sync. Never rejects. */
  private async sync(): Promise<void> {
    this.syncing = true;
    while (this.unsynced.length > 0) {
      const tasks = this.unsynced;
      this.unsynced = [];
      try {
        await this.log.sync();
        for (const { settle } of tasks) settle();
      } catch (error) {
        for (const { reject } of tasks) reject(storeErrorOf(error));
      }
    }
    this.syncing = false;
    if (this.waiting.length > 0) this.schedule();
  }

  /** Runs one task in its savepoint. Throws only when SQLite has thrown the whole transaction away (disk full, I/O error). */
  private attempt(task: Task): () => void {
    this.statements.savepoint.run();
    try {
      const settle = task.run();
      this.statements.release.run();
      return settle;
    } catch (error) {
      if (!this.database.inTransaction) throw error;
      this.statements.undo.run();
      this.statements.release.run();
      return () => task.reject(storeErrorOf(error));
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code);
}
