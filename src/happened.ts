/** Whether a turn has happened already: by our event id, which Rasa keeps with the person's words and saves once, at the end of the turn. */
import type { BotMessage, Json, Parse, Turn, TurnResult } from './contracts.js';

/** Where it stands in a turn's metadata, and so in the metadata of the user event. */
export const eventKey = 'switchboard_event';

/** Place of the user event of the turn whose `metadata` these are; -1 when it did not happen, or has no event id. */
export function placeOf(events: Json[], metadata: Json): number {
  const id = metadata[eventKey];
  if (id === undefined) return -1;
  return events.findLastIndex(
    (event) => event['event'] === 'user' && (event['metadata'] as Json | null | undefined)?.[eventKey] === id,
  );
}

/** What the bot said in that turn, for `recipient`, made again of its tracker's `events`; null when the turn did not happen. */
export function happenedIn(
  events: Json[],
  { sender, metadata }: Pick<Turn, 'sender' | 'metadata'>,
): Pick<TurnResult, 'messages' | 'parse'> | null {
  const at = placeOf(events, metadata);
  if (at < 0) return null;
  const after = events.slice(at + 1);
  const end = after.findIndex((event) => event['event'] === 'user');
  const said = (end < 0 ? after : after.slice(0, end)).filter((event) => event['event'] === 'bot');
  return {
    messages: said.map((event) => repliedIn(event, sender)),
    parse: (events[at]?.['parse_data'] as Parse | undefined) ?? null,
  };
}

/** A bot event of a tracker as the message it was sent as. */
function repliedIn(event: Json, recipient: string): BotMessage {
  const data = Object.entries((event['data'] as Json | undefined) ?? {}).filter(([, value]) => value !== null);
  const text = typeof event['text'] === 'string' ? { text: event['text'] } : {};
  return { recipient_id: recipient, ...text, ...Object.fromEntries(data) };
}
