/** What people do in Slack as messages for the hub. Pure: what is not meant for the bot, or not said by a person, is null. */
import { z } from 'zod';

import type { IncomingMessage } from '../../src/contracts.js';

export type Said = Omit<IncomingMessage, 'appId' | 'channel'>;
/** What is known of ourselves, so that the bot does not talk to itself and knows when it is spoken to. */
export interface Self {
  userIds: readonly string[];
  /** Is there a conversation of this id? Then a thread goes on without naming the bot again. */
  knows(conversation: string): Promise<boolean>;
}

const id = z.string().min(1).max(100);
const File = z.looseObject({
  id: id,
  name: z.string().nullish(),
  mimetype: z.string().nullish(),
  size: z.number().nullish(),
});
const Event = z.looseObject({
  type: z.enum(['message', 'app_mention']),
  subtype: z.string().optional(),
  channel: id,
  channel_type: z.string().optional(),
  ts: id,
  thread_ts: id.optional(),
  user: id,
  text: z.string().nullish(),
  bot_id: z.string().nullish(),
  files: z.array(File).nullish(),
});
/** Others are about messages, not messages: edits, deletions, people who join. */
const spoken = [undefined, 'file_share', 'thread_broadcast'];

/** Slack escapes three characters and wraps mentions, channels and links in angle brackets. */
export function plainText(text: string): string {
  return text
    .replace(/<([^<>|]{1,3000})(?:\|([^<>]{0,3000}))?>/g, (_, target: string, label?: string) => {
      if (/^[@#]/.test(target)) return target.slice(0, 1) + (label || target.slice(1));
      if (target.startsWith('!')) return `@${label || target.slice(1)}`.replace('@@', '@');
      return label || target;
    })
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** A channel, and the thread in it if there is one. */
const addressOf = (channel: string, thread: string | undefined): string => (thread ? `${channel}:${thread}` : channel);
/** Where to post: the reverse of what `to` and a conversation's id were made of. */
export function placeOf(to: string): { channel: string; thread_ts?: string } {
  const [channel = '', thread] = to.split(':');
  return thread ? { channel, thread_ts: thread } : { channel };
}

/** Where a call of the SDK posts, which sends forms; null for one that posts nowhere. */
export function addressIn(body: unknown): string | null {
  const form = new URLSearchParams(typeof body === 'string' ? body : '');
  const channel = form.get('channel');
  return channel === null ? null : addressOf(channel, form.get('thread_ts') ?? undefined);
}

/** A message or a mention. In a direct conversation all is meant for the bot; elsewhere its mention is, and what follows in that thread. */
export async function saidIn(event: unknown, self: Self): Promise<Said | null> {
  const parsed = Event.safeParse(event);
  if (!parsed.success) return null;
  const { type, channel, channel_type, ts, thread_ts, user, text, files, bot_id, subtype } = parsed.data;
  if (bot_id || self.userIds.includes(user) || !spoken.includes(subtype)) return null;
  const direct = channel_type === 'im';
  const to = addressOf(channel, direct ? thread_ts : (thread_ts ?? ts));
  const conversation = `slack:${to}`;
  const mention = new RegExp(
    `<@(?:${self.userIds.map((one) => one.replace(/\W/g, '')).join('|') || '$.'})(?:\\|[^>]*)?>`,
    'g',
  );
  const named = type === 'app_mention' || mention.test(text ?? '');
  if (!direct && !named && !(thread_ts && (await self.knows(conversation)))) return null;
  const words = plainText((text ?? '').replace(mention, ' ').trim()).trim();
  const names = (files ?? []).map((file) => file.name || file.id);
  return {
    conversation,
    // Not the event's own id: a mention comes twice, as a message and as a mention, with the same time stamp.
    eventId: `${channel}:${ts}`,
    text: words || names.join(', '),
    payload: false,
    to,
    metadata: {
      user,
      slack_channel: channel,
      ...(files?.length
        ? { files: files.map(({ id: file, name, mimetype, size }) => ({ id: file, name, mimetype, size })) }
        : {}),
    },
  };
}

const Action = z.looseObject({
  type: z.string(),
  action_id: z.string().max(300),
  action_ts: z.string().max(100),
  value: z.string().optional(),
  url: z.string().optional(),
  selected_option: z.looseObject({ value: z.string() }).nullish(),
});
const Press = z.looseObject({
  user: z.looseObject({ id }),
  channel: z.looseObject({ id }),
  message: z.looseObject({ ts: id, thread_ts: id.optional() }),
});

/** A press of a button, or a choice from a menu. Slack's signature vouches for its value: it is the one that this bot posted. */
export function pressedIn(action: unknown, body: unknown): Said | null {
  const [done, where] = [Action.safeParse(action), Press.safeParse(body)];
  if (!done.success || !where.success) return null;
  const { action_id, action_ts, value, url, selected_option } = done.data;
  const text = selected_option?.value ?? value;
  if (url !== undefined || text === undefined || text === '') return null;
  const { user, channel, message } = where.data;
  const to = addressOf(channel.id, message.thread_ts ?? (channel.id.startsWith('D') ? undefined : message.ts));
  return {
    conversation: `slack:${to}`,
    eventId: `${channel.id}:${message.ts}:${action_id}:${action_ts}`,
    text,
    payload: true,
    to,
    metadata: { user: user.id, slack_channel: channel.id },
  };
}

const Command = z.looseObject({
  command: z.string().max(100),
  text: z.string().nullish(),
  channel_id: id,
  user_id: id,
  trigger_id: id,
});

/** A slash command: what follows it is said to the bot, or its own name when nothing follows. */
export function commandIn(command: unknown): Said | null {
  const parsed = Command.safeParse(command);
  if (!parsed.success) return null;
  const { command: name, text, channel_id: channel, user_id: user, trigger_id } = parsed.data;
  return {
    conversation: channel.startsWith('D') ? `slack:${channel}` : `slack:${channel}:command:${user}`,
    eventId: `${channel}:command:${trigger_id}`,
    text: plainText((text ?? '').trim()) || name.replace(/^\//, ''),
    payload: false,
    to: channel,
    metadata: { user, slack_channel: channel, command: name },
  };
}
