/** Events as Rasa's own event brokers publish them, with what tells bots, channels and repeats apart under `metadata`. */
import { createHash } from 'node:crypto';
import type { Json, StreamItem } from '../contracts.js';

/** The name of an item: the same whenever it is sent again, and of nothing else. A store that was put back may give a position twice. */
export function itemId({ position, events }: StreamItem): string {
  const digest = createHash('sha256').update(JSON.stringify(events)).digest('base64url');
  return `${position}-${digest.slice(0, 12)}`;
}

/** The events of an item that are wanted (null: all), each as one message of a broker: `{sender_id, event, timestamp, …, metadata}`. */
export function brokerEvents(item: StreamItem, wanted: readonly string[] | null): Json[] {
  const { appId, conversation, channel, events } = item;
  const id = itemId(item);
  const numbered = events.map((event, place) => ({ event, place }));
  return numbered
    .filter(({ event }) => wanted === null || wanted.includes(String(event['event'])))
    .map(({ event, place }) => ({
      sender_id: conversation,
      ...event,
      metadata: {
        assistant_id: appId,
        ...(event['metadata'] as Json | null | undefined),
        ...{ app_id: appId, channel, event_id: `${id}-${place}` },
      },
    }));
}
