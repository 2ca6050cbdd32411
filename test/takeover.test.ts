import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { io, type Socket } from 'socket.io-client';
import { echoEngine, seedBots } from '../bench/path/hub.js';
import type { Engine, RunningEngine, StoredMessage, Turn } from '../src/contracts.js';
import { createDesk } from '../src/hub/desk.js';
import { createMailbox } from '../src/hub/mailbox.js';
import type { Outbox } from '../src/hub/outbox.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { bot, message } from './contract/store.js';
import { createStandIn, platformNames, protocols } from './support/standins.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const appId = 'desk';
const secret = 'stand-in-secret';
/** The echoing bot, taking its time: there is always a turn under way. It hands over when it is asked for a person. */
const slowEcho: Engine = {
  ...echoEngine,
  async launch(bot, model): Promise<RunningEngine> {
    const running = await echoEngine.launch(bot, model);
    const reply = async (turn: Turn) => {
      await sleep(40);
      const answer = await running.reply(turn);
      if (turn.text !== 'a person, please') return answer;
      return { ...answer, messages: [{ recipient_id: turn.sender, text: 'I call one.', custom: { handoff: true } }] };
    };
    return { ...running, reply };
  },
};

describe('A desk', () => {
  it('gives the bot back what nobody came for, and what its agent left alone', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sb-desk-'));
    const store = await openStore(`sqlite:${join(directory, 'x.db')}`);
    let nowMs = Date.UTC(2026, 0, 1);
    const { log } = openLog({ level: 'silent', pretty: false, write: () => undefined });
    const connections = { reaches: () => true };
    const say: Outbox['say'] = async ({ id }, change, then) =>
      void (await store.conversations.settle(id, change, then));
    const outbox = { say, settled: () => Promise.resolve() };
    const mailbox = createMailbox(100);
    const aside = <T>(at: object, work: () => Promise<T>): Promise<T> => mailbox.post(JSON.stringify(at), work);
    const parts = { store, hub: { aside }, outbox, connections, log, now: () => nowMs, lookMs: 10 };
    const desk = createDesk(parts);
    try {
      await store.bots.create(bot('a'));
      const [waits, held] = ['w', 'h'].map((conversation) => ({ appId: 'a', conversation }));
      for (const conversation of ['w', 'h'])
        await store.conversations.receive(message('a', conversation, { conversation }));
      await desk.setSettings('a', { waitMinutes: 1, returnMinutes: 10, canned: [] });
      await desk.called(waits!);
      await desk.take(held!, { agent: 'Ann', minutes: 2 });
      const after = (minutes: number) => (nowMs += minutes * 60_000);
      const states = async () => [desk.holds(waits!), desk.holds(held!), (await store.care.active()).length];
      after(0.9);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(await states(), [true, true, 2]);
      await desk.say(held!, { text: 'still here' }, { agent: 'Ann', key: 'k' });
      after(2);
      // The store shows it free before the desk hears that it is. Who speaks keeps it for as long as the bot says.
      await eventually(async () => isDeepStrictEqual(await states(), [false, true, 1]));
      after(8);
      await eventually(async () => (await states())[2] === 0);
      const kinds = async (sender: string) =>
        (await store.trackers.read('a', sender, true))!.events.map(({ event }) => event);
      assert.deepEqual(
        [await kinds('w'), await kinds('h')],
        [
          ['pause', 'resume'],
          ['pause', 'agent', 'resume'],
        ],
      );
    } finally {
      desk.stop();
      await store.close();
      await rm(directory, { recursive: true });
    }
  });
});

