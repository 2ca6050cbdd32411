/** The event stream over webhooks: signed, in order per conversation, tried again, given up, replayed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, Store } from '../src/contracts.js';
import type { Paces } from '../src/stream/paces.js';
import { bot, message } from './contract/store.js';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { Receiver } from './support/receiver.js';

const quick: Partial<Paces> = { retries: [40, 40, 40], poll: 50, commit: 20, away: [20, 100], drain: 500 };
const user = (text: string): Json => ({ event: 'user', text, timestamp: 1700000000.5, metadata: { model_id: 'm1' } });

describe('Subscriptions', () => {
  let dataDir: string;
  let hub: TestHub;
  let store: Store;
  let receiver: Receiver;
  let tests = 0;
  /** Two bots of this test alone. */
  let a: string;
  let b: string;
  const start = async (env: Record<string, string> = {}, paces: Partial<Paces> = {}): Promise<TestHub> => {
    const standIns = { store: (opened: Store) => (store = opened), stream: { ...quick, ...paces } };
    return newHub({ dataDir, standIns, env: { EGRESS_ALLOW: '127.0.0.1', ...env } });
  };
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-stream-'));
    hub = await start();
  });
  after(async () => {
    await hub.stop();
    await rm(dataDir, { recursive: true });
  });
  beforeEach(async () => {
    receiver = await Receiver.open();
    tests += 1;
    [a, b] = [`a${tests}`, `b${tests}`];
    for (const appId of [a, b]) await store.bots.create(bot(appId));
  });
  afterEach(async () => {
    for (const { id } of (await hub.api('GET', '/subscriptions')).body.items)
      await hub.api('DELETE', `/subscriptions/${id}`);
    for (const appId of [a, b]) await store.bots.delete(appId);
    await receiver.close();
  });
  /** Starts the hub anew. */
  const restart = async (env: Record<string, string> = {}, paces: Partial<Paces> = {}): Promise<void> => {
    await hub.stop();
    hub = await start(env, paces);
  };
  /** Subscribes the receiver; answers the subscription's id. */
  const subscribe = async (wish: Json = {}, path = '/subscriptions'): Promise<string> => {
    const { status, body } = await hub.api('POST', path, { url: receiver.url, ...wish });
    assert.equal(status, 201, JSON.stringify(body));
    receiver.secret = body.secret as string;
    return body.id as string;
  };
  const say = (conversation: string, ...texts: string[]): Promise<void> =>
    store.trackers.extend(a, conversation, texts.map(user));
  const view = async (id: string): Promise<Json> => (await hub.api('GET', `/subscriptions/${id}`)).body as Json;
  /** What the metrics say of a subscription. */
  const figure = async (name: string, id: string, more = ''): Promise<number> => {
    const page = await (await fetch(`${hub.url}/metrics`)).text();
    const line = page.split('\n').find((one) => one.startsWith(`${name}{subscription="${id}"${more}}`));
    return Number(line?.split(' ')[1] ?? 0);
  };

  it("sends what was said in Rasa's own format, signed so that the field's libraries take it", async () => {
    const id = await subscribe();
    await store.conversations.receive(message(a, 'e', { conversation: 'c', channel: 'web' }));
    await store.trackers.append(a, 'c', 0, [user('hello'), { event: 'bot', text: 'Hi!', timestamp: 1700000001.5 }]);
    await eventually(() => receiver.taken.length === 1);
    const [first] = receiver.taken;
    assert.equal(receiver.forged, 0);
    assert.ok(first);
    const { appId, conversation, channel, events, position } = first;
    assert.deepEqual([appId, conversation, channel], [a, 'c', 'web']);
    const known = { app_id: a, channel: 'web', assistant_id: a };
    assert.deepEqual(events, [
      { sender_id: 'c', ...user('hello'), metadata: { model_id: 'm1', ...known, event_id: `${first.id}-0` } },
      {
        ...{ sender_id: 'c', event: 'bot', text: 'Hi!', timestamp: 1700000001.5 },
        metadata: { ...known, event_id: `${first.id}-1` },
      },
    ]);
    await eventually(async () => (await view(id))['position'] === position);
  });

  it('sends a bot its own events alone, and of the others those that are named', async () => {
    await subscribe({ events: ['bot', 'slot'] }, `/bots/${b}/subscriptions`);
    await say('c', 'not for them');
    await store.trackers.extend(b, 'c', [user('hello'), { event: 'bot', text: 'Hi!' }, { event: 'slot', name: 's' }]);
    await store.trackers.extend(b, 'd', [user('nothing of this kind')]);
    await store.trackers.extend(b, 'e', [{ event: 'bot', text: 'last' }]);
    await eventually(() => receiver.said('e').length === 1);
    assert.deepEqual([receiver.said('c'), receiver.taken.length], [['Hi!', 's'], 2]);
  });

  it('keeps the order of a conversation whose sending failed, and lets the others go on', async () => {
    // So many that what fails is not given up before the others were said.
    await restart({}, { retries: Array.from({ length: 200 }, () => 40) });
    const failures: string[] = [];
    receiver.answer = ({ conversation, id }) => {
      if (conversation !== 'slow' || (failures.length >= 2 && receiver.said('other').length > 0)) return undefined;
      failures.push(id);
      return 503;
    };
    const id = await subscribe();
    await say('slow', 'one');
    await eventually(() => failures.length > 0);
    await say('slow', 'two');
    await say('other', 'at once');
    await say('slow', 'three');
    await eventually(() => receiver.said('slow').length === 3);
    assert.deepEqual(receiver.said('slow'), ['one', 'two', 'three']);
    assert.deepEqual(receiver.said('other'), ['at once']);
    assert.equal(receiver.taken[0]?.conversation, 'other');
    assert.equal(
      new Set([...failures, receiver.taken.find(({ conversation }) => conversation === 'slow')?.id]).size,
      1,
    );
    await eventually(async () => (await view(id))['error'] === null);
    assert.deepEqual((await store.subscriptions.held(id, 'waiting', { limit: 9 })).items, []);
  });

  it('moves on over a conversation that waits, with all that comes in it', async () => {
    await restart({}, { retries: [60_000] });
    receiver.answer = ({ conversation }) => (conversation === 'slow' ? 503 : undefined);
    const id = await subscribe();
    await say('slow', 'one');
    await eventually(async () => (await store.subscriptions.held(id, 'waiting', { limit: 9 })).items.length === 1);
    await say('slow', 'two');
    await say('other', 'last');
    await eventually(async () => (await view(id))['position'] === (await store.stream.head()));
    assert.equal((await store.subscriptions.held(id, 'waiting', { limit: 9 })).items.length, 2);
    await restart();
    receiver.answer = () => undefined;
    await hub.api('PATCH', `/subscriptions/${id}`, { enabled: true });
    await eventually(() => receiver.said('slow').length === 2);
    assert.deepEqual(receiver.said('slow'), ['one', 'two']);
  });

  it('gives up what is refused each time, goes on behind it, and tries it again when asked to', async () => {
    let refuse = true;
    receiver.answer = ({ events }) => (refuse && events[0]?.['text'] === 'bad' ? 422 : undefined);
    const id = await subscribe();
    await say('c', 'bad');
    await say('c', 'good');
    await eventually(() => receiver.said('c').length === 1);
    assert.deepEqual(receiver.said('c'), ['good']);
    assert.equal(receiver.asked.length, 5, 'four tries, and the one behind');
    const { body } = await hub.api('GET', `/subscriptions/${id}/dead-letters`);
    const [letter] = body.items as { position: number; error: string; attempts: number }[];
    assert.deepEqual([body.items.length, letter?.attempts], [1, 4]);
    assert.match(letter?.error ?? '', /status 422: no, thank you/);
    refuse = false;
    const path = `/subscriptions/${id}/dead-letters/${letter?.position}`;
    assert.equal((await hub.api('POST', `${path}/replay`)).status, 202);
    await eventually(() => receiver.said('c').length === 2);
    assert.deepEqual((await hub.api('GET', `/subscriptions/${id}/dead-letters`)).body.items, []);
    for (const status of [(await hub.api('POST', `${path}/replay`)).status, (await hub.api('DELETE', path)).status])
      assert.equal(status, 404);
  });

  it('reads no further when too much waits, and loses none of it over a restart', async () => {
    await restart({}, { mostHeld: 3, retries: [60_000] });
    let away = true;
    receiver.answer = () => (away ? 500 : undefined);
    const id = await subscribe();
    const all = Array.from({ length: 60 }, (_, n) => `c${n}`);
    for (const c of all.slice(0, 3)) await say(c, 'one');
    // By what the hub itself knows: the store shows one that is held before the hub hears that it is.
    await eventually(async () => (await figure('switchboard_stream_held', id)) === 3);
    for (const c of all.slice(3)) await say(c, 'one');
    for (const c of all) await say(c, 'two');
    await sleep(300);
    assert.equal((await store.subscriptions.held(id, 'waiting', { limit: 500 })).items.length, 3);
    assert.ok(Number((await view(id))['position']) < (await store.stream.head()));
    assert.match(String((await view(id))['error']), /status 500/);
    away = false;
    await restart();
    assert.equal((await hub.api('PATCH', `/subscriptions/${id}`, { enabled: true })).status, 200);
    await eventually(() => all.every((c) => receiver.said(c).length >= 2));
    for (const c of all) assert.deepEqual(receiver.said(c), ['one', 'two'], c);
  });

  it('sends once more what was stored after a position, or from a time on', async () => {
    const id = await subscribe();
    await say('c', 'one');
    await eventually(() => receiver.taken.length === 1);
    await sleep(30);
    const between = new Date().toISOString();
    await say('c', 'two');
    await eventually(() => receiver.taken.length === 2);
    const { position } = receiver.taken[0]!;
    const replayed = async (from: Json): Promise<unknown[]> => {
      receiver.taken.length = 0;
      assert.equal((await hub.api('POST', `/subscriptions/${id}/replay`, from)).status, 200);
      await eventually(() => receiver.said('c').includes('two'));
      return receiver.said('c');
    };
    assert.deepEqual(await replayed({ position }), ['two']);
    assert.deepEqual(await replayed({ position: 0 }), ['one', 'two']);
    assert.deepEqual(await replayed({ from: between }), ['two']);
    for (const wrong of [{}, { position: -1 }, { from: 'yesterday' }, { position: 1, from: between }])
      assert.equal((await hub.api('POST', `/subscriptions/${id}/replay`, wrong)).status, 422);
  });

  it('begins with what was said before where that is wanted, and ends when it is removed', async () => {
    await say('c', 'before');
    const id = await subscribe({ from: '2000-01-01T00:00:00Z' });
    const late = await hub.api('POST', '/subscriptions', { url: `${receiver.url}/late` });
    await eventually(() => receiver.said('c').length === 1);
    assert.equal((await hub.api('DELETE', `/subscriptions/${late.body.id}`)).status, 204);
    await say('c', 'now');
    await eventually(() => receiver.said('c').length === 2);
    assert.equal((await hub.api('DELETE', `/subscriptions/${id}`)).status, 204);
    await say('c', 'after');
    await sleep(150);
    assert.deepEqual(receiver.said('c'), ['before', 'now']);
    assert.equal((await hub.api('DELETE', `/subscriptions/${id}`)).status, 404);
  });

  it('sends nothing of who was erased meanwhile', async () => {
    await restart({}, { retries: Array.from({ length: 200 }, () => 100) });
    let away = true;
    receiver.answer = () => (away ? 500 : undefined);
    const id = await subscribe();
    for (const conversation of ['erased', 'kept']) {
      await store.conversations.receive(message(a, conversation, { conversation }));
      await say(conversation, 'words');
    }
    await eventually(async () => (await store.subscriptions.held(id, 'waiting', { limit: 9 })).items.length === 2);
    assert.equal((await hub.api('DELETE', `/bots/${a}/conversations/erased`)).status, 204);
    away = false;
    await eventually(() => receiver.said('kept').length === 1);
    await eventually(async () => (await store.subscriptions.held(id, 'waiting', { limit: 9 })).items.length === 0);
    assert.deepEqual(receiver.said('erased'), []);
  });

  it('follows no redirect, and stops for good where the endpoint says 410', async () => {
    await restart();
    receiver.answer = ({ conversation }) =>
      conversation === 'moved' ? 302 : conversation === 'gone' ? 410 : undefined;
    const id = await subscribe();
    await say('moved', 'x');
    const dead = () => hub.api('GET', `/subscriptions/${id}/dead-letters`);
    await eventually(async () => (await dead()).body.items.length === 1);
    assert.match(String((await dead()).body.items[0].error), /status 302/);
    await say('gone', 'x');
    await eventually(async () => (await view(id))['enabled'] === false);
    await say('later', 'x');
    await sleep(150);
    assert.deepEqual(receiver.taken, []);
  });

  it('switches off an endpoint that has been away for too long, and goes on there when it is switched on', async () => {
    await restart({}, { patience: 150 });
    let away = true;
    receiver.answer = () => (away ? 500 : undefined);
    const id = await subscribe();
    await say('c', 'one');
    await say('d', 'one');
    await eventually(async () => {
      await say('e', 'again');
      return (await view(id))['enabled'] === false;
    });
    assert.match(String((await view(id))['error']), /^Nothing could be sent since .*status 500/);
    away = false;
    await hub.api('PATCH', `/subscriptions/${id}`, { enabled: true });
    await say('f', 'last');
    await eventually(() => receiver.said('f').length === 1);
    assert.equal((await view(id))['error'], null);
  });

  it('signs with the old secret too for a while after a new one was made', async () => {
    const id = await subscribe();
    const old = receiver.secret;
    const { body } = await hub.api('POST', `/subscriptions/${id}/rotate`, {});
    assert.notEqual(body.secret, old);
    await say('c', 'one');
    await eventually(() => receiver.said('c').length === 1);
    receiver.secret = body.secret as string;
    await say('c', 'two');
    await eventually(() => receiver.said('c').length === 2);
    assert.equal((await hub.api('POST', `/subscriptions/${id}/rotate`, { overlapSeconds: 0 })).status, 200);
    await say('c', 'three');
    await eventually(() => receiver.forged > 0);
    assert.deepEqual(receiver.said('c'), ['one', 'two']);
  });

  it('calls no private address, and shows no secret', async () => {
    for (const url of [
      'http://127.0.0.1:1/x',
      'http://10.0.0.1/',
      'ftp://example.org',
      'https://user:pw@example.org',
    ]) {
      if (url.includes('127')) continue;
      const { status, body } = await hub.api('POST', '/subscriptions', { url });
      assert.deepEqual([status, body.errors[0].pointer], [422, '/url'], url);
    }
    const id = await subscribe();
    const { secret } = receiver;
    assert.equal((await hub.api('PATCH', `/subscriptions/${id}`, { url: 'http://192.168.0.1/' })).status, 422);
    await say('c', 'x');
    await eventually(() => receiver.taken.length === 1);
    const shown = [
      (await hub.api('GET', '/subscriptions')).body,
      await view(id),
      (await hub.api('GET', '/audit')).body,
      hub.log,
      (await store.subscriptions.get(id)) ?? {},
    ];
    assert.ok(!JSON.stringify(shown).includes(secret.slice(6)));
  });

  it('sends the events of all bots to EVENTS_URL, signed with EVENTS_SECRET', async () => {
    const secret = `whsec_${Buffer.alloc(24, 'k').toString('base64')}`;
    const env = { EVENTS_URL: `${receiver.url}/all`, EVENTS_SECRET: secret, EGRESS_ALLOW: '' };
    await restart(env);
    receiver.secret = secret;
    await say('c', 'one');
    await eventually(() => receiver.said('c').length === 1);
    const shown = await view('events-url');
    assert.deepEqual([shown['kind'], shown['enabled'], shown['appId']], ['webhook', true, null]);
    for (const change of [{ url: 'https://example.org' }, { name: 'x' }])
      assert.equal((await hub.api('PATCH', '/subscriptions/events-url', change)).status, 422);
    assert.equal((await hub.api('DELETE', '/subscriptions/events-url')).status, 422);
    await restart();
    await say('c', 'two');
    assert.match(String((await view('events-url'))['error']), /EVENTS_URL is not set/);
    await restart(env);
    await eventually(() => receiver.said('c').length === 2);
    assert.deepEqual([receiver.said('c'), receiver.forged], [['one', 'two'], 0]);
  });

  it('tells the operator how far subscribers are behind', async () => {
    await restart({}, { retries: [2000] });
    receiver.answer = ({ conversation }) => (conversation === 'bad' ? 500 : undefined);
    const id = await subscribe();
    await say('good', 'x', 'y');
    await say('bad', 'x');
    const ended = (result: string): Promise<number> =>
      figure('switchboard_stream_events_total', id, `,result="${result}"`);
    await eventually(async () => (await figure('switchboard_stream_held', id)) === 1);
    assert.ok((await figure('switchboard_stream_lag_seconds', id)) > 0);
    await eventually(async () => (await ended('dead')) === 1);
    assert.equal(await ended('sent'), 2);
    assert.equal(await figure('switchboard_stream_lag_seconds', id), 0);
  });
});
