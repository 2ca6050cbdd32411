/** The far end of thread.ts: opens what `workerData` names and makes the calls that come, in their order. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Store } from '../../contracts.js';
import { hubErrorOf } from '../../errors.js';
import { openSqliteLog, openSqliteStore } from './index.js';
import { type Answer, type Batch, type Call, type ErrorFacts, opening, type Place } from './thread.js';

/** The whole store, or the part that this thread is for. */
type Opened = Store | Pick<Store, 'log' | 'stream' | 'close'>;
type Method = (...args: unknown[]) => Promise<unknown>;
// There always is one in a thread.
const port = parentPort as MessagePort;
let answers: Answer[] = [];
/** Calls not answered yet; opening is the first. */
let running = 1;
let closing = false;
/** What the clock of the other side showed last. */
let nowMs = Date.now();

/** What is answered in one go, as the writes of one transaction are, crosses together. */
function answer(one: Answer): void {
  if (answers.length === 0) queueMicrotask(send);
  answers.push(one);
}

function send(): void {
  port.postMessage(answers);
  running -= answers.length;
  answers = [];
  // With nothing to listen to, the thread ends.
  if (closing && running === 0) port.close();
}

function factsOf(thrown: unknown): ErrorFacts {
  const { code, message, options } = hubErrorOf(thrown);
  return { code, message, errors: options.errors, cause: options.cause };
}

function make(store: Opened, { id, part, method, args }: Call): void {
  running += 1;
  closing ||= part === null && method === 'close';
  const owner = (part === null ? store : (store as Store)[part]) as unknown as Record<string, Method>;
  const answered = (owner[method] as Method).apply(owner, args);
  answered.then(
    (value) => answer({ id, value }),
    (error: unknown) => answer({ id, error: factsOf(error) }),
  );
}

function open({ path, role }: Place): Promise<Opened> {
  return role === 'log' ? openSqliteLog(path) : openSqliteStore(path, { now: () => new Date(nowMs) });
}

open(workerData as Place).then(
  (store) => {
    port.on('message', (batch: Batch) => {
      ({ nowMs } = batch);
      batch.calls.forEach((call) => make(store, call));
    });
    answer({ id: opening, value: null });
  },
  (error: unknown) => answer({ id: opening, error: factsOf(error) }),
);
