import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json, RunningEngine } from '../src/contracts.js';
import { createEgress } from '../src/egress.js';
import { createRemoteEngine } from '../src/engines/remote.js';
import { someBot } from './support/engines.js';
import { eventually, newHub } from './support/hub.js';

/** Rasa's REST channel and as much of its HTTP API as a test wants. */
describe('the remote engine', () => {
  const egress = createEgress(['127.0.0.1']);
  let server: Server;
  let running: RunningEngine;
  let reply: (response: ServerResponse) => void;
  let events: Json[] | null;
  let status: number;
  let said: unknown[];
  /** Authorization headers of the messages that came. */
  let callers: (string | undefined)[];

  const json = (response: ServerResponse, code: number, body: unknown): void =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? '';
    if (url === '/webhooks/rest/webhook') void heard(request).then(() => reply(response));
    else if (url === '/status') json(response, status, {});
    else if (url === '/conversations/anna%2F1/tracker?include_events=ALL' && events) json(response, 200, { events });
    else json(response, 404, {});
  };
  const heard = async (request: IncomingMessage): Promise<void> => {
    callers.push(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    said.push((JSON.parse(Buffer.concat(chunks).toString()) as Json)['message']);
  };
  const turn = (text = 'hi', payload = false) =>
    running.reply({ sender: 'anna/1', text, payload, channel: 'rest', metadata: { switchboard_event: '7' } });
  const user = (event: string): Json => ({ event: 'user', text: 'hi', metadata: { switchboard_event: event } });

  beforeEach(async () => {
    [events, status, said, callers] = [null, 200, [], []];
    reply = (response) => json(response, 200, [{ recipient_id: 'anna/1', text: 'hello' }]);
    server = createServer(serve).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const remoteUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    running = await createRemoteEngine(egress).launch(someBot({ engine: 'remote', remoteUrl }), null);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('reads the tracker where the server has one', async () => {
    assert.equal(await running.tracker?.('anna/1'), null);
    events = [user('7')];
    assert.deepEqual(await running.tracker?.('anna/1'), [user('7')]);
  });

  it('is told what somebody typed as words, never as an intent, and the payload of a button as it is', async () => {
    for (const text of ['/restart', ' \n/faq{"a":"b"}', 'and/or', 'https://a.b/c']) await turn(text);
    await turn('/restart', true);
    const slash = '\uff0f';
    assert.deepEqual(said, [`${slash}restart`, ` \n${slash}faq{"a":"b"}`, 'and/or', 'https://a.b/c', '/restart']);
  });

  it('is called with the Authorization header that its author gave, which nobody is shown', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sb-remote-'));
    const hub = await newHub({ dataDir, env: { EGRESS_ALLOW: '127.0.0.1' } });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const secret = 'a-secret-of-the-remote-bot';
    const made = await hub.api('POST', '/bots', {
      name: 'R',
      engine: 'remote',
      remoteUrl: url,
      remoteAuth: `Bearer ${secret}`,
    });
    assert.deepEqual([made.status, made.body['remoteAuth']], [201, true]);
    const at = `/bots/${String(made.body['appId'])}`;
    const said = async (): Promise<string | undefined> => {
      const { status } = await hub.api('POST', `${at}/messages`, { sender: 'anna/1', message: 'hi' });
      assert.equal(status, 200);
      return callers.at(-1);
    };
    assert.equal(await said(), `Bearer ${secret}`);
    await hub.api('POST', `${at}/park`);
    assert.equal(await said(), `Bearer ${secret}`);
    const elsewhere = await hub.api('PATCH', at, { remoteUrl: `${url}/other` });
    assert.deepEqual(
      [elsewhere.status, (elsewhere.body['errors'] as { pointer: string }[])[0]?.pointer],
      [422, '/remoteAuth'],
    );
    assert.equal((await hub.api('PATCH', at, { remoteAuth: 'Basic YTpi' })).body['remoteAuth'], true);
    assert.equal(await said(), 'Basic YTpi');
    const none = await hub.api('PATCH', at, { remoteAuth: null, remoteUrl: `${url}/` });
    assert.deepEqual([none.status, none.body['remoteAuth']], [200, false]);
    assert.equal(await said(), undefined);
    await hub.api('PATCH', at, { remoteAuth: `Bearer ${secret}` });
    const shown = [await hub.api('GET', at), await hub.api('GET', '/bots')].map(({ body }) => JSON.stringify(body));
    await hub.stop();
    for (const text of [...shown, ...hub.log]) assert.ok(!text.includes(secret), text);
    for (const name of await readdir(dataDir, { recursive: true, withFileTypes: true }))
      if (name.isFile()) {
        const bytes = await readFile(join(name.parentPath, name.name));
        assert.ok(!bytes.includes(secret), name.name);
      }
    const again = await newHub({ env: { EGRESS_ALLOW: '127.0.0.1' } });
    for (const body of [{ remoteAuth: 'x' }, { engine: 'remote', remoteUrl: url, remoteAuth: 'a\nb' }]) {
      const { status } = await again.api('POST', '/bots', { name: 'R', ...body });
      assert.equal(status, 422);
    }
    await again.stop();
    await rm(dataDir, { recursive: true });
  });

  it('is left alone when it keeps failing, and asked again after a while, once', async () => {
    let now = 0;
    const breaker = { failures: 3, pauseMs: 1000, now: () => now };
    running = await createRemoteEngine(egress, { breaker }).launch(
      someBot({ engine: 'remote', remoteUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
      null,
    );
    events = [];
    reply = (response) => json(response, 500, {});
    const failing = async (words: RegExp): Promise<void> =>
      assert.rejects(turn(), { code: 'turn_failed', message: words });
    await failing(/status 500/);
    await failing(/status 500/);
    reply = (response) => json(response, 200, [{ text: 'hello' }]);
    await turn();
    reply = (response) => json(response, 500, {});
    for (let n = 0; n < 3; n += 1) await failing(/status 500/);
    await failing(/failed 3 times in a row; it is asked again in 1 s/);
    await assert.rejects(running.parse('x'), /3 times in a row/);
    assert.equal(await running.tracker?.('anna/1'), null, 'nor is its tracker asked for');
    assert.equal(said.length, 6);
    now = 1000;
    let answer: () => void = () => undefined;
    reply = (response) => void (answer = () => json(response, 200, [{ text: 'back' }]));
    const tried = turn();
    await failing(/in a row/);
    await eventually(() => said.length === 7);
    answer();
    assert.equal((await tried).messages[0]?.text, 'back');
    reply = (response) => json(response, 200, [{ text: 'hello' }]);
    await turn();
    assert.deepEqual(await running.tracker?.('anna/1'), []);
  });

  describe('answered with nothing', () => {
    beforeEach(() => {
      reply = (response) => json(response, 200, []);
    });
    it('believes it when the tracker has the message', async () => {
      events = [user('6'), user('7')];
      assert.deepEqual((await turn()).messages, []);
    });
    it('takes it for a failure when the tracker does not', async () => {
      events = [user('6')];
      await assert.rejects(turn(), { code: 'turn_failed', message: /tracker does not know/ });
    });
    it('takes it for a failure when no model is loaded', async () => {
      status = 409;
      await assert.rejects(turn(), { code: 'turn_failed', message: /no model/ });
    });
    it('believes a server that keeps no tracker and has no status', async () => {
      status = 404;
      assert.deepEqual((await turn()).messages, []);
    });
  });

  describe('whose answer was lost', () => {
    beforeEach(() => {
      reply = (response) => void response.socket?.destroy();
    });
    it('may be asked again where a tracker can be looked at', async () => {
      events = [];
      await assert.rejects(turn(), { code: 'turn_failed' });
    });
    it('may not where there is none', async () => {
      await assert.rejects(turn(), { code: 'turn_timeout', message: /not known/ });
    });
  });

  it('may be asked again when nothing was sent, or the server said that it failed', async () => {
    reply = (response) => json(response, 500, {});
    await assert.rejects(turn(), { code: 'turn_failed', message: /status 500/ });
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await assert.rejects(turn(), { code: 'turn_failed', message: /cannot be reached/ });
  });

  it('never names its URL in an error', async () => {
    const remoteUrl = 'http://127.0.0.1:1/token-abc';
    const other = await createRemoteEngine(egress).launch(someBot({ engine: 'remote', remoteUrl }), null);
    await assert.rejects(other.parse('hi'), (error: Error) => !/secret|token-abc/.test(error.message));
  });

  it('is not called where only the hub could reach it, whether its URL or its name says so', async () => {
    const closed = createRemoteEngine(createEgress([]));
    const of = (remoteUrl: string) => closed.launch(someBot({ engine: 'remote', remoteUrl }), null);
    await assert.rejects(of('http://169.254.169.254/latest'), { code: 'wake_failed', message: /private address/ });
    await assert.rejects(of('http://user:secret@example.com'), (error: Error) => !error.message.includes('secret'));
    const named = await of(`http://127.0.0.1.nip.invalid:${(server.address() as AddressInfo).port}`);
    await assert.rejects(named.parse('hi'), { code: 'turn_failed' });
    assert.deepEqual(said, []);
  });
});
