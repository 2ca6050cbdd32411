/** A fake Telegram: keeps a webhook and its secret, or hands updates to who asks, and takes calls as strictly as the real Bot API. */
import type { Json } from '../../contracts.js';
import { type Act, type Delivery, FakePlatform, type Forgery, type Odd, type Post, type Reply } from './platform.js';

const botId = 123456;
const token = `${botId}:fake-telegram-bot-token-abcdefgh`;
const secret = 'fake-telegram-secret-token';
const botName = 'ShopBot';

export class FakeTelegram extends FakePlatform {
  readonly name = 'telegram';
  webhook: { url: string; secret_token?: string } | null = null;
  /** Updates that wait for somebody who asks for them. */
  readonly waiting: Json[] = [];
  readonly answered: string[] = [];
  readonly actions: string[] = [];
  /** Groups that live on under another id. */
  readonly moved = new Map<number, number>();
  /** Answered to every call instead, when set. */
  failure: Reply | null = null;
  protected readonly repeats = [0, 2, 4, 8, 16, 32, 60, 60, 60];
  protected readonly ackSeconds = 60;

  chat(n: number): string {
    return String(1000 + n);
  }
  group(n: number): string {
    return String(-1000 - n);
  }
  sign(body: string): Delivery {
    return signed(body);
  }
  settings(): Json {
    return { token, secretToken: secret, apiRoot: this.url };
  }

  deliver(act: Act): Delivery {
    return signed(JSON.stringify(this.update(act)));
  }
  update(act: Act): Json {
    return { update_id: numberOf(act.id), message: message(act) };
  }

  forgedPress(chat: string): Delivery {
    return signed(JSON.stringify({ update_id: 900_001, callback_query: press(chat, '/restart') }));
  }

  odd(chat: string): Odd[] {
    const said = message({ id: '7', chat, text: 'hello' });
    const at = 800_000 + Math.abs(Number(chat)) * 20;
    const updates: [string, Json][] = [
      ['an edit', { edited_message: { ...said, edit_date: 2 } }],
      ['a channel post', { channel_post: { ...said, chat: { id: Number(chat), type: 'channel' } } }],
      ['an edited channel post', { edited_channel_post: said }],
      ['its own message', { message: { ...said, from: { id: botId, is_bot: true, first_name: 'Shop' } } }],
      ['another bot', { message: { ...said, from: { id: 77, is_bot: true, first_name: 'B' } } }],
      ['a message of nobody', { message: { ...said, from: undefined } }],
      [
        'somebody joins',
        { message: { ...said, text: undefined, new_chat_members: [{ id: 5, is_bot: false, first_name: 'X' }] } },
      ],
      ['a member changes', { my_chat_member: { chat: said['chat'], from: said['from'], date: 1 } }],
      ['a press of nothing', { callback_query: { id: 'q', from: said['from'], chat_instance: 'x' } }],
      ['a press of data nobody offered', { callback_query: press(chat, '9.9.9') }],
      ['a press of data that is no reference', { callback_query: press(chat, '__proto__') }],
      ['a poll', { poll: { id: '1', question: 'x', options: [] } }],
      ['a message in a shape nobody knows', { message: { chat: { id: { $ne: null } }, text: ['x'] } }],
      ['an update of a kind nobody knows', { something_new: {} }],
    ];
    return updates.map(([what, update], n) => ({
      what,
      delivery: signed(JSON.stringify({ update_id: at + n, ...update })),
    }));
  }

