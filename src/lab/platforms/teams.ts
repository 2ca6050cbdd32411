/** A fake Teams: Microsoft's signing keys and token endpoint, activities with real RS256 tokens, and the connector service that takes answers. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Json } from '../../contracts.js';
import { type Act, type Delivery, FakePlatform, type Forgery, type Odd, type Post, type Reply } from './platform.js';

const appId = '00000000-1111-2222-3333-444444444444';
const password = 'fake-teams-client-secret';
export const accessToken = 'fake-teams-access-token';
const bot = { id: `28:${appId}`, name: 'Shop' };
const person = { id: '29:ann', name: 'Ann', aadObjectId: 'aad-1' };

interface Key {
  kid: string;
  endorsements?: string[];
  pair: { publicKey: KeyObject; privateKey: KeyObject };
}
/** A signing key of Microsoft's; without endorsements it speaks for no channel. */
export const keyOf = (kid: string, endorsements?: string[]): Key => ({
  kid,
  ...(endorsements ? { endorsements } : {}),
  pair: generateKeyPairSync('rsa', { modulusLength: 2048 }),
});

export class FakeTeams extends FakePlatform {
  readonly name = 'teams';
  keys = [keyOf('k1', ['msteams', 'skype']), keyOf('k2')];
  /** Times that the keys were asked for, and the metadata that names them. */
  keyFetches = 0;
  metadataFetches = 0;
  tokenFetches = 0;
  /** Microsoft's metadata does not answer. */
  keysDown = false;
  tokenFailure: Reply | null = null;
  typings = 0;
  protected readonly repeats = Array.from({ length: 20 }, () => 15);
  protected readonly ackSeconds = 15;
  /** The key that tokens are signed with. */
  private get key(): Key {
    const [key] = this.keys;
    if (!key) throw new Error('this Teams has no signing key');
    return key;
  }
  /** Microsoft's own form, and the one with a slash at the end. */
  private get serviceUrl(): string {
    return `${this.url}/amer/`;
  }

  chat(n: number): string {
    return `a:direct-${n}`;
  }
  group(n: number): string {
    return `19:group-${n}@thread.tacv2;messageid=1${n}`;
  }
  settings(): Json {
    return {
      microsoftAppId: appId,
      microsoftAppPassword: password,
      openIdMetadataUrl: `${this.url}/.well-known/openidconfiguration`,
      tokenEndpoint: `${this.url}/token`,
      allowedServiceUrls: [this.url],
    };
  }
  sign(body: string): Delivery {
    return this.by(this.token(), body);
  }
  deliver(act: Act): Delivery {
    return this.sign(JSON.stringify(this.activity(act)));
  }

  forgedPress(chat: string): Delivery {
    return this.sign(JSON.stringify(this.pressOf(chat, { switchboard: '/restart' }, 'forged')));
  }

  odd(chat: string): Odd[] {
    const said = this.activity({ id: '7', chat, text: 'hello' });
    const changes: [string, Json][] = [
      ['an edit', { type: 'messageUpdate' }],
      ['a deletion', { type: 'messageDelete' }],
      ['its own message', { from: bot }],
      ['another bot', { from: { id: '28:other', role: 'bot' } }],
      ['a skill', { from: { id: '28:skill', role: 'skill' } }],
      ['a message of nobody', { from: undefined }],
      ['the bot is added', { type: 'conversationUpdate', membersAdded: [bot] }],
      ['the person is added', { type: 'conversationUpdate', membersAdded: [person] }],
      ['a reaction', { type: 'messageReaction', reactionsAdded: [{ type: 'like' }] }],
      ['somebody types', { type: 'typing' }],
      ['an invocation', { type: 'invoke', name: 'x' }],
      ['an installation', { type: 'installationUpdate', action: 'add' }],
      ['a press of nothing known', { value: { other: 1 } }],
      ['a press of what was not offered', { value: { switchboard: '9.9.9' } }],
      ['a press in a shape nobody knows', { value: [{ switchboard: {} }] }],
      ['an empty message', { text: '' }],
    ];
    return changes.map(([what, change], n) => ({
      what,
      delivery: this.sign(JSON.stringify({ ...said, ...change, id: `odd-${n}` })),
    }));
  }

