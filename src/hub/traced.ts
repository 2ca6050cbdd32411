/** The trace of each message: that which its sender was in, kept with what was sent beside it, or one of the message's own. */
import type { IncomingMessage, Json, StoredMessage } from '../contracts.js';
import { type Trace, traceFor, traceIn } from '../trace.js';

/** Where it stands in the metadata. The bot is not shown it there. */
const key = 'switchboard_trace';

/** What is stored of a message. */
export function traced({ trace, ...message }: IncomingMessage): IncomingMessage {
  const checked = traceIn(trace);
  return checked === null ? message : { ...message, metadata: { ...message.metadata, [key]: checked } };
}

/** The same each time it is asked, by whichever hub. */
export function traceOf({ metadata, appId, id, receivedAt }: StoredMessage): Trace {
  return traceIn(metadata[key]) ?? traceFor([appId, id, receivedAt]);
}

/** The metadata as they were sent. */
export function untraced({ [key]: _trace, ...metadata }: Json): Json {
  return metadata;
}
