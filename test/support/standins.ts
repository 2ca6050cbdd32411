/**
 * Connectors that behave like Slack, Telegram and Teams towards a fake platform: they verify what comes in, and say what became of what goes
 * out. For the fault rig and the benches, where the hub is under test and not an SDK.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Pool } from 'undici';
import type {
  Connection,
  ConnectionContext,
  Connector,
  Delivery,
  SendLimits,
  SendResult,
  WebhookRequest,
} from '../../src/contracts.js';
import { HubError } from '../../src/errors.js';

export type PlatformName = 'slack' | 'telegram' | 'teams';
export const platformNames: PlatformName[] = ['slack', 'telegram', 'teams'];

/** An event as the platform's own user would know it. */
export interface PlatformEvent {
  id: string;
  chat: string;
  text: string;
}
interface Answer {
  status: number;
  retryAfter: string | null;
  body: unknown;
}
/** What is particular to a platform: how it signs, what its events look like, how a reply is posted and refused. */
export interface Protocol {
  limits: SendLimits;
  /** Headers that prove that the platform sent this body. */
  sign(body: string, secret: string): Record<string, string>;
  verify(request: WebhookRequest, secret: string): boolean;
  encode(event: PlatformEvent): unknown;
  decode(body: unknown): PlatformEvent;
  post(chat: string, text: string): { path: string; body: unknown };
  /** The chat and the text of a posted reply. */
  posted(path: string, body: unknown): { chat: string; text: string };
  /** The answer to a posted reply that waits: milliseconds, if it names any. */
  wait(answer: Answer): number | undefined;
}

const hmac = (text: string, secret: string): string => createHmac('sha256', secret).update(text).digest('hex');
const header = (request: WebhookRequest, name: string): string => String(request.headers[name] ?? '');
const same = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
const seconds = (text: string | null): number | undefined => (text === null ? undefined : Number(text) * 1000);

interface SlackEvent {
  event_id: string;
  event: { channel: string; text: string };
}
interface Update {
  update_id: number;
  message: { chat: { id: string }; text: string };
}
interface Activity {
  id: string;
  text: string;
  conversation: { id: string };
}

/** RELIABILITY.md, section 1: five minutes either way. */
const slackWindowSeconds = 300;
/** Telegram numbers its updates. */
const updateOf = (id: string): number => Number(id.replace(/\D/g, ''));

