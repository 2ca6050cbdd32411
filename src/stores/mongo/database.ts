/**
 * The line to one MongoDB database: its settings, and the way every access goes: within a time that a webhook can wait, tried again while
 * there is time, refused once another hub owns the database. The only importer of mongoose.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, type ConnectOptions, type Model, type mongo, Mongoose } from 'mongoose';
import { within } from '../../deadline.js';
import type { Collection, FieldType, Stored } from './declare.js';
import { closedError, lateError, storeErrorOf } from './failure.js';
import { Table } from './table.js';

/** With what a request costs besides, a platform hears of a store that is away within two seconds. */
const defaultPatienceMs = 1200;
/** Between two tries of one access. */
const pauseMs = 40;
/** All accesses must have failed for so long before the line is opened anew. */
const redialMs = 3000;
/** One access of an unhurried call: an index over millions of documents takes its time. */
const longestWaitMs = 3_600_000;
const defaultName = 'switchboard';

export interface LineOptions {
  /** How long an access may take, with all its tries; 1,200 ms when absent. */
  patienceMs?: number | undefined;
}

/** Opens the line. Rejects with `store_unavailable`, or with an Error when the URL makes no sense. */
export async function connect(url: string, options: LineOptions = {}): Promise<Mongo> {
  // An instance of its own: mongoose's global one is state that others could share.
  const mongoose = new Mongoose({ sanitizeFilter: true, strictQuery: 'throw', autoIndex: false, autoCreate: false });
  const patienceMs = options.patienceMs ?? defaultPatienceMs;
  const connection = mongoose.createConnection();
  // The driver also tells each call of its error; an event without a listener would end the process.
  connection.on('error', () => undefined);
  const dial = async (): Promise<void> => void (await connection.openUri(url, dialling(url, patienceMs)));
  try {
    await dial();
    return new Mongo({ mongoose, connection, dial }, patienceMs);
  } catch (error) {
    await mongoose.disconnect().catch(() => undefined);
    throw urlErrorOf(error) ?? storeErrorOf(error);
  }
}

function dialling(url: string, patienceMs: number): ConnectOptions & mongo.MongoClientOptions {
  const reachMs = Math.round(patienceMs * 0.7);
  return {
    dbName: /^mongodb(?:\+srv)?:\/\/[^/]*\/([^?]+)/.exec(url)?.[1] ?? defaultName,
    bufferCommands: false,
    serverSelectionTimeoutMS: reachMs,
    connectTimeoutMS: reachMs,
    waitQueueTimeoutMS: reachMs,
    // A server that stands still is found out by the monitor, which then ends what waits for it. Checks no closer than that: one at once,
    // after a cut, may use a connection that is cut too and not known to be, and hang.
    heartbeatFrequencyMS: 500,
    minHeartbeatFrequencyMS: 500,
    maxPoolSize: 50,
    // What was acknowledged is on the disks of a majority, and what is read will not be rolled back.
    writeConcern: { w: 'majority', journal: true },
    readConcernLevel: 'majority',
    readPreference: 'primary',
    appName: 'switchboard',
  };
}

/** The driver quotes no URL in its own words, but might one day: ours never do. */
function urlErrorOf(error: unknown): Error | undefined {
  if (!(error instanceof Error) || !/^(MongoParseError|MongoInvalidArgumentError|MongoAPIError)$/.test(error.name))
    return undefined;
  return new Error(
    'That is no MongoDB URL; write DATABASE_URL as mongodb://user:password@host:27017/switchboard, with special characters percent-encoded.',
  );
}

/** One database. `run` is a call of the port; `attempt`, inside it, an access to the server. */
export class Mongo {
  /** Must resolve before an access: set once the database is ours. Rejects when it is so no longer. */
  guard: () => Promise<void> = () => Promise.resolve();
  /** When the time of the present call is over, by the clock of `performance`. */
  private readonly deadline = new AsyncLocalStorage<number>();
  private readonly running = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;

  /** Since when every access failed, and when the line was last opened anew, by the clock of `performance`. */
  private silentSince: number | undefined;
  private dialledAt = 0;

