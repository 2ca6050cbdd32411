/**
 * Telegram. Telegraf handles updates and makes calls; the webhook in front of it is ours: it verifies the secret token, which the hub sets
 * itself, stores, and only then answers. Without a public address the hub asks for updates. The only importer of telegraf.
 */
import { timingSafeEqual } from 'node:crypto';
import { Telegraf } from 'telegraf';

import type {
  ChannelCheck,
  Connection,
  ConnectionContext,
  Connector,
  Delivery,
  Json,
  SendResult,
  WebhookRequest,
  WebhookResponse,
} from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { type Guard, limited, timed } from './message/call.js';
import { jsonObjectIn } from './message/json.js';
import { keepOpen, type Line } from './message/line.js';
import { saidOf } from './message/message.js';
import { createProgress, type Left, type Progress } from './message/progress.js';
import { createTyping } from './message/typing.js';
import { type Agents, createAgents } from './telegram/agents.js';
import { placeOf, pressedIn, pressIdIn, type Said, saidIn, type Self } from './telegram/events.js';
import { createGroupPace } from './telegram/pace.js';
import { insteadOfFile, isTelegramJson, type TelegramPost, telegramPosts } from './telegram/render.js';
import { faultOf, isUnfetched, remedyOf, resultOf } from './telegram/results.js';
import { telegramSettings, type TelegramSettings, webhookSecretOf } from './telegram/settings.js';

export interface TelegramOptions {
  egress: Guard;
  log?: { warn(detail: object, message: string): void } | undefined;
  /** Pause before the n-th attempt to set the webhook, or to ask for updates. */
  reconnectMs?: ((attempt: number) => number) | undefined;
  /** How long Telegram may hold a request for updates; 30 s when absent. */
  pollSeconds?: number | undefined;
}

const betweenPostsMs = 1000;
const setUpLimitMs = 10_000;
const allowedUpdates = ['message', 'callback_query'];
const stored: WebhookResponse = { status: 200, body: '' };

class TelegramConnection implements Connection {
  private readonly bot: Telegraf;
  private readonly secret: Buffer;
  private readonly line: Line;
  private readonly self: Self;
  private readonly pace = createGroupPace();
  private readonly closing = new AbortController();
  private readonly typist = createTyping((to) => {
    this.call('sendChatAction', { ...placeOf(to), action: 'typing' }).catch(() => undefined);
  });
  /** What an update turned out to hold, put in by the handlers. */
  private readonly findings = new WeakMap<object, () => Promise<Said | null>>();

  constructor(
    private readonly context: ConnectionContext,
    private readonly settings: TelegramSettings,
    private readonly options: TelegramOptions & { agents: Agents; progress: Progress },
  ) {
    this.self = { id: Number(settings.token.split(':')[0]), username: null };
    this.secret = Buffer.from(webhookSecretOf(settings));
    this.bot = this.telegraf();
    this.line = keepOpen(
      {
        open: (broken) => (context.publicUrl === null ? this.poll(broken) : this.setWebhook(context.publicUrl)),
        failed: (error) => context.failed(wordsOf(error)),
        ...(options.reconnectMs ? { pauseMs: options.reconnectMs } : {}),
      },
      context.publicUrl === null ? context.duty : undefined,
    );
  }

  async webhook({ headers, body }: WebhookRequest): Promise<WebhookResponse> {
    const given = headers['x-telegram-bot-api-secret-token'];
    const bytes = Buffer.from(typeof given === 'string' ? given : '');
    if (bytes.length !== this.secret.length || !timingSafeEqual(bytes, this.secret)) {
      this.context.failed(
        'A request came whose secret token does not fit. Save the settings again: that sets the webhook anew.',
      );
      throw new HubError('unauthorized', 'The secret token does not fit.');
    }
    const update = updateOf(body.toString('utf8'));
    if (!update) throw new HubError('bad_json', 'This is no update of Telegram.');
    await this.take(update);
    return stored;
  }

