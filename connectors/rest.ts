/**
 * REST, as Rasa's own rest and callback channels: whoever asks holds the line for the replies, all at once or one a line, or has them posted
 * to the address that the bot's author set. Callbacks are sendings of the outbox like any other: stored, in order, and tried again.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';

import type {
  ChannelCheck,
  Connection,
  ConnectionContext,
  Connector,
  Delivery,
  JwtUser,
  SendResult,
  StoredMessage,
  WebhookRequest,
  WebhookResponse,
} from '../src/contracts.js';
import { HubError, hubErrorFrom } from '../src/errors.js';
import { call, type Guard, guardedAgent, outcomeOf } from './message/call.js';
import { offeredTitle } from './message/message.js';
import { createProgress, type Left, type Progress } from './message/progress.js';
import { userOf } from './rest/jwt.js';
import { rasaMessages, saidIn } from './rest/messages.js';
import { restSettings, type RestSettings } from './rest/settings.js';

export interface RestOptions {
  egress: Guard;
  /** Does this key open this bot? */
  keyFits(key: string, appId: string): Promise<boolean>;
  /** Is the hub reached from its own machine alone? Then a bot asks for no key unless its author says so, as Rasa does. */
  local: boolean;
}

const callLimitMs = 8000;
/** To whom a reply is posted; every other address is somebody who holds the line. */
const callbackPrefix = 'callback:';

class RestConnection implements Connection {
  constructor(
    private readonly context: ConnectionContext,
    private readonly settings: RestSettings,
    private readonly options: RestOptions & { dispatcher: Dispatcher; progress: Progress },
  ) {}

  async webhook(request: WebhookRequest): Promise<WebhookResponse> {
    if (request.at !== 'rest' && request.at !== 'callback') {
      throw new HubError('not_found', 'REST clients talk to /bots/APP_ID/webhooks/rest/webhook.');
    }
    await this.requireKey(request);
    const { sender, text, metadata } = saidIn(request.body, request.at);
    const offered = text.startsWith('/') && offeredTitle(await this.context.history(sender), text) !== null;
    const eventId = eventIdOf(sender, request);
    const { traceparent } = request.headers;
    const trace = typeof traceparent === 'string' ? traceparent : undefined;
    const message = { conversation: sender, eventId, text, payload: offered, metadata, trace };
    if (request.at === 'callback') {
      this.callbackUrl();
      await this.context.receive({ ...message, to: `${callbackPrefix}${sender}` });
      return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'success' };
    }
    const answered = await this.context.ask({ ...message, to: sender }, request.gone?.());
    if (answered.state === 'failed') throw hubErrorFrom(answered.error);
    return responseOf(answered, request.query['stream']);
  }

  send(to: string, delivery: Delivery): Promise<SendResult> {
    const url = to.startsWith(callbackPrefix) ? this.settings.callbackUrl : undefined;
    if (url === undefined) {
      const reason = 'no callbackUrl is set any more: set it in the settings of the rest channel and replay';
      return Promise.resolve({ outcome: 'refused', reason });
    }
    const posts = rasaMessages(delivery.reply).map((message, n) => ({
      body: JSON.stringify(message),
      // The same whenever the same reply comes again.
      key: `${delivery.messageId}.${delivery.part}.${n}`,
    }));
    return this.options.progress.send(delivery, posts, {
      post: (post, left) => this.post(url, post, left),
      pauseMs: 0,
    });
  }

  jwtUser(token: string): Promise<JwtUser | null> {
    const { jwtKey, jwtMethod = 'HS256' } = this.settings;
    return jwtKey === undefined ? Promise.resolve(null) : userOf(token, { key: jwtKey, method: jwtMethod });
  }

  check(): Promise<ChannelCheck> {
    const { callbackUrl } = this.settings;
    const callbacks = callbackUrl === undefined ? 'Callbacks need callbackUrl.' : 'Callbacks have an address.';
    const key = this.needsKey ? 'Callers show the key.' : 'Callers show no key.';
    return Promise.resolve({ ok: true, detail: `Connected. ${key} ${callbacks}` });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private get needsKey(): boolean {
    return this.settings.requireKey ?? !this.options.local;
  }

  /** By `?token=`, as Rasa's own API takes it, or as a bearer. */
  private async requireKey({ query, headers }: WebhookRequest): Promise<void> {
    if (!this.needsKey) return;
    const { authorization } = headers;
    const bearer = typeof authorization === 'string' ? /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] : undefined;
    const key = bearer ?? query['token'];
    if (typeof key === 'string' && (await this.options.keyFits(key, this.context.bot.appId))) return;
    this.context.failed('A request came whose key does not fit. Callers send it as Authorization: Bearer KEY.');
    throw new HubError(
      'unauthorized',
      'This bot asks for a key: send Authorization: Bearer KEY or ?token=KEY, or set requireKey to false in its rest channel.',
    );
  }

  private callbackUrl(): void {
    if (this.settings.callbackUrl !== undefined) return;
    throw new HubError('invalid', 'This bot has no address for callbacks: set callbackUrl in its rest channel.');
  }

  private async post(url: string, { body, key }: { body: string; key: string }, left: Left): Promise<SendResult> {
    try {
      const headers = { 'content-type': 'application/json', 'idempotency-key': key };
      const limitMs = left(callLimitMs);
      await call(this.options.dispatcher, { url, method: 'POST', headers, body, limitMs });
      return { outcome: 'sent' };
    } catch (error) {
      return outcomeOf(error, {
        who: 'The callback address',
        passes: (status) => status >= 500 || [408, 425, 429].includes(status),
        remedy: ({ status }) => `The callback address answered with status ${status}: check callbackUrl.`,
      });
    }
  }
}

/** A caller's own key makes its repeats one message; one sender's keys are nobody else's. */
function eventIdOf(sender: string, { headers }: WebhookRequest): string {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string') return randomUUID();
  return createHash('sha256')
    .update(JSON.stringify([sender, key]))
    .digest('base64url');
}

/** The replies as JSON, or as lines of JSON for who asked for a stream. The engine's name is a header: the body is Rasa's. */
function responseOf({ replies }: StoredMessage, stream: string | string[] | undefined): WebhookResponse {
  const messages = replies.flatMap(rasaMessages);
  const engine = replies[0]?.metadata?.engine;
  const headers = engine ? { 'x-switchboard-engine': engine } : {};
  if (String(stream).toLowerCase() === 'true') {
    const body = messages.map((message) => `${JSON.stringify(message)}\n`).join('');
    return { status: 200, headers: { ...headers, 'content-type': 'text/event-stream' }, body };
  }
  return { status: 200, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(messages) };
}

/** The REST connector. */
export function createRestConnector(options: RestOptions): Connector {
  const dispatcher = guardedAgent(options.egress);
  const parts = { ...options, dispatcher, progress: createProgress() };
  return {
    name: 'rest',
    settings: restSettings((url) => options.egress.refusal(url)),
    reaches: (to) => to.startsWith(callbackPrefix),
    open: (context) => new RestConnection(context, context.settings as RestSettings, parts),
    close: () => dispatcher.destroy(),
  };
}
