import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isTelegramJson } from '../connectors/telegram/render.js';
import { createGroupPace } from '../connectors/telegram/pace.js';
import { resultOf } from '../connectors/telegram/results.js';
import { createTelegramConnector } from '../connectors/telegram.js';
import type {
  BotMessage,
  Connection,
  ConnectionContext,
  IncomingMessage,
  Json,
  SendResult,
  StoredMessage,
} from '../src/contracts.js';
import { createEgress } from '../src/egress.js';
import { HubError } from '../src/errors.js';
import { eventually } from './support/hub.js';
import type { Delivery } from '../src/lab/platforms/platform.js';
import { FakeTelegram } from '../src/lab/platforms/telegram.js';

type Received = Omit<IncomingMessage, 'appId' | 'channel'>;

describe('Telegram', () => {
  let telegram: FakeTelegram;
  let connection: Connection;
  let received: Received[];
  let troubles: string[];
  let replies: BotMessage[];
  let refuse: HubError | null;
  const allowing = createEgress(['127.0.0.1']);
  const connector = createTelegramConnector({ egress: allowing, reconnectMs: () => 20, pollSeconds: 1 });

  const open = (settings: Json, publicUrl: string | null, by = connector): void => {
    const context: ConnectionContext = {
      bot: { appId: 'a', name: 'A', language: 'en' },
      settings,
      publicUrl,
      receive: (message) => {
        if (refuse) return Promise.reject(refuse);
        received.push(message);
        return Promise.resolve();
      },
      ask: () => Promise.reject(new Error('not asked here')),
      progress: () => Promise.reject(new Error('not asked here')),
      history: () => Promise.resolve([{ id: '5', replies } as StoredMessage]),
      failed: (reason) => void troubles.push(reason),
    };
    connection = by.open(context);
  };
  const connect = (publicUrl: string | null, change: Json = {}): void =>
    open(connector.settings!.schema.parse({ ...telegram.settings(), ...change }), publicUrl);
  const post = async ({ headers, body }: Delivery) =>
    connection.webhook!({ query: {}, headers, body: Buffer.from(body) });
  const said = (more: Json, id = 1): Delivery => {
    const update = telegram.update({ id: String(id), chat: '1', text: '' });
    return telegram.sign(
      JSON.stringify({ ...update, message: { ...(update['message'] as Json), text: undefined, ...more } }),
    );
  };
  const send = (reply: Partial<BotMessage>, to = '1'): Promise<SendResult> =>
    connection.send(to, {
      messageId: '5',
      part: 0,
      limitMs: 10_000,
      reply: { recipient_id: 'x', ...reply },
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    [received, troubles, replies, refuse] = [[], [], [], null];
    telegram = new FakeTelegram();
    await telegram.open();
  });
  afterEach(async () => {
    await connection.close();
    await telegram.close();
  });
  after(() => connector.close());

  describe('by webhook', () => {
    beforeEach(async () => {
      connect('https://hub.example');
      await eventually(() => telegram.webhook);
    });

    it('sets its webhook with the secret, and one that follows from the token where none was given', async () => {
      assert.deepEqual(telegram.webhook, {
        url: 'https://hub.example/webhooks/telegram/a',
        secret_token: telegram.settings()['secretToken'],
        allowed_updates: ['message', 'callback_query'],
      });
      await connection.close();
      telegram.webhook = null;
      connect('https://hub.example', { secretToken: undefined });
      const { secret_token: secret = '' } = await eventually(() => telegram.webhook);
      assert.match(secret, /^[\w-]{32,}$/);
      assert.ok(!secret.includes('fake'));
      await assert.rejects(post(said({ text: 'x' })), { code: 'unauthorized' }, 'the former secret');
      const { headers, body } = said({ text: 'x' });
      await post({ headers: { ...headers, 'x-telegram-bot-api-secret-token': secret }, body });
      assert.equal(received.length, 1);
    });

    it('tries again until Telegram takes the webhook, and says what is wrong meanwhile', async () => {
      await connection.close();
      telegram.webhook = null;
      telegram.failure = { status: 502, body: {} };
      connect('https://hub.example');
      await eventually(() => troubles.length >= 2);
      assert.match(troubles[0]!, /status 502/);
      telegram.failure = null;
      await eventually(() => telegram.webhook);
    });

    it('says in its check what is wrong and what to do', async () => {
      assert.deepEqual(await connection.check!(), {
        ok: true,
        detail: 'Connected as @ShopBot. Updates come to this hub.',
      });
      telegram.webhook = { url: 'https://elsewhere.example/' };
      assert.match((await connection.check!()).detail, /webhook is not set to this hub: save the settings again/);
      await connection.close();
      connect('https://hub.example', { token: '1:another-token-than-the-right-one' });
      assert.deepEqual(await connection.check!(), {
        ok: false,
        detail: 'Telegram does not know this token: copy it again from @BotFather.',
      });
      await connection.close();
      connect('http://hub.example');
      await eventually(() => troubles.some((words) => /HTTPS URL must be provided/.test(words)));
    });

    it('takes pictures, voices, files and places as references, without fetching them', async () => {
      const photo = [{ file_id: 'small' }, { file_id: 'large', file_size: 9 }];
      await post(said({ photo, caption: 'look' }, 1));
      await post(said({ voice: { file_id: 'v', mime_type: 'audio/ogg' } }, 2));
      await post(said({ document: { file_id: 'd', file_name: 'a.pdf' } }, 3));
      await post(said({ location: { latitude: 1, longitude: 2 } }, 4));
      assert.deepEqual(
        received.map(({ text }) => text),
        ['look', 'voice', 'a.pdf', 'location'],
      );
      const [first] = received[0]!.metadata['files'] as Json[];
      assert.deepEqual([first!['kind'], first!['id'], first!['size']], ['photo', 'large', 9]);
    });

    it('tells in which language the person has Telegram, where that is known', async () => {
      await post(said({ text: 'hi', from: { id: 5, language_code: 'zh-hans' } }, 1));
      await post(said({ text: 'hi', from: { id: 5 } }, 2));
      assert.deepEqual(
        received.map(({ metadata }) => metadata['locale']),
        ['zh-hans', undefined],
      );
    });

    it('in a group hears mentions in any case, replies to it and commands; topics are conversations of their own', async () => {
      const group = { id: -9, type: 'supergroup' };
      const at = (text: string, entity: Json, id: number): Promise<unknown> =>
        post(said({ chat: group, text, entities: [{ offset: 0, length: text.split(' ')[0]!.length, ...entity }] }, id));
      await at('@shopbot hi', { type: 'mention' }, 1);
      await at('@OtherBot hi', { type: 'mention' }, 2);
      await at('/help@ShopBot', { type: 'bot_command' }, 3);
      await at('/help@OtherBot', { type: 'bot_command' }, 4);
      await at('/help', { type: 'bot_command' }, 5);
      await post(said({ chat: group, text: 'yes', reply_to_message: { from: { id: 123456, is_bot: true } } }, 6));
      await post(said({ chat: group, text: 'no', reply_to_message: { from: { id: 7, is_bot: false } } }, 7));
      assert.deepEqual(
        received.map(({ text }) => text),
        ['hi', '/help', '/help', 'yes'],
      );
      await post(
        said(
          {
            chat: group,
            is_topic_message: true,
            message_thread_id: 3,
            text: '@shopbot x',
            entities: [{ type: 'mention', offset: 0, length: 8 }],
          },
          8,
        ),
      );
      assert.deepEqual([received[4]!.conversation, received[4]!.to], ['telegram:-9:3', '-9:3']);
    });

    it('asks for the update again while it does not know its own name', async () => {
      await connection.close();
      telegram.failure = { status: 502, body: {} };
      connect('https://hub.example');
      const named = telegram.deliver({ id: '1', chat: '-9', text: 'hi', group: 'named' });
      await assert.rejects(post(named), { status: 503 });
      telegram.failure = null;
      await eventually(() => telegram.webhook);
      await eventually(async () => (await post(named).catch(() => null))?.status === 200);
      assert.equal(received[0]!.text, 'hi');
    });

    it('believes a press of the author’s own keyboard, and tells Telegram that it was taken', async () => {
      replies = [
        {
          recipient_id: 'x',
          custom: {
            telegram: { text: 'x', reply_markup: { inline_keyboard: [[{ text: 'A', callback_data: 'own:1' }]] } },
          },
        },
      ];
      const press = (data: string): Promise<unknown> =>
        post(telegram.sign(telegram.forgedPress('1').body.replace('"/restart"', JSON.stringify(data))));
      await press('own:1');
      await press('own:2');
      assert.deepEqual(
        received.map(({ text, payload }) => [text, payload]),
        [['own:1', true]],
      );
      await eventually(() => telegram.answered.length === 2);
    });

    it('shows a link where Telegram cannot fetch a picture, and goes after a group that moved', async () => {
      assert.deepEqual(await send({ image: 'https://x.example/broken.png' }), { outcome: 'sent' });
      assert.match(telegram.posts[0]!.text, /https:\/\/x\.example\/broken\.png/);
      telegram.moved.set(-9, -1009);
      assert.deepEqual(await send({ text: 'x' }, '-9'), { outcome: 'sent' });
      assert.equal(telegram.posts[1]!.chat, '-1009');
    });

    it('lets no bot read a file of the hub or fetch an address through it', async () => {
      const evil: Json[] = [
        { photo: { source: '/etc/passwd' } },
        { document: { url: 'http://169.254.169.254/' } },
        { media: [{ type: 'photo', media: { source: '/etc/passwd' } }] },
        { media: [{ type: 'photo', media: { url: 'http://localhost/' } }] },
        { photo: 'x', thumbnail: { source: '/etc/passwd' } },
        { photo: 'file:///etc/passwd' },
      ];
      for (const custom of evil) {
        assert.equal(isTelegramJson(custom), false, JSON.stringify(custom));
        assert.deepEqual(await send({ custom: { telegram: custom } }), { outcome: 'sent' });
      }
      assert.ok(telegram.posts.every(({ text }) => !text.includes('root:')));
      assert.equal(
        isTelegramJson({ text: 'x', reply_markup: { inline_keyboard: [[{ text: 'a', url: 'https://x.example' }]] } }),
        true,
      );
    });

    it('shows that it types when the answer takes its time, and only then', async () => {
      connection.typing!('1', true);
      connection.typing!('2', true);
      connection.typing!('2', false);
      await eventually(() => telegram.actions.length > 0);
      assert.deepEqual(telegram.actions, ['1']);
    });
  });

  describe('without a public address', () => {
    const come = (id: number, text: string): void =>
      void telegram.waiting.push(telegram.update({ id: String(id), chat: '1', text }));

    it('asks for updates, and confirms none before it is stored', async () => {
      telegram.webhook = { url: 'https://elsewhere.example/' };
      refuse = new HubError('store_unavailable', 'locked');
      come(1, 'one');
      come(2, 'two');
      connect(null);
      await eventually(() => troubles.length >= 2);
      assert.equal(telegram.webhook, null);
      assert.equal(telegram.waiting.length, 2, 'an update was confirmed that is not stored');
      refuse = null;
      await eventually(() => received.length === 2);
      assert.deepEqual(
        received.map(({ text }) => text),
        ['one', 'two'],
      );
      await eventually(() => telegram.waiting.length === 0);
      assert.match((await connection.check!()).detail, /The hub asks for updates/);
    });
    it('goes on when Telegram was away, and names the remedy when another program asks too', async () => {
      connect(null);
      telegram.failure = { status: 409, body: { ok: false, error_code: 409, description: 'Conflict' } };
      await eventually(() => troubles.some((words) => /Another program reads the updates/.test(words)));
      telegram.failure = { status: 502, body: {} };
      await eventually(() => troubles.some((words) => /status 502/.test(words)));
      telegram.failure = null;
      come(3, 'back');
      await eventually(() => received.some(({ text }) => text === 'back'));
    });
    it('asks no more once it is closed', async () => {
      connect(null);
      await eventually(async () => (await connection.check!()).ok);
      await connection.close();
      come(4, 'late');
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.deepEqual(received, []);
    });
  });

  it('follows no redirect into a private network, and calls no private address', async () => {
    const fake = telegram.settings()['apiRoot'] as string;
    const server = createServer((request, response) => {
      response.writeHead(307, { location: `${fake}${request.url ?? ''}` }).end();
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // Only the redirecting host is allowed; the address it leads to is not.
    const egress = createEgress(['localhost']);
    const strict = createTelegramConnector({ egress, reconnectMs: () => 20 });
    open({ token: telegram.settings()['token'], apiRoot: `http://localhost:${port}/` }, 'https://hub.example', strict);
    assert.equal((await connection.check!()).ok, false);
    assert.equal(telegram.webhook, null);
    assert.equal(strict.settings!.schema.safeParse({ apiRoot: 'http://127.0.0.1:1/' }).success, false);
    server.close();
    await strict.close();
  });

  it('posts twenty times a minute into a group, and as often as it likes elsewhere', () => {
    connect('https://hub.example');
    let now = 0;
    const pace = createGroupPace(() => now);
    for (let n = 0; n < 20; n += 1) {
      assert.equal(pace.waitMs(-1), 0);
      pace.posted(-1);
      pace.posted(1);
      now += 100;
    }
    assert.deepEqual([pace.waitMs(-1), pace.waitMs(-2), pace.waitMs(1)], [58_000, 0, 0]);
    now += 58_001;
    assert.equal(pace.waitMs(-1), 0);
  });

  it('tells apart what has left, what has not, and what never will', () => {
    connect('https://hub.example');
    const fault = (error_code: number, description = 'x', parameters = {}): object => ({
      response: { error_code, description, parameters },
    });
    const cases: [unknown, SendResult['outcome']][] = [
      [fault(429, 'Too Many Requests', { retry_after: 17_496 }), 'later'],
      [fault(429), 'later'],
      [fault(500), 'unsure'],
      [fault(502), 'later'],
      [fault(400, 'Bad Request: chat not found'), 'refused'],
      [fault(401), 'refused'],
      [fault(403), 'refused'],
      [{ name: 'FetchError', code: 'ECONNREFUSED' }, 'later'],
      [{ name: 'FetchError', code: 'ECONNRESET' }, 'unsure'],
      [{ name: 'AbortError' }, 'unsure'],
      [{ code: 'TOO_LATE' }, 'later'],
      [null, 'unsure'],
    ];
    for (const [thrown, outcome] of cases) assert.equal(resultOf(thrown).outcome, outcome, JSON.stringify(thrown));
    const wait = resultOf(fault(429, 'x', { retry_after: 17_496 }));
    assert.ok(wait.outcome === 'later' && wait.afterMs === 17_496_000);
  });
});
