/** The calls of the console about conversations. */
import type { z } from 'zod';

import type { Page } from '../src/client';
import type { BotMessageWire, ConversationView, DeskBody, SaidView, WaitingView } from '../src/wire';
import { type Asking, botPath, itemsOrNone, segment } from './asking';

export type ConversationWire = z.infer<typeof ConversationView>;
export type WaitingWire = z.infer<typeof WaitingView>;
export type SaidWire = z.infer<typeof SaidView>;
export type DeskWire = z.infer<typeof DeskBody>;
export type ReviewWord = ConversationWire['care']['review'];
/** Empty: not asked for. */
export interface ConversationFilter {
  text: string;
  channel: string;
  intent: string;
  maxConfidence: string;
  review: string;
  tag: string;
  agent: string;
  waiting: string;
  from: string;
  to: string;
}
export interface Transcript {
  messages: SaidWire[];
  conversation: ConversationWire | null;
}

export function conversationCalls({ json, send }: Asking) {
  const one = (appId: string, id: string): string => `${botPath(appId)}/conversations/${segment(id)}`;
  const queryOf = (filter: ConversationFilter): string =>
    Object.entries(filter)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `&${name}=${segment(value as string)}`)
      .join('');
  return {
    conversations: (appId: string, filter: ConversationFilter, cursor: string | null) =>
      json<Page<ConversationWire>>(
        'GET',
        `${botPath(appId)}/conversations?limit=50&preview=true${queryOf(filter)}${itemsOrNone(cursor)}`,
      ),
    waiting: async () => (await json<Page<WaitingWire>>('GET', '/waiting')).items,
    async transcript(appId: string, id: string, newest: number): Promise<Transcript> {
      const { items, conversation } = await json<Page<SaidWire> & Pick<Transcript, 'conversation'>>(
        'GET',
        `${one(appId, id)}?newest=${newest}`,
      );
      return { messages: items, conversation };
    },
    takeOver: (appId: string, id: string, body: { agent: string; force?: boolean }) =>
      json<ConversationWire>('POST', `${one(appId, id)}/takeover`, { body }),
    release: (appId: string, id: string) => json<ConversationWire>('POST', `${one(appId, id)}/release`),
    /** The same `key` says it once. */
    reply: (appId: string, id: string, { key, ...body }: { text: string; agent: string; key: string }) =>
      json<BotMessageWire>('POST', `${one(appId, id)}/replies`, { body, headers: { 'idempotency-key': key } }),
    review: (appId: string, id: string, review: ReviewWord) =>
      json<ConversationWire>('PUT', `${one(appId, id)}/review`, { body: { review } }),
    tags: (appId: string, id: string, tags: string[]) =>
      json<ConversationWire>('PUT', `${one(appId, id)}/tags`, { body: { tags } }),
    note: (appId: string, id: string, body: { text: string; agent: string }) =>
      json<ConversationWire>('POST', `${one(appId, id)}/notes`, { body }),
    erase: (appId: string, id: string) => send('DELETE', one(appId, id)),
    desk: (appId: string) => json<DeskWire>('GET', `${botPath(appId)}/desk`),
    putDesk: (appId: string, body: DeskWire) => json<DeskWire>('PUT', `${botPath(appId)}/desk`, { body }),
    retention: (appId: string) => json<{ days: number | null }>('GET', `${botPath(appId)}/retention`),
    putRetention: (appId: string, body: { days: number | null }) =>
      json<{ days: number | null }>('PUT', `${botPath(appId)}/retention`, { body }),
  };
}
