/** What SQLite throws, as the hub's errors: a code of the table and one sentence with the remedy. */
import Database from 'better-sqlite3';
import { HubError, hubErrorOf } from '../../errors.js';

const closed = 'The database is closed because the hub is stopping; try again when it runs again.';
const remedies: [codes: RegExp, sentence: string][] = [
  [
    /^SQLITE_(BUSY|LOCKED|PROTOCOL)/,
    'Another program keeps the database locked; end it (a sqlite3 shell or a copy job, for instance) and try again.',
  ],
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)/, 'The disk that holds the database is full; free some space and try again.'],
  [
    /^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EISDIR|ENOENT|EEXIST)/,
    'The hub may not write its database; give its user write permission on the file and on its folder.',
  ],
  [/^(SQLITE_IOERR|EIO)/, 'The disk failed on the database; look for disk errors in the system log, then try again.'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'The database file is damaged or is no database of the hub; put a backup in its place.'],
  [/^SQLITE_NOMEM/, 'The machine has no memory left for the database; free some and try again.'],
];

/**
 * Any thrown value as a HubError: `store_unavailable` when SQLite cannot read or write now, `not_found` when the row belongs to a bot or
 * job that is not there, a HubError as it is, and `internal` for the rest.
 */
export function storeErrorOf(thrown: unknown): HubError {
  if (thrown instanceof TypeError && thrown.message.includes('connection is not open')) {
    return new HubError('store_unavailable', closed, { cause: thrown });
  }
  const code = codeOf(thrown);
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') {
    return new HubError('not_found', 'The bot or job this belongs to is not there (any more); create it first.', {
      cause: thrown,
    });
  }
  for (const [codes, sentence] of remedies) {
    if (codes.test(code)) return new HubError('store_unavailable', sentence, { cause: thrown });
  }
  return hubErrorOf(thrown);
}

/** SQLite's code, or that of a system call around it; empty for any other error. */
function codeOf(thrown: unknown): string {
  if (thrown instanceof Database.SqliteError) return thrown.code;
  const { code, syscall } = thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : {};
  return syscall !== undefined && code !== undefined ? code : '';
}

/** The error of a call after `close`. */
export function closedError(): HubError {
  return new HubError('store_unavailable', closed);
}