  constructor(
    private readonly line: { mongoose: Mongoose; connection: Connection; dial: () => Promise<void> },
    private readonly patienceMs: number,
  ) {}

  /** The way to one collection; `unguarded` when it is needed to find out whether the database is ours. */
  table<Doc extends Stored, Name extends string>(
    collection: Collection<Doc, Name>,
    { unguarded = false } = {},
  ): Table<Doc, Name> {
    const { Schema } = this.line.mongoose;
    const types = { string: String, number: Number, boolean: Boolean, list: [Schema.Types.Mixed] };
    const fields = Object.entries<FieldType>(collection.fields);
    const definition = { ...Object.fromEntries(fields.map(([name, type]) => [name, types[type]])), rev: String };
    const options = { versionKey: false, minimize: false, strict: 'throw', id: false } as const;
    const schema = new Schema<Record<string, unknown>>(definition, options);
    const { name } = collection;
    const known = this.line.connection.models[name] as Model<Record<string, unknown>> | undefined;
    const model = known ?? this.line.connection.model<Record<string, unknown>>(name, schema, name);
    const guarded = <T>(work: () => Promise<T>): Promise<T> => this.attempt(() => this.guard().then(work));
    const attempt = unguarded ? <T>(work: () => Promise<T>): Promise<T> => this.attempt(work) : guarded;
    return new Table(collection, { model, trusted: (value) => this.line.mongoose.trusted(value), attempt });
  }

  /** Runs one call of the port. It may take the store's patience; `unhurried` ones may take as long as they need. Rejects with a HubError. */
  run<T>(work: () => Promise<T>, { unhurried = false } = {}): Promise<T> {
    if (this.closing) return Promise.reject(closedError());
    const until = unhurried ? Infinity : performance.now() + this.patienceMs;
    const call = this.deadline.run(until, work).catch((error: unknown) => {
      throw storeErrorOf(error);
    });
    this.running.add(call);
    call.catch(() => undefined).finally(() => this.running.delete(call));
    return call;
  }

  /** Runs `work` without a limit but the server's own; it is not waited for at the end. */
  unhurried<T>(work: () => Promise<T>): Promise<T> {
    return this.deadline.run(Infinity, work);
  }

  /** Tries one access until it succeeds or the call's time is up, so it must do no harm when done twice. Rejects with a HubError. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const until = this.deadline.getStore() ?? performance.now() + this.patienceMs;
    // Unhurried work waits for a server that answers slowly, but not for one that is away.
    const lastTry = Math.min(until, performance.now() + this.patienceMs);
    for (;;) {
      try {
        const answer = await inTime(work, until);
        this.silentSince = undefined;
        return answer;
      } catch (error) {
        const failure = storeErrorOf(error);
        if (failure.code === 'store_unavailable') this.redial();
        if (failure.code !== 'store_unavailable' || performance.now() + pauseMs >= lastTry) throw failure;
      }
      await sleep(pauseMs);
    }
  }

  /**
   * Opens the line anew when all accesses have failed for a while. The driver reconnects by itself, but a connection that is cut while it
   * greets the server can leave it waiting for ever.
   */
  private redial(): void {
    const now = performance.now();
    this.silentSince ??= now;
    if (this.closing || now - Math.max(this.silentSince, this.dialledAt) < redialMs) return;
    this.dialledAt = now;
    const { connection, dial } = this.line;
    within(connection.close(), redialMs / 2)
      .then(() => (this.closing ? undefined : dial()))
      .catch(() => undefined);
  }

  /** Ends what runs, lets `last` do what must be done at the very end, and hangs up. May be called twice. */
  close(last: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.closing ??= (async () => {
      await Promise.allSettled([...this.running]);
      await last().catch(() => undefined);
      await this.line.mongoose.disconnect();
    })();
    return this.closing;
  }
}

/** Does `work`, or rejects at the time `until` by the clock of `performance`. */
async function inTime<T>(work: () => Promise<T>, until: number): Promise<T> {
  const left = until - performance.now();
  if (left <= 0) throw lateError();
  const done = await within(
    work().then((answer) => ({ answer })),
    Math.min(left, longestWaitMs),
  );
  if (!done) throw lateError();
  return done.answer;
}
