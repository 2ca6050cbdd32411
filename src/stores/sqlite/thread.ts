/**
 * The SQLite store in a thread of its own, and the log for those who search it in another one, once somebody does, so that neither statements nor a large deletion stop the event loop that answers the platforms.
 * Calls cross in the order they were made, those of one turn of the event loop together, and those of a millisecond while the thread has others:
 * each crossing costs as much as a call. Errors come back as the HubErrors they are.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Store } from '../../contracts.js';
import { type ErrorCode, type Fault, HubError, hubErrorOf } from '../../errors.js';
import { closedError } from './failure.js';
import type { SqliteOptions } from './index.js';

/** A call of `Store[part][method]`; of `Store[method]` where there is no part. */
export interface Call {
  id: number;
  part: StorePart | null;
  method: string;
  args: unknown[];
}
/** What crosses at once: calls, and what the clock of their side showed. */
export interface Batch {
  nowMs: number;
  calls: Call[];
}
/** What became of a call. */
export type Answer = { id: number; value: unknown } | { id: number; error: ErrorFacts };
/** A HubError as it crosses between threads. */
export interface ErrorFacts {
  code: ErrorCode;
  message: string;
  errors: Fault[] | undefined;
  cause: unknown;
}
type Method = 'restore' | 'ping' | 'close';
type StorePart = Exclude<keyof Store, Method | 'leases'>;

/** What a thread does: the whole store, or searching the log and reading the event stream. */
export type Role = 'store' | 'log';
export interface Place {
  path: string;
  role: Role;
}

/** The answer to this call says that the store is open, or why it is not. */
export const opening = 0;
const gatherMs = 1;
/** The thread keeps little alive: rows on their way. */
const youngGenerationMb = 32;

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: HubError) => void;
}

/** The near end: numbers the calls and settles them as they are answered. */
class Thread {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private calls: Call[] = [];
  /** Calls have crossed of which none was answered yet. */
  private busy = false;
  private timer: NodeJS.Timeout | undefined;
  private last = opening;
  private closed = false;

  constructor(
    place: Place,
    private readonly now: () => Date,
  ) {
    // None of the flags that this process was started with: some, as --eval's, fit no file.
    const options = { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb } };
    this.worker = new Worker(new URL('thread-entry.js', import.meta.url), { workerData: place, ...options });
    this.worker.on('message', (answers: Answer[]) => {
      answers.forEach((one) => this.settle(one));
      this.busy = false;
      if (this.timer) this.sendSoon();
    });
    this.worker.on('exit', () => this.end());
    // What the thread throws outside a call is a fault of ours: without a listener it ends the process, as it would without the thread.
  }

  opened(): Promise<unknown> {
    return this.promise(opening);
  }

  call(part: StorePart | null, method: string, args: unknown[]): Promise<unknown> {
    if (this.closed) return Promise.reject(closedError());
    this.last += 1;
    if (this.calls.length === 0) {
      if (this.busy) this.timer = setTimeout(() => this.send(), gatherMs);
      else this.sendSoon();
    }
    this.calls.push({ id: this.last, part, method, args });
    return this.promise(this.last);
  }

  /** Closes the store and ends the thread. May be called twice. */
  async close(): Promise<void> {
    if (this.closed) return;
    const ended = once(this.worker, 'exit');
    const answer = this.call(null, 'close', []);
    this.closed = true;
    await answer;
    await ended;
  }

  private sendSoon(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    setImmediate(() => this.send());
  }

  private send(): void {
    const calls = this.calls;
    this.calls = [];
    this.timer = undefined;
    this.busy = true;
    try {
      this.post(calls);
    } catch {
      // Something in it cannot cross, a function for instance: that call fails, the others go.
      for (const call of calls) this.sendOne(call);
    }
  }

  private sendOne(call: Call): void {
    try {
      this.post([call]);
    } catch (error) {
      const { code, message } = hubErrorOf(error);
      this.settle({ id: call.id, error: { code, message, errors: undefined, cause: error } });
    }
  }

  private post(calls: Call[]): void {
    this.worker.postMessage({ nowMs: this.now().getTime(), calls } satisfies Batch);
  }

  /** An open store keeps no process alive, but a call does until it is answered. */
  private promise(id: number): Promise<unknown> {
    if (this.pending.size === 0) this.worker.ref();
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
  }

  private settle(answer: Answer): void {
    const pending = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if (this.pending.size === 0 && !this.closed) this.worker.unref();
    if ('error' in answer) pending?.reject(errorOf(answer.error));
    else pending?.resolve(answer.value);
  }

  private end(): void {
    this.closed = true;
    for (const { reject } of this.pending.values()) reject(closedError());
    this.pending.clear();
  }
}

