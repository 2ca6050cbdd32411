/** One open SQLite file: its settings, its cached statements, and the two ways to it, `read` and `write`. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { storeErrorOf } from './failure.js';
import { fromColumn, isEscaped, toColumn } from '../text.js';
import { openLogSync, type LogSync } from './log-sync.js';
import { type Lasting, Writer } from './writer.js';

export type Values = Readonly<Record<string, string | number | boolean | null>>;
type Bound = Record<string, string | number | null>;

/** A prepared statement with named parameters (`@name`). Strings go in and come out exactly as they are, booleans go in as 0 and 1. */
export class Query<Row> {
  private readonly statement: Database.Statement<[Bound], Row>;
  constructor(database: Database.Database, sql: string) {
    this.statement = database.prepare<[Bound], Row>(sql);
  }
  /** The first row. */
  get(values: Values = {}): Row | undefined {
    const row = this.statement.get(bound(values));
    return row === undefined ? undefined : unescaped(row);
  }
  /** The first row of a statement that always has one. */
  one(values: Values = {}): Row {
    const row = this.get(values);
    if (row === undefined) throw new Error(`No row: ${this.statement.source}`);
    return row;
  }
  all(values: Values = {}): Row[] {
    return this.statement.all(bound(values)).map(unescaped);
  }
  /** Runs a statement that answers no rows; answers how many it changed and the rowid of the last insert. */
  run(values: Values = {}): { changes: number; rowid: number } {
    const { changes, lastInsertRowid } = this.statement.run(bound(values));
    return { changes, rowid: Number(lastInsertRowid) };
  }
}

/** Most values need no change: then they are handed on as they are. */
function bound(values: Values): Bound {
  let changed: Bound | undefined;
  for (const name in values) {
    const value = values[name] ?? null;
    const column = typeof value === 'string' ? toColumn(value) : typeof value === 'boolean' ? Number(value) : value;
    if (column !== value) (changed ??= { ...(values as Bound) })[name] = column;
  }
  return changed ?? (values as Bound);
}

function unescaped<Row>(row: Row): Row {
  const columns = row as Record<string, unknown>;
  for (const name in columns) {
    const value = columns[name];
    if (typeof value === 'string' && isEscaped(value)) columns[name] = fromColumn(value);
  }
  return row;
}

/** Opens (or creates, readable by its owner only) the file with the settings every use of it needs. Throws `store_unavailable`. */
export function openFile(path: string, busyMs: number): Database.Database {
  let database: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'a', 0o600));
    database = new Database(path, { timeout: busyMs });
    database.pragma('journal_mode = WAL');
    // Commits leave the log to log-sync.ts; SQLite itself syncs it before it copies it into the file.
    database.pragma('synchronous = NORMAL');
    database.pragma('foreign_keys = ON');
    database.pragma('journal_size_limit = 67108864');
    // Pages touched again and again (the ends of tables and indexes) are copied into the file once per 32 MB of log, not once per 4 MB.
    database.pragma('wal_autocheckpoint = 8000');
    database.pragma('cache_size = -32000');
    return database;
  } catch (error) {
    database?.close();
    throw storeErrorOf(error);
  }
}

/** Opens the file, which is there, for reading alone, beside who writes it. Throws `store_unavailable`. */
export function openToRead(path: string): Database.Database {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    database.pragma('cache_size = -32000');
    return database;
  } catch (error) {
    throw storeErrorOf(error);
  }
}

/** What sub-stores that only read work on. Each prepares its statements once, in its constructor. */
export class Reader {
  private readonly queries = new Map<string, Query<unknown>>();

  constructor(readonly database: Database.Database) {}

  /** The cached statement of this SQL; `Row` names the columns it answers. */
  query<Row = unknown>(sql: string): Query<Row> {
    const query = this.queries.get(sql) ?? new Query<unknown>(this.database, sql);
    this.queries.set(sql, query);
    return query as Query<Row>;
  }
  /** The SQL of every statement prepared so far. */
  statements(): string[] {
    return [...this.queries.keys()];
  }
  /** Runs `work` at once on the last committed state. Rejects with a HubError. */
  read<T>(work: () => T): Promise<T> {
    try {
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(storeErrorOf(error));
    }
  }
}

/** What the sub-stores work on. */
export class Sqlite extends Reader {
  private readonly log: LogSync;
  private readonly writer: Writer;

  /** `patienceMs`: how long a write waits for another program's lock. */
  constructor(database: Database.Database, patienceMs: number) {
    super(database);
    // Opening may wait for a lock inside SQLite; from here on the writer waits, and the process goes on.
    database.pragma('busy_timeout = 0');
    this.log = openLogSync(database.name, () => void database.pragma('wal_checkpoint(RESTART)'));
    this.writer = new Writer(database, this.log, patienceMs);
  }
  /**
   * Runs `work` in a transaction of its own or shared with others; answers once it is durable, or already once it is committed: then a
   * power cut may undo it, though nothing that came before it. Rejects with a HubError, nothing written.
   */
  write<T>(work: () => T, lasting: Lasting = 'durable'): Promise<T> {
    return this.writer.write(work, lasting);
  }
  /** Commits what waits and closes the file. May be called twice. */
  close(): void {
    this.writer.close();
    this.database.close();
    this.log.close();
  }
}
