/**
 * Teams. The Bot Framework SDK sends, by `continueConversation` with the reference that came with the message; tokens are checked here, as the
 * documentation says, because the SDK lets through what it should not (RELIABILITY 1.3). The only importer of botbuilder.
 */
import type * as BotBuilder from 'botbuilder';
import type { Dispatcher } from 'undici';
import { z } from 'zod';

import type {
  ChannelCheck,
  Connection,
  ConnectionContext,
  Connector,
  Delivery,
  SendResult,
  WebhookRequest,
  WebhookResponse,
} from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { call, type Guard, guardedAgent, Refused } from './message/call.js';
import { jsonObjectIn } from './message/json.js';
import { saidOf } from './message/message.js';
import { createAttempts, createProgress, type Left, type Progress } from './message/progress.js';
import { loadSdk } from './message/sdk.js';
import { createTyping } from './message/typing.js';
import { type Reference, referenceOf, saidIn } from './teams/events.js';
import { remedyOf, resultOf } from './teams/http.js';
import { createKeys, type Keys } from './teams/keys.js';
import { isTeamsJson, type TeamsPost, teamsPosts } from './teams/render.js';
import { isServiceUrl, teamsSettings, type TeamsSettings, tokenEndpointOf } from './teams/settings.js';
import { bearsOut, type Proof, proofIn } from './teams/token.js';

export interface TeamsOptions {
  egress: Guard;
  log?: { warn(detail: object, message: string): void } | undefined;
  /** Milliseconds; the clock that tokens are checked by. */
  now?: (() => number) | undefined;
  /** Milliseconds, of a clock that is not set. */
  tick?: (() => number) | undefined;
}
interface Parts extends TeamsOptions {
  dispatcher: Dispatcher;
  progress: Progress;
  /** Signing keys by metadata URL: all bots share them. */
  keysOf(metadataUrl: string): Keys;
}

const betweenPostsMs = 300;
const callLimitMs = 8000;
const earlyMs = 5 * 60_000;
const Token = z.looseObject({ access_token: z.string().min(1), expires_in: z.coerce.number().default(3600) });
const taken: WebhookResponse = { status: 200, body: '' };

class TeamsConnection implements Connection {
  private readonly adapter: BotBuilder.CloudAdapter;
  private readonly typist = createTyping((to) => this.showTyping(to));
  private readonly attempts = createAttempts();
  private token: { value: string; until: number } | null = null;
  private asking: Promise<string> | null = null;

  constructor(
    private readonly context: ConnectionContext,
    private readonly settings: TeamsSettings,
    private readonly parts: Parts,
  ) {
    this.adapter = this.botbuilder();
  }

  async webhook({ headers, body }: WebhookRequest): Promise<WebhookResponse> {
    const proof = await this.proof(headers['authorization']);
    const activity = proof ? jsonObjectIn(body.toString('utf8')) : null;
    if (proof && !activity) throw new HubError('bad_json', 'This is no activity.');
    if (!proof || !activity || !bearsOut(proof, activity)) {
      return this.forbidden(
        'A request came whose token does not fit this bot. If Teams sent it: check microsoftAppId.',
      );
    }
    if (!isServiceUrl(proof.serviceUrl, this.settings.allowedServiceUrls)) {
      return this.forbidden(
        'A message came from a service URL that does not fit Microsoft: if it is right, add it to allowedServiceUrls.',
      );
    }
    const said = await saidIn(activity, (conversation) => this.context.history(conversation));
    if (said) await this.context.receive(said);
    return taken;
  }

  async send(to: string, delivery: Delivery): Promise<SendResult> {
    this.typing(to, false);
    const reference = referenceOf(to);
    if (!reference || !isServiceUrl(reference.serviceUrl, this.settings.allowedServiceUrls)) {
      return {
        outcome: 'refused',
        reason: 'The service URL of this conversation is not allowed: add it to allowedServiceUrls.',
      };
    }
    const said = saidOf(delivery.reply, delivery, { channel: 'teams', native: isTeamsJson });
    return this.parts.progress.send(delivery, teamsPosts(said), {
      post: (post, left) => this.attempts.run(reference.conversation.id, left, () => this.post(reference, post)),
      pauseMs: betweenPostsMs,
    });
  }

  typing(to: string, working: boolean): void {
    this.typist.set(to, working);
  }

  async check(): Promise<ChannelCheck> {
    try {
      this.token = null;
      await this.bearer((ms) => ms);
    } catch (error) {
      if (error instanceof Refused) return { ok: false, detail: remedyOf(error) };
      return { ok: false, detail: 'Microsoft could not be asked for a token; try again in a minute.' };
    }
    const { publicUrl, bot } = this.context;
    if (publicUrl === null) return { ok: false, detail: 'Connected, but Teams cannot reach this hub: set PUBLIC_URL.' };
    return {
      ok: true,
      detail: `Connected: Microsoft accepts the app. Its messaging endpoint must be ${publicUrl}/webhooks/teams/${bot.appId}.`,
    };
  }

  close(): Promise<void> {
    this.typist.close();
    return Promise.resolve();
  }

  private showTyping(to: string): void {
    const reference = referenceOf(to);
    if (!reference || !isServiceUrl(reference.serviceUrl, this.settings.allowedServiceUrls)) return;
    void this.post(reference, { type: 'typing' });
  }