export const protocols: Record<PlatformName, Protocol> = {
  slack: {
    limits: { conversation: [{ count: 1, ms: 1000 }] },
    sign(body, secret) {
      const at = String(Math.floor(Date.now() / 1000));
      return { 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${hmac(`v0:${at}:${body}`, secret)}` };
    },
    verify(request, secret) {
      const at = header(request, 'x-slack-request-timestamp');
      if (!(Math.abs(Date.now() / 1000 - Number(at)) <= slackWindowSeconds)) return false;
      const expected = createHmac('sha256', secret).update(`v0:${at}:`).update(request.body).digest('hex');
      return same(header(request, 'x-slack-signature'), `v0=${expected}`);
    },
    encode: ({ id, chat, text }) => ({
      type: 'event_callback',
      event_id: id,
      event: { type: 'message', channel: chat, user: 'U1', text },
    }),
    decode(body) {
      const { event_id: id, event } = body as SlackEvent;
      return { id, chat: event.channel, text: event.text };
    },
    post: (channel, text) => ({ path: '/chat.postMessage', body: { channel, text } }),
    posted(_path, body) {
      const { channel: chat, text } = body as { channel: string; text: string };
      return { chat, text };
    },
    wait: ({ retryAfter }) => seconds(retryAfter),
  },
  telegram: {
    limits: { conversation: [{ count: 1, ms: 1000 }], bot: [{ count: 30, ms: 1000 }] },
    sign: (_body, secret) => ({ 'x-telegram-bot-api-secret-token': secret }),
    verify: (request, secret) => same(header(request, 'x-telegram-bot-api-secret-token'), secret),
    encode: ({ id, chat, text }) => ({ update_id: updateOf(id), message: { message_id: 1, chat: { id: chat }, text } }),
    decode(body) {
      const { update_id: id, message } = body as Update;
      return { id: String(id), chat: message.chat.id, text: message.text };
    },
    post: (chat_id, text) => ({ path: '/bot123/sendMessage', body: { chat_id, text } }),
    posted(_path, body) {
      const { chat_id: chat, text } = body as { chat_id: string; text: string };
      return { chat, text };
    },
    wait({ body }) {
      const wait = (body as { parameters?: { retry_after?: number } } | null)?.parameters?.retry_after;
      return wait === undefined ? undefined : wait * 1000;
    },
  },
  teams: {
    limits: { conversation: [{ count: 7, ms: 1000 }] },
    sign: (body, secret) => ({ authorization: `Bearer ${hmac(body, secret)}` }),
    verify: (request, secret) =>
      same(header(request, 'authorization'), `Bearer ${hmac(request.body.toString(), secret)}`),
    encode: ({ id, chat, text }) => ({ type: 'message', id, text, conversation: { id: chat } }),
    decode(body) {
      const { id, text, conversation } = body as Activity;
      return { id, chat: conversation.id, text };
    },
    post: (chat, text) => ({ path: `/v3/conversations/${chat}/activities`, body: { type: 'message', text } }),
    posted: (path, body) => ({ chat: path.split('/')[3] ?? '', text: (body as { text: string }).text }),
    wait: ({ retryAfter }) => seconds(retryAfter),
  },
};

export interface StandInOptions {
  /** Where the fake platform takes replies. */
  apiRoot: string;
  secret: string;
  /** The platform's own limits are kept; false where a load shall not be paced. */
  limited: boolean;
  /** A planted fault: the platform is told that the message is stored before it is. */
  ackBeforeWrite?: boolean;
}

/** Nothing had left when a call failed with one of these. */
const unsent = ['ECONNREFUSED', 'EMFILE', 'UND_ERR_CONNECT_TIMEOUT'];

/** A connector for `name`, talking to a fake platform at `apiRoot`. */
export function createStandIn(name: PlatformName, options: StandInOptions): Connector {
  const protocol = protocols[name];
  // So many that no sending waits for another: the limits below begin when it leaves.
  const http = new Pool(options.apiRoot, { connections: 512 });

  const call = async (path: string, body: unknown, limitMs: number): Promise<Answer> => {
    const headers = { 'content-type': 'application/json' };
    const limits = { headersTimeout: limitMs, bodyTimeout: limitMs };
    const response = await http.request({ method: 'POST', path, headers, body: JSON.stringify(body), ...limits });
    const text = await response.body.text();
    const retryAfter = response.headers['retry-after'];
    const answered = text.startsWith('{') ? (JSON.parse(text) as unknown) : null;
    return {
      status: response.statusCode,
      retryAfter: retryAfter === undefined ? null : String(retryAfter),
      body: answered,
    };
  };
  const outcome = (answer: Answer): SendResult => {
    const afterMs = protocol.wait(answer);
    const scope = (answer.body as { scope?: unknown } | null)?.scope === 'bot' ? 'bot' : 'conversation';
    const reason = `status ${answer.status}`;
    if (answer.status === 200) return { outcome: 'sent' };
    if (answer.status === 429)
      return { outcome: 'later', reason, scope, ...(afterMs === undefined ? {} : { afterMs }) };
    return answer.status >= 500 ? { outcome: 'later', reason } : { outcome: 'refused', reason };
  };
  const send = async (to: string, { reply, limitMs }: Delivery): Promise<SendResult> => {
    const { path, body } = protocol.post(to, reply.text ?? '');
    try {
      return outcome(await call(path, body, limitMs));
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (unsent.includes(code)) return { outcome: 'later', reason: code };
      return { outcome: 'unsure', reason: code || 'no answer' };
    }
  };
  const open = (context: ConnectionContext): Connection => ({
    send,
    async webhook(request) {
      if (!protocol.verify(request, options.secret)) throw new HubError('unauthorized', 'The signature does not fit.');
      const { id, chat, text } = protocol.decode(JSON.parse(request.body.toString()) as unknown);
      const message = { conversation: `${name}:${chat}`, eventId: id, text, payload: false, to: chat, metadata: {} };
      if (options.ackBeforeWrite) setTimeout(() => void context.receive(message).catch(() => undefined), 20);
      else await context.receive(message);
      return { status: 200 };
    },
    close: () => Promise.resolve(),
  });
  return { name, ...(options.limited ? { limits: protocol.limits } : {}), open, close: () => http.destroy() };
}
