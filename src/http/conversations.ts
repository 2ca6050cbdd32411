/** Routes of the log, and of the people who look after conversations. */
import { randomUUID } from 'node:crypto';
import type {
  Care,
  CareChange,
  Desk,
  Hub,
  LoggedConversation,
  NewsListener,
  Store,
  StoredMessage,
} from '../contracts.js';
import { HubError } from '../errors.js';
import {
  AgentReply,
  AssigneeBody,
  BotMessageView,
  ConversationQuery,
  ConversationView,
  DeskBody,
  listOf,
  NoteBody,
  ReleaseBody,
  RequestQuery,
  RequestView,
  ReviewBody,
  SaidQuery,
  SaidView,
  TagsBody,
  TakeoverBody,
  WaitingView,
} from '../wire.js';
import { botOf } from './bots.js';
import { type Asked, param, type Route, route } from './route.js';

interface ConversationRoutesOptions {
  store: Pick<Store, 'bots' | 'log' | 'conversations' | 'care' | 'documents'>;
  hub: Pick<Hub, 'erase'>;
  desk: Desk;
  /** Hears of what these routes change themselves. */
  tell: NewsListener;
}
const one = '/bots/{appId}/conversations/{id}';
/** Who does it: whoever signed in, by their own name; a program says for whom it speaks. */
function agentOf({ caller: { principal } }: Pick<Asked<unknown, unknown>, 'caller'>, named = 'agent'): string {
  return principal?.kind === 'user' ? principal.name : named;
}
const mostWaiting = 500;
const shown = { 200: { description: 'The conversation.', schema: ConversationView } };
const short =
  'A search looks at so much at a time: a page may be short or empty though more follows; follow `next` to its end.';

export function conversationRoutes(options: ConversationRoutesOptions): Route[] {
  return [...readRoutes(options), ...takeoverRoutes(options), ...careRoutes(options), ...deskRoutes(options)];
}

function readRoutes({ store, hub }: ConversationRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/requests',
      summary: `The request log of all bots, newest first: every message, and every text that was only to be understood. ${short}`,
      access: 'administer',
      query: RequestQuery,
      answers: { 200: { description: 'A page of requests.', schema: listOf(RequestView) } },
      handle: async ({ query: { limit, cursor, ...filter } }) => ({
        body: await store.log.requests(filter, { limit, cursor }),
      }),
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/conversations',
      summary: `The conversation log, latest activity first; all filters that are given must fit. ${short}`,
      access: 'read',
      query: ConversationQuery,
      answers: { 200: { description: 'A page of conversations.', schema: listOf(ConversationView) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { limit, cursor, preview = false, ...filter } = asked.query;
        const page = await store.log.conversations(appId, filter, { limit, cursor });
        return { body: preview ? { ...page, items: await previewed(store, appId, page.items) } : page };
      },
    }),
    route({
      method: 'GET',
      path: one,
      summary: 'One conversation: each message with what was understood, done and answered, oldest first.',
      access: 'read',
      query: SaidQuery,
      answers: {
        200: {
          description: 'A page of messages, and the conversation itself; `conversation` is null when there is none.',
          schema: listOf(SaidView).extend({ conversation: ConversationView.nullable() }),
        },
      },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const id = param(asked, 'id');
        const { newest, ...at } = asked.query;
        const page =
          newest === undefined
            ? await store.conversations.messages(appId, id, at)
            : { items: await store.conversations.latest(appId, id, newest), next: null };
        return { body: { ...page, conversation: await store.care.get(appId, id) } };
      },
    }),
    route({
      method: 'DELETE',
      path: one,
      summary:
        'Erase one person: all messages and replies, what waits to be sent, dead letters, what the bot remembers, tags and notes.',
      access: 'own',
      answers: { 204: { description: 'Nothing of it is left.' } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        if (!(await hub.erase({ appId, conversation: param(asked, 'id') }))) throw missingError();
        return { status: 204 };
      },
    }),
  ];
}

const previewLength = 160;
const shortened = (text: string): string =>
  Array.from(text.slice(0, 2 * previewLength))
    .slice(0, previewLength)
    .join('');
const lastWords = ({ replies }: StoredMessage): string | null =>
  replies.findLast(({ text }) => text !== undefined)?.text ?? null;

/** With the newest words of each. */
export function previewed(
  store: Pick<Store, 'conversations'>,
  appId: string,
  items: LoggedConversation[],
): Promise<(LoggedConversation & { preview: { text: string; reply: string | null } | null })[]> {
  return Promise.all(
    items.map(async (item) => {
      const [message] = await store.conversations.latest(appId, item.id, 1);
      if (!message) return { ...item, preview: null };
      const reply = lastWords(message);
      return { ...item, preview: { text: shortened(message.text), reply: reply && shortened(reply) } };
    }),
  );
}

