/** A fake Slack: signs Events API requests, interactions and commands, and takes posts as strictly as the real one. */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Json } from '../../contracts.js';
import { type Act, type Delivery, FakePlatform, type Forgery, type Odd, type Post, type Reply } from './platform.js';

const signingSecret = '0123456789abcdef0123456789abcdef';
const botToken = 'xoxb-fake-slack-bot-token';
const botUser = 'UBOT';

type Block = Json & { type: string; elements?: Block[] };

export class FakeSlack extends FakePlatform {
  readonly name = 'slack';
  protected readonly repeats = [0, 60, 300];
  protected readonly ackSeconds = 3;

  settings(): Json {
    return { botToken, signingSecret, apiUrl: `${this.url}/api` };
  }

  chat(n: number): string {
    return `D${n}`;
  }
  group(n: number): string {
    return `C${n}`;
  }
  sign(body: string): Delivery {
    return signed(body);
  }

  deliver(act: Act): Delivery {
    return signed(JSON.stringify(this.envelope(act)));
  }

  command(chat: string, text: string, id: string): Delivery {
    return form({
      command: '/ask',
      text,
      channel_id: chat,
      user_id: 'U1',
      trigger_id: id,
      team_id: 'T1',
      response_url: 'https://hooks.example/x',
    });
  }

  file(chat: string, id: string): Delivery {
    const files = [{ id: 'F1', name: 'voice.m4a', mimetype: 'audio/mp4', size: 5, url_private: `${this.url}/file` }];
    return signed(JSON.stringify(this.wrap(id, { ...message({ id, chat, text: '' }), subtype: 'file_share', files })));
  }

  forgedPress(): Delivery | null {
    return null;
  }

  odd(chat: string): Odd[] {
    const base = message({ id: '7', chat, text: 'hello' });
    const events: [string, Json][] = [
      [
        'an edit',
        {
          type: 'message',
          subtype: 'message_changed',
          channel: chat,
          ts: '8.1',
          message: base,
          previous_message: base,
        },
      ],
      [
        'a deletion',
        {
          type: 'message',
          subtype: 'message_deleted',
          channel: chat,
          ts: '8.2',
          deleted_ts: '7.0',
          previous_message: base,
        },
      ],
      ['its own message', { ...base, ts: '8.3', user: botUser, bot_id: 'B1' }],
      ['its own message without a bot id', { ...base, ts: '8.4', user: botUser }],
      ['another bot', { ...base, ts: '8.5', bot_id: 'B2', user: 'U9' }],
      ['an old bot', { ...base, ts: '8.6', subtype: 'bot_message', bot_id: 'B3', user: undefined }],
      ['somebody joins', { ...base, ts: '8.7', subtype: 'channel_join' }],
      [
        'a reaction',
        {
          type: 'reaction_added',
          user: 'U1',
          reaction: 'x',
          item: { type: 'message', channel: chat, ts: '7.0' },
          event_ts: '8.8',
        },
      ],
      ['a message with nothing in it', { type: 'message' }],
      ['a channel that is no text', { ...base, channel: { $ne: null }, ts: '8.9' }],
    ];
    const odd = events.map(([what, event], at) => ({
      what,
      delivery: signed(JSON.stringify(this.wrap(`Ev-odd-${at}-${chat}`, event))),
    }));
    const others: [string, Json][] = [
      ['a rate limit notice', { type: 'app_rate_limited', team_id: 'T1', api_app_id: 'A1', minute_rate_limited: 1 }],
      ['a closed view', { type: 'view_closed', view: { type: 'modal' }, user: { id: 'U1' }, team: { id: 'T1' } }],
      ['an empty body', {}],
    ];
    return [...odd, ...others.map(([what, body]) => ({ what, delivery: signed(JSON.stringify(body)) }))];
  }

