/** What people do in Teams as messages for the hub. Pure: what is not meant for the bot, or not said by a person, is null. */
import { z } from 'zod';

import type { IncomingMessage, Json, StoredMessage } from '../../src/contracts.js';
import { choiceOf } from '../message/message.js';

export type Said = Omit<IncomingMessage, 'appId' | 'channel'>;

const id = z.string().min(1).max(1000);
const Account = z.looseObject({
  id,
  name: z.string().nullish(),
  role: z.string().nullish(),
  aadObjectId: z.string().nullish(),
});
const Activity = z.looseObject({
  type: z.literal('message'),
  id,
  serviceUrl: z.string().max(2000),
  channelId: z.string().max(100),
  from: Account,
  recipient: Account,
  conversation: z.looseObject({ id, conversationType: z.string().nullish(), tenantId: z.string().nullish() }),
  text: z.string().nullish(),
  locale: z.string().max(35).nullish(),
  value: z.unknown().optional(),
  entities: z.array(z.looseObject({ type: z.string().nullish() })).nullish(),
  attachments: z
    .array(
      z.looseObject({
        contentType: z.string().nullish(),
        contentUrl: z.string().nullish(),
        name: z.string().nullish(),
      }),
    )
    .nullish(),
});
type Activity = z.infer<typeof Activity>;

/** What a conversation is reached by: kept in every message's address, so that a restart loses none. */
const Reference = z.object({
  serviceUrl: z.string(),
  channelId: z.string(),
  conversation: z.object({ id }),
  bot: z.object({ id }),
});
export type Reference = z.infer<typeof Reference>;
/** Null for what is no address of ours. */
export function referenceOf(to: string): Reference | null {
  try {
    return Reference.parse(JSON.parse(to));
  } catch {
    return null;
  }
}
const addressOf = ({ serviceUrl, channelId, conversation, recipient }: Activity): string =>
  JSON.stringify({ serviceUrl, channelId, conversation: { id: conversation.id }, bot: { id: recipient.id } });

const Mention = z.looseObject({ type: z.literal('mention'), mentioned: z.looseObject({ id }), text: z.string() });
/** The words in which the bot is named. */
const namesOf = ({ entities, recipient }: Activity): string[] =>
  (entities ?? []).flatMap((entity) => {
    const mention = Mention.safeParse(entity);
    return mention.success && mention.data.mentioned.id === recipient.id && mention.data.text !== ''
      ? [mention.data.text]
      : [];
  });

/** Pictures and files come as attachments; a copy of the text as HTML is none. */
const filesOf = ({ attachments }: Activity): Json[] =>
  (attachments ?? [])
    .filter(
      ({ contentType }) => contentType !== 'text/html' && !contentType?.startsWith('application/vnd.microsoft.card.'),
    )
    .map(({ contentType, contentUrl, name }) => ({ name, mimetype: contentType, url: contentUrl }));

/** A message or the press of a button, which counts only if the bot offered it in this conversation. */
export async function saidIn(
  body: unknown,
  history: (conversation: string) => Promise<StoredMessage[]>,
): Promise<Said | null> {
  const parsed = Activity.safeParse(body);
  if (!parsed.success) return null;
  const activity = parsed.data;
  const { from, recipient, conversation: place, value } = activity;
  if (from.id === recipient.id || from.role === 'bot' || from.role === 'skill') return null;
  const conversation = `teams:${place.id}`;
  const shared = {
    conversation,
    eventId: `${place.id}:${activity.id}`,
    to: addressOf(activity),
    metadata: {
      user: from.id,
      ...(from.name ? { name: from.name } : {}),
      ...(from.aadObjectId ? { aadObjectId: from.aadObjectId } : {}),
      ...(activity.locale ? { locale: activity.locale } : {}),
    },
  };
  if (value !== undefined && value !== null) {
    const ref = typeof value === 'object' ? (value as Json)['switchboard'] : undefined;
    const choice = typeof ref === 'string' ? choiceOf(await history(conversation), ref) : null;
    return choice && choice.payload !== '' ? { ...shared, text: choice.payload, payload: true } : null;
  }
  const names = namesOf(activity);
  const direct = (place.conversationType ?? 'personal') === 'personal';
  if (!direct && names.length === 0) return null;
  const words = names
    .reduce((text, name) => text.replaceAll(name, ' '), activity.text ?? '')
    .replaceAll('&nbsp;', ' ')
    .trim();
  const files = filesOf(activity);
  const text = words || files.map((file) => (file['name'] ?? 'file') as string).join(', ');
  if (text === '') return null;
  return { ...shared, text, payload: false, metadata: { ...shared.metadata, ...(files.length > 0 ? { files } : {}) } };
}