  forgeries(act: Act): Forgery[] {
    const { body } = this.deliver(act);
    const name = 'x-telegram-bot-api-secret-token';
    const by = (value: string | string[], key = name): Delivery => ({ headers: { ...json, [key]: value }, body });
    const within = (more: Json): Delivery => ({
      headers: json,
      body: JSON.stringify({ ...this.update(act), ...more }),
    });
    const cases: [string, Delivery][] = [
      ['no secret', { headers: json, body }],
      ['an empty secret', by('')],
      ['another secret', by('another-telegram-secret-tok')],
      ['another of the same length', by('x'.repeat(secret.length))],
      ['all but the last character', by(secret.slice(0, -1))],
      ['all but the first character', by(secret.slice(1))],
      ['one character more', by(`${secret}x`)],
      ['in capitals', by(secret.toUpperCase())],
      ['backwards', by(secret.split('-').reverse().join('-'))],
      ['twice in one', by(secret + secret)],
      ['twice', by([secret, secret])],
      ['a wrong one and the right one', by(['x', secret])],
      ['the right one and a wrong one', by([secret, 'x'])],
      ['in quotes', by(`"${secret}"`)],
      ['as a bearer', by(`Bearer ${secret}`)],
      ['in base64', by(Buffer.from(secret).toString('base64'))],
      ['percent-encoded', by(secret.replaceAll('-', '%2D'))],
      ['the bot token', by(token)],
      ['the id of the bot', by(String(botId))],
      ['undefined', by('undefined')],
      ['null', by('null')],
      ['true', by('true')],
      ['0', by('0')],
      ['an object', by('{"$ne":null}')],
      ['a pattern', by('.*')],
      ['in another header', by(secret, 'x-telegram-bot-api-token')],
      ['as authorization', by(`Bearer ${secret}`, 'authorization')],
      ['as a cookie', by(`${name}=${secret}`, 'cookie')],
      ['in the body', within({ secret_token: secret })],
      ['in the body as the header is called', within({ [name]: secret })],
    ];
    return cases.map(([what, delivery]) => ({ what, delivery }));
  }

