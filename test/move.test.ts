/** A hub that moves: what the old one says from then on, what it hands on, and that under load no event is lost on the way. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as ask, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { io } from 'socket.io-client';
import { seedBots } from '../bench/path/hub.js';
import { activate, deactivate, movedTo } from '../src/backup/moved.js';
import { restore } from '../src/backup/restore.js';
import { backUp } from '../src/backup/write.js';
import type { Store } from '../src/contracts.js';
import { openStore } from '../src/stores/index.js';
import { openModelShelf } from '../src/training/models.js';
import { check, type Counts } from './faults/checker.js';
import { Rig } from './faults/rig.js';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { freePort } from './support/ports.js';
import { platformNames } from './support/standins.js';

const appId = 'moves';
const passphrase = 'correct horse battery';

/** What nobody lost, doubled or turned round. */
const clean = { lost: 0, duplicated: 0, unexpected: 0, outOfOrder: 0, turnsTwice: 0, notices: 0 };

/** People on every platform who go on talking, whatever becomes of the hub, until `stop`. Resolves when the platforms are done with it. */
async function talkTo({ platforms, bots }: Rig, stop: AbortSignal): Promise<void> {
  const said: Promise<unknown>[] = [];
  for (let n = 0; !stop.aborted; n += 1) {
    for (const name of platformNames) {
      const event = { id: String(n + 1), chat: `c${String(n % 7)}`, text: `${name} ${String(n)}` };
      said.push(platforms[name].say(bots[n % 2]!, event));
    }
    await sleep(40);
  }
  await Promise.all(said);
}
/** Waits until each platform has so many replies more than now. */
async function answered({ platforms }: Rig, more: number): Promise<void> {
  const counts = () => platformNames.map((name) => platforms[name].replies.length);
  const before = counts();
  await eventually(() => counts().every((count, i) => count >= before[i]! + more), 60);
}

