/**
 * Slack. Bolt parses and dispatches what comes in and posts what goes out; the receiver in front of it is ours: it verifies, stores, and only
 * then acknowledges, which Bolt by itself does first. The only importer of @slack/bolt.
 */
import type * as Bolt from '@slack/bolt';
import { type Dispatcher, fetch } from 'undici';

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
import { type Guard, guardedAgent } from './message/call.js';
import { jsonObjectIn } from './message/json.js';
import { keepOpen, type Line } from './message/line.js';
import { saidOf } from './message/message.js';
import { createAttempts, createProgress, type Progress } from './message/progress.js';
import { loadSdk } from './message/sdk.js';
import { addressIn, commandIn, placeOf, pressedIn, type Said, saidIn } from './slack/events.js';
import { isSlackJson, slackPosts, type SlackPost, withoutImages } from './slack/render.js';
import { remedyOf, resultOf, slackErrorOf } from './slack/results.js';
import { isFromSlack } from './slack/signature.js';
import { slackSettings, type SlackSettings } from './slack/settings.js';

export interface SlackOptions {
  egress: Guard;
  /** Trouble of the SDK's; it writes no message text here. */
  log?: { warn(detail: object, message: string): void } | undefined;
  /** Milliseconds; the clock that signatures are checked by. */
  now?: (() => number) | undefined;
  /** Pause before the n-th attempt to open Socket Mode. */
  reconnectMs?: ((attempt: number) => number) | undefined;
}

const callLimitMs = 8000;
const betweenPostsMs = 1000;

/** What one request turned out to hold, put in by the listeners. */
interface Findings {
  said: (() => Promise<Said | null>)[];
}
const empty: WebhookResponse = { status: 200, body: '' };

class SlackConnection implements Connection {
  private readonly app: Bolt.App;
  private readonly sdk = loadSdk('@slack/bolt') as typeof Bolt;
  private readonly line: Line | null;
  private readonly attempts = createAttempts();
  private botUserId: string | null = null;

  constructor(
    private readonly context: ConnectionContext,
    private readonly settings: SlackSettings,
    private readonly options: SlackOptions & { dispatcher: Dispatcher; progress: Progress },
  ) {
    this.app = this.bolt();
    const { appToken } = settings;
    this.line = appToken && context.publicUrl === null ? this.socketMode(appToken) : null;
  }