  forgeries(act: Act): Forgery[] {
    const good = this.deliver(act);
    const now = Math.floor(Date.now() / 1000);
    const at = (seconds: string): Delivery => signed(good.body, signingSecret, seconds);
    const header = (change: Delivery['headers'], body = good.body): Delivery => ({
      headers: { ...good.headers, ...change },
      body,
    });
    const without = (name: string): Delivery => ({
      headers: Object.fromEntries(Object.entries(good.headers).filter(([key]) => key !== name)),
      body: good.body,
    });
    const signature = String(good.headers['x-slack-signature']);
    const cases: [string, Delivery][] = [
      ['no signature', without('x-slack-signature')],
      ['no time', without('x-slack-request-timestamp')],
      ['neither', { headers: {}, body: good.body }],
      ['an empty signature', header({ 'x-slack-signature': '' })],
      ['a signature of another body', header({}, `${good.body} `)],
      ['a changed body', header({}, good.body.replace('"text":"', '"text":"x'))],
      ['another app’s secret', signed(good.body, 'f'.repeat(32))],
      ['an empty secret', signed(good.body, '')],
      ['the word undefined as secret', signed(good.body, 'undefined')],
      ['the bot token as secret', signed(good.body, botToken)],
      ['six minutes old', at(String(now - 361))],
      ['six minutes ahead', at(String(now + 361))],
      ['a year old', at(String(now - 31_536_000))],
      ['at infinity', at('Infinity')],
      ['at NaN', at('NaN')],
      ['no number', at('yesterday')],
      ['a negative time', at(`-${now}`)],
      ['a time in hexadecimal', at(`0x${now.toString(16)}`)],
      ['a time with an exponent', at(`${now}e0`)],
      ['a time with blanks', at(`${now} 1`)],
      ['an empty time', at('')],
      ['a time in milliseconds', at(String(Date.now()))],
      ['version v1', header({ 'x-slack-signature': signature.replace('v0=', 'v1=') })],
      ['no version', header({ 'x-slack-signature': signature.slice(3) })],
      ['in capitals', header({ 'x-slack-signature': signature.toUpperCase() })],
      ['half a signature', header({ 'x-slack-signature': signature.slice(0, 35) })],
      ['a longer signature', header({ 'x-slack-signature': `${signature}00` })],
      ['two signatures', header({ 'x-slack-signature': [signature.replace(/.$/, 'x'), signature] })],
      ['an unsigned ssl_check', { headers: formType, body: `ssl_check=1&payload=${encodeURIComponent(good.body)}` }],
      [
        'an unsigned challenge',
        { headers: jsonType, body: JSON.stringify({ type: 'url_verification', challenge: 'x' }) },
      ],
    ];
    return cases.map(([what, delivery]) => ({ what, delivery }));
  }

  protected call(path: string, body: Json, request: IncomingMessage): Promise<Reply> {
    const ok = (more: Json, headers = {}): Reply => ({ status: 200, headers, body: { ok: true, ...more } });
    const no = (error: string): Reply => ({ status: 200, body: { ok: false, error } });
    const token = text(body['token']) || (request.headers.authorization ?? '').replace('Bearer ', '');
    if (token !== botToken) return Promise.resolve(no('invalid_auth'));
    if (path === '/api/auth.test') {
      return Promise.resolve(
        ok(
          { team: 'Shop', user: 'shopbot', user_id: botUser, bot_id: 'B1' },
          { 'x-oauth-scopes': 'chat:write,im:history' },
        ),
      );
    }
    if (path !== '/api/chat.postMessage') return Promise.resolve(no('unknown_method'));
    const fault = faultOf(body);
    if (fault) return Promise.resolve(no(fault));
    return this.take(this.seen(body), {
      taken: ok({ ts: '9.9', channel: body['channel'] }),
      limited: (seconds) => ({
        status: 429,
        headers: { 'retry-after': String(seconds) },
        body: { ok: false, error: 'ratelimited' },
      }),
      refused: no('is_archived'),
    });
  }

  private wrap(id: string, event: Json): Json {
    return {
      token: 'verification-token',
      team_id: 'T1',
      api_app_id: 'A1',
      type: 'event_callback',
      event_id: `Ev${id}`,
      event_time: 1,
      authorizations: [{ enterprise_id: null, team_id: 'T1', user_id: botUser, is_bot: true }],
      event,
    };
  }

  protected envelope(act: Act): Json {
    return this.wrap(act.id, message(act));
  }

