import assert from 'node:assert/strict';
import { io, type Socket } from 'socket.io-client';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { next, outcome, say, session } from './support/clients.js';
import { shopFaq } from './support/shop.js';

const roles = ['admin', 'builder', 'editor', 'agent', 'viewer'];
/** All streams of events that a route opens, and whether it belongs to a bot; the others are for each who has any role, of whom they tell what they may see. */
const streams = [
  { path: (appId: string) => `/api/v1/bots/${appId}/logs?follow`, ofBot: true },
  { path: (appId: string, jobId: string) => (appId === '' ? '' : `/api/v1/jobs/${jobId}/events`), ofBot: true },
  { path: () => '/api/v1/events', ofBot: false },
];

describe('Who may listen', () => {
  let hub: TestHub;
  let mine: string;
  let foreign: string;
  const jobs: Record<string, string> = {};
  /** Everybody there is: role on the hub, or on the bot `mine`. */
  const people: { name: string; token: string | null; hub: boolean; bot: boolean }[] = [];
  const sockets: Socket[] = [];
  const elsewhere = { 'x-forwarded-for': '203.0.113.9' };
  const metricsToken = 'prometheus-reads-with-this';

  before(async () => {
    hub = await newHub({ env: { TRUST_PROXY: '1', METRICS_TOKEN: metricsToken, TRAINER_TOKEN: 'trainers-show-this' } });
    [mine, foreign] = (await Promise.all(
      ['Mine', 'Foreign'].map(async (name) => (await hub.api('POST', '/bots', { name })).body.appId as string),
    )) as [string, string];
    for (const appId of [mine, foreign])
      jobs[appId] = (await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq)).body.jobId as string;
    for (const role of roles)
      for (const at of ['/api-keys', `/bots/${mine}/api-keys`]) {
        const { body } = await hub.api('POST', at, { name: role, role });
        people.push({ name: `${role} ${at}`, token: body.key as string, hub: at === '/api-keys', bot: true });
      }
    people.push({ name: 'a trainer', token: 'trainers-show-this', hub: false, bot: false });
    people.push({ name: 'nobody', token: null, hub: false, bot: false });
  });
  after(async () => {
    sockets.forEach((socket) => void socket.disconnect());
    await hub.stop();
  });
  const connect = (url: string, more: { path?: string; token?: string | null } = {}): Socket => {
    const headers = more.token ? { authorization: `Bearer ${more.token}` } : {};
    const socket = io(hub.url + url, {
      ...{ forceNew: true, reconnection: false, transports: ['websocket'], extraHeaders: headers },
      ...(more.path === undefined ? {} : { path: more.path }),
      auth: { token: more.token, session_id: 'x', role: 'admin' },
    });
    sockets.push(socket);
    return socket;
  };

  it('to a stream of events: who may see the bot, or the hub; each role, own bot and foreign', async () => {
    const faults: string[] = [];
    for (const { path, ofBot } of streams)
      for (const appId of [mine, foreign])
        for (const who of people) {
          const headers: Record<string, string> = who.token === null ? {} : { authorization: `Bearer ${who.token}` };
          const response = await fetch(hub.url + path(appId, jobs[appId] ?? ''), { headers });
          await response.body?.cancel();
          const may = who.hub || (who.bot && (!ofBot || appId === mine));
          const not = who.token === null ? 401 : ofBot ? 404 : 403;
          if (response.status !== (may ? 200 : not))
            faults.push(`${who.name} ${path(appId, '')} ${appId === mine ? 'own' : 'foreign'}: ${response.status}`);
        }
    assert.deepEqual(faults, []);
  });

  it('to what happens in bots that they may see, whichever they ask for', async () => {
    const viewer = people.find(({ name, hub: all }) => name.startsWith('viewer') && !all)?.token ?? '';
    const gone = new AbortController();
    const url = `${hub.url}/api/v1/events?appId=${foreign},${mine}&conversations=${foreign}`;
    const headers = { authorization: `Bearer ${viewer}` };
    const response = await fetch(url, { headers, signal: gone.signal });
    let heard = '';
    const reading = (async () => {
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>)
        heard += Buffer.from(piece).toString();
    })().catch(() => undefined);
    for (const appId of [foreign, mine]) {
      await hub.api('POST', `/bots/${appId}/messages`, { sender: 's', message: 'opening hours' });
      await hub.api('PUT', `/bots/${appId}/conversations/s/tags`, { tags: ['x'] });
      await hub.api('POST', `/bots/${appId}/train?wait=true&force=true`);
      await hub.api('POST', `/bots/${appId}/park`);
    }
    // What is told of the foreign bot would have come before: of each kind its own guard keeps it back.
    const kinds = (): string[] =>
      heard.split('\n\n').flatMap((one) => (one.includes(mine) ? [one.split('\n')[0]!] : []));
    await eventually(() => ['job', 'bot', 'conversation'].every((kind) => kinds().includes(`event: ${kind}`)));
    gone.abort();
    await reading;
    assert.ok(!heard.includes(foreign), heard);
  });

  it('to a chat: anybody, of each bot, by both ways; whoever it is sees their own conversation alone', async () => {
    const talk = async (socket: Socket): Promise<string> => {
      assert.equal(await outcome(socket), 'connected');
      return (await session(socket)).id;
    };
    const ids = new Set<string>();
    for (const appId of [mine, foreign])
      for (const { token } of people) {
        ids.add(await talk(connect(`/bots/${appId}`, { token })));
        ids.add(await talk(connect('', { path: `/bots/${appId}/socket.io`, token })));
      }
    assert.equal(ids.size, people.length * 4, 'a session of their own each');
  });

  it('and no session of one bot is one of another, nor is one that was made up', async () => {
    const [one, two] = [connect(`/bots/${mine}`), connect(`/bots/${foreign}`)];
    await Promise.all([outcome(one), outcome(two)]);
    const { id } = await session(one);
    assert.ok((await say(one, { message: 'a secret', session_id: id })).ok);
    for (const given of [
      id,
      id.split('.')[0],
      `${id.split('.')[0]}.${'A'.repeat(24)}`,
      '__proto__',
      '',
      { $ne: null },
    ]) {
      const made = await session(two, { session_id: given });
      assert.notEqual(made.id, id);
      assert.deepEqual(made.history, []);
    }
    const heard = next(two, 'bot_uttered');
    assert.ok(!(await say(two, { message: 'x', session_id: id })).ok || (await heard));
    const { body } = await hub.api('GET', `/bots/${foreign}/conversations`);
    assert.ok(!JSON.stringify(body).includes(id.split('.')[0]!), 'nothing came into a conversation of that name');
  });

  it('to no bot that is not there, no other namespace, and to none that went away', async () => {
    for (const url of ['/bots/nobody', '/admin', '/bots', `/bots/${mine}/x`, '/bots/__proto__', '/'])
      assert.notEqual(await outcome(connect(url)), 'connected', url);
    for (const path of ['/bots/nobody/socket.io', '/socket.io/../socket.io'])
      assert.notEqual(await outcome(connect('', { path })), 'connected', path);
    const socket = connect(`/bots/${foreign}`);
    assert.equal(await outcome(socket), 'connected');
    const gone = next(socket, 'disconnect');
    await hub.api('PUT', `/bots/${foreign}/channels/web`, { enabled: false });
    await gone;
    assert.notEqual(await outcome(connect(`/bots/${foreign}`)), 'connected');
  });

  it('to the metrics: this machine, who shows their token, and who may see the hub', async () => {
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${hub.url}/metrics`, { headers })).status;
    const bearer = (token: string) => ({ ...elsewhere, authorization: `Bearer ${token}` });
    assert.equal(await status({}), 200);
    assert.equal(await status(elsewhere), 401);
    assert.equal(await status(bearer(metricsToken)), 200);
    assert.equal(await status(bearer(`${metricsToken}x`)), 401);
    for (const { token, hub: all, name } of people)
      if (token !== null) assert.equal(await status(bearer(token)), all ? 200 : 401, name);
  });
});