  async webhook(request: WebhookRequest): Promise<WebhookResponse> {
    if (!isFromSlack(request, this.settings.signingSecret, (this.options.now ?? Date.now)())) {
      this.context.failed(
        'A request came whose signature does not fit. If Slack sent it: copy the Signing Secret again from Basic Information.',
      );
      throw new HubError('unauthorized', 'The signature does not fit.');
    }
    const body = bodyOf(request.body.toString('utf8'));
    if (!body) throw new HubError('bad_json', 'This is nothing that Slack sends.');
    if (body['type'] === 'url_verification') {
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ challenge: body['challenge'] }),
      };
    }
    await this.take(body);
    return empty;
  }

  send(to: string, delivery: Delivery): Promise<SendResult> {
    const said = saidOf(delivery.reply, delivery, { channel: 'slack', native: isSlackJson });
    return this.options.progress.send(delivery, slackPosts(said), {
      post: (post, left) => this.attempts.run(to, left, () => this.post(placeOf(to), post)),
      pauseMs: betweenPostsMs,
    });
  }

  async check(): Promise<ChannelCheck> {
    try {
      const { team, user, user_id, response_metadata } = await this.app.client.auth.test({
        token: this.settings.botToken,
      });
      this.botUserId = user_id ?? null;
      const scopes = response_metadata?.scopes ?? [];
      if (scopes.length > 0 && !scopes.includes('chat:write')) return { ok: false, detail: remedyOf('missing_scope') };
      return {
        ...this.reachable(),
        detail: `Connected to ${team ?? 'Slack'} as @${user ?? 'the bot'}. ${this.reachable().detail}`.trim(),
      };
    } catch (error) {
      const name = slackErrorOf(error);
      const result = resultOf(error);
      return {
        ok: false,
        detail: name ? remedyOf(name) : 'reason' in result ? `${result.reason}.` : 'Slack did not answer.',
      };
    }
  }

  async close(): Promise<void> {
    await this.line?.close();
  }

  /** Stores what is in a body of Slack's. Rejects when it could not be stored. */
  private async take(body: Json): Promise<void> {
    if (body['type'] === 'app_rate_limited') {
      this.context.failed('Slack holds events back: the workspace sends more than 30,000 an hour to this app.');
      return;
    }
    const findings: Findings = { said: [] };
    try {
      await this.app.processEvent({ body, ack: () => Promise.resolve(), customProperties: { findings } });
    } catch (error) {
      // Signed by Slack and yet unreadable: it would be no better the next time.
      this.options.log?.warn({ appId: this.context.bot.appId, err: error }, 'an event of Slack could not be read');
    }
    for (const find of findings.said) {
      const said = await find();
      if (said) await this.context.receive(said);
    }
  }

  private async post(place: ReturnType<typeof placeOf>, post: SlackPost): Promise<SendResult> {
    const call = async (fields: SlackPost): Promise<SendResult> => {
      await this.app.client.chat.postMessage({
        parse: 'none',
        link_names: false,
        ...fields,
        ...place,
        token: this.settings.botToken,
      });
      return { outcome: 'sent' };
    };
    try {
      return await call(post);
    } catch (error) {
      // Slack fetches images itself, and refuses the whole post for one it does not get.
      const plain = slackErrorOf(error) === 'invalid_blocks' ? withoutImages(post) : null;
      return plain ? call(plain).catch(resultOf) : resultOf(error);
    }
  }

  private bolt(): Bolt.App {
    const { botToken, apiUrl } = this.settings;
    const app = new this.sdk.App({
      authorize: () => Promise.resolve({ botToken, ...(this.botUserId ? { botUserId: this.botUserId } : {}) }),
      receiver: { init: () => undefined, start: () => Promise.resolve(), stop: () => Promise.resolve() },
      convoStore: false,
      ignoreSelf: false,
      logger: this.logger(),
      clientOptions: this.clientOptions(apiUrl),
    });
    const add = (context: object, said: () => Promise<Said | null>): void => {
      (context as { findings: Findings }).findings.said.push(said);
    };
    app.event(/^(?:message|app_mention)$/, async ({ event, body, context }) => {
      const authorized = (body as { authorizations?: { user_id?: unknown; is_bot?: unknown }[] }).authorizations ?? [];
      const own = authorized.filter(({ is_bot }) => is_bot === true).map(({ user_id }) => user_id);
      const userIds = [...own, this.botUserId].filter((id) => typeof id === 'string');
      const knows = async (conversation: string): Promise<boolean> =>
        (await this.context.history(conversation)).length > 0;
      add(context, () => saidIn(event, { userIds, knows }));
      await Promise.resolve();
    });
    app.action(/.*/, async ({ action, body, context, ack }) => {
      add(context, () => Promise.resolve(pressedIn(action, body)));
      await ack();
    });
    app.command(/.*/, async ({ command, context, ack }) => {
      add(context, () => Promise.resolve(commandIn(command)));
      await ack();
    });
    app.error((error) => Promise.reject(error));
    return app;
  }

  /** The hub decides when something is sent again: the SDK neither repeats nor waits. */
  private clientOptions(apiUrl: string): Bolt.webApi.WebClientOptions {
    const { dispatcher } = this.options;
    return {
      slackApiUrl: apiUrl,
      allowAbsoluteUrls: false,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      maxRequestConcurrency: 10_000,
      fetch: (url, init) => {
        const over = AbortSignal.timeout(this.attempts.left(addressIn(init?.body))(callLimitMs));
        return fetch(url, { ...init, signal: over, dispatcher } as Parameters<typeof fetch>[1]);
      },
    };
  }

  private reachable(): ChannelCheck {
    const { publicUrl, bot } = this.context;
    if (this.line) {
      if (this.line.isOpen) return { ok: true, detail: 'Events come by Socket Mode.' };
      if (this.line.elsewhere) return { ok: true, detail: 'Events come by Socket Mode, to another of the hubs.' };
      return { ok: false, detail: 'Socket Mode is not open: switch it on in the app, and check the app-level token.' };
    }
    if (publicUrl === null) {
      if (isHere(this.settings.apiUrl))
        return { ok: true, detail: 'It is an emulated Slack on this machine, which needs no public address.' };
      return { ok: false, detail: 'Slack cannot reach this hub: set PUBLIC_URL, or give an appToken for Socket Mode.' };
    }
    return { ok: true, detail: `Events are expected at ${publicUrl}/webhooks/slack/${bot.appId}.` };
  }

  /** Its own reconnecting leaves a rejection that nobody handles, which ends the process (node-slack-sdk#2656): so ours. */
  private socketMode(appToken: string): Line {
    return keepOpen(
      {
        open: async (broken) => {
          const { client } = new this.sdk.SocketModeReceiver({
            appToken,
            logger: this.logger(),
            dispatcher: this.options.dispatcher,
            autoReconnectEnabled: false,
            installerOptions: { clientOptions: this.clientOptions(this.settings.apiUrl) },
          });
          client.on('disconnected', broken);
          client.on(
            'slack_event',
            (envelope: { body: Json; ack: () => Promise<void> }) => void this.fromSocket(envelope),
          );
          await client.start();
          return () => client.disconnect();
        },
        failed: (error) => {
          const name = slackErrorOf(error);
          this.context.failed(`Socket Mode could not be opened. ${name ? remedyOf(name) : 'It is tried again.'}`);
        },
        ...(this.options.reconnectMs ? { pauseMs: this.options.reconnectMs } : {}),
      },
      this.context.duty,
    );
  }

  /** An envelope that is not acknowledged comes again. */
  private async fromSocket({ body, ack }: { body: Json; ack: () => Promise<void> }): Promise<void> {
    try {
      await this.take(body);
      await ack();
    } catch (error) {
      this.options.log?.warn({ appId: this.context.bot.appId, err: error }, 'an event of Slack could not be stored');
    }
  }

  private logger(): Bolt.Logger {
    const warn = (...words: unknown[]): void =>
      this.options.log?.warn({ appId: this.context.bot.appId }, words.map(String).join(' ').slice(0, 300));
    const silent = (): void => undefined;
    return {
      debug: silent,
      info: silent,
      warn,
      error: warn,
      setLevel: silent,
      getLevel: () => this.sdk.LogLevel.WARN,
      setName: silent,
    };
  }
}

const isHere = (url: string): boolean => /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(new URL(url).hostname);

/** JSON, or a form: of an interaction, which has its JSON in `payload`, or of a slash command. Null for what is none of these. */
function bodyOf(text: string): Json | null {
  if (text.startsWith('{')) return jsonObjectIn(text);
  const form = new URLSearchParams(text);
  const payload = form.get('payload');
  if (payload !== null) return jsonObjectIn(payload);
  return form.has('command') ? Object.fromEntries(form) : null;
}

/** Slack's connector. */
export function createSlackConnector(options: SlackOptions): Connector {
  const dispatcher = guardedAgent(options.egress);
  const parts = { ...options, dispatcher, progress: createProgress() };
  return {
    name: 'slack',
    limits: { conversation: [{ count: 1, ms: 1000 }] },
    settings: slackSettings((url) => options.egress.refusal(url)),
    open: (context) => new SlackConnection(context, context.settings as SlackSettings, parts),
    close: () => dispatcher.destroy(),
  };
}
