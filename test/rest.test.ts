import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StoredMessage } from '../src/contracts.js';
import { EchoBot } from './contract/connector.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

interface Taken {
  body: unknown;
  headers: IncomingHttpHeaders;
}

describe('the REST channel', function () {
  this.timeout(30_000);
  const bot = new EchoBot();
  /** What was posted to the callback address, and how it answers. */
  const taken: Taken[] = [];
  let answer: () => { status: number; headers?: Record<string, string> };
  let callbacks: Server;
  let callbackUrl: string;
  let botUrl: string;
  let hub: TestHub;
  let appId: string;

  const newBot = async (at = hub): Promise<string> =>
    ((await at.api('POST', '/bots', { name: 'A', engine: 'remote', remoteUrl: botUrl })).body as { appId: string })
      .appId;
  const set = (settings: object, at = hub) => at.api('PUT', `/bots/${appId}/channels/rest`, settings);
  const ask = async (way: string, body: unknown, headers: Record<string, string> = {}, at = hub) => {
    const response = await fetch(`${at.url}/bots/${appId}/webhooks/${way}`, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, type, text, engine: response.headers.get('x-switchboard-engine') };
  };
  const said = async (conversation: string): Promise<StoredMessage[]> =>
    ((await hub.api('GET', `/bots/${appId}/conversations/${conversation}`)).body as { items: StoredMessage[] }).items;

  before(async () => {
    callbacks = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        taken.push({ body: JSON.parse(text), headers: request.headers });
        const { status, headers } = answer();
        response.writeHead(status, headers).end();
      });
    }).listen(0, '127.0.0.1');
    await once(callbacks, 'listening');
    callbackUrl = `http://127.0.0.1:${(callbacks.address() as AddressInfo).port}/hook`;
    botUrl = await bot.open();
    hub = await newHub({ env: { EGRESS_ALLOW: '127.0.0.1' } });
  });
  beforeEach(async () => {
    bot.answer = (text) => [{ text: `echo ${text}` }];
    answer = () => ({ status: 200 });
    bot.turns.length = taken.length = 0;
    appId = await newBot();
  });
  after(async () => {
    await hub.stop();
    callbacks.close();
    callbacks.closeAllConnections();
    bot.close();
  });

  it('is there, as Rasa says it', async () => {
    for (const way of ['rest', 'callback']) {
      const response = await fetch(`${hub.url}/bots/${appId}/webhooks/${way}/`);
      assert.deepEqual([response.status, await response.json()], [200, { status: 'ok' }]);
    }
    assert.equal((await fetch(`${hub.url}/bots/nobody/webhooks/rest/`)).status, 404);
  });

  it('answers in the shapes of Rasa, one message for each thing that is said', async () => {
    const buttons = [{ title: 'Yes', payload: '/affirm' }];
    const image = 'https://pictures.example/1.png';
    bot.answer = () => [{ text: ' one\n\ntwo \n' }, { text: 'choose\n\nnow', buttons, image }, { custom: { a: 1 } }];
    const { status, text, engine } = await ask('rest/webhook', { sender: 'u1', message: 'hi', metadata: { x: 1 } });
    assert.deepEqual(
      [status, engine, JSON.parse(text)],
      [
        200,
        'remote',
        [
          { recipient_id: 'u1', text: 'one' },
          { recipient_id: 'u1', text: 'two' },
          { recipient_id: 'u1', text: 'choose\n\nnow', buttons },
          { recipient_id: 'u1', image },
          { recipient_id: 'u1', custom: { a: 1 } },
        ],
      ],
    );
    assert.deepEqual(
      (await said('u1')).map((one) => [one.text, one.channel, one.delivered, one.metadata]),
      [['hi', 'rest', true, { x: 1 }]],
    );
  });

  it('streams one JSON object a line to who asks for it, and to nobody else', async () => {
    bot.answer = () => [{ text: 'one' }, { text: 'two' }];
    const { type, text } = await ask('rest/webhook?stream=true', { message: 'hi' });
    assert.match(type, /^text\/event-stream/);
    assert.equal(text, '{"recipient_id":"default","text":"one"}\n{"recipient_id":"default","text":"two"}\n');
    assert.match((await ask('rest/webhook?stream=false', { message: 'hi' })).type, /json/);
  });

  it('makes whole what comes and goes as half a character', async () => {
    bot.answer = (text) => [{ text: `${text}\ud83d` }];
    const { text } = await ask('rest/webhook', '{"message": "a\\ud83d"}');
    assert.deepEqual([bot.turns, text], [['a\ufffd'], '[{"recipient_id":"default","text":"a\ufffd\ufffd"}]']);
  });

  it('says what is wrong with a message, and keeps nothing of it', async () => {
    const cases: [unknown, number, RegExp][] = [
      ['no JSON', 400, /JSON object/],
      ['[]', 400, /JSON object/],
      [{ sender: 'u' }, 422, /\/message/],
      [{ message: '  ' }, 422, /\/message/],
      [{ message: 'x'.repeat(8001) }, 422, /8000/],
      [{ sender: { $ne: null }, message: 'x' }, 422, /\/sender/],
      [{ sender: ' ', message: 'x' }, 422, /\/sender/],
      [{ sender: 'slack:U1', message: 'x' }, 422, /name of a channel/],
      [{ message: 'x', metadata: 'y' }, 422, /\/metadata/],
    ];
    for (const [body, status, words] of cases) {
      const answered = await ask('rest/webhook', body);
      assert.equal(answered.status, status, JSON.stringify(body).slice(0, 80));
      assert.match(answered.text, words);
    }
    assert.deepEqual(bot.turns, []);
  });

  it('takes one turn for one Idempotency-Key of one sender', async () => {
    const say = (sender: string) => ask('rest/webhook', { sender, message: 'once' }, { 'idempotency-key': 'k' });
    const [first, second] = [await say('u1'), await say('u1')];
    assert.equal(first.text, second.text);
    await say('u2');
    assert.equal(bot.turns.length, 2);
  });

  it('believes a payload only if the bot offered it', async () => {
    bot.answer = (text) => (text === 'menu' ? [{ text: 'x', buttons: [{ title: 'Yes', payload: '/affirm' }] }] : []);
    for (const message of ['menu', '/affirm', '/restart']) await ask('rest/webhook', { sender: 'u1', message });
    assert.deepEqual(
      (await said('u1')).map(({ text, payload }) => [text, payload]),
      [
        ['menu', false],
        ['/affirm', true],
        ['/restart', false],
      ],
    );
  });

  it('asks for the key where its author says so, and where others reach the hub', async () => {
    await set({ requireKey: true });
    const token = hub.app.adminToken;
    const hello = { message: 'hello' };
    const status = async (way: string, headers: Record<string, string> = {}) => (await ask(way, hello, headers)).status;
    assert.equal(await status('rest/webhook'), 401);
    assert.equal(await status('callback/webhook'), 401);
    assert.equal(await status('rest/webhook?token=x'), 401);
    assert.equal(await status('rest/webhook?token='), 401);
    assert.equal(await status('rest/webhook', { authorization: `Bearer ${token}x` }), 401);
    assert.equal(await status('rest/webhook', { authorization: token }), 401);
    assert.deepEqual(bot.turns, []);
    assert.equal(await status('rest/webhook', { authorization: `Bearer ${token}` }), 200);
    assert.equal(await status(`rest/webhook?token=${token}`), 200);
    const open = await newHub({ env: { HOST: '0.0.0.0', EGRESS_ALLOW: '127.0.0.1' } });
    try {
      appId = await newBot(open);
      assert.equal((await ask('rest/webhook', hello, {}, open)).status, 401);
      await set({ requireKey: false }, open);
      assert.equal((await ask('rest/webhook', hello, {}, open)).status, 200);
    } finally {
      await open.stop();
    }
  });

  it('posts callbacks in order, one for each thing that is said, and again when they were put off', async () => {
    assert.equal((await set({ callbackUrl })).status, 200);
    let refusals = 1;
    answer = () => (refusals-- > 0 ? { status: 503, headers: { 'retry-after': '1' } } : { status: 202 });
    bot.answer = (text) => [{ text: `${text}\n\nand more` }];
    const began = performance.now();
    for (const message of ['a', 'b']) {
      const { status, text } = await ask('callback/webhook', { sender: 'u1', message });
      assert.deepEqual([status, text], [200, 'success']);
    }
    await eventually(() => taken.length === 5);
    assert.deepEqual(
      taken.slice(1).map(({ body }) => body),
      ['a', 'and more', 'b', 'and more'].map((text) => ({ recipient_id: 'u1', text })),
    );
    assert.ok(performance.now() - began >= 990);
    const keys = taken.map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual([keys[0] === keys[1], new Set(keys).size], [true, 4]);
    await eventually(async () => (await said('u1')).every(({ delivered }) => delivered));
  });

  it('makes a dead letter of a callback that is refused, or whose address is gone', async () => {
    await set({ callbackUrl });
    answer = () => ({ status: 302, headers: { location: callbackUrl } });
    await ask('callback/webhook', { sender: 'u1', message: 'a' });
    const letters = async () =>
      ((await hub.api('GET', `/dead-letters?appId=${appId}`)).body as { items: { error: string }[] }).items;
    await eventually(async () => (await letters())[0]?.error.includes('status 302'));
    assert.equal(taken.length, 1);
    await set({});
    const { text, status } = await ask('callback/webhook', { message: 'a' });
    assert.deepEqual([status, /set callbackUrl/.test(text)], [422, true]);
  });

  it('refuses an address of the private network, and says who can allow it', async () => {
    for (const url of ['http://10.0.0.1/x', 'http://localhost/x', 'ftp://x.example/', 'http://a:b@x.example/', 'x']) {
      const { status, body } = await set({ callbackUrl: url });
      assert.deepEqual([status, body.errors[0].pointer], [422, '/callbackUrl'], url);
    }
    assert.match((await set({ callbackUrl: 'http://10.0.0.1/x' })).body.detail as string, /EGRESS_ALLOW=10\.0\.0\.1/);
  });

  it('logs the reply to a caller who has hung up as undelivered, and sends it nowhere', async () => {
    let answered = (): void => undefined;
    const slow = new Promise<void>((resolve) => (answered = resolve));
    bot.behave = () => slow;
    const gone = new AbortController();
    const asked = fetch(`${hub.url}/bots/${appId}/webhooks/rest/webhook`, {
      method: 'POST',
      body: JSON.stringify({ sender: 'u1', message: 'slow' }),
      signal: gone.signal,
    }).catch(() => null);
    await eventually(() => bot.turns.length === 1);
    gone.abort();
    await asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    answered();
    bot.behave = () => Promise.resolve();
    const [message] = await eventually(async () => {
      const found = await said('u1');
      return found[0]?.state === 'answered' ? found : null;
    });
    assert.deepEqual([message?.delivered, message?.error], [false, 'undelivered: the caller had gone']);
    assert.deepEqual((await hub.api('GET', `/dead-letters?appId=${appId}`)).body.items, []);
  });

  it('says that it is off, and that no platform calls it', async () => {
    await set({ enabled: false });
    const { status, text } = await ask('rest/webhook', { message: 'x' });
    assert.deepEqual([status, /set enabled to true/.test(text)], [503, true]);
    await set({});
    const platform = await fetch(`${hub.url}/webhooks/rest/${appId}`, { method: 'POST', body: '{"message":"x"}' });
    assert.equal(platform.status, 404);
    const { webhookUrl } = (await hub.api('GET', `/bots/${appId}/channels/rest`)).body as { webhookUrl: string };
    assert.equal(webhookUrl, `${hub.url}/bots/${appId}/webhooks/rest/webhook`);
  });
});