  async send(to: string, delivery: Delivery): Promise<SendResult> {
    this.typing(to, false);
    const said = saidOf(delivery.reply, delivery, { channel: 'telegram', native: isTelegramJson });
    return this.options.progress.send(delivery, telegramPosts(said), {
      post: (post, left) => this.post(placeOf(to), post, left),
      pauseMs: betweenPostsMs,
    });
  }

  typing(to: string, working: boolean): void {
    this.typist.set(to, working);
  }

  async check(): Promise<ChannelCheck> {
    try {
      await this.introduce();
      const connected = `Connected as @${this.self.username ?? ''}.`;
      const { publicUrl } = this.context;
      const info = (await this.call('getWebhookInfo', {})) as {
        url?: string;
        last_error_message?: string;
        last_error_date?: number;
      };
      if (publicUrl === null) {
        if (this.line.isOpen) return { ok: true, detail: `${connected} The hub asks for updates.` };
        if (this.line.elsewhere) return { ok: true, detail: `${connected} Another of the hubs asks for updates.` };
        return { ok: false, detail: `${connected} Updates cannot be asked for yet; try again in a minute.` };
      }
      if (info.url !== this.address(publicUrl)) {
        return { ok: false, detail: `${connected} The webhook is not set to this hub: save the settings again.` };
      }
      const recent = (info.last_error_date ?? 0) * 1000 > Date.now() - 3_600_000;
      if (recent)
        return {
          ok: false,
          detail: `${connected} Telegram could not deliver lately: ${info.last_error_message ?? ''}.`,
        };
      return { ok: true, detail: `${connected} Updates come to this hub.` };
    } catch (error) {
      return { ok: false, detail: wordsOf(error) };
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.typist.close();
    await this.line.close();
  }

  /** Stores what is in an update. Rejects when it could not be stored. */
  private async take(update: Json): Promise<void> {
    const press = pressIdIn(update);
    await this.bot.handleUpdate(update as never);
    const said = await this.findings.get(update)?.();
    if (said) await this.context.receive(said);
    // Until then the button shows that it works.
    if (press !== null) void this.call('answerCallbackQuery', { callback_query_id: press }).catch(() => undefined);
  }

  private async post(
    place: ReturnType<typeof placeOf>,
    { method, args }: TelegramPost,
    left: Left,
  ): Promise<SendResult> {
    const wait = this.pace.waitMs(place.chat_id);
    if (wait > 0)
      return { outcome: 'later', reason: 'a group takes 20 posts a minute', afterMs: wait, scope: 'conversation' };
    try {
      await timed(left(setUpLimitMs), (limit) => this.call(method, { ...args, ...place }, limit));
      this.pace.posted(place.chat_id);
      return { outcome: 'sent' };
    } catch (error) {
      const fault = faultOf(error);
      const instead = fault && isUnfetched(fault) ? insteadOfFile({ method, args }) : null;
      if (instead) return this.post(place, instead, left);
      if (fault?.movedTo !== undefined && fault.movedTo !== place.chat_id) {
        return this.post({ chat_id: fault.movedTo }, { method, args }, left);
      }
      return resultOf(error);
    }
  }

  private call(method: string, args: Json, signal?: AbortSignal): Promise<unknown> {
    const ask = (limit: AbortSignal): Promise<unknown> =>
      this.bot.telegram.callApi(method as 'getMe', args, { signal: limit as never });
    return signal ? ask(signal) : limited(this.closing.signal, setUpLimitMs, ask);
  }

  private telegraf(): Telegraf {
    const { token, apiRoot } = this.settings;
    const bot = new Telegraf(token, { telegram: { apiRoot, webhookReply: false } });
    // Set afterwards: telegraf takes no agent for plain http.
    bot.telegram.options.agent = apiRoot.startsWith('http:') ? this.options.agents.http : this.options.agents.https;
    // Otherwise it would ask Telegram before the first update can be acknowledged.
    bot.botInfo = { id: this.self.id, is_bot: true, first_name: '', username: '' } as typeof bot.botInfo & object;
    bot.on('message', (ctx) => {
      this.findings.set(ctx.update, () => this.heard(ctx.update as unknown as Json));
    });
    bot.on('callback_query', (ctx) => {
      const update = ctx.update as unknown as Json;
      this.findings.set(ctx.update, () => pressedIn(update, (conversation) => this.context.history(conversation)));
    });
    bot.catch((error) =>
      this.options.log?.warn({ appId: this.context.bot.appId, err: error }, 'an update could not be read'),
    );
    return bot;
  }

  private heard(update: Json): Promise<Said | null> {
    const said = saidIn(update, this.self);
    if (said !== 'unknown') return Promise.resolve(said);
    return Promise.reject(
      new HubError('channel_off', 'The bot has not learnt its own name yet; send the update again.'),
    );
  }

  /** Learns the bot's own name. */
  private async introduce(): Promise<void> {
    const { username } = (await this.call('getMe', {})) as { username?: string };
    this.self.username = username ?? null;
  }

  private address(publicUrl: string): string {
    return `${publicUrl}/webhooks/telegram/${this.context.bot.appId}`;
  }

  private async setWebhook(publicUrl: string): Promise<() => Promise<void>> {
    await this.introduce();
    const webhook = {
      url: this.address(publicUrl),
      secret_token: this.secret.toString(),
      allowed_updates: allowedUpdates,
    };
    await this.call('setWebhook', webhook);
    return () => Promise.resolve();
  }

  /** Asks for updates; the next request confirms the last ones, so it is made only when they are stored. */
  private async poll(broken: () => void): Promise<() => Promise<void>> {
    await this.call('deleteWebhook', { drop_pending_updates: false });
    await this.introduce();
    const stop = new AbortController();
    const loop = this.pollUntil(stop.signal).catch((error: unknown) => {
      if (stop.signal.aborted) return;
      this.context.failed(wordsOf(error));
      broken();
    });
    return () => {
      stop.abort();
      return loop;
    };
  }

  private async pollUntil(signal: AbortSignal): Promise<void> {
    const timeout = this.options.pollSeconds ?? 30;
    for (let offset = 0; !signal.aborted;) {
      const asked = { offset, timeout, allowed_updates: allowedUpdates };
      const updates = (await limited(signal, (timeout + 10) * 1000, (limit) =>
        this.call('getUpdates', asked, limit),
      )) as Json[];
      for (const update of updates) {
        await this.take(update);
        offset = Number(update['update_id']) + 1;
      }
    }
  }
}

/** A JSON object with a number; null for anything else. */
function updateOf(text: string): Json | null {
  const update = jsonObjectIn(text);
  return update && Number.isSafeInteger(update['update_id']) ? update : null;
}

function wordsOf(error: unknown): string {
  if (error instanceof HubError) return error.message;
  const fault = faultOf(error);
  if (fault && fault.code !== 429 && fault.code < 500) return remedyOf(fault);
  const result = resultOf(error);
  return 'reason' in result ? `${result.reason}.` : 'Telegram did not answer.';
}

/** Telegram's connector. */
export function createTelegramConnector(options: TelegramOptions): Connector {
  const agents = createAgents(options.egress);
  const parts = { ...options, agents, progress: createProgress() };
  return {
    name: 'telegram',
    limits: { conversation: [{ count: 1, ms: 1000 }], bot: [{ count: 30, ms: 1000 }] },
    settings: telegramSettings((url) => options.egress.refusal(url)),
    open: (context) => new TelegramConnection(context, context.settings as TelegramSettings, parts),
    close() {
      agents.http.destroy();
      agents.https.destroy();
      return Promise.resolve();
    },
  };
}
