/** What a bot says without having been asked, by a program that drives it over Rasa's API: it leaves as an answer does. */
import type { Hub, Store, StoredMessage } from '../contracts.js';
import type { Connections } from './connections.js';
import type { HubDesk } from './desk.js';
import type { Outbox } from './outbox.js';

export interface UnaskedOptions {
  store: Pick<Store, 'conversations'>;
  connections: Pick<Connections, 'reaches'>;
  outbox: Pick<Outbox, 'say'>;
  desk: Pick<HubDesk, 'holds'>;
}
/** So far back the user's newest message by a channel is looked for. */
const lookBack = 50;

/** The way to say something unasked: see `Hub.say`. */
export function createUnasked({ store, connections, outbox, desk }: UnaskedOptions): Hub['say'] {
  return async ({ appId, conversation, channel }, messages) => {
    // A person speaks there now; whoever drives the bot gets its words as the answer.
    if (desk.holds({ appId, conversation })) return false;
    const newest = await store.conversations.latest(appId, conversation, lookBack);
    const place = newest.findLast((message) => isSettled(message) && message.channel === channel);
    if (!place || !connections.reaches(place)) return false;
    if (messages.length === 0) return true;
    // It goes where the user last wrote from, and stands in the log behind what was said there.
    const replies = [...place.replies, ...messages];
    await outbox.say(place, { replies, delivered: false }, { send: messages });
    return true;
  };
}

/** One without its outcome is still being written to. */
const isSettled = ({ state }: StoredMessage): boolean => state !== 'received';