  private seen(body: Json): Post {
    const blocks = (body['blocks'] ?? []) as Block[];
    const chat = String(body['channel']);
    const thread = body['thread_ts'];
    const buttons = blocks
      .filter(({ type }) => type === 'actions')
      .flatMap(({ elements = [] }) => elements)
      .map((button) => ({
        title: (button['text'] as { text: string }).text,
        press: form({
          payload: JSON.stringify({
            type: 'block_actions',
            user: { id: 'U1', team_id: 'T1' },
            team: { id: 'T1' },
            channel: { id: chat },
            message: { ts: '9.9', ...(thread ? { thread_ts: thread } : {}) },
            container: { type: 'message', channel_id: chat, message_ts: '9.9' },
            actions: [{ ...button, action_ts: '10.1' }],
          }),
        }),
      }));
    const text = blocks.length > 0 ? blocks.map(textOf).join('') : String(body['text']);
    return { chat, text, buttons, sent: body, at: performance.now() };
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const jsonType = { 'content-type': 'application/json' };
const formType = { 'content-type': 'application/x-www-form-urlencoded' };
const form = (fields: Record<string, string>): Delivery => {
  const { headers, body } = signed(new URLSearchParams(fields).toString());
  return { headers: { ...headers, ...formType }, body };
};

function signed(body: string, secret = signingSecret, at = String(Math.floor(Date.now() / 1000))): Delivery {
  const signature = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
  return { headers: { ...jsonType, 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${signature}` }, body };
}

/** Slack escapes three characters in what people type. */
const typed = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
function message({ id, chat, text, group, by }: Act): Json {
  const ts = `1700000000.${id.replace(/\D/g, '').padStart(6, '0')}`;
  const named = group === 'named' ? `<@${botUser}> ` : '';
  return {
    type: 'message',
    channel: chat,
    channel_type: group ? 'channel' : 'im',
    ...(by === 'bot' ? { user: 'U9', bot_id: 'B2' } : { user: 'U1' }),
    text: named + typed(text),
    ts,
    event_ts: ts,
  };
}

const textOf = (block: Block): string => {
  const { type, text, elements } = block;
  if (type === 'actions' || type === 'image') return '';
  return typeof text === 'string' ? text : (elements ?? []).map(textOf).join('');
};

/** What the real chat.postMessage refuses. */
function faultOf(body: Json): string | null {
  const blocks = (body['blocks'] ?? []) as Block[];
  if (typeof body['channel'] !== 'string' || !/^[CDG]/.test(body['channel'])) return 'channel_not_found';
  if (body['thread_ts'] !== undefined && !/^\d+\.\d+$/.test(text(body['thread_ts']))) return 'invalid_thread_ts';
  if (blocks.length === 0 && !body['text'] && !body['attachments']) return 'no_text';
  if (blocks.length > 50 || blocks.some((block) => !blockFits(block))) return 'invalid_blocks';
  return blocks.map(textOf).join('').length > 13_200 ? 'msg_blocks_too_long' : null;
}
function blockFits(block: Block): boolean {
  const { type, elements = [] } = block;
  if (type === 'rich_text') {
    return elements.every(
      ({ type: kind, elements: runs = [] }) => /^rich_text_(?:section|preformatted)$/.test(kind) && runs.every(runFits),
    );
  }
  if (type === 'image')
    return String(block['image_url']).startsWith('http') && !/broken/.test(String(block['image_url']));
  if (type === 'actions') return elements.length > 0 && elements.length <= 25 && elements.every(buttonFits);
  return type === 'divider';
}
const runFits = (run: Block): boolean =>
  typeof run['text'] === 'string' &&
  run['text'] !== '' &&
  (run.type === 'text' || (run.type === 'link' && typeof run['url'] === 'string'));
function buttonFits(button: Block): boolean {
  const label = (button['text'] as { text: string }).text;
  const value = button['value'];
  return (
    label !== '' &&
    label.length <= 75 &&
    (value === undefined || (value !== '' && text(value).length <= 2000)) &&
    String(button['action_id']).length <= 255
  );
}
