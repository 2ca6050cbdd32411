/** The store for one machine: one SQLite file, owned by one process. */
import { mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Restorable, Store } from '../../contracts.js';
import { SqliteApiKeys } from './api-keys.js';
import { SqliteAudit } from './audit.js';
import { SqliteBots } from './bots.js';
import { SqliteChannels } from './channels.js';
import { SqliteConversations } from './conversations.js';
import { SqliteDeadLetters } from './dead-letters.js';
import { SqliteCare } from './care.js';
import { Reader, Sqlite, openFile, openToRead } from './database.js';
import { SqliteDocuments } from './documents.js';
import { createSqliteLog } from './log.js';
import { SqliteParses } from './parses.js';
import { storeErrorOf } from './failure.js';
import { SqliteFaq } from './faq.js';
import { SqliteFiles } from './files.js';
import { SqliteJobs } from './jobs.js';
import { migrate, type Migrated } from './migrations.js';
import { SqliteModels } from './models.js';
import { SqliteOutbox } from './outbox.js';
import { takeOwnership, type OwnerLock } from './owner.js';
import { restoreInto } from './restore.js';
import { createSqliteStream } from './stream.js';
import { SqliteSubscriptions } from './subscriptions.js';
import { SqliteTemplates } from './templates.js';
import { SqliteTickets } from './tickets.js';
import { SqliteTrackers } from './trackers.js';
import { SqliteUsers } from './users.js';

export interface SqliteOptions {
  /** The clock that stamps messages. */
  now?: (() => Date) | undefined;
  /** How long a write waits for another program's lock before it is refused; 1,200 ms when absent. */
  busyMs?: number | undefined;
}

/** With what a request costs besides, a platform hears of a locked store within two seconds. */
const defaultPatienceMs = 1200;

/**
 * Opens the file at `path`, makes it when it is not there and brings an older schema up to date. Rejects with `store_unavailable` when
 * another process owns it, a newer release wrote it, or it cannot be written.
 */
export async function openSqliteStore(path: string, options: SqliteOptions = {}): Promise<SqliteStore> {
  const store = await owned(path, (file, lock) => {
    const patienceMs = options.busyMs ?? defaultPatienceMs;
    const database = openFile(file, patienceMs);
    try {
      migrate(database);
      return new SqliteStore(new Sqlite(database, patienceMs), lock, options.now ?? (() => new Date()));
    } catch (error) {
      database.close();
      throw error;
    }
  });
  try {
    await store.bots.recover();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Opens the log and the event stream of the file at `path`, which a store has open, for reading beside it. Rejects with `store_unavailable`. */
export function openSqliteLog(path: string): Promise<Pick<Store, 'log' | 'stream' | 'close'>> {
  try {
    const database = openToRead(path);
    const close = (): Promise<void> => Promise.resolve(void database.close());
    const reader = new Reader(database);
    return Promise.resolve({ log: createSqliteLog(reader), stream: createSqliteStream(reader), close });
  } catch (error) {
    return Promise.reject(storeErrorOf(error));
  }
}

/** Brings the schema of the file at `path` up to date and answers what it did. Rejects as `openSqliteStore` does. */
export function migrateSqlite(path: string): Promise<Migrated> {
  return owned(path, (file, lock) => {
    const database = openFile(file, defaultPatienceMs);
    try {
      return migrate(database);
    } finally {
      database.close();
      lock.release();
    }
  });
}

function owned<T>(path: string, open: (file: string, lock: OwnerLock) => T): Promise<T> {
  let lock: OwnerLock | undefined;
  try {
    const file = realPath(path);
    lock = takeOwnership(file);
    return Promise.resolve(open(file, lock));
  } catch (error) {
    lock?.release();
    return Promise.reject(storeErrorOf(error));
  }
}

/** One name per file, so that two names of the same file meet the same lock. */
function realPath(path: string): string {
  const absolute = resolve(path);
  mkdirSync(dirname(absolute), { recursive: true });
  try {
    return realpathSync(absolute);
  } catch {
    return join(realpathSync(dirname(absolute)), basename(absolute));
  }
}

/** Store on one SQLite file. Reads see the last commit; writes are durable when they resolve. */
export class SqliteStore implements Store {
  readonly bots;
  readonly faq;
  readonly files;
  readonly jobs;
  readonly models;
  readonly conversations;
  readonly log;
  readonly care;
  readonly parses;
  readonly documents;
  readonly outbox;
  readonly deadLetters;
  readonly trackers;
  readonly channels;
  readonly templates;
  readonly users;
  readonly apiKeys;
  readonly tickets;
  readonly audit;
  readonly stream;
  readonly subscriptions;
  readonly settings;
  private readonly beat;

  constructor(
    /** The file beneath, for tests and repair; nothing else reaches past the port. */
    readonly sqlite: Sqlite,
    private readonly lock: OwnerLock,
    private readonly now: () => Date,
  ) {
    this.faq = new SqliteFaq(sqlite);
    const files = new SqliteFiles(sqlite);
    this.files = files;
    this.bots = new SqliteBots(sqlite, files);
    this.jobs = new SqliteJobs(sqlite);
    this.models = new SqliteModels(sqlite);
    this.deadLetters = new SqliteDeadLetters(sqlite, now);
    this.outbox = new SqliteOutbox(sqlite, this.deadLetters);
    this.conversations = new SqliteConversations(sqlite, { outbox: this.outbox, deadLetters: this.deadLetters }, now);
    this.log = createSqliteLog(sqlite);
    this.care = new SqliteCare(sqlite);
    this.parses = new SqliteParses(sqlite);
    this.documents = new SqliteDocuments(sqlite);
    const order = { kept: false, now };
    this.trackers = new SqliteTrackers(sqlite, order);
    this.stream = createSqliteStream(sqlite);
    this.subscriptions = new SqliteSubscriptions(sqlite, order);
    this.channels = new SqliteChannels(sqlite);
    this.templates = new SqliteTemplates(sqlite);
    this.users = new SqliteUsers(sqlite);
    this.apiKeys = new SqliteApiKeys(sqlite);
    this.tickets = new SqliteTickets(sqlite);
    this.audit = new SqliteAudit(sqlite);
    this.settings = settingsOf(sqlite);
    this.beat = sqlite.query(
      'INSERT INTO pulse (id, at) VALUES (1, @at) ON CONFLICT (id) DO UPDATE SET at = excluded.at',
    );
  }

  ping(): Promise<void> {
    return this.sqlite.write(() => void this.beat.run({ at: this.now().toISOString() }));
  }

  restore(thing: Restorable): Promise<void> {
    return restoreInto(this.sqlite, thing);
  }

  close(): Promise<void> {
    this.sqlite.close();
    this.lock.release();
    return Promise.resolve();
  }
}

function settingsOf(sqlite: Sqlite): Store['settings'] {
  const byName = sqlite.query<{ value: string }>('SELECT value FROM settings WHERE name = @name');
  const all = sqlite.query<{ name: string; value: string }>('SELECT name, value FROM settings ORDER BY name');
  const put = sqlite.query(
    'INSERT INTO settings (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  return {
    get: (name) => sqlite.read(() => byName.get({ name })?.value ?? null),
    set: (name, value) => sqlite.write(() => void put.run({ name, value })),
    list: () => sqlite.read(() => all.all()),
  };
}