  private proof(authorization: string | string[] | undefined): Promise<Proof | null> {
    const keys = this.parts.keysOf(this.settings.openIdMetadataUrl);
    const check = { keys, audience: this.settings.microsoftAppId, now: this.parts.now ?? Date.now };
    return proofIn(authorization, check).catch((error: unknown) => {
      this.parts.log?.warn({ appId: this.context.bot.appId, err: error }, "Microsoft's signing keys cannot be had");
      throw new HubError('store_unavailable', "Microsoft's signing keys cannot be had now; send it again.");
    });
  }

  private forbidden(reason: string): WebhookResponse {
    this.context.failed(reason);
    return { status: 403, body: '' };
  }

  private async post({ bot, ...reference }: Reference, activity: TeamsPost | { type: 'typing' }): Promise<SendResult> {
    try {
      const target = { ...reference, bot } as unknown as BotBuilder.ConversationReference;
      await this.adapter.continueConversationAsync(this.settings.microsoftAppId, target, async (turn) => {
        await turn.sendActivity(activity);
      });
      return { outcome: 'sent' };
    } catch (error) {
      return resultOf(error);
    }
  }

  /** The token we prove ourselves by; asked for once, however many wait for it. Rejects with `Refused` or `Unanswered`. */
  private bearer(left: Left): Promise<string> {
    if (this.token && this.token.until > this.tick()) return Promise.resolve(this.token.value);
    this.asking ??= this.askToken(left).finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async askToken(left: Left): Promise<string> {
    const { microsoftAppId, microsoftAppPassword } = this.settings;
    const { text } = await call(this.parts.dispatcher, {
      url: tokenEndpointOf(this.settings),
      method: 'POST',
      limitMs: left(callLimitMs),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: microsoftAppId,
        client_secret: microsoftAppPassword,
        scope: 'https://api.botframework.com/.default',
      }).toString(),
    });
    const { access_token: value, expires_in } = Token.parse(JSON.parse(text));
    this.token = { value, until: this.tick() + expires_in * 1000 - earlyMs };
    return value;
  }

  private tick(): number {
    return (this.parts.tick ?? (() => performance.now()))();
  }

  private botbuilder(): BotBuilder.CloudAdapter {
    const { dispatcher } = this.parts;
    const sdk = loadSdk('botbuilder') as typeof BotBuilder;
    const leftOf = ({ url }: { url: string }): Left => this.attempts.left(conversationIn(url));
    const signRequest = async <R extends { url: string; headers: { set(name: string, value: string): void } }>(
      request: R,
    ): Promise<R> => {
      request.headers.set('authorization', `Bearer ${await this.bearer(leftOf(request))}`);
      return request;
    };
    // Its own classes ask Microsoft's public cloud only; what it calls on them is these three.
    const credentials: unknown = {
      isValidAppId: (id: string) => Promise.resolve(id === this.settings.microsoftAppId),
      isAuthenticationDisabled: () => Promise.resolve(false),
      createCredentials: () => Promise.resolve({ signRequest }),
    };
    const transport = {
      sendRequest: async (request: Request & { headers: { toJson(): Record<string, string> } }) => {
        const { url, method, headers } = request;
        const body = request.body as unknown as string | undefined;
        const { status, text } = await call(dispatcher, {
          url,
          method: method as 'POST',
          headers: headers.toJson(),
          limitMs: leftOf(request)(callLimitMs),
          body,
        });
        // All that the SDK reads of an answer's headers is that it is JSON, which the request says, too.
        return { request, status, headers, bodyAsText: text };
      },
    };
    const authentication = new sdk.ConfigurationBotFrameworkAuthentication(
      { MicrosoftAppId: this.settings.microsoftAppId },
      credentials as never,
      undefined,
      undefined,
      { httpClient: transport as never },
    );
    return new sdk.CloudAdapter(authentication);
  }
}

/** The conversation that a call of the SDK posts into; null for one that posts nowhere. */
function conversationIn(url: string): string | null {
  const [, id] = /\/v3\/conversations\/([^/?]+)\//.exec(url) ?? [];
  return id === undefined ? null : decodeURIComponent(id);
}

/** Teams' connector. */
export function createTeamsConnector(options: TeamsOptions): Connector {
  const dispatcher = guardedAgent(options.egress);
  const known = new Map<string, Keys>();
  const fetchJson = async (url: string): Promise<unknown> => {
    const reason = options.egress.refusal(url);
    if (reason) throw new Error(reason);
    return JSON.parse(
      (await call(dispatcher, { url, method: 'GET', limitMs: callLimitMs, headers: { accept: 'application/json' } }))
        .text,
    ) as unknown;
  };
  const keysOf = (metadataUrl: string): Keys => {
    const now = options.tick ?? (() => performance.now());
    const keys = known.get(metadataUrl) ?? createKeys({ fetchJson, metadataUrl, now });
    known.set(metadataUrl, keys);
    return keys;
  };
  const parts = { ...options, dispatcher, keysOf, progress: createProgress() };
  return {
    name: 'teams',
    limits: {
      conversation: [
        { count: 7, ms: 1000 },
        { count: 8, ms: 2000 },
        { count: 60, ms: 30_000 },
        { count: 1800, ms: 3_600_000 },
      ],
      bot: [{ count: 50, ms: 1000 }],
    },
    settings: teamsSettings((url) => options.egress.refusal(url)),
    open: (context) => new TeamsConnection(context, context.settings as TeamsSettings, parts),
    close: () => dispatcher.destroy(),
  };
}
