/**
 * The events of conversations whose bot keeps none here (lite, remote), for who subscribes to the event stream: written before the outcome
 * of the turn, so that none is left out of it. Nobody subscribes: nothing is written.
 */
import type { BotMessage, Json, Store, StoredMessage, TurnResult } from '../contracts.js';

export interface Chronicle {
  /** Is there anybody who wants to know? */
  wanted(): boolean;
  /** Writes what was said and answered in a turn, as Rasa would have it. A turn that is taken twice stands there twice. */
  turn(message: StoredMessage, answer: TurnResult): Promise<void>;
}
export interface ChronicleOptions {
  store: { trackers: Pick<Store['trackers'], 'extend'> };
  wanted: () => boolean;
}

export function createChronicle({ store, wanted }: ChronicleOptions): Chronicle {
  return {
    wanted,
    async turn(message, answer) {
      if (!wanted()) return;
      const timestamp = Date.now() / 1000;
      const events = eventsOf(message, answer).map(({ event, ...rest }) => ({ event, timestamp, ...rest }));
      await store.trackers.extend(message.appId, message.conversation, events);
    },
  };
}

function eventsOf({ id, text, channel, metadata }: StoredMessage, answer: TurnResult): Json[] {
  const parse_data = answer.parse ?? { intent: { name: null, confidence: 0 }, entities: [], text };
  const user = { event: 'user', text, parse_data, input_channel: channel, message_id: id, metadata };
  const slots = Object.entries(answer.slots ?? {}).map(([name, value]) => ({ event: 'slot', name, value }));
  const actions = (answer.actions ?? []).map((name) => ({ event: 'action', name }));
  return [user, ...slots, ...actions, ...answer.messages.map(saidOf)];
}

function saidOf(message: BotMessage): Json {
  const { text, image, buttons, attachment, custom } = message;
  const data = { elements: null, quick_replies: null, buttons, attachment, image, custom };
  const present = Object.entries(data).map(([name, value]) => [name, value ?? null]);
  return { event: 'bot', text: text ?? null, data: Object.fromEntries(present) as Json };
}