  forgeries(act: Act): Forgery[] {
    const activity = this.activity(act);
    const body = JSON.stringify(activity);
    const good = this.token();
    const now = Math.floor(Date.now() / 1000);
    const with_ = (claims: Json, head: Json = {}): Delivery => this.by(this.token(claims, head), body);
    const says = (change: Json): Delivery => this.by(good, JSON.stringify({ ...activity, ...change }));
    const bearer = (authorization: string | string[]): Delivery => ({ headers: { ...json, authorization }, body });
    const [, payload = '', signature = ''] = good.split('.');
    const pem = this.key.pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const hs = (secret: string): Delivery => {
      const start = `${part({ alg: 'HS256', kid: 'k1' })}.${part(this.claims())}`;
      return bearer(`Bearer ${start}.${createHmac('sha256', secret).update(start).digest('base64url')}`);
    };
    const evil = 'https://evil.example/';
    const cases: [string, Delivery][] = [
      ['no token', { headers: json, body }],
      ['an empty header', bearer('')],
      ['no token after Bearer', bearer('Bearer ')],
      ['a word', bearer('Bearer x')],
      ['the password', bearer(`Bearer ${password}`)],
      ['the token without Bearer', bearer(good)],
      ['algorithm none', bearer(`Bearer ${part({ alg: 'none', kid: 'k1' })}.${payload}.${signature}`)],
      ['algorithm none without a signature', bearer(`Bearer ${part({ alg: 'none', kid: 'k1' })}.${payload}.`)],
      ['HS256 with the public key', hs(pem)],
      ['HS256 with the password', hs(password)],
      ['RS512', with_({}, { alg: 'RS512' })],
      ['another key of the same name', this.by(this.token({}, {}, keyOf('k1')), body)],
      ['a key nobody knows', this.by(this.token({}, {}, keyOf('k9')), body)],
      ['no key id', with_({}, { kid: undefined })],
      [
        'a key of its own in the header',
        with_({}, { kid: 'k8', jwk: this.key.pair.publicKey.export({ format: 'jwk' }) }),
      ],
      ['another bot', with_({ aud: '99999999-1111-2222-3333-444444444444' })],
      ['a list of bots', with_({ aud: [appId] })],
      ['no bot', with_({ aud: undefined })],
      ['the emulator’s issuer', with_({ iss: 'https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/' })],
      ['a skill’s issuer', with_({ iss: 'https://login.microsoftonline.com/x/v2.0' })],
      ['no issuer', with_({ iss: undefined })],
      ['six minutes expired', with_({ exp: now - 361 })],
      ['no expiry', with_({ exp: undefined })],
      ['valid from six minutes on', with_({ nbf: now + 361 })],
      ['no service URL', with_({ serviceurl: undefined })],
      ['another service URL in the message', says({ serviceUrl: evil })],
      ['no service URL in the message', says({ serviceUrl: undefined })],
      [
        'a service URL that is not Microsoft’s',
        this.by(this.token({ serviceurl: evil }), JSON.stringify({ ...activity, serviceUrl: evil })),
      ],
      ['a key that speaks for no channel', this.by(this.token({}, {}, this.keys[1]), body)],
      ['a channel the key does not speak for', says({ channelId: 'webchat' })],
    ];
    return cases.map(([what, delivery]) => ({ what, delivery }));
  }

  /** An activity as this platform sends it. */
  activity({ id, chat, text, group, by }: Act): Json {
    const name = '<at>Shop</at>';
    return {
      type: 'message',
      id: `act-${id}`,
      timestamp: new Date().toISOString(),
      serviceUrl: this.serviceUrl,
      channelId: 'msteams',
      from: by === 'bot' ? { id: '28:other', role: 'bot' } : person,
      recipient: bot,
      conversation: { id: chat, conversationType: group ? 'channel' : 'personal', tenantId: 't1' },
      textFormat: 'plain',
      text: group === 'named' ? `${name} ${text}` : text,
      entities: group === 'named' ? [{ type: 'mention', mentioned: bot, text: name }] : [],
    };
  }

  token(claims: Json = {}, head: Json = {}, key: Key = this.key): string {
    const start = `${part({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...head })}.${part({ ...this.claims(), ...claims })}`;
    return `${start}.${sign('RSA-SHA256', Buffer.from(start), key.pair.privateKey).toString('base64url')}`;
  }

