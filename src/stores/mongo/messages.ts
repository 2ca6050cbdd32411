/**
 * The document of a message. Its replies on their way out and its dead letters are inside it, so that an outcome and all that follows from
 * it is one write: nothing can be cut between the two.
 */
import type {
  BotMessage,
  DeadLetter,
  IncomingMessage,
  Json,
  OutboxEntry,
  SendScope,
  StoredMessage,
  TurnFacts,
} from '../../contracts.js';
import type { Collection, Stored } from './declare.js';

/** A reply on its way out. */
export interface EntryDoc {
  seq: number;
  part: number;
  /** As JSON. */
  reply: string;
  attempts: number;
  maybeSent: boolean;
  error: string | null;
  until: number | null;
  scope: SendScope | null;
}
/** A turn or a reply that was given up. */
export interface LetterDoc {
  seq: number;
  kind: DeadLetter['kind'];
  part: number | null;
  /** As JSON. */
  reply: string | null;
  error: string;
  attempts: number;
  maybeSent: boolean;
  at: string;
}
/** `_id` orders messages by their arrival. Metadata and replies are JSON: their keys are the users' own. */
export interface MessageDoc extends Stored, Omit<StoredMessage, 'id' | 'metadata' | 'replies' | 'turn'> {
  _id: number;
  metadata: string;
  replies: string;
  /** As JSON; null or absent while nothing is known. */
  turn?: string | null;
  /** Has it entries in `outbox`? */
  pending: boolean;
  outbox: EntryDoc[];
  /** Has it entries in `letters`? */
  dead: boolean;
  letters: LetterDoc[];
  /** Under which epoch of its conversation it was written last; absent or null: under none. */
  epoch?: number | null;
}
export type MessageQuestions =
  | 'byAge'
  | 'waiting'
  | 'newestOfAll'
  | 'byEvent'
  | 'ofBot'
  | 'ofConversation'
  | 'newest'
  | 'unsettled'
  | 'pending'
  | 'letters'
  | 'lettersOfBot'
  | 'byLetter';

export const messages: Collection<MessageDoc, MessageQuestions> = {
  name: 'messages',
  fields: {
    _id: 'number',
    appId: 'string',
    channel: 'string',
    conversation: 'string',
    eventId: 'string',
    number: 'number',
    text: 'string',
    payload: 'boolean',
    to: 'string',
    metadata: 'string',
    state: 'string',
    error: 'string',
    replies: 'string',
    intent: 'string',
    confidence: 'number',
    delivered: 'boolean',
    maybeTwice: 'boolean',
    ms: 'number',
    turn: 'string',
    receivedAt: 'string',
    pending: 'boolean',
    outbox: 'list',
    dead: 'boolean',
    letters: 'list',
    epoch: 'number',
  },
  inner: { 'outbox.seq': 'number', 'letters.seq': 'number' },
  indexes: {
    by_event: { keys: ['appId', 'channel', 'eventId'], unique: true },
    of_conversation: { keys: ['appId', 'conversation', 'number'] },
    by_age: { keys: ['receivedAt', '_id'] },
    unsettled: { keys: ['state', '_id'], only: { state: 'received' } },
    waiting: { keys: ['state', 'appId', 'conversation', 'number'], only: { state: 'received' } },
    outbox: { keys: ['pending', 'outbox.seq'], only: { pending: true } },
    letters: { keys: ['dead', 'letters.seq'], only: { dead: true } },
    letters_of_bot: { keys: ['dead', 'appId', 'letters.seq'], only: { dead: true } },
  },
  questions: {
    byAge: { index: 'by_age', equal: [], sorted: ['receivedAt', '_id'] },
    newestOfAll: { index: 'by_age', equal: [], sorted: ['receivedAt', '_id'], order: 'down' },
    byEvent: { index: 'by_event', equal: ['appId', 'channel', 'eventId'] },
    ofBot: { index: 'by_event', equal: ['appId'] },
    ofConversation: { index: 'of_conversation', equal: ['appId', 'conversation'], sorted: ['number'] },
    newest: { index: 'of_conversation', equal: ['appId', 'conversation'], sorted: ['number'], order: 'down' },
    unsettled: { index: 'unsettled', equal: [], sorted: ['_id'] },
    waiting: { index: 'waiting', equal: ['appId', 'conversation'], sorted: ['number'] },
    pending: { index: 'outbox', equal: [], sorted: ['outbox.seq'], unwind: 'outbox' },
    letters: { index: 'letters', equal: [], sorted: ['letters.seq'], order: 'down', unwind: 'letters' },
    lettersOfBot: {
      index: 'letters_of_bot',
      equal: ['appId'],
      sorted: ['letters.seq'],
      order: 'down',
      unwind: 'letters',
    },
    byLetter: { index: 'letters', equal: ['letters.seq'] },
  },
};

/** The document of a message that came in. */
export function received(message: IncomingMessage, seq: number, receivedAt: string): Omit<MessageDoc, 'rev'> {
  const { appId, channel, conversation, eventId, text, payload, to } = message;
  return {
    ...{ _id: seq, appId, channel, conversation, eventId, number: seq, text, payload, to, receivedAt },
    metadata: JSON.stringify(message.metadata),
    ...{ state: 'received', error: null, replies: '[]', intent: null, confidence: null, delivered: false },
    ...{ maybeTwice: false, ms: null, ...carrying([], []) },
  };
}

/** The fields that hold what is still to be sent and what was given up. */
export function carrying(
  outbox: EntryDoc[],
  letters: LetterDoc[],
): Pick<MessageDoc, 'pending' | 'outbox' | 'dead' | 'letters'> {
  return { pending: outbox.length > 0, outbox, dead: letters.length > 0, letters };
}

/** A document as the port shows it. */
export function messageOf(document: Omit<MessageDoc, 'rev'>): StoredMessage {
  const {
    _id,
    metadata,
    replies,
    turn,
    pending: _pending,
    outbox: _outbox,
    dead: _dead,
    letters: _letters,
    epoch: _epoch,
    ...rest
  } = document;
  const { rev: _rev, ...message } = rest as typeof rest & { rev?: string };
  return {
    ...message,
    id: String(_id),
    metadata: JSON.parse(metadata) as Json,
    replies: JSON.parse(replies) as BotMessage[],
    ...(typeof turn === 'string' && { turn: JSON.parse(turn) as TurnFacts }),
  };
}

/** An entry as the port shows it. */
export function entryOf(document: MessageDoc, entry: EntryDoc): OutboxEntry {
  const { appId, channel, conversation, to } = document;
  const { part, attempts, maybeSent, error, until, scope } = entry;
  return {
    ...{ id: String(entry.seq), messageId: String(document._id), appId, channel, conversation, to, part },
    ...{ reply: JSON.parse(entry.reply) as BotMessage, attempts, maybeSent, error },
    hold: until === null ? null : { until, scope: scope ?? 'conversation' },
  };
}

/** A letter as the port shows it. */
export function letterOf(document: MessageDoc, letter: LetterDoc): DeadLetter {
  const { appId, channel, conversation, text } = document;
  const { seq, kind, part, error, attempts, maybeSent, at } = letter;
  const reply = letter.reply === null ? null : (JSON.parse(letter.reply) as BotMessage);
  return {
    ...{ id: String(seq), kind, appId, channel, conversation, messageId: String(document._id), text },
    ...{ part, reply, error, attempts, maybeSent, at },
  };
}

/** The number in an id of ours; one that no document has, for any other text. */
export function numberOf(id: string): number {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : -1;
}
