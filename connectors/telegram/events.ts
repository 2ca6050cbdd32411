/** What people do in Telegram as messages for the hub. Pure: what is not meant for the bot, or not said by a person, is null. */
import { z } from 'zod';

import type { IncomingMessage, Json, StoredMessage } from '../../src/contracts.js';
import { choiceOf } from '../message/message.js';

export type Said = Omit<IncomingMessage, 'appId' | 'channel'>;
/** The bot itself; `username` is null as long as Telegram has not told it. */
export interface Self {
  id: number;
  username: string | null;
}

const number = z.number().int();
const Person = z.looseObject({
  id: number,
  is_bot: z.boolean().default(false),
  username: z.string().optional(),
  language_code: z.string().max(35).optional(),
});
const Chat = z.looseObject({ id: number, type: z.enum(['private', 'group', 'supergroup', 'channel']) });
const Entity = z.looseObject({
  type: z.string(),
  offset: number.min(0),
  length: number.min(0),
  user: Person.optional(),
});
const File = z.looseObject({
  file_id: z.string().max(300),
  file_name: z.string().optional(),
  mime_type: z.string().optional(),
  file_size: z.number().optional(),
});
const fileKinds = ['document', 'audio', 'voice', 'video', 'video_note', 'animation', 'sticker'] as const;
const Message = z.looseObject({
  message_id: number,
  message_thread_id: number.optional(),
  is_topic_message: z.boolean().optional(),
  chat: Chat,
  from: Person.optional(),
  text: z.string().optional(),
  caption: z.string().optional(),
  entities: z.array(Entity).optional(),
  caption_entities: z.array(Entity).optional(),
  reply_to_message: z.looseObject({ from: Person.optional() }).optional(),
  photo: z.array(File).optional(),
  location: z.looseObject({ latitude: z.number(), longitude: z.number() }).optional(),
});
type Message = z.infer<typeof Message>;

const addressOf = ({ chat, message_thread_id, is_topic_message }: Message): string =>
  is_topic_message && message_thread_id !== undefined ? `${chat.id}:${message_thread_id}` : String(chat.id);
/** Where to send: the reverse of what `to` was made of. */
export function placeOf(to: string): { chat_id: number; message_thread_id?: number } {
  const [chat, thread] = to.split(':').map(Number);
  return thread === undefined ? { chat_id: chat ?? 0 } : { chat_id: chat ?? 0, message_thread_id: thread };
}

/** Telegram counts entities in UTF-16 units, as JavaScript does. */
const partOf = (text: string, { offset, length }: z.infer<typeof Entity>): string =>
  text.slice(offset, offset + length);

/** Is the bot spoken to, in a conversation of several? Null: nobody can tell before the bot's own name is known. */
function isNamed(message: Message, self: Self): boolean | null {
  if (message.reply_to_message?.from?.id === self.id) return true;
  const text = message.text ?? message.caption ?? '';
  let unknown = false;
  for (const entity of message.entities ?? message.caption_entities ?? []) {
    const part = partOf(text, entity);
    if (entity.user?.id === self.id) return true;
    const [, command, name] = /^(\/\w+)?@?(\w*)$/.exec(part) ?? [];
    if (entity.type === 'bot_command' && entity.offset === 0 && command && name === '') return true;
    if (entity.type !== 'mention' && entity.type !== 'bot_command') continue;
    if (self.username === null) unknown = true;
    else if (name?.toLowerCase() === self.username.toLowerCase()) return true;
  }
  return unknown ? null : false;
}

function withoutName(text: string, { username }: Self): string {
  const name = username?.replace(/\W/g, '');
  return name ? text.replace(new RegExp(`@${name}\\b`, 'gi'), '').trim() : text.trim();
}

function filesOf(message: Message): Json[] {
  const photo = message.photo?.at(-1);
  const kinds = fileKinds.map((kind) => [kind, File.safeParse(message[kind])] as const);
  const files = kinds.flatMap(([kind, { data }]) => (data ? [{ kind, file: data }] : []));
  return [...(photo ? [{ kind: 'photo', file: photo }] : []), ...files].map(({ kind, file }) => ({
    kind,
    id: file.file_id,
    name: file.file_name,
    mimetype: file.mime_type,
    size: file.file_size,
  }));
}

/** `unknown`: the bot's name must be known first; ask again. */
export function saidIn(update: Json, self: Self): Said | null | 'unknown' {
  const parsed = Message.safeParse(update['message']);
  if (!parsed.success || typeof update['update_id'] !== 'number') return null;
  const message = parsed.data;
  const { chat, from, location } = message;
  if (!from || from.is_bot || from.id === self.id || chat.type === 'channel') return null;
  if (chat.type !== 'private') {
    const named = isNamed(message, self);
    if (!named) return named === null ? 'unknown' : null;
  }
  const files = filesOf(message);
  const words = withoutName(message.text ?? message.caption ?? '', self);
  const kinds = files.map((file) => (file['name'] ?? file['kind']) as string);
  const text = words || kinds.join(', ') || (location ? 'location' : '');
  // A member who joined, a pinned message and the like: nobody said anything.
  if (text === '') return null;
  const to = addressOf(message);
  return {
    conversation: `telegram:${to}`,
    eventId: String(update['update_id']),
    text,
    payload: false,
    to,
    metadata: {
      ...whoIs(from),
      ...(files.length > 0 ? { files } : {}),
      ...(location ? { location: { latitude: location.latitude, longitude: location.longitude } } : {}),
    },
  };
}

/** What is told of a person; `locale` is that of their Telegram. */
const whoIs = ({ id, username, language_code: locale }: z.infer<typeof Person>): Json => ({
  user: id,
  ...(username ? { username } : {}),
  ...(locale ? { locale } : {}),
});

const Press = z.looseObject({
  id: z.string().max(100),
  from: Person,
  data: z.string().optional(),
  message: Message.optional(),
});

/** The id of a press, by which Telegram is told that it was taken; null when the update is no press. */
export function pressIdIn(update: Json): string | null {
  const parsed = Press.safeParse(update['callback_query']);
  return parsed.success ? parsed.data.id : null;
}

const hasData = (value: unknown, data: string): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ((value as Json)['callback_data'] === data || Object.values(value).some((inside) => hasData(inside, data)));

/**
 * A press of a button. Clients may send any data they like, so it counts only if the bot offered it in this conversation; null otherwise.
 */
export async function pressedIn(
  update: Json,
  history: (conversation: string) => Promise<StoredMessage[]>,
): Promise<Said | null> {
  const parsed = Press.safeParse(update['callback_query']);
  if (!parsed.success || typeof update['update_id'] !== 'number') return null;
  const { from, data, message } = parsed.data;
  if (data === undefined || !message || from.is_bot) return null;
  const to = addressOf(message);
  const conversation = `telegram:${to}`;
  const messages = await history(conversation);
  const own = messages.some(({ replies }) => replies.some(({ custom }) => hasData(custom, data)));
  const text = choiceOf(messages, data)?.payload ?? (own ? data : null);
  if (text === null || text === '') return null;
  return { conversation, eventId: String(update['update_id']), text, payload: true, to, metadata: whoIs(from) };
}