/** A thread that starts with its first call. */
class LateThread {
  private thread: Promise<Thread> | undefined;
  private closed = false;

  constructor(
    private readonly place: Place,
    private readonly now: () => Date,
  ) {}

  async call(part: StorePart | null, method: string, args: unknown[]): Promise<unknown> {
    if (this.closed) throw closedError();
    this.thread ??= this.start();
    return (await this.thread).call(part, method, args);
  }

  async close(): Promise<void> {
    this.closed = true;
    await (await this.thread?.catch(() => undefined))?.close();
  }

  private async start(): Promise<Thread> {
    const thread = new Thread(this.place, this.now);
    try {
      await thread.opened();
      return thread;
    } catch (error) {
      // The next call tries again.
      this.thread = undefined;
      throw error;
    }
  }
}

/** The error that these facts were. */
function errorOf({ code, message, errors, cause }: ErrorFacts): HubError {
  return new HubError(code, message, { ...(errors && { errors }), cause });
}

/** One part of the store: every method of it is a call. */
function partOf<Part extends StorePart>(thread: Pick<Thread, 'call'>, part: Part): Store[Part] {
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>;
  const methods = new Proxy<Methods>(
    {},
    {
      get: (known, name: string) => (known[name] ??= (...args) => thread.call(part, name, args)),
    },
  );
  return methods as unknown as Store[Part];
}

/**
 * Opens the store at `path` in a thread of its own; `now` is the clock that stamps messages, the machine's when absent. Rejects as
 * `openSqliteStore` does.
 */
export async function openSqliteThread(
  path: string,
  { now = () => new Date() }: Pick<SqliteOptions, 'now'> = {},
): Promise<Store> {
  const thread = new Thread({ path, role: 'store' }, now);
  await thread.opened();
  const reader = new LateThread({ path, role: 'log' }, now);
  return {
    bots: partOf(thread, 'bots'),
    faq: partOf(thread, 'faq'),
    files: partOf(thread, 'files'),
    jobs: partOf(thread, 'jobs'),
    models: partOf(thread, 'models'),
    conversations: partOf(thread, 'conversations'),
    log: partOf(reader, 'log'),
    care: partOf(thread, 'care'),
    parses: partOf(thread, 'parses'),
    documents: partOf(thread, 'documents'),
    outbox: partOf(thread, 'outbox'),
    deadLetters: partOf(thread, 'deadLetters'),
    trackers: partOf(thread, 'trackers'),
    channels: partOf(thread, 'channels'),
    templates: partOf(thread, 'templates'),
    users: partOf(thread, 'users'),
    apiKeys: partOf(thread, 'apiKeys'),
    tickets: partOf(thread, 'tickets'),
    audit: partOf(thread, 'audit'),
    stream: partOf(reader, 'stream'),
    subscriptions: partOf(thread, 'subscriptions'),
    settings: partOf(thread, 'settings'),
    restore: (thing) => thread.call(null, 'restore', [thing]) as Promise<void>,
    ping: () => thread.call(null, 'ping', []) as Promise<void>,
    close: async () => {
      await reader.close();
      await thread.close();
    },
  };
}
