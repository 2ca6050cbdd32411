import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { ChannelCheck, ConnectionContext, Connector, Json, SendResult } from '../src/contracts.js';
import { scriptedEngine } from './support/engines.js';
import { createChannelNotes } from '../src/hub/channel-notes.js';
import { openLog } from '../src/log.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const secret = 'xoxb-canary-secret-1';
const other = 'signing-canary-secret-2';

interface Channel {
  name: string;
  on: boolean;
  reason: string | null;
  settings: Json;
  secrets: Record<string, boolean>;
  webhookUrl: string;
  lastEventAt: string | null;
  lastError: string | null;
  lastErrorAt: string | null;
}

describe('What was last seen of a channel', () => {
  it('is known also while it is being written', async () => {
    let wrote: () => void = () => undefined;
    const { log } = openLog({ level: 'silent', pretty: false });
    const notes = createChannelNotes(
      {
        note: () => new Promise((resolve) => (wrote = resolve)),
        health: () => Promise.resolve(new Map()),
      },
      log,
    );
    notes.note('a', 'slack', { lastEventAt: 'then' });
    const written = notes.stop();
    await Promise.resolve();
    notes.note('a', 'slack', { lastError: 'since' });
    const known = { lastEventAt: 'then', lastErrorAt: null, lastError: 'since' };
    assert.deepEqual((await notes.read('a')).get('slack'), known);
    wrote();
    await written;
  });
});