  protected call(path: string, body: Json, request: IncomingMessage): Promise<Reply> {
    const [, encoded] = /^\/amer\/v3\/conversations\/([^/]+)\/activities(?:\/[^/]+)?$/.exec(path) ?? [];
    if (encoded !== undefined) return this.answered(decodeURIComponent(encoded), body, request);
    if (path === '/token') return Promise.resolve(this.tokenFor(body));
    const metadata = path === '/.well-known/openidconfiguration';
    if (metadata) this.metadataFetches += 1;
    if (this.keysDown) return Promise.resolve({ status: 503, body: {} });
    if (metadata) {
      return Promise.resolve(ok({ issuer: 'https://api.botframework.com', jwks_uri: `${this.url}/keys` }));
    }
    if (path !== '/keys') return Promise.resolve({ status: 404, body: {} });
    this.keyFetches += 1;
    const keys = this.keys.map(({ kid, endorsements, pair }) => ({
      ...pair.publicKey.export({ format: 'jwk' }),
      kid,
      use: 'sig',
      endorsements,
    }));
    return Promise.resolve(ok({ keys }));
  }

  private tokenFor(body: Json): Reply {
    this.tokenFetches += 1;
    if (this.tokenFailure) return this.tokenFailure;
    const fits =
      body['client_id'] === appId &&
      body['client_secret'] === password &&
      body['scope'] === 'https://api.botframework.com/.default';
    if (!fits)
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' },
      };
    return ok({ token_type: 'Bearer', expires_in: 86_399, access_token: accessToken });
  }

  private answered(chat: string, activity: Json, request: IncomingMessage): Promise<Reply> {
    if (request.headers.authorization !== `Bearer ${accessToken}`) return Promise.resolve({ status: 401, body: {} });
    if (activity['type'] === 'typing') {
      this.typings += 1;
      return Promise.resolve(ok({ id: '1' }, 201));
    }
    if (JSON.stringify(activity).length > 28_000)
      return Promise.resolve({ status: 413, body: { error: { code: 'MessageSizeTooBig' } } });
    const cards = ((activity['attachments'] ?? []) as { content?: Card }[]).map(({ content }) => content ?? {});
    if (cards.some(({ buttons = [] }) => buttons.length > 6))
      return Promise.resolve({ status: 400, body: { error: { code: 'BadArgument' } } });
    const text = [activity['text'], ...cards.flatMap(({ title, text: words }) => [title, words])].filter(
      (one) => typeof one === 'string',
    );
    const buttons = cards
      .flatMap((card) => card.buttons ?? [])
      .map(({ title, value }, n) => ({
        title,
        press: this.sign(JSON.stringify(this.pressOf(chat, value, `${this.attempts.length}-${n}`))),
      }));
    if (text.length === 0 && buttons.length === 0) return Promise.resolve({ status: 400, body: {} });
    const post: Post = { chat, text: plain(text.join('')), buttons, sent: activity, at: performance.now() };
    return this.take(post, {
      taken: ok({ id: '1' }, 201),
      limited: (seconds) => ({
        status: 429,
        headers: { 'retry-after': String(seconds) },
        body: { error: { code: 'TooManyRequests' } },
      }),
      refused: { status: 403, body: { error: { code: 'MessageWritesBlocked' } } },
    });
  }

  private pressOf(chat: string, value: unknown, id: string): Json {
    return { ...this.activity({ id, chat, text: 'x' }), value };
  }
  private by(token: string, body: string): Delivery {
    return { headers: { ...json, authorization: `Bearer ${token}` }, body };
  }
  private claims(): Json {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: 'https://api.botframework.com',
      aud: appId,
      nbf: now - 60,
      exp: now + 3600,
      serviceurl: this.serviceUrl.replace(/\/$/, ''),
    };
  }
}

interface Card {
  title?: string;
  text?: string;
  buttons?: { title: string; value: unknown }[];
}
const json = { 'content-type': 'application/json' };
const part = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const ok = (body: unknown, status = 200): Reply => ({ status, body });
const plain = (text: string): string =>
  text
    .replace(/<br\/>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