describe('A conversation that a person takes over', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let sink: Server;
  let dataDir = '';
  let socket: Socket;
  /** What each person read, in order. */
  const read = new Map<string, string[]>();
  const chatOf = (channel: string): string => `chat-${channel}`;
  const got = (channel: string, text: string): void => void read.set(channel, [...(read.get(channel) ?? []), text]);
  const channels = [...platformNames, 'web', 'rest'];
  const conversations = new Map<string, string>(platformNames.map((name) => [name, `${name}:${chatOf(name)}`]));
  let events = 0;

  const open = async (): Promise<TestHub> => {
    const apiRoot = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
    const connectors = platformNames.map((name) =>
      createStandIn(name, { apiRoot, secret: `${secret}-${name}`, limited: false }),
    );
    return newHub({
      dataDir,
      standIns: { engines: { rasa: slowEcho }, connectors },
      env: { EGRESS_ALLOW: '127.0.0.1' },
    });
  };
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-takeover-'));
    await seedBots(`sqlite:${join(dataDir, 'switchboard.db')}`, { dataDir, appIds: [appId] });
    sink = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
        const path = request.url ?? '';
        if (path === '/callback') got('rest', (body as { text: string }).text);
        const name = platformNames.find(
          (one) => protocols[one].post('x', '').path.split('/')[1] === path.split('/')[1],
        );
        if (name) got(name, protocols[name].posted(path, body).text);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(sink, 'listening');
    hub = await open();
    const callbackUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/callback`;
    const rest = await hub.api('PUT', `/bots/${appId}/channels/rest`, { enabled: true, callbackUrl });
    assert.equal(rest.status, 200, JSON.stringify(rest.body));
    socket = io(`${hub.url}/bots/${appId}`, { transports: ['websocket'], forceNew: true });
    socket.on('bot_uttered', ({ text }: { text: string }) => got('web', text));
    socket.emit('session_request', {});
    const [session] = (await once(socket as never, 'session_confirm')) as [unknown];
    void session;
  });
  after(async () => {
    socket.disconnect();
    await hub.stop();
    sink.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const say = async (channel: string, text: string): Promise<void> => {
    if (channel === 'web') return void socket.emit('user_uttered', { message: text });
    if (channel === 'rest') return sayByRest(text);
    const name = channel as (typeof platformNames)[number];
    const id = String((events += 1));
    const body = JSON.stringify(protocols[name].encode({ id, chat: chatOf(name), text }));
    const headers = { 'content-type': 'application/json', ...protocols[name].sign(body, `${secret}-${name}`) };
    const { status } = await fetch(`${hub.url}/webhooks/${name}/${appId}`, { method: 'POST', headers, body });
    assert.equal(status, 200);
  };
  /** Rasa's callback channel: the answers are posted to an address of the bot's author. */
  const sayByRest = async (message: string): Promise<void> => {
    const { status } = await fetch(`${hub.url}/bots/${appId}/webhooks/callback/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sender: chatOf('rest'), message }),
    });
    assert.equal(status, 200);
  };
  const at = (channel: string): string =>
    `/bots/${appId}/conversations/${encodeURIComponent(conversations.get(channel) ?? '')}`;
  const transcript = async (channel: string): Promise<StoredMessage[]> =>
    (await hub.api('GET', `${at(channel)}?limit=500`)).body.items as StoredMessage[];
  const seen = (channel: string): string[] => read.get(channel) ?? [];

  it('hears no word of the bot on any channel while 20 messages a second come in; none is lost, and order is kept', async () => {
    for (const channel of channels) await say(channel, `${channel} 0`);
    await eventually(() => channels.every((channel) => seen(channel).length === 1));
    for (const channel of ['web', 'rest']) {
      const found = (await hub.api('GET', `/bots/${appId}/conversations?channel=${channel}`)).body.items;
      conversations.set(channel, (found as { id: string }[])[0]!.id);
    }
    let sending = true;
    const counts = new Map(channels.map((channel) => [channel, 0]));
    const talk = async (): Promise<void> => {
      for (let n = 0; sending; n += 1) {
        const channel = channels[n % channels.length]!;
        counts.set(channel, counts.get(channel)! + 1);
        await say(channel, `${channel} ${counts.get(channel)}`);
        await sleep(50);
      }
    };
    const talking = talk();
    await sleep(1000);
    const taken = await Promise.all(
      channels.map((channel) => hub.api('POST', `${at(channel)}/takeover`, { agent: 'Ann' })),
    );
    assert.deepEqual(
      taken.map(({ status, body }): unknown[] => [status, body.care.state, body.care.agent]),
      channels.map(() => [200, 'held', 'Ann']),
    );
    const heldFrom = new Map(channels.map((channel) => [channel, seen(channel).length]));
    for (let n = 1; n <= 8; n += 1) {
      await Promise.all(
        channels.map(async (channel) => {
          const { status } = await hub.api('POST', `${at(channel)}/replies`, { text: `Ann ${n}`, agent: 'Ann' });
          assert.equal(status, 201);
        }),
      );
      await sleep(150);
    }
    await eventually(() =>
      channels.every((channel) => seen(channel).filter((text) => text.startsWith('Ann')).length === 8),
    );
    const heldTo = new Map(channels.map((channel) => [channel, seen(channel).length]));
    await Promise.all(channels.map((channel) => hub.api('POST', `${at(channel)}/release`)));
    await sleep(600);
    sending = false;
    await talking;
    for (const channel of channels) {
      const sent = Array.from({ length: counts.get(channel)! + 1 }, (_, n) => `${channel} ${n}`);
      await eventually(async () => {
        const said = await transcript(channel);
        return said.length === sent.length && said.every(({ state, delivered }) => state === 'answered' && delivered);
      });
      const said = await transcript(channel);
      assert.deepEqual(
        said.map(({ text }) => text),
        sent,
        `${channel}: what came in, in its order`,
      );
      const held = said.filter(({ turn }) => turn?.agent === 'Ann');
      assert.ok(held.length >= 3, `${channel}: ${held.length} came while it was held`);
      const during = seen(channel).slice(heldFrom.get(channel), heldTo.get(channel));
      assert.deepEqual(
        during,
        [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `Ann ${n}`),
        `${channel}: only the agent spoke`,
      );
      const echoed = seen(channel).filter((text) => text.startsWith('echo'));
      const expected = said.filter(({ turn }) => turn?.agent === undefined).map(({ text }) => `echo ${text}`);
      assert.deepEqual(echoed, expected, `${channel}: all else the bot answered, in order`);
    }
  });

  it('stands in the tracker as Rasa writes such things', async () => {
    await hub.stop();
    const store = await openStore(`sqlite:${join(dataDir, 'switchboard.db')}`);
    const { events: kept } = (await store.trackers.read(appId, conversations.get('slack')!, true))!;
    await store.close();
    hub = await open();
    const kinds = kept.map(({ event }) => event);
    const turning = kinds.filter((kind) => kind === 'pause' || kind === 'resume');
    assert.deepEqual([turning, kinds.at(-1)], [['pause', 'resume'], 'resume']);
    assert.ok(kinds.indexOf('pause') < kinds.indexOf('agent'));
    const agent = kept.find(({ event }) => event === 'agent')!;
    assert.deepEqual([agent['text'], agent['data'], agent['metadata']], ['Ann 1', {}, { agent: 'Ann' }]);
    const user = kept.find(({ event }) => event === 'user')!;
    assert.deepEqual(user['parse_data'], { intent: { name: null, confidence: 0 }, entities: [], text: user['text'] });
    assert.equal(
      kept.every(({ timestamp }) => typeof timestamp === 'number'),
      true,
    );
  });

  it('stays held over a restart of the hub, by one agent at a time, and the same key says it once', async () => {
    const take = (body?: unknown) => hub.api('POST', `${at('slack')}/takeover`, body);
    const reply = (body: object, key?: string) =>
      hub.api('POST', `${at('slack')}/replies`, body, key ? { 'idempotency-key': key } : {});
    assert.equal((await reply({ text: 'too early' })).body.code, 'not_held');
    assert.equal((await take({ agent: 'Ann' })).status, 200);
    await hub.stop();
    hub = await open();
    assert.equal((await take({ agent: 'Bob' })).body.code, 'conversation_held');
    assert.equal((await reply({ text: 'x', agent: 'Bob' })).body.code, 'conversation_held');
    const before = seen('slack').length;
    await say('slack', 'anybody?');
    for (const _ of [1, 2]) assert.equal((await reply({ text: 'once', agent: 'Ann' }, 'k1')).status, 201);
    assert.equal((await take({ agent: 'Bob', force: true })).body.care.agent, 'Bob');
    assert.equal((await reply({ text: 'now Bob', agent: 'Bob' })).status, 201);
    await eventually(() => seen('slack').length >= before + 2);
    assert.deepEqual(seen('slack').slice(before), ['once', 'now Bob']);
    assert.equal((await hub.api('POST', `${at('slack')}/release`, { slots: { name: 'Zed' } })).body.care.state, 'bot');
    assert.equal((await hub.api('POST', `${at('slack')}/release`)).body.code, 'not_held');
    await say('slack', 'and now?');
    await eventually(() => seen('slack').at(-1) === 'echo and now?');
    const missing = await hub.api('POST', `/bots/${appId}/conversations/nobody/takeover`);
    assert.equal(missing.status, 404);
    assert.equal((await reply({}, 'k')).status, 422);
  });

  it('is called for by the bot itself, waits in the queue, and is taken from there', async () => {
    assert.deepEqual((await hub.api('GET', `/bots/${appId}/desk`)).body, {
      waitMinutes: 15,
      returnMinutes: 30,
      canned: [],
    });
    const canned = [{ title: 'Hello', text: 'Hello, this is Ann.' }];
    assert.equal((await hub.api('PUT', `/bots/${appId}/desk`, { canned, waitMinutes: 1 })).body.returnMinutes, 30);
    await say('teams', 'a person, please');
    await eventually(() => seen('teams').at(-1) === 'I call one.');
    const waiting = async () =>
      (await hub.api('GET', `/bots/${appId}/conversations?waiting=true`)).body.items as { id: string }[];
    await eventually(async () => (await waiting()).length === 1);
    assert.equal((await waiting())[0]!.id, conversations.get('teams'));
    const count = seen('teams').length;
    await say('teams', 'hello?');
    await eventually(async () => (await transcript('teams')).at(-1)?.turn?.agent === '');
    assert.equal(seen('teams').length, count, 'the bot has stepped back');
    assert.equal((await hub.api('POST', `${at('teams')}/takeover`, { agent: 'Ann' })).status, 200);
    assert.deepEqual(await waiting(), []);
    await hub.api('POST', `${at('teams')}/release`);
    await say('teams', 'bot?');
    await eventually(() => seen('teams').at(-1) === 'echo bot?');
  });

  it('is looked after: review, tags, notes, an assignee, each found again; and erased, whoever holds it', async () => {
    const put = (path: string, body: unknown) =>
      hub.api(path === 'notes' ? 'POST' : 'PUT', `${at('telegram')}/${path}`, body);
    await put('review', { review: 'saved_for_later' });
    await put('tags', { tags: ['billing', 'billing', 'x'] });
    await put('assignee', { assignee: 'Bob' });
    const { care } = (await put('notes', { text: 'calls back tomorrow', agent: 'Ann' })).body;
    assert.deepEqual(
      [care.review, care.tags, care.assignee, care.notes[0].by],
      ['saved_for_later', ['billing', 'x'], 'Bob', 'Ann'],
    );
    const tagged = (await hub.api('GET', `/bots/${appId}/conversations?tag=billing&review=saved_for_later`)).body.items;
    assert.deepEqual(
      tagged.map(({ id }: { id: string }) => id),
      [conversations.get('telegram')],
    );
    assert.equal((await put('review', { review: 'nonsense' })).status, 422);
    await hub.api('POST', `${at('telegram')}/takeover`);
    assert.equal((await hub.api('DELETE', at('telegram'))).status, 204);
    assert.equal((await hub.api('DELETE', at('telegram'))).status, 404);
    assert.deepEqual(await transcript('telegram'), []);
    await say('telegram', 'a new start');
    await eventually(() => seen('telegram').at(-1) === 'echo a new start');
    assert.equal((await transcript('telegram')).length, 1);
  });

  it('shows in the request log what came, by which channel, and how long it took', async () => {
    await hub.api('POST', `/bots/${appId}/parse`, { text: 'understand me' });
    const parses = await eventually(async () => {
      const { items } = (await hub.api('GET', `/requests?appId=${appId}&channel=api`)).body as { items: unknown[] };
      return items.length > 0 ? items : null;
    });
    assert.equal(parses.length, 1);
    const { items } = (await hub.api('GET', '/requests?channel=slack&status=answered&limit=3')).body;
    assert.equal(items.length, 3);
    assert.equal(items[0].kind, 'message');
    assert.equal((await hub.api('GET', '/requests?from=yesterday')).status, 422);
  });
});