describe('the channels of a bot', () => {
  let hub: TestHub;
  let dataDir: string;
  let appId: string;
  let opened: Json[];
  let closed: number;
  let check: () => Promise<ChannelCheck>;
  let send: () => SendResult;

  const platform: Connector = {
    name: 'test',
    settings: {
      schema: z.strictObject({
        token: z.string().min(8, 'at least 8 characters').optional(),
        key: z.string().min(8).optional(),
        apiUrl: z.url().default('https://api.example'),
        note: z.string().optional(),
      }),
      secrets: ['token', 'key'],
      destinations: ['apiUrl'],
      initial: null,
      off: ({ token, key }) => (token && key ? null : 'token and key are both needed: copy them from the platform.'),
    },
    open: (context: ConnectionContext) => {
      opened.push(context.settings);
      return {
        async webhook({ body }) {
          const text = body.toString();
          if (text === 'forged') context.failed('A request with a wrong signature came in.');
          else
            await context.receive({
              conversation: 'test:1',
              eventId: text,
              text,
              payload: false,
              to: 'x',
              metadata: {},
            });
          return { status: 200 };
        },
        send: () => Promise.resolve(send()),
        check: () => check(),
        close: () => Promise.resolve(void (closed += 1)),
      };
    },
    close: () => Promise.resolve(),
  };
  const start = async (env: Record<string, string> = {}): Promise<TestHub> =>
    newHub({
      dataDir,
      env,
      standIns: { connectors: [platform], engines: { rasa: scriptedEngine({ needsModel: false }) } },
    });
  const path = (rest = ''): string => `/bots/${appId}/channels/test${rest}`;
  const get = async (): Promise<Channel> => (await hub.api('GET', path())).body as Channel;
  const put = (body: Json) => hub.api('PUT', path(), body);
  const post = (body: string): Promise<Response> =>
    fetch(`${hub.url}/webhooks/test/${appId}`, { method: 'POST', body });

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-channels-'));
  });
  beforeEach(async () => {
    check = () => Promise.resolve({ ok: true, detail: 'Connected as @shop.' });
    send = () => ({ outcome: 'sent' });
    hub = await start();
    appId = ((await hub.api('POST', '/bots', { name: 'A', engine: 'lite' })).body as { appId: string }).appId;
    // What earlier tests set up is open again.
    [opened, closed] = [[], 0];
  });
  afterEach(() => hub.stop());
  after(() => rm(dataDir, { recursive: true }));

  it('are off until somebody sets them up: 503 on the webhook, and in words why', async () => {
    assert.deepEqual(await get(), {
      name: 'test',
      on: false,
      reason: 'It is not set up yet.',
      settings: {},
      secrets: { token: false, key: false },
      webhookUrl: `${hub.url}/webhooks/test/${appId}`,
      lastEventAt: null,
      lastErrorAt: null,
      lastError: null,
    });
    const refused = await post('e1');
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'channel_off']);
    assert.equal((await fetch(`${hub.url}/webhooks/test/nobody`, { method: 'POST', body: 'x' })).status, 404);
    assert.deepEqual((await hub.api('POST', path('/check'))).body, { ok: false, detail: 'It is not set up yet.' });
    assert.deepEqual(opened, []);
  });

  it('are on as soon as they are set, and never show a secret', async () => {
    const { status, body } = await put({ token: secret, key: other, note: 'shop' });
    assert.equal(status, 200);
    assert.deepEqual(
      [body.on, body.reason, body.settings, body.secrets],
      [true, null, { apiUrl: 'https://api.example', note: 'shop' }, { token: true, key: true }],
    );
    assert.deepEqual(opened, [{ apiUrl: 'https://api.example', note: 'shop', token: secret, key: other }]);
    assert.equal((await post('e1')).status, 200);
    const list = (await hub.api('GET', `/bots/${appId}/channels`)).body as { items: Channel[] };
    assert.ok(list.items.some(({ name }) => name === 'web'));
    for (const shown of [body, list, await get()]) {
      assert.doesNotMatch(JSON.stringify(shown), /canary/);
    }
    const stored = Buffer.concat(
      await Promise.all(
        ['', '-wal'].map((end) => readFile(join(dataDir, `switchboard.db${end}`)).catch(() => Buffer.alloc(0))),
      ),
    );
    assert.ok(stored.includes('api.example') && !stored.includes('canary'), 'a secret lies readable on the disk');
    assert.ok(!hub.log.some((line) => line.includes('canary')));
  });

  it('open anew at once with a change; secrets left out stay, null removes', async () => {
    await put({ token: secret, key: other });
    await put({ note: 'new' });
    assert.deepEqual(opened.at(-1), { apiUrl: 'https://api.example', note: 'new', token: secret, key: other });
    assert.equal(closed, 1);
    const { body } = await put({ key: null });
    assert.deepEqual([body.on, body.secrets], [false, { token: true, key: false }]);
    assert.match(body.reason as string, /token and key are both needed/);
    assert.equal(closed, 2);
    assert.equal((await post('e1')).status, 503, 'a missing secret never means: no check');
    assert.equal((await hub.api('DELETE', path())).status, 204);
    assert.deepEqual((await get()).secrets, { token: false, key: false });
  });

  it('forget stored secrets when a setting that says where they go changes', async () => {
    await put({ token: secret, key: other });
    const { body } = await put({ apiUrl: 'https://evil.example' });
    assert.deepEqual([body.on, body.secrets], [false, { token: false, key: false }]);
    assert.equal(opened.length, 1, 'a stored secret went to a new address');
  });

  it('answer wrong settings with every field, and change nothing', async () => {
    await put({ token: secret, key: other });
    const { status, body } = await put({ token: 'short', apiUrl: 'x', colour: 'red', signing_secret: 'x' });
    assert.equal(status, 422);
    const pointers = (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    assert.deepEqual(pointers.sort(), ['/apiUrl', '/colour', '/signing_secret', '/token']);
    assert.equal((await put({ note: null })).status, 422, 'null removes secrets only');
    assert.equal((await put([] as unknown as Json)).status, 422);
    assert.deepEqual([(await get()).on, opened.length, closed], [true, 1, 0]);
    assert.equal((await hub.api('PUT', `/bots/${appId}/channels/fax`, {})).status, 404);
    assert.equal((await hub.api('PUT', '/bots/nobody/channels/test', {})).status, 404);
    assert.equal((await hub.api('POST', `/bots/${appId}/channels/fax/check`)).status, 404);
  });

  it('tell how they fare: what the platform says, the last event, the last error', async () => {
    await put({ token: secret, key: other });
    assert.deepEqual((await hub.api('POST', path('/check'))).body, { ok: true, detail: 'Connected as @shop.' });
    send = () => ({ outcome: 'refused', reason: 'the user has blocked the bot' });
    await post('e1');
    const health = await eventually(async () => ((await get()).lastError ? get() : null));
    assert.equal(health.lastError, 'the user has blocked the bot');
    assert.ok(Date.parse(health.lastEventAt!) <= Date.parse(health.lastErrorAt!));
    await post('forged');
    assert.equal((await get()).lastError, 'A request with a wrong signature came in.');
    check = () => Promise.reject(new Error('connect ECONNREFUSED and a token'));
    const failed = (await hub.api('POST', path('/check'))).body as ChannelCheck;
    assert.equal(failed.ok, false);
    assert.doesNotMatch(failed.detail, /token/);
  });

  it('are as they were after a restart, and keep what was noted', async () => {
    await put({ token: secret, key: other });
    await post('e1');
    await eventually(async () => (await get()).lastEventAt);
    const before = await get();
    await hub.stop();
    hub = await start();
    assert.deepEqual(opened.at(-1), { apiUrl: 'https://api.example', token: secret, key: other });
    assert.equal((await stat(join(dataDir, 'secret-key'))).mode & 0o777, 0o600);
    assert.deepEqual({ ...(await get()), webhookUrl: '' }, { ...before, webhookUrl: '' });
    await hub.stop();
    await assert.rejects(start({ SECRET_KEY: 'another-key-than-before' }), /SECRET_KEY is not the key this store/);
    hub = await start();
  });

  it('close with their bot', async () => {
    await put({ token: secret, key: other });
    await hub.api('DELETE', `/bots/${appId}`);
    assert.equal(closed, 1);
    assert.equal((await post('e1')).status, 404);
  });

  describe('on the web', () => {
    const set = (body: Json) => hub.api('PUT', `/bots/${appId}/channels/web`, body);
    it('are on for a new bot, and can be switched off', async () => {
      const { body } = await hub.api('GET', `/bots/${appId}/channels/web`);
      assert.equal(body.on, true);
      const off = await set({ enabled: false });
      assert.deepEqual([off.body.on, off.body.reason], [false, 'It is switched off: set enabled to true.']);
      const { status } = await fetch(`${hub.url}/bots/${appId}/socket.io/?EIO=4&transport=polling`);
      assert.equal(status, 403);
      await hub.api('DELETE', `/bots/${appId}/channels/web`);
      assert.equal((await fetch(`${hub.url}/bots/${appId}/socket.io/?EIO=4&transport=polling`)).status, 200);
    });
    it('check origins, event names and colours', async () => {
      const wrong: [Json, string][] = [
        [{ allowedOrigins: ['shop.example'] }, '/allowedOrigins/0'],
        [{ allowedOrigins: [] }, '/allowedOrigins'],
        [{ userMessageEvent: 'disconnect' }, '/userMessageEvent'],
        [{ botMessageEvent: 'a b' }, '/botMessageEvent'],
        [{ appearance: { color: 'red' } }, '/appearance/color'],
        [{ appearance: { css: 'x' } }, '/appearance/css'],
        [{ sessionPersistence: 'yes' }, '/sessionPersistence'],
      ];
      for (const [body, pointer] of wrong) {
        const answer = await set(body);
        assert.deepEqual([answer.status, answer.body.errors[0].pointer], [422, pointer]);
      }
    });
    it('let only the pages that they name frame the chat', async () => {
      const framedBy = async (): Promise<string | undefined> => {
        const { headers } = await fetch(`${hub.url}/bots/${appId}/chat`);
        return /frame-ancestors (.*)$/.exec(headers.get('content-security-policy') ?? '')?.[1];
      };
      await set({});
      assert.equal(await framedBy(), '*');
      await set({ allowedOrigins: ['https://shop.example', 'https://x;report-uri'] });
      assert.equal(await framedBy(), "'self' https://shop.example");
    });
    it('write their appearance into the chat page, and nothing else', async () => {
      await set({ appearance: { title: '</meta><script>alert(1)</script>', color: '#ff0000' } });
      const page = await (await fetch(`${hub.url}/bots/${appId}/chat`)).text();
      assert.match(page, /&quot;color&quot;:&quot;#ff0000&quot;/);
      assert.doesNotMatch(page, /<script>alert/);
    });
  });
});
