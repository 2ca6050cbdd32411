/** The event stream: what was appended to trackers, by the numbers under which it was stored. */
import type { StreamItem, StreamStore } from '../../contracts.js';
import { conversations } from './conversations.js';
import type { Mongo } from './database.js';
import type { Numbers } from './facts.js';
import { type EventsDoc, eventsOf, senderOf, trackerEvents } from './trackers.js';

/** The stream of one database. */
export function createMongoStream(mongo: Mongo, numbers: Numbers): StreamStore {
  const table = mongo.table(trackerEvents);
  const talks = mongo.table(conversations);
  const itemOf = async (document: EventsDoc): Promise<StreamItem> => {
    const { _id: position, appId, at = '' } = document;
    const conversation = senderOf(document);
    const channel = (await talks.byId(JSON.stringify([appId, conversation])))?.channel ?? null;
    return { position, appId, conversation, channel, at, events: eventsOf(document) };
  };
  const head = async (): Promise<number> => (await table.first('newest', {}))?._id ?? 0;
  return {
    read: (after, limit) =>
      mongo.run(async () => {
        // Asked first: what gets its number later has a higher one than all that is looked at.
        const settled = await numbers.settled();
        const found = await table.find('all', {}, { after: [after], limit });
        const documents = found.filter(({ _id }) => _id < settled);
        return { items: await Promise.all(documents.map(itemOf)), end: documents.at(-1)?._id ?? after };
      }),
    at: (position) =>
      mongo.run(async () => {
        const document = await table.byId(position);
        return document && itemOf(document);
      }),
    head: () => mongo.run(head),
    seek: (time) =>
      mongo.run(async () => {
        // Numbers ascend with the time, so half of what is left can be left out at each look.
        let [low, high] = [0, await head()];
        while (low < high) {
          const middle = Math.floor((low + high) / 2);
          const next = await table.first('all', {}, [middle]);
          if (next === null || (next.at ?? '') >= time) high = middle;
          else low = next._id;
        }
        return low;
      }),
  };
}
