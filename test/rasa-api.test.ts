import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import type { ApiRequest, ApiResponse, RunningEngine, TrainingContent } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { TrainingFailure } from '../src/training/failure.js';
import { type ScriptedEngine, scriptedEngine, saying } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { FakeTelegram } from '../src/lab/platforms/telegram.js';

interface RasaBody {
  status?: string;
  reason?: string;
  message?: string;
  code?: number;
  details?: unknown;
}
const jwtKey = 'a key of thirty-two bytes or more';

/** What the hub itself does for Rasa's API; that the rest is Rasa's own, rasa-diff.test.ts shows. */
describe('the Rasa API of a bot, as the hub passes it on', function () {
  this.timeout(20_000);
  /** What reached the bot's process, and in which process. */
  const passed: { request: ApiRequest; at: RunningEngine }[] = [];
  let respond: (request: ApiRequest) => Promise<ApiResponse>;
  let rasa: ScriptedEngine;
  let hub: TestHub;
  let appId: string;
  let folder: string;
  let hook: Server;
  let hookUrl: string;
  const hooked: { type: string | undefined; body: string }[] = [];

  const ask = async (
    method: string,
    path: string,
    {
      body,
      headers = {},
      key = hub.app.adminToken,
    }: { body?: string; headers?: Record<string, string>; key?: string | null } = {},
  ) => {
    const response = await fetch(`${hub.url}/bots/${appId}${path}`, {
      method,
      headers: { ...headers, ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const json = text.startsWith('{') ? (JSON.parse(text) as RasaBody) : {};
    return { status: response.status, headers: response.headers, text, json };
  };
  const tokenOf = (user: object): Promise<string> =>
    new SignJWT({ user }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(jwtKey));
  const trained = async (): Promise<string> => {
    const made = (await hub.api('POST', '/bots', { name: 'A' })).body as { appId: string };
    const pairs = [{ Q: [{ q: 'hi' }], A: 'Hello.' }];
    assert.equal((await hub.api('POST', `/bots/${made.appId}/train?wait=true`, pairs)).body.state, 'done');
    return made.appId;
  };
  const modelOf = async (): Promise<string | null> =>
    ((await hub.api('GET', `/bots/${appId}`)).body as { activeModel: string | null }).activeModel;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-rasa-api-'));
    rasa = scriptedEngine();
    const launch = rasa.launch.bind(rasa);
    rasa.launch = async (bot, model) => {
      const running = await launch(bot, model);
      running.api = (request) => {
        passed.push({ request, at: running });
        return respond(request);
      };
      return running;
    };
    const train = async (content: TrainingContent) => {
      if (content.yaml?.includes('broken')) throw new TrainingFailure('bad_yaml', 'Line 1 is broken.');
      if (content.yaml?.includes('fails')) throw new TrainingFailure('rasa', 'Rasa gave up.');
      const archivePath = join(folder, `${Math.random()}`);
      await writeFile(archivePath, `archive of ${content.yaml ?? 'the bot'}`);
      return { archivePath, seconds: 0 };
    };
    hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        hooked.push({ type: request.headers['content-type'], body });
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    const { port } = hook.address() as AddressInfo;
    hookUrl = encodeURIComponent(`http://127.0.0.1:${port}/hook`);
    hub = await newHub({
      standIns: { engines: { rasa }, training: { train } },
      env: { EGRESS_ALLOW: '127.0.0.1', PUBLIC_URL: 'https://hub.example' },
    });
    appId = await trained();
  });
  beforeEach(() => {
    passed.length = hooked.length = 0;
    respond = () =>
      Promise.resolve({ status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"a":1}') });
  });
  after(async () => {
    await hub.stop();
    hook.close();
    hook.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  it('passes a request on as it came, without the prefix and without the key, and the answer back', async () => {
    respond = () =>
      Promise.resolve({
        status: 418,
        headers: { 'content-type': 'text/x', connection: 'close' },
        body: Buffer.from('tea'),
      });
    const path = '/model/parse?emulation_mode=WIT&token=wrong&%74oken=x&q=a%20b';
    const { status, headers, text } = await ask('POST', path, {
      body: '{"text": "ü"}',
      headers: { 'content-type': 'x/y', cookie: 'secret=1' },
    });
    assert.deepEqual([status, headers.get('content-type'), text], [418, 'text/x', 'tea']);
    const { request } = passed[0]!;
    assert.deepEqual([request.method, request.path], ['POST', '/model/parse?emulation_mode=WIT&q=a%20b']);
    assert.equal(request.body.toString(), '{"text": "ü"}');
    assert.equal(request.headers['content-type'], 'x/y');
    assert.deepEqual(
      Object.keys(request.headers).filter((name) => /cookie|auth/.test(name)),
      [],
    );
  });

  it('asks for a key in all of it but the greeting, in the words of Rasa', async () => {
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as { paths: Record<string, object> };
    const rows = Object.entries(document.paths).filter(
      ([path, row]) => JSON.stringify(row).includes("Rasa's API:") && path.startsWith('/bots/'),
    );
    assert.equal(rows.flatMap(([, row]) => Object.keys(row)).length, 20, 'every address of the API is in the document');
    for (const [path, row] of rows) {
      for (const method of Object.keys(row)) {
        const tail = path.replace('/bots/{appId}', '').replace('{conversationId}', 'ann');
        const { status, json } = await ask(method.toUpperCase(), tail, { key: 'wrong' });
        if (/^\/(?:version)?$/.test(tail)) assert.equal(status, 200, tail);
        else assert.deepEqual([status, json.reason, json.code], [401, 'NotAuthenticated', 401], `${method} ${tail}`);
      }
    }
    assert.equal(passed.length, 0);
    assert.equal((await ask('GET', `/status?token=${hub.app.adminToken}`, { key: null })).status, 200);
  });

  it('takes JSON Web Tokens that the key of the rest channel signed, each for its own conversation', async () => {
    const anna = await tokenOf({ username: 'anna', role: 'user' });
    assert.equal((await ask('GET', '/status', { key: anna })).status, 401, 'no key was given yet');
    const set = await hub.api('PUT', `/bots/${appId}/channels/rest`, { jwtKey });
    assert.deepEqual([set.status, JSON.stringify(set.body).includes(jwtKey)], [200, false]);
    const status = async (path: string, key: string): Promise<number> => (await ask('GET', path, { key })).status;
    assert.equal(await status('/conversations/anna/tracker', anna), 200);
    assert.equal(await status('/conversations/bert/tracker', anna), 403);
    assert.equal(await status('/domain', anna), 403);
    assert.equal(await status('/domain', await tokenOf({ username: 'x', role: 'admin' })), 200);
    assert.equal(await status('/domain', await tokenOf({ username: 'x' })), 403);
    const none = new SignJWT({ user: { role: 'admin' } }).setProtectedHeader({ alg: 'HS256' });
    assert.equal(
      await status('/domain', await none.sign(new TextEncoder().encode('some other key of 32 bytes or more'))),
      401,
    );
    assert.ok(!hub.log.some((line) => line.includes(jwtKey)));
  });

  it('knows no other method, however strange', async () => {
    for (const method of ['PATCH', 'PROPFIND']) {
      const response = await fetch(`${hub.url}/api/v1/bots`, { method, headers: { authorization: 'Bearer x' } });
      assert.deepEqual([response.status, response.headers.get('content-type')], [405, 'application/problem+json']);
    }
  });

  it('does not tell a stranger which bots there are', async () => {
    const before = appId;
    appId = 'nobody';
    const stranger = await ask('GET', '/status', { key: 'wrong' });
    const owner = await ask('GET', '/status');
    appId = before;
    assert.deepEqual([stranger.status, owner.status, owner.json.reason], [401, 404, 'NotFound']);
  });

  it('lets what changes a conversation wait for the turn before it, and reads at once', async () => {
    let answer: () => void = () => undefined;
    rasa.answer = (turn) => new Promise((resolve) => (answer = () => resolve(saying(turn, 'done'))));
    const turn = hub.api('POST', `/bots/${appId}/messages`, { sender: 'ann', message: 'hello' });
    await eventually(() => rasa.launched.some(({ turns }) => turns.length > 0));
    const write = ask('POST', '/conversations/ann/tracker/events', { body: '{}' });
    await ask('GET', '/conversations/ann/tracker');
    await ask('POST', '/conversations/bob/tracker/events', { body: '{}' });
    assert.deepEqual(
      passed.map(({ request }) => request.path),
      ['/conversations/ann/tracker', '/conversations/bob/tracker/events'],
    );
    answer();
    assert.equal((await turn).status, 200);
    assert.equal((await write).status, 200);
    assert.equal(passed.at(-1)?.request.path, '/conversations/ann/tracker/events');
  });

  it('tests in a process of its own, which ends with the test', async () => {
    await ask('GET', '/status');
    const own = passed[0]!.at;
    await ask('POST', '/model/test/intents?cross_validation_folds=2', { body: 'nlu: []' });
    const { at, request } = passed[1]!;
    assert.notEqual(at, own);
    assert.deepEqual(
      [request.path, (at as { stopped?: boolean }).stopped],
      ['/model/test/intents?cross_validation_folds=2', true],
    );
    assert.equal((await ask('POST', '/model/test/stories?model=/etc/passwd', { body: 'x' })).status, 400);
    assert.equal(passed.length, 2, 'a model that is not one of the bot is not looked for');
  });

  it('posts the result to callback_url, and a failure too; calls nobody that it may not', async () => {
    const later = await ask('POST', `/model/test/intents?callback_url=${hookUrl}`, { body: 'nlu: []' });
    assert.deepEqual([later.status, later.text], [204, '']);
    await eventually(() => hooked.length === 1);
    assert.deepEqual(hooked[0], { type: 'application/json', body: '{"a":1}' });
    assert.ok(!passed[0]!.request.path.includes('callback_url'));
    respond = () => Promise.reject(new HubError('turn_failed', 'It broke.'));
    await ask('POST', `/model/test/intents?callback_url=${hookUrl}`, { body: 'nlu: []' });
    await eventually(() => hooked.length === 2);
    assert.equal((JSON.parse(hooked[1]!.body) as RasaBody).message, 'It broke.');
    const inside = await ask('POST', `/model/train?callback_url=${encodeURIComponent('http://169.254.169.254/')}`, {
      body: 'x: 1',
    });
    assert.deepEqual([inside.status, inside.json.details], [400, { parameter: 'callback_url', in: 'query' }]);
  });

  it('trains what was sent and keeps it beside the model in use; PUT /model puts it into use', async () => {
    const before = await modelOf();
    const made = await ask('POST', '/model/train', { body: 'pipeline: []\nnlu: []' });
    assert.deepEqual([made.status, made.text], [200, 'archive of pipeline: []\nnlu: []']);
    const file = made.headers.get('filename') ?? '';
    assert.match(file, /^[\w-]+\.tar\.gz$/);
    assert.equal(await modelOf(), before, 'it is not in use');
    assert.equal((await ask('PUT', '/model', { body: JSON.stringify({ model_file: `models/${file}` }) })).status, 204);
    assert.equal(`${await modelOf()}.tar.gz`, file);
    assert.equal(
      (await ask('PUT', '/model', { body: JSON.stringify({ model_file: `models/${before}.tar.gz` }) })).status,
      204,
    );
    type Entry = { action: string; status: number; by: { kind: string }; before: unknown; after: unknown };
    const log = async (): Promise<Entry[]> => (await hub.api('GET', `/audit?appId=${appId}`)).body.items as Entry[];
    const changed = { before: { activeModel: file.replace('.tar.gz', '') }, after: { activeModel: before } };
    const back = (await log())[0]!;
    assert.deepEqual([back.action, back.status, back.by.kind], ['PUT /bots/{appId}/model', 204, 'token']);
    assert.deepEqual({ before: back.before, after: back.after }, changed);
    assert.ok((await log()).some(({ action }) => action === 'POST /bots/{appId}/model/train'));
    const entries = (await log()).length;
    assert.equal((await ask('PUT', '/model', { body: '{}', key: 'nobody' })).status, 401);
    assert.equal((await log()).length, entries, 'who is not let in writes nothing');
    const wrong = await ask('PUT', '/model', { body: '{"model_file": "/etc/passwd"}' });
    assert.deepEqual([wrong.status, wrong.json.message], [400, "Agent with name '/etc/passwd' could not be loaded."]);
    assert.deepEqual([(await log())[0]?.status, (await log())[0]?.after], [400, null]);
    const server = await ask('PUT', '/model', { body: '{"model_server": {"url": "http://127.0.0.1/"}}' });
    assert.deepEqual([server.status, server.json.reason], [400, 'BadRequest']);
    await ask('POST', `/model/train?callback_url=${hookUrl}`, { body: 'pipeline: []\nstories: []' });
    await eventually(() => hooked.length === 1);
    assert.deepEqual(hooked[0], { type: 'application/gzip', body: 'archive of pipeline: []\nstories: []' });
    assert.equal(await modelOf(), before);
  });

  describe('with an output_channel', () => {
    const telegram = new FakeTelegram();
    let chat: string;
    let conversation: string;
    /** What Rasa says that it has said, in a conversation that came in last by `channel`. */
    const rasaSays = (channel: string | null): void => {
      const body = { tracker: { latest_input_channel: channel }, messages: [{ recipient_id: 'x', text: 'Unasked.' }] };
      respond = () => Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) });
    };
    const trigger = (query: string, at = conversation) =>
      ask('POST', `/conversations/${at}/trigger_intent${query}`, { body: '{"name": "x"}' });
    const shown = () => telegram.posts.map(({ chat: to, text }) => [to, text]);

    before(async () => {
      rasa.answer = (turn) => Promise.resolve(saying(turn, 'Hello.'));
      await telegram.open();
      const set = await hub.api('PUT', `/bots/${appId}/channels/telegram`, telegram.settings());
      assert.deepEqual([set.status, set.body['reason']], [200, null]);
      chat = telegram.chat(1);
      await telegram.say(telegram.address(hub.url, appId), { id: '1', chat, text: 'hi' });
      await eventually(() => telegram.posts.length === 1);
      const { body } = await hub.api('GET', `/bots/${appId}/conversations`);
      conversation = (body as { items: { id: string; channel: string }[] }).items.find(
        (one) => one.channel === 'telegram',
      )!.id;
    });
    beforeEach(() => void (telegram.posts.length = 0));
    after(() => telegram.close());

    it('what the bot says leaves by the channel that the user last wrote by, or that is named', async () => {
      rasaSays('telegram');
      for (const query of ['?output_channel=latest', '?output_channel=telegram']) {
        const { status, text } = await trigger(query);
        assert.deepEqual([status, text], [200, '{"tracker":{"latest_input_channel":"telegram"}}'], query);
      }
      await eventually(() => telegram.posts.length === 2);
      assert.deepEqual(shown(), [
        [chat, 'Unasked.'],
        [chat, 'Unasked.'],
      ]);
      const log = (await hub.api('GET', `/bots/${appId}/conversations/${encodeURIComponent(conversation)}`)).body;
      const [message] = (log as { items: { replies: { text: string }[]; delivered: boolean }[] }).items;
      assert.deepEqual(
        message?.replies.map(({ text }) => text),
        ['Hello.', 'Unasked.', 'Unasked.'],
      );
    });

    it('bot events are sent with execute_side_effects alone', async () => {
      respond = () =>
        Promise.resolve({
          status: 200,
          headers: {},
          body: Buffer.from(`{"sender_id":"${conversation}","latest_input_channel":"telegram"}`),
        });
      const button = { title: 'Yes', payload: '/yes' };
      const events = JSON.stringify([
        { event: 'slot', name: 'a', value: 1 },
        { event: 'bot', text: 'By hand.', data: { buttons: [button], image: null } },
      ]);
      const at = `/conversations/${conversation}/tracker/events?output_channel=latest`;
      await ask('POST', at, { body: events });
      const { status, text } = await ask('POST', `${at}&execute_side_effects=true`, { body: events });
      assert.deepEqual([status, text.includes('sender_id')], [200, true]);
      await eventually(() => telegram.posts.length > 0);
      assert.deepEqual(
        telegram.posts.map((post) => [post.text, post.buttons.map(({ title }) => title)]),
        [['By hand.', ['Yes']]],
      );
    });

    it('stays in the answer where there is no such channel, or nobody wrote by it', async () => {
      rasaSays(null);
      const queries = [
        '',
        '?output_channel=latest',
        '?output_channel=slack',
        '?output_channel=rest',
        '?output_channel=x',
      ];
      for (const query of queries) assert.match((await trigger(query)).text, /Unasked/, query);
      assert.match((await trigger('?output_channel=telegram', 'somebody-else')).text, /Unasked/);
      respond = () => Promise.resolve({ status: 404, headers: {}, body: Buffer.from('{"messages": [{"text": "a"}]}') });
      assert.equal((await trigger('?output_channel=telegram')).status, 404);
      rasaSays('telegram');
      await trigger('?output_channel=latest');
      await eventually(() => telegram.posts.length > 0);
      assert.deepEqual(shown(), [[chat, 'Unasked.']], 'and nothing before it');
    });
  });

  it('serves the model in use by its ETag to a Rasa elsewhere, and nobody else', async () => {
    const at = (name: string | null, headers: Record<string, string> = {}) =>
      ask('GET', '/model', { key: name, headers });
    const { adminToken: key } = hub.app;
    const first = await at(key);
    const etag = first.headers.get('etag') ?? '';
    assert.deepEqual([first.status, first.text], [200, 'archive of the bot']);
    assert.deepEqual([etag.length, first.headers.get('filename')], [66, `${await modelOf()}.tar.gz`]);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await at(key, { 'if-none-match': known });
      assert.deepEqual([again.status, again.text, again.headers.get('etag')], [304, '', etag], known);
    }
    for (const other of ['"other"', 'None', etag.slice(1, -1)])
      assert.equal((await at(key, { 'if-none-match': other })).status, 200, other);
    assert.deepEqual([(await at(null)).status, (await at('wrong')).status], [401, 401]);
    assert.equal((await at(await tokenOf({ username: 'anna', role: 'user' }))).status, 403);
    const before = (await modelOf()) ?? '';
    const made = await ask('POST', '/model/train', { body: 'pipeline: []\nresponses: []' });
    const next = JSON.stringify({ model_file: made.headers.get('filename') });
    assert.equal((await ask('PUT', '/model', { body: next })).status, 204);
    const second = await at(key, { 'if-none-match': etag });
    assert.deepEqual([second.status, second.text], [200, 'archive of pipeline: []\nresponses: []']);
    assert.notEqual(second.headers.get('etag'), etag);
    await ask('DELETE', '/model');
    assert.equal((await at(key, { 'if-none-match': etag })).status, 204);
    assert.equal((await ask('PUT', '/model', { body: JSON.stringify({ model_file: before }) })).status, 204);
  });

  it('gives its model to a bot of another hub as the initial one', async () => {
    const { headers } = await ask('GET', '/model');
    const sha256 = (headers.get('etag') ?? '').slice(1, -1);
    const url = `${hub.url}/bots/${appId}/model?token=${hub.app.adminToken}`;
    const made = await hub.api('POST', '/bots', { name: 'Elsewhere', engine: 'rasa', initialModel: { url, sha256 } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.notEqual((made.body as { activeModel: string | null }).activeModel, null);
    assert.ok(!hub.log.some((line) => line.includes(hub.app.adminToken)));
  });

  it('tells a fault of the data from a failed training', async () => {
    const broken = await ask('POST', '/model/train', { body: 'broken: 1' });
    assert.deepEqual([broken.status, broken.json.reason], [400, 'BadRequest']);
    const failed = await ask('POST', '/model/train', { body: 'fails: 1' });
    assert.deepEqual([failed.status, failed.json.reason], [500, 'TrainingError']);
    assert.match(failed.json.message ?? '', /Rasa gave up/);
  });

  it('has no model after DELETE /model, in the words of Rasa, until one is put into use again', async () => {
    const before = (await modelOf()) ?? '';
    assert.equal((await ask('DELETE', '/model')).status, 204);
    const { status, json } = await ask('GET', '/status');
    assert.deepEqual([status, json.reason, json.status], [409, 'Conflict', 'failure']);
    assert.equal((await ask('PUT', '/model', { body: JSON.stringify({ model_file: before }) })).status, 204);
    assert.equal((await ask('GET', '/status')).status, 200);
  });

  it('says of a bot that is not answered by Rasa that it has none of this', async () => {
    const made = await hub.api('POST', '/bots', {
      name: 'R',
      engine: 'remote',
      remoteUrl: decodeURIComponent(hookUrl),
    });
    const before = appId;
    appId = (made.body as { appId: string }).appId;
    const asked = [await ask('GET', '/domain'), await ask('GET', '/model')];
    appId = before;
    for (const { status, json } of asked) assert.deepEqual([status, json.reason], [501, 'NotImplemented']);
  });
});
