/** W3C trace context: the trace id by which one message is followed from whoever sent it through hub and node to the servers that its bot calls. */
import { createHash } from 'node:crypto';

/** A checked `traceparent`: version, trace id, id of the span above, flags. It is handed on as it is: we keep no spans. */
export type Trace = string;

const form = /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?$/;

/** The `traceparent` header that somebody sent; null for what is none. One of a later version is read as far as it is known. */
export function traceIn(given: unknown): Trace | null {
  const [, version, known, more] = (typeof given === 'string' && form.exec(given)) || [];
  if (known === undefined || (version === '00' && more !== undefined)) return null;
  return `00-${known}`;
}

/** The same for the same thing, wherever and however often it is asked; it says that it is sampled, so that servers behind us keep theirs. */
export function traceFor(thing: readonly string[]): Trace {
  const digest = createHash('sha256').update(JSON.stringify(thing)).digest('hex');
  return `00-${digest.slice(0, 32)}-${digest.slice(32, 48)}-01`;
}

/** The part by which logs know it. */
export const traceIdOf = (trace: Trace): string => trace.slice(3, 35);
