import assert from 'node:assert/strict';
import type { ConnectionContext, Connector, Delivery, SendResult, Store, WebhookRequest } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { scriptedEngine } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

describe('the webhooks', () => {
  let hub: TestHub;
  let appId: string;
  let requests: WebhookRequest[];
  let sent: { to: string; delivery: Delivery }[];
  let send: (delivery: Delivery) => SendResult;
  let receive: Store['conversations']['receive'] | null;

  const platform: Connector = {
    name: 'test',
    open: (context: ConnectionContext) => ({
      async webhook(request) {
        requests.push(request);
        const [eventId = '', text = ''] = request.body.toString('latin1').split(' ');
        if (text === 'boom') throw new Error('a secret detail');
        await context.receive({ conversation: 'test:1', eventId, text, payload: false, to: 'chat-1', metadata: {} });
        return { status: 200, headers: { 'x-platform': 'yes' }, body: 'stored' };
      },
      send: (to, delivery) => {
        const result = send(delivery);
        if (result.outcome === 'sent') sent.push({ to, delivery });
        return Promise.resolve(result);
      },
      close: () => Promise.resolve(),
    }),
    close: () => Promise.resolve(),
  };
  const wrapped = (store: Store): Store => {
    const real = store.conversations.receive.bind(store.conversations);
    store.conversations.receive = (message) => (receive ?? real)(message);
    return store;
  };
  const post = (body: string | Buffer, path = `test/${appId}`): Promise<Response> =>
    fetch(`${hub.url}/webhooks/${path}`, { method: 'POST', body });

  before(async () => {
    const rasa = scriptedEngine({ needsModel: false });
    hub = await newHub({ standIns: { connectors: [platform], engines: { rasa }, store: wrapped } });
    appId = ((await hub.api('POST', '/bots', { name: 'A', engine: 'lite' })).body as { appId: string }).appId;
    await hub.api('POST', `/bots/${appId}/train?wait=true`, [{ Q: [{ q: 'hello' }], A: 'Hi.' }]);
  });
  beforeEach(() => {
    [requests, sent, receive] = [[], [], null];
    send = () => ({ outcome: 'sent' });
  });
  after(() => hub.stop());

  it('hand the raw bytes, headers and query to the connection, and pass its answer on', async () => {
    const body = Buffer.from([0x65, 0x31, 0x20, 0xff, 0x00, 0x80]);
    const response = await fetch(`${hub.url}/webhooks/test/${appId}?a=1&b=2&b=3`, {
      method: 'POST',
      body,
      headers: { 'X-Signature': 'abc', 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.deepEqual(
      [response.status, response.headers.get('x-platform'), await response.text()],
      [200, 'yes', 'stored'],
    );
    assert.deepEqual(requests[0]!.body, body);
    assert.equal(requests[0]!.headers['x-signature'], 'abc');
    assert.deepEqual({ ...requests[0]!.query }, { a: '1', b: ['2', '3'] });
    // What the bot says to it is this test's, not the next one's.
    await eventually(() => sent.length === 1);
  });

  it('answer the message by the channel it came from, a repeated event once', async () => {
    for (let i = 0; i < 3; i += 1) assert.equal((await post('e2 hello')).status, 200);
    const { to, delivery } = await eventually(() => sent[0]);
    assert.deepEqual([to, delivery.reply.text, delivery.part], ['chat-1', 'Hi.', 0]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(sent.length, 1);
  });

  it('answer 503 in time while the store does not take the message, and know its copy later', async () => {
    receive = () => new Promise(() => undefined);
    const started = performance.now();
    const slow = await post('e3 hello');
    assert.equal(slow.status, 503);
    assert.equal(slow.headers.get('retry-after'), '1');
    assert.ok(performance.now() - started < 3000);
    receive = () => Promise.reject(new HubError('store_unavailable', 'locked'));
    const refused = await post('e3 hello');
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'store_unavailable']);
    receive = null;
    assert.equal((await post('e3 hello')).status, 200);
    await eventually(() => sent.length === 1);
  });

  it('answer 404 for an unknown bot or channel, 413 for a huge body, and nothing inside out', async () => {
    assert.equal((await post('e', 'test/nobody')).status, 404);
    assert.equal((await post('e', `nothing/${appId}`)).status, 404);
    assert.equal((await post('e', `web/${appId}`)).status, 404, 'the web channel takes no webhooks');
    assert.equal((await post(Buffer.alloc(1_100_000))).status, 413);
    const failed = await post('e4 boom');
    assert.equal(failed.status, 500);
    assert.doesNotMatch(await failed.text(), /secret detail/);
  });

  it('leave a dead letter of what the platform refused, to be seen, replayed and discarded', async () => {
    send = () => ({ outcome: 'refused', reason: 'the user has blocked the bot' });
    await post('e5 hello');
    const letter = await eventually(async () => {
      const { body } = await hub.api('GET', `/dead-letters?appId=${appId}`);
      return (body as { items: Record<string, unknown>[] }).items[0];
    });
    assert.equal(letter['kind'], 'reply');
    assert.equal(letter['error'], 'refused: the user has blocked the bot');
    assert.equal(letter['text'], 'hello');
    assert.deepEqual((await hub.api('GET', '/dead-letters?appId=other')).body.items, []);
    send = () => ({ outcome: 'sent' });
    assert.equal((await hub.api('POST', `/dead-letters/${letter['id'] as string}/replay`)).status, 202);
    await eventually(() => sent.length === 1);
    assert.deepEqual((await hub.api('GET', '/dead-letters')).body.items, []);
    assert.equal((await hub.api('POST', `/dead-letters/${letter['id'] as string}/replay`)).status, 404);
    assert.equal((await hub.api('DELETE', '/dead-letters/999')).status, 404);
    assert.equal((await fetch(`${hub.url}/api/v1/dead-letters`)).status, 401);
  });
});