function takeoverRoutes({ store, desk }: ConversationRoutesOptions): Route[] {
  const at = async (asked: Pick<Asked<unknown, unknown>, 'params'>) => ({
    appId: (await botOf(store, asked)).appId,
    conversation: param(asked, 'id'),
  });
  return [
    route({
      method: 'POST',
      path: `${one}/takeover`,
      summary:
        'Take the conversation over: from the answer on the bot is silent on every channel. Taking it again gives it more time.',
      access: 'converse',
      body: { schema: TakeoverBody, optional: true },
      answers: shown,
      handle: async (asked) => {
        const { agent, force, minutes } = (asked.body as typeof asked.body | undefined) ?? {};
        return { body: await desk.take(await at(asked), { agent: agentOf(asked, agent), force, minutes }) };
      },
    }),
    route({
      method: 'POST',
      path: `${one}/release`,
      summary: 'Give the conversation back to the bot, which knows what was said meanwhile.',
      access: 'converse',
      body: { schema: ReleaseBody, optional: true },
      answers: shown,
      handle: async (asked) => ({
        body: await desk.release(await at(asked), (asked.body as typeof asked.body | undefined) ?? {}),
      }),
    }),
    route({
      method: 'POST',
      path: `${one}/replies`,
      summary: 'Say something to the person, as who holds the conversation. The same Idempotency-Key says it once.',
      access: 'converse',
      body: { schema: AgentReply },
      answers: { 201: { description: 'What is on its way.', schema: BotMessageView } },
      handle: async (asked) => {
        const { agent, ...words } = asked.body;
        const given = asked.headers['idempotency-key'];
        const key = typeof given === 'string' && given !== '' ? given : randomUUID();
        return { status: 201, body: await desk.say(await at(asked), words, { agent: agentOf(asked, agent), key }) };
      },
    }),
  ];
}

function careRoutes({ store, tell }: ConversationRoutesOptions): Route[] {
  const changed = async (
    asked: Pick<Asked<unknown, unknown>, 'params'>,
    change: CareChange,
  ): Promise<{ body: LoggedConversation }> => {
    const { appId } = await botOf(store, asked);
    const conversation = param(asked, 'id');
    const body = await store.care.change(appId, conversation, change);
    if (!body) throw missingError();
    tell({ appId, conversation }, 'care');
    return { body };
  };
  return [
    route({
      method: 'PUT',
      path: `${one}/review`,
      summary: 'Say whether the conversation was looked at.',
      access: 'converse',
      body: { schema: ReviewBody },
      answers: shown,
      handle: (asked) => changed(asked, asked.body),
    }),
    route({
      method: 'PUT',
      path: `${one}/tags`,
      summary: 'Replace its tags.',
      access: 'converse',
      body: { schema: TagsBody },
      answers: shown,
      handle: (asked) => changed(asked, { tags: [...new Set(asked.body.tags)] }),
    }),
    route({
      method: 'PUT',
      path: `${one}/assignee`,
      summary: 'Say who is to look after it; null: nobody in particular.',
      access: 'converse',
      body: { schema: AssigneeBody },
      answers: shown,
      handle: (asked) => changed(asked, asked.body),
    }),
    route({
      method: 'POST',
      path: `${one}/notes`,
      summary: 'Add a note for colleagues; the person never sees it.',
      access: 'converse',
      body: { schema: NoteBody },
      answers: shown,
      handle: (asked) => {
        const { agent, text } = asked.body;
        return changed(asked, { note: { at: new Date().toISOString(), by: agentOf(asked, agent), text } });
      },
    }),
  ];
}

function deskRoutes({ store, desk }: ConversationRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/waiting',
      summary:
        'Conversations that wait for a person or that one holds, of all bots that the caller may read, who waits longest first.',
      access: 'member',
      answers: { 200: { description: 'All of them, 500 at most.', schema: listOf(WaitingView) } },
      handle: async ({ caller }) => {
        const active = (await store.care.active()).filter(({ appId }) => caller.may('read', appId));
        const since = ({ care }: { care: Care }): string => `${care.state === 'waiting' ? 0 : 1} ${care.since ?? ''}`;
        active.sort((one, other) => (since(one) < since(other) ? -1 : 1));
        const found = active.slice(0, mostWaiting).map(async ({ appId, conversation }) => {
          const talk = await store.care.get(appId, conversation);
          return talk && { appId, ...talk };
        });
        return { body: { items: (await Promise.all(found)).filter((one) => one !== null), next: null } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/desk',
      summary: 'How long people wait for a colleague and colleagues hold a conversation, and canned answers.',
      access: 'read',
      answers: { 200: { description: 'The desk.', schema: DeskBody } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: await desk.settings(appId) };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/desk',
      summary: 'Replace them. What is left out is as it was in the beginning.',
      access: 'edit',
      body: { schema: DeskBody },
      answers: { 200: { description: 'The desk.', schema: DeskBody } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        await desk.setSettings(appId, asked.body);
        return { body: asked.body };
      },
    }),
  ];
}

const missingError = (): HubError =>
  new HubError('not_found', 'There is no such conversation: take its id from the list of conversations.');