  protected call(path: string, body: Json): Promise<Reply> {
    const [, given, method = ''] = /^\/bot([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (given !== token) return Promise.resolve(no(401, 'Unauthorized'));
    if (this.failure) return Promise.resolve(this.failure);
    const moved = this.moved.get(Number(body['chat_id']));
    if (moved !== undefined) {
      const parameters = { migrate_to_chat_id: moved };
      return Promise.resolve({
        status: 400,
        body: { ok: false, error_code: 400, description: 'Bad Request: group chat was upgraded', parameters },
      });
    }
    if (method.startsWith('send') && method !== 'sendChatAction') return this.posted(method, body);
    return this.managed(method, body);
  }

  private async managed(method: string, body: Json): Promise<Reply> {
    const { url } = body as { url?: string };
    if (method === 'getMe') return ok({ id: botId, is_bot: true, first_name: 'Shop', username: botName });
    if (method === 'setWebhook') {
      if (!url?.startsWith('https://'))
        return no(400, 'Bad Request: bad webhook: An HTTPS URL must be provided for webhook');
      this.webhook = body as { url: string };
      return ok(true);
    }
    if (method === 'getWebhookInfo') return ok({ url: this.webhook?.url ?? '', pending_update_count: 0 });
    if (method === 'deleteWebhook') {
      this.webhook = null;
      return ok(true);
    }
    if (method === 'answerCallbackQuery') return ok(this.answered.push(String(body['callback_query_id'])) > 0);
    if (method === 'sendChatAction') return ok(this.actions.push(String(body['chat_id'])) > 0);
    if (method !== 'getUpdates') return no(404, 'Not Found: method not found');
    if (this.webhook) return no(409, "Conflict: can't use getUpdates method while webhook is active");
    return ok(await this.updatesFrom(Number(body['offset'])));
  }

  /** Those from `offset` on; the ones before are confirmed and gone. Waits a little when there are none. */
  private async updatesFrom(offset: number): Promise<Json[]> {
    const rest = this.waiting.filter((update) => (update['update_id'] as number) >= offset);
    this.waiting.splice(0, this.waiting.length, ...rest);
    if (rest.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    return this.waiting.slice(0, 100);
  }

  private posted(method: string, body: Json): Promise<Reply> {
    const fault = faultOf(method, body);
    if (fault) return Promise.resolve(no(400, `Bad Request: ${fault}`));
    const chat = String(body['chat_id']);
    const markup = body['reply_markup'] as
      { inline_keyboard?: { text: string; callback_data?: string }[][] } | undefined;
    const buttons = (markup?.inline_keyboard ?? []).flat().map(({ text, callback_data: data }, n) => ({
      title: text,
      press: signed(
        JSON.stringify({ update_id: 700_000 + this.attempts.length * 10 + n, callback_query: press(chat, data ?? '') }),
      ),
    }));
    const post: Post = { chat, text: textOf(body), buttons, sent: { method, ...body }, at: performance.now() };
    return this.take(post, {
      taken: ok({ message_id: 1, chat: { id: body['chat_id'] } }),
      limited: (seconds) => ({
        status: 429,
        body: { ok: false, error_code: 429, description: 'Too Many Requests', parameters: { retry_after: seconds } },
      }),
      refused: no(403, 'Forbidden: bot was blocked by the user'),
    });
  }
}

const json = { 'content-type': 'application/json' };
const signed = (body: string): Delivery => ({ headers: { ...json, 'x-telegram-bot-api-secret-token': secret }, body });
const ok = (result: unknown): Reply => ({ status: 200, body: { ok: true, result } });
const no = (error_code: number, description: string): Reply => ({
  status: error_code,
  body: { ok: false, error_code, description },
});
const numberOf = (id: string): number => Number(id.replace(/\D/g, ''));
const person = { id: 42, is_bot: false, first_name: 'Ann', username: 'ann' };

function message({ id, chat, text, group, by }: Act): Json {
  const name = group === 'named' ? `@${botName} ` : '';
  return {
    message_id: numberOf(id),
    date: 1,
    chat: { id: Number(chat), type: group ? 'supergroup' : 'private' },
    from: by === 'bot' ? { id: 77, is_bot: true, first_name: 'B' } : person,
    text: name + text,
    ...(name ? { entities: [{ type: 'mention', offset: 0, length: name.length - 1 }] } : {}),
  };
}
const press = (chat: string, data: string): Json => ({
  id: `press-${data}`,
  from: person,
  chat_instance: 'x',
  message: message({ id: '1', chat, text: 'x' }),
  data,
});

function textOf(body: Json): string {
  const raw = (body['text'] ?? body['caption'] ?? '') as string;
  if (body['parse_mode'] !== 'HTML') return raw;
  return raw
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** What the real Bot API refuses. */
function faultOf(method: string, body: Json): string | null {
  if (typeof body['chat_id'] !== 'number') return 'chat_id is empty';
  const raw = (body['text'] ?? body['caption'] ?? '') as string;
  if (method === 'sendMessage' && textOf(body).trim() === '') return 'message text is empty';
  if (textOf(body).length > (method === 'sendMessage' ? 4096 : 1024)) return 'message is too long';
  if (body['parse_mode'] === 'HTML' && !isHtml(raw)) return "can't parse entities";
  if (typeof body['photo'] === 'string' && body['photo'].includes('broken')) return 'failed to get HTTP URL content';
  const buttons = JSON.stringify(body['reply_markup'] ?? {}).matchAll(/"callback_data":"((?:[^"\\]|\\.)*)"/g);
  for (const [, data = ''] of buttons) if (data === '' || Buffer.byteLength(data) > 64) return 'BUTTON_DATA_INVALID';
  return null;
}
function isHtml(text: string): boolean {
  const open: string[] = [];
  for (const [token] of text.matchAll(/<[^>]*>|[^<]+|</g)) {
    const [, close, name] = /^<(\/?)(b|i|code|pre|a)(?: href="[^"<>]*")?>$/.exec(token) ?? [];
    if (name === undefined) {
      if (token.startsWith('<') || /&(?!(?:amp|lt|gt|quot);)/.test(token)) return false;
    } else if (!close) open.push(name);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}
