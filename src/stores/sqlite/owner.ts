/**
 * One hub per database. The lock is the operating system's, on a side file: it ends with its process, however that ends, it holds across
 * containers that share the disk, and two that start at once can't both get it. The pid beside it is only for the sentence.
 *
 * POSIX drops a process's locks when that process closes any descriptor of the file: nothing in the hub may open `*.lock` itself.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import Database from 'better-sqlite3';
import { HubError } from '../../errors.js';
import { storeErrorOf } from './failure.js';

/** Two that start at once wait for each other this long. */
const patienceMs = 300;

export interface OwnerLock {
  /** Gives the database free. May be called twice. */
  release(): void;
}

/** Takes the database at `path` for this process. Throws `store_unavailable`, naming the process that has it. */
export function takeOwnership(path: string): OwnerLock {
  const side = lockedSide(path);
  try {
    // Renamed into place, so that a reader never sees half of it.
    writeFileSync(
      `${path}.owner.new`,
      JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }),
    );
    renameSync(`${path}.owner.new`, `${path}.owner`);
  } catch (error) {
    side.close();
    throw storeErrorOf(error);
  }
  return {
    release() {
      if (!side.open) return;
      rmSync(`${path}.owner`, { force: true });
      side.close();
    },
  };
}

function lockedSide(path: string): Database.Database {
  let side: Database.Database | undefined;
  try {
    side = new Database(`${path}.lock`, { timeout: patienceMs });
    side.exec('BEGIN IMMEDIATE');
    return side;
  } catch (error) {
    side?.close();
    const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
    if (!busy) throw storeErrorOf(error);
    throw new HubError(
      'store_unavailable',
      `${ownerOf(path)} already uses the database ${path}; stop it first, or give this one another DATA_DIR.`,
      { cause: error },
    );
  }
}

function ownerOf(path: string): string {
  try {
    const owner = JSON.parse(readFileSync(`${path}.owner`, 'utf8')) as { pid: number; host: string; since: string };
    const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
    return `Process ${owner.pid}${where}, running since ${owner.since},`;
  } catch {
    return 'Another process';
  }
}
