/** From what the hub stores to what a socket carries: bot messages in the shapes of Rasa's socket.io channel. */
import { createHash } from 'node:crypto';

import type { BotMessage, StoredMessage } from '../../src/contracts.js';
import { offeredTitle } from '../message/message.js';
import type { BotUttered, HistoryItem, PastReply, QuickReply } from './protocol.js';

/** A frame of `bot_uttered`; `id` is null where the frame is an author's own JSON that cannot carry one. */
export interface Frame {
  id: string;
  body: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const quickReplies = (buttons: { title: string; payload: string }[]): QuickReply[] =>
  buttons.map(({ title, payload }) => ({ content_type: 'text', title, payload }));

/** Rasa's socket.io output emits `custom.data` where the author wrote one, since it spreads `custom` over the arguments of emit. */
const customBody = (custom: unknown): unknown => (isObject(custom) && 'data' in custom ? custom['data'] : custom);

/** A text as Rasa's socket.io output sends it: one message for each paragraph, the buttons with the last. */
function paragraphsOf(text: string, buttons: BotMessage['buttons']): unknown[] {
  const parts = text.trim().split('\n\n');
  if (!buttons?.length) return parts.map((part) => ({ text: part }));
  return parts.map((part, at) => ({ text: part, quick_replies: at === parts.length - 1 ? quickReplies(buttons) : [] }));
}

/** As our own client gets it: with the name of the person who said it in the bot's place. */
const signed = (body: unknown, { metadata }: BotMessage): unknown =>
  isObject(body) && metadata?.agent !== undefined ? { ...body, agent: metadata.agent } : body;

/** Exactly what Rasa sends of a reply: there are clients that show no message with a key that they don't know. */
export const bareOf = (reply: BotMessage): unknown[] => bodiesOf(reply, true);

/** `split`: in paragraphs, as Rasa sends it. */
function bodiesOf(reply: BotMessage, split: boolean): unknown[] {
  const { text, buttons, image, attachment, custom } = reply;
  const bodies: unknown[] = [];
  if (text !== undefined || buttons?.length) {
    const whole = { text: text ?? '', ...(buttons?.length ? { quick_replies: quickReplies(buttons) } : {}) };
    bodies.push(...(split ? paragraphsOf(text ?? '', buttons) : [whole]));
  }
  if (image !== undefined) bodies.push({ attachment: { type: 'image', payload: { src: image } } });
  if (attachment !== undefined) bodies.push({ attachment });
  if (custom !== undefined) bodies.push(customBody(custom));
  return bodies;
}

/**
 * The frames of a reply to the message `event`: the `part`-th. Their ids are the same whenever the same reply is sent again, be it live, in
 * the history or in a repeat after a crash; the digest keeps a second, different answer to one message apart from the first.
 */
export function framesOf(event: string, reply: BotMessage, part: number): Frame[] {
  return bodiesOf(reply, false).map((body, index) => {
    const digest = createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 8);
    const id = `${event}:${part}.${index}:${digest}`;
    const own = signed(body, reply);
    return { id, body: isObject(own) ? { ...own, message_id: id } : own };
  });
}

const later = (time: string, ms: number): string => new Date(Date.parse(time) + ms).toISOString();
const bodyOf = ({ id, body }: Frame): BotUttered => (isObject(body) ? body : { custom: body, message_id: id });

function repliesOf(message: StoredMessage, event: string): PastReply[] {
  const time = later(message.receivedAt, message.ms ?? 0);
  const frames = message.replies.flatMap((reply, part) => framesOf(event, reply, part));
  return frames.map((frame) => ({ from: 'bot', id: frame.id, message: bodyOf(frame), time }));
}

/**
 * The history as the client sees it, from the message `last` on (its answer may be news), or all of it when `last` is unknown.
 * `eventOf` turns a stored message's event id into the id the client gave it.
 */
export function historyOf(
  messages: StoredMessage[],
  eventOf: (eventId: string) => string,
  last?: string,
): HistoryItem[] {
  const from =
    last === undefined
      ? 0
      : Math.max(
          0,
          messages.findIndex((message) => eventOf(message.eventId) === last),
        );
  return messages.slice(from).flatMap((message, index): HistoryItem[] => {
    const id = eventOf(message.eventId);
    const title = message.payload ? offeredTitle(messages.slice(0, from + index), message.text) : null;
    const waiting = message.state === 'received';
    return [
      { from: 'user', id, text: title ?? message.text, time: message.receivedAt, waiting },
      ...repliesOf(message, id),
    ];
  });
}
