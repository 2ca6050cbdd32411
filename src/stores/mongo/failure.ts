/** What MongoDB's driver throws, as the hub's errors: a code of the table and one sentence with the remedy. */
import { HubError, hubErrorOf } from '../../errors.js';

interface Thrown {
  name: string;
  message: string;
  code: number | string | undefined;
}
const unreachable =
  'The MongoDB server does not answer; start it, or check DATABASE_URL and the network. The hub goes on when it is back.';
const remedies: [applies: (thrown: Thrown) => boolean, sentence: string][] = [
  [
    ({ code }) => code === 18 || code === 13 || code === 8000,
    'The MongoDB server refuses the user of DATABASE_URL; check its name, password and its readWrite role.',
  ],
  [({ code }) => code === 14031, 'The disk of the MongoDB server is full; free some space and try again.'],
  // Not primary (any more), shutting down, no majority, out of time.
  [
    ({ code }) =>
      [6, 7, 50, 64, 79, 89, 91, 100, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436].includes(Number(code)),
    unreachable,
  ],
  // What the system or Node says of a socket that is gone.
  [({ code }) => /^(E[A-Z]+|ERR_(STREAM|SOCKET)_\w+)$/.test(String(code)), unreachable],
  // What the driver says in its own name: no server, no connection, no answer.
  [
    ({ name }) => /^(?:Mongo(?!oseError$|ServerError$|BulkWriteError$)|PoolCleared|TimeoutError$)/.test(name),
    unreachable,
  ],
  [({ name, message }) => name === 'MongooseError' && /connection|buffer/i.test(message), unreachable],
];

/**
 * Any thrown value as a HubError: `store_unavailable` when MongoDB cannot read or write now, `invalid` for a value of the wrong type,
 * `too_large` for more than a document holds, a HubError as it is, and `internal` for the rest.
 */
export function storeErrorOf(error: unknown): HubError {
  if (error instanceof HubError || !(error instanceof Error)) return hubErrorOf(error);
  const thrown: Thrown = { name: error.name, message: error.message, code: (error as { code?: number | string }).code };
  for (const [applies, sentence] of remedies) {
    if (applies(thrown)) return new HubError('store_unavailable', sentence, { cause: error });
  }
  if (thrown.name === 'CastError' || thrown.name === 'StrictModeError') {
    return new HubError('invalid', 'A value of that request is of the wrong type for the store.', { cause: error });
  }
  if (
    thrown.code === 10334 ||
    /too large|larger than the maximum size|ERR_OUT_OF_RANGE/i.test(`${thrown.message} ${thrown.code ?? ''}`)
  ) {
    return new HubError('too_large', 'That is more than the store keeps in one piece (16 MB); send less at a time.', {
      cause: error,
    });
  }
  return hubErrorOf(error);
}

/** Did a unique index refuse the write? */
export function isTaken(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 11000;
}

/** What is asked to be kept in one piece, and is larger than a document. */
export function tooLargeError(): HubError {
  return new HubError('too_large', 'That is more than the store keeps in one piece (16 MB); send less at a time.');
}

/** What a call gets that the server did not answer in time. */
export function lateError(): HubError {
  return new HubError('store_unavailable', unreachable);
}

/** The error of a call after `close`. */
export function closedError(): HubError {
  return new HubError(
    'store_unavailable',
    'The database is closed because the hub is stopping; try again when it runs again.',
  );
}