describe('A hub that moves', function () {
  this.timeout(180_000);
  let folder = '';
  const hubs: TestHub[] = [];
  const servers: Server[] = [];
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sb-move-'))));
  afterEach(async () => {
    for (const hub of hubs.splice(0)) await hub.stop();
    for (const server of servers.splice(0)) server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const urlOf = (dataDir: string): string => `sqlite:${join(dataDir, 'switchboard.db')}`;
  const dataDirOf = (name: string): string => join(folder, name);
  async function withStore<T>(dataDir: string, work: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore(urlOf(dataDir));
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
  async function parts(store: Store, dataDir: string) {
    return { store, dataDir, passphrase, shelf: await openModelShelf(join(dataDir, 'models')) };
  }
  async function start(name: string, options: Parameters<typeof newHub>[0] = {}): Promise<TestHub> {
    const hub = await newHub({ dataDir: dataDirOf(name), ...options });
    hubs.push(hub);
    return hub;
  }
  /** A hub that was deactivated in favour of `url`. */
  async function movedHub(url: string): Promise<TestHub> {
    await seedBots(urlOf(dataDirOf('old')), { dataDir: dataDirOf('old'), appIds: [appId] });
    await withStore(dataDirOf('old'), (store) => deactivate(store, url, null));
    return start('old');
  }
  /** Something in a new hub's place; answers its address, and what it was sent. */
  async function listener(answer: { status: number; body: string }) {
    const got: { request: IncomingMessage; body: string }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        got.push({ request, body: Buffer.concat(chunks).toString() });
        response.writeHead(answer.status, { 'content-type': 'application/json', 'x-inner': 'no' }).end(answer.body);
      });
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${String((server.address() as { port: number }).port)}`, got };
  }

  it('loses no event under load, and answers each once and in order', async () => {
    const rig = await new Rig({ seed: 1, short: true, python: null }).open(2);
    const loading = new AbortController();
    try {
      const said = talkTo(rig, loading.signal);
      await answered(rig, 10);
      await rig.term();
      const [from, to, file] = [rig.dataDir, dataDirOf('new'), join(folder, 'hub.backup')];
      await withStore(from, async (store) => backUp(await parts(store, from), file));
      await withStore(to, async (store) => restore(await parts(store, to), file));
      const now = await rig.beside(to);
      await withStore(from, (store) => deactivate(store, now, null));
      await rig.start();
      await answered(rig, 10);
      loading.abort();
      await said;
      const all = platformNames.map((name) => rig.platforms[name]);
      const events = all.flatMap((one) => one.events);
      assert.ok(events.length > 100);
      assert.ok(
        events.some(({ statuses }) => statuses.includes(0)),
        'nothing was sent while no hub was there',
      );
      const counts = (): Counts => {
        const replies = all.flatMap((one) => one.replies);
        return check({ events, replies, turns: rig.bot.turns });
      };
      // On a slow machine Slack may have given one up, by its own rules: what was acknowledged has to be answered.
      await eventually(() => counts().lost === 0, 60);
      const { acked, ...rest } = counts();
      assert.deepEqual(rest, { ...clean, ok: acked });
    } finally {
      loading.abort();
      await rig.close();
    }
  });

  it('says where it is, in words for people and programs, and does nothing else', async () => {
    const { url } = await listener({ status: 200, body: '{}' });
    const old = await movedHub(url);
    for (const [method, path] of [
      ['GET', '/api/v1/bots'],
      ['POST', `/bots/${appId}/webhooks/rest/webhook`],
      ['PUT', '/webhooks/slack/x'],
      ['GET', '/socket.io/?EIO=4&transport=polling'],
    ] as const) {
      const answer = await fetch(old.url + path, { method });
      assert.equal(answer.status, 421, path);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal(answer.headers.get('location'), url + path);
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      assert.equal(code, 'moved');
      assert.ok(detail.includes(url));
    }
    const page = await fetch(`${old.url}/bots/${appId}/chat?x=1`, {
      headers: { accept: 'text/html' },
      redirect: 'manual',
    });
    assert.deepEqual([page.status, page.headers.get('location')], [307, `${url}/bots/${appId}/chat?x=1`]);
    const ready = await fetch(`${old.url}/health/ready`);
    assert.deepEqual([ready.status, await ready.json()], [200, { status: 'moved', hub: url }]);
    const socket = io(`${old.url}/bots/${appId}`, { transports: ['websocket'], reconnection: false });
    const [error] = (await once(socket as never, 'connect_error')) as [Error];
    assert.match(error.message, /websocket error/);
    socket.disconnect();
  });

  it('puts the new widget into pages that name the old one', async () => {
    const old = await movedHub('https://new.example');
    const script = await (await fetch(`${old.url}/widget.js`)).text();
    const set: Record<string, string> = {};
    const made = { setAttribute: (name: string, value: string) => void (set[name] = value), src: '' };
    const put: unknown[] = [];
    const attributes = Object.entries({ src: '/widget.js', 'data-app-id': appId, integrity: 'sha256-x' });
    const currentScript = {
      attributes: attributes.map(([name, value]) => ({ name, value })),
      nextSibling: null,
      parentNode: { insertBefore: (element: unknown) => put.push(element) },
    };
    runInNewContext(script, { document: { currentScript, createElement: () => made } });
    assert.deepEqual([put[0] === made, made.src], [true, 'https://new.example/widget.js']);
    assert.deepEqual(set, { src: '/widget.js', 'data-app-id': appId });
  });

  it('hands on what a platform sends as it came, and its answer as it comes', async () => {
    const { url, got } = await listener({ status: 202, body: '{"challenge":"é"}' });
    const old = await movedHub(url);
    const body = '{"text":"ü", "n": 1}';
    const headers = { 'content-type': 'application/json', 'x-slack-signature': 'v0=1', 'x-forwarded-for': '10.1.1.1' };
    const answer = await fetch(`${old.url}/webhooks/slack/${appId}?a=b`, { method: 'POST', headers, body });
    assert.deepEqual([answer.status, await answer.text()], [202, '{"challenge":"é"}']);
    assert.equal(answer.headers.get('x-inner'), null);
    const { request, body: came } = got[0]!;
    assert.deepEqual([request.method, request.url, came], ['POST', `/webhooks/slack/${appId}?a=b`, body]);
    assert.equal(request.headers['x-slack-signature'], 'v0=1');
    assert.equal(request.headers['x-forwarded-for'], '10.1.1.1, 127.0.0.1');
    assert.equal(request.headers.host, new URL(url).host);
    const long = await fetch(`${old.url}/webhooks/slack/${appId}`, { method: 'POST', body: 'x'.repeat(1_000_001) });
    assert.equal(long.status, 413);
    // What only begins like an event would reach the rest of the new hub from the old one's address.
    for (const path of [
      '/webhooks/../api/v1/bots',
      '/webhooks/%2e%2e/bots/x/webhooks/rest/webhook',
      '/webhooks/.%2E/api',
    ]) {
      const sent = ask(old.url, { path, method: 'POST' }).end('{}');
      const [refused] = (await once(sent, 'response')) as [IncomingMessage];
      assert.equal(refused.resume().statusCode, 421, path);
    }
    assert.equal(got.length, 1);
  });

  it('asks platforms to send again while the new one is away', async () => {
    const old = await movedHub(`http://127.0.0.1:${String(await freePort())}`);
    const answer = await fetch(`${old.url}/webhooks/telegram/${appId}`, { method: 'POST', body: '{}' });
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '2']);
    assert.equal(((await answer.json()) as { code: string }).code, 'moved_unreachable');
    assert.ok(old.log.some((line) => line.includes('could not be handed on')));
  });

  it('is deactivated in favour of the address of another hub, and of nothing else', async () => {
    const dataDir = dataDirOf('old');
    await seedBots(urlOf(dataDir), { dataDir, appIds: [appId] });
    for (const [url, why] of [
      ['https://old.example/', /own PUBLIC_URL/],
      ['https://x.example/path', /without path/],
      ['https://me:pw@x.example', /without path or user/],
      ['ftp://x.example', /no address of a hub/],
    ] as const)
      await withStore(dataDir, (store) => assert.rejects(deactivate(store, url, 'https://old.example'), why));
    assert.equal(await withStore(dataDir, movedTo), null);
  });

  it('is deactivated and taken back by two commands, while it does not run', async () => {
    const dataDir = dataDirOf('old');
    await seedBots(urlOf(dataDir), { dataDir, appIds: [appId] });
    const run = (...words: string[]): Promise<{ stdout: string }> => {
      const env = { ...process.env, DATA_DIR: dataDir, PUBLIC_URL: 'https://old.example' };
      return promisify(execFile)(process.execPath, ['dist/src/main.js', ...words], { env });
    };
    assert.match((await run('activate')).stdout, /in use; nothing was changed/);
    assert.match((await run('deactivate', 'https://new.example/')).stdout, /in favour of https:\/\/new\.example\./);
    assert.equal(await withStore(dataDir, movedTo), 'https://new.example');
    const old = await start('old');
    await assert.rejects(run('activate'), /already uses the database/);
    assert.equal(old.app.movedTo, 'https://new.example');
    await old.stop();
    hubs.splice(0);
    assert.match((await run('activate')).stdout, /Active again; https:\/\/new\.example must not run/);
    assert.equal((await start('old')).app.movedTo, null);
  });

  describe('by a backup', () => {
    let file = '';
    beforeEach(async () => {
      file = join(folder, 'hub.backup');
      const dataDir = dataDirOf('old');
      await seedBots(urlOf(dataDir), { dataDir, appIds: [appId] });
      await withStore(dataDir, async (store) => {
        await store.settings.set('told', 'a secret of the hub');
        await deactivate(store, 'https://new.example', null);
        await backUp(await parts(store, dataDir), file);
      });
    });
    const restored = (phrase: string | null, path = file) =>
      withStore(dataDirOf('new'), async (store) => {
        await restore({ ...(await parts(store, dataDirOf('new'))), passphrase: phrase }, path);
        return { moved: await movedTo(store), told: await store.settings.get('told') };
      });

    it('that is sealed shows nothing, and opens by its passphrase alone', async () => {
      const bytes = await readFile(file);
      assert.ok(bytes.subarray(0, 19).equals(Buffer.from('switchboard backup,')));
      assert.ok(!bytes.includes(Buffer.from([0x1f, 0x8b, 0x08])));
      await assert.rejects(restored(null), /under a passphrase: set BACKUP_PASSPHRASE/);
      await assert.rejects(restored('another passphrase'), /another than it was made with/);
      assert.equal((await restored(passphrase)).told, 'a secret of the hub');
    });
    it('does not take its deactivation along', async () => {
      assert.equal((await restored(passphrase)).moved, null);
      assert.equal(await withStore(dataDirOf('old'), activate), 'https://new.example');
    });
    it('that somebody has changed is refused, with nothing written', async () => {
      const bytes = await readFile(file);
      for (const at of [bytes.length - 1, bytes.length - 100, 60]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1;
        const path = join(folder, `changed-${String(at)}`);
        await writeFile(path, changed);
        await assert.rejects(restored(passphrase, path), /no whole backup|does not open/);
      }
      assert.equal(
        await withStore(dataDirOf('new'), async ({ bots }) => (await bots.list({ limit: 1 })).items.length),
        0,
      );
    });
  });
});
