/** A stream that is cut when its reader may no longer have it. */
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { HubError } from '../errors.js';

export interface Guarded {
  response: ServerResponse;
  /** Rejects when the reader may no longer have it; null: anybody may. */
  again: (() => Promise<unknown>) | null;
}

/** With the second for which an answer of the store stands, whoever was shut out is gone within five. */
const lookMs = 2000;

/** The stream itself, watched until its response has ended. */
export function guarded(stream: Readable, { response, again }: Guarded): Readable {
  if (!again) return stream;
  const look = setInterval(() => {
    again().catch((error: unknown) => {
      if (error instanceof HubError && error.retry) return;
      // The connection, and not only the stream: its reader comes back, and hears why not.
      response.destroy();
    });
  }, lookMs);
  response.once('close', () => clearInterval(look));
  return stream;
}
