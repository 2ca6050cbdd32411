/** A program that talks to a bot by the callback way of the REST channel, and takes the replies at an address of its own. */
import type { Json } from '../../../src/contracts.js';
import {
  type Act,
  type Delivery,
  FakePlatform,
  type Forgery,
  type Part,
  type Post,
  type Reply,
} from '../../../src/lab/platforms/platform.js';

const json = { 'content-type': 'application/json' };
let pressed = 0;

export class FakeRest extends FakePlatform {
  readonly name = 'rest';
  override readonly lacks: Partial<Record<Part, string>> = {
    'long posts': 'a callback is as long as its text; nothing is cut',
    groups: 'a sender is one conversation; there are no groups',
    'odd events': 'whoever calls says something: there are no edits, and the bot never hears itself',
    secrets: 'it has none of its own; callers show a key of the hub',
  };
  protected readonly repeats = [0, 1, 2, 4, 8];
  protected readonly ackSeconds = 10;

  /** `key`: a key of the hub. */
  constructor(private readonly key: string) {
    super();
  }

  override address(hubUrl: string, appId: string): string {
    return `${hubUrl}/bots/${appId}/webhooks/callback/webhook`;
  }
  chat(n: number): string {
    return `caller-${n}`;
  }
  group(n: number): string {
    return this.chat(n);
  }
  settings(): Json {
    return { requireKey: true, callbackUrl: `${this.url}/replies` };
  }
  sign(body: string): Delivery {
    return { headers: { ...json, authorization: `Bearer ${this.key}` }, body };
  }
  deliver({ id, chat, text }: Act): Delivery {
    const { headers, body } = this.sign(JSON.stringify({ sender: chat, message: text }));
    return { headers: { ...headers, 'idempotency-key': id }, body };
  }
  odd(): [] {
    return [];
  }
  forgedPress(): null {
    return null;
  }

  forgeries(act: Act): Forgery[] {
    const { key } = this;
    const { body } = this.deliver(act);
    const by = (authorization: string | string[], name = 'authorization'): Delivery => ({
      headers: { ...json, [name]: authorization },
      body,
    });
    const within = (more: Json): Delivery => ({
      headers: json,
      body: JSON.stringify({ ...(JSON.parse(body) as Json), ...more }),
    });
    const base64 = Buffer.from(key).toString('base64');
    const cases: [string, Delivery][] = [
      ['no key', { headers: json, body }],
      ['an empty header', by('')],
      ['no key after Bearer', by('Bearer ')],
      ['the key without Bearer', by(key)],
      ['another word before it', by(`Token ${key}`)],
      ['another key', by('Bearer another-key-0123456789')],
      ['another of the same length', by(`Bearer ${'x'.repeat(key.length)}`)],
      ['all but the last character', by(`Bearer ${key.slice(0, -1)}`)],
      ['all but the first character', by(`Bearer ${key.slice(1)}`)],
      ['one character more', by(`Bearer ${key}x`)],
      ['in capitals', by(`Bearer ${key.toUpperCase()}`)],
      ['backwards', by(`Bearer ${Buffer.from(key).reverse().toString()}`)],
      ['twice in one', by(`Bearer ${key}${key}`)],
      ['twice with a blank', by(`Bearer ${key} ${key}`)],
      ['in quotes', by(`Bearer "${key}"`)],
      ['in base64', by(`Bearer ${base64}`)],
      ['as a password', by(`Basic ${Buffer.from(`:${key}`).toString('base64')}`)],
      ['its beginning and a star', by(`Bearer ${key.slice(0, 3)}*`)],
      ['a pattern', by('Bearer .*')],
      ['an object', by('Bearer {"$ne":null}')],
      ['undefined', by('Bearer undefined')],
      ['null', by('Bearer null')],
      ['true', by('Bearer true')],
      ['0', by('Bearer 0')],
      ['in another header', by(key, 'x-api-key')],
      ['as a cookie', by(`token=${key}`, 'cookie')],
      ['in the body as token', within({ token: key })],
      ['in the body as key', within({ key })],
      ['in the metadata', within({ metadata: { token: key } })],
      ['as the sender', within({ sender: key })],
    ];
    return cases.map(([what, delivery]) => ({ what, delivery }));
  }

  protected call(_path: string, body: Json): Promise<Reply> {
    const {
      recipient_id: chat,
      text,
      buttons = [],
    } = body as {
      recipient_id: string;
      text?: string;
      buttons?: { title: string; payload: string }[];
    };
    const post: Post = {
      chat,
      text: text ?? '',
      buttons: buttons.map(({ title, payload }) => ({
        title,
        press: this.deliver({ id: `press-${(pressed += 1)}`, chat, text: payload }),
      })),
      sent: body,
      at: performance.now(),
    };
    return this.take(post, {
      taken: { status: 200, body: {} },
      limited: (seconds) => ({ status: 429, headers: { 'retry-after': String(seconds) }, body: {} }),
      refused: { status: 403, body: {} },
    });
  }
}
