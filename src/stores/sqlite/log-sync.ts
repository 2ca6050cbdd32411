/**
 * Durability without waiting: SQLite writes its log and leaves it to the system (`synchronous = NORMAL`), and the log is synced from here, by
 * another thread. The event loop goes on meanwhile, whatever the disk is busy with; commits that come while a sync runs share the next one.
 */
import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LogSync {
  /** Resolves once everything that was committed before the call is on the disk; rejects with the system's error. */
  reached(): Promise<void>;
  /** Ends the use of the file, after a sync that runs. */
  close(): void;
}

interface Round {
  done: Promise<void>;
  begin: () => void;
}

/**
 * Syncs the log of the database at `path`, which is open and has a log. `heal` is called after a sync that failed, before the next one: the
 * system may have dropped what it could not write, so the log alone cannot be trusted any more.
 */
export function openLogSync(path: string, heal: () => void): LogSync {
  // SQLite takes its locks on the database and its index, never on the log: another descriptor of the log disturbs none.
  const log = openSync(`${path}-wal`, 'r+');
  syncFolder(dirname(path));
  let running: Promise<void> | null = null;
  let next: Round | null = null;
  let failed = false;
  let closed = false;

  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failed) heal();
      failed = false;
      fdatasync(log, (error) => {
        if (error) failed = true;
        if (error) reject(error);
        else resolve();
      });
    });
  const start = (round: Round): void => {
    running = round.done.then(end, end);
    round.begin();
  };
  const end = (): void => {
    running = null;
    const waiting = next;
    next = null;
    if (waiting) start(waiting);
    else if (closed) closeSync(log);
  };
  const newRound = (): Round => {
    let begin: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (begin = resolve)).then(sync);
    return { done, begin };
  };
  return {
    reached() {
      if (running) return (next ??= newRound()).done;
      const round = newRound();
      start(round);
      return round.done;
    },
    close() {
      if (closed) return;
      closed = true;
      if (!running) closeSync(log);
    },
  };
}

/** The names in a folder are durable only once the folder is. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
