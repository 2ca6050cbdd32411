/** Notes texts that were only to be understood, a second's worth at a time: nobody waits for it, and a crash may lose the last of them. */
import type { ParseRecord, ParseStore } from '../contracts.js';
import type { Log } from '../log.js';

export interface RequestLog {
  note(record: ParseRecord): void;
  /** Writes what was noted. */
  stop(): Promise<void>;
}
const everyMs = 1000;
/** More than this is dropped while the store can't be written. */
const most = 10_000;

export function createRequestLog({ store, log }: { store: Pick<ParseStore, 'add'>; log: Log }): RequestLog {
  let waiting: ParseRecord[] = [];
  let writing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const records = waiting;
    waiting = [];
    if (records.length === 0) return;
    try {
      await store.add(records);
    } catch (error) {
      waiting = [...records, ...waiting].slice(-most);
      log.warn({ err: error, records: waiting.length }, 'the request log could not be written; it is tried again');
    }
  };
  const timer = setInterval(() => void (writing = writing.then(write)), everyMs).unref();
  return {
    note(record) {
      waiting.push(record);
    },
    async stop() {
      clearInterval(timer);
      await writing.then(write);
    },
  };
}
