/**
 * Durability without waiting: SQLite writes its log and leaves it to the system (`synchronous = NORMAL`), and the log is synced from here, by
 * another thread. The event loop goes on meanwhile, whatever the disk is busy with.
 */
import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LogSync {
  /** Resolves once everything that was committed before the call is on the disk; rejects with the system's error. */
  sync(): Promise<void>;
  /** Ends the use of the file, after the syncs that run. */
  close(): void;
}

/**
 * Syncs the log of the database at `path`, which is open and has a log. `heal` is called after a sync that failed, before the next one: the
 * system may have dropped what it could not write, so the log alone cannot be trusted any more.
 */
export function openLogSync(path: string, heal: () => void): LogSync {
  // SQLite takes its locks on the database and its index, never on the log: another descriptor of the log disturbs none.
  const log = openSync(`${path}-wal`, 'r+');
  syncFolder(dirname(path));
  let failed = false;
  let running = 0;
  let closed = false;
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        if (failed) heal();
        failed = false;
        running += 1;
        fdatasync(log, (error) => {
          running -= 1;
          if (closed && running === 0) closeSync(log);
          if (error) failed = true;
          if (error) reject(error);
          else resolve();
        });
      }),
    close() {
      if (!closed && running === 0) closeSync(log);
      closed = true;
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
