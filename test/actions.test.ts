import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as ask, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/contracts.js';
import { createEgress } from '../src/egress.js';
import { actionEndpointOf, callElsewhere } from '../src/engines/rasa/action-endpoint.js';
import { openActions } from '../src/engines/rasa/actions.js';
import { openTrackerChannel, type TrackerChannel } from '../src/engines/rasa/channel.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { someBot, someModel } from './support/engines.js';

const endpoints = (content: string) => [{ path: 'endpoints.yml', content }];
const everywhere = createEgress(['127.0.0.1', 'localhost']);
const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
};

describe('an action server elsewhere', () => {
  let server: Server;
  let port: number;
  let seen: { url: string | undefined; headers: IncomingMessage['headers']; body: string }[];
  let status: number;
  before(async () => {
    server = createServer((request, response) => {
      void bytesOf(request).then((body) => {
        seen.push({ url: request.url, headers: request.headers, body: body.toString() });
        response.writeHead(status, { location: '/elsewhere', 'content-type': 'application/json' }).end('{"events":[]}');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  beforeEach(() => {
    [seen, status] = [[], 200];
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const call = { body: Buffer.from('{"next_action":"a"}'), contentEncoding: undefined };

  it('is what endpoints.yml says, with its token, parameters, headers and password', async () => {
    const text = `action_endpoint:
  url: http://127.0.0.1:${port}/webhook?a=1
  token: t0k
  params: {b: 2}
  headers: {X-One: "1"}
  basic_auth: {username: u, password: p}
`;
    const endpoint = actionEndpointOf(endpoints(text), everywhere);
    assert.ok(endpoint && 'url' in endpoint);
    const answer = await callElsewhere(endpoint, everywhere)(call);
    assert.deepEqual(answer, { status: 200, text: '{"events":[]}' });
    assert.equal(seen[0]?.url, '/webhook?a=1&b=2&token=t0k');
    assert.equal(seen[0].body, '{"next_action":"a"}');
    const { authorization, 'x-one': one } = seen[0].headers;
    assert.deepEqual([authorization, one], [`Basic ${Buffer.from('u:p').toString('base64')}`, '1']);
  });

  it('is none where no file or no section names one', () => {
    for (const files of [[], endpoints(''), endpoints('tracker_store: {}\n'), endpoints('action_endpoint:\n')])
      assert.equal(actionEndpointOf(files, everywhere), null);
  });

  it('is not called by a private address, nor by a name that leads to one, nor where it redirects', async () => {
    const closed = createEgress([]);
    const found = actionEndpointOf(endpoints(`action_endpoint: {url: "http://127.0.0.1:${port}/"}\n`), closed);
    assert.ok(found && 'fault' in found && /private address.*EGRESS_ALLOW/.test(found.fault));
    // As a name that first leads elsewhere and then here.
    const named = { url: `http://localhost:${port}/`, headers: {} };
    await assert.rejects(callElsewhere(named, closed)(call), /private address/);
    assert.equal(seen.length, 0);
    status = 302;
    assert.equal((await callElsewhere(named, everywhere)(call)).status, 302);
    assert.equal(seen.length, 1);
  });

  describe("through the line of the bot's process", () => {
    let folder: string;
    let store: Store;
    let channel: TrackerChannel;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sb-actions-'));
      store = await openStore(`sqlite:${join(folder, 'db')}`);
      const { log } = openLog({ level: 'silent', pretty: false });
      channel = openTrackerChannel({ trackers: store.trackers, log });
    });
    after(async () => {
      await channel.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    });
    const post = async (
      secret: string,
      { method = 'POST', socket = 'has' } = {},
    ): Promise<{ status: number | undefined; text: string }> => {
      const headers = { authorization: `Bearer ${secret}` };
      const sent = ask({ agent: false, socketPath: join(folder, socket), path: '/actions', method, headers });
      sent.end(method === 'POST' ? call.body : undefined);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      return { status: response.statusCode, text: (await bytesOf(response)).toString() };
    };

    it('is called for the bot that has it, and for nobody else', async () => {
      const named = { url: `http://127.0.0.1:${port}/webhook`, headers: {} };
      const has = await channel.admit('has', {
        socket: join(folder, 'has'),
        actions: callElsewhere(named, everywhere),
      });
      const hasNot = await channel.admit('has-not', { socket: join(folder, 'has-not') });
      assert.deepEqual(await post(has.secret), { status: 200, text: '{"events":[]}' });
      assert.equal((await post(has.secret, { method: 'GET' })).status, 404);
      assert.equal((await post(hasNot.secret)).status, 404);
      assert.equal((await post('wrong', { socket: 'has-not' })).status, 401);
      assert.equal((await post('wrong')).status, 401);
      assert.equal(seen.length, 1);
      status = 400;
      assert.equal((await post(has.secret)).status, 400);
      has.close();
      await assert.rejects(post(has.secret), { code: 'ENOENT' });
      assert.equal((await post(has.secret, { socket: 'has-not' })).status, 401);
    });

    it('is 502 when it does not answer', async () => {
      const nobody = callElsewhere({ url: 'http://127.0.0.1:1/', headers: {} }, everywhere);
      const key = await channel.admit('has', { socket: join(folder, 'has'), actions: nobody });
      assert.equal((await post(key.secret)).status, 502);
    });
  });
});

describe('actions in Python', () => {
  it('are not run where the operator has not allowed it, though a model was trained with them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sb-actions-'));
    const contentPath = join(folder, 'content.json');
    await writeFile(contentPath, JSON.stringify({ files: [{ path: 'actions.py', content: 'x = 1' }] }));
    const model = { ...someModel({ pipeline: 'project' }), archivePath: 'm', contentPath };
    const started: string[] = [];
    const start = ({ command }: { command: string }): Promise<never> => {
      started.push(command);
      return Promise.reject(new Error('started'));
    };
    const place = { egress: everywhere, runtimeDir: folder, start, hide: () => undefined, timeoutMs: 1000 };
    assert.equal(await openActions({ ...place, customCode: false }, someBot(), model), null);
    assert.deepEqual(started, []);
    await assert.rejects(openActions({ ...place, customCode: true }, someBot(), model), /started/);
    assert.deepEqual(started, ['actions']);
    assert.deepEqual(readdirSync(folder), ['content.json'], 'nothing is left of it');
    await rm(folder, { recursive: true });
  });
});
