import assert from 'node:assert/strict';
import type { Store } from '../src/contracts.js';
import { subscription } from './contract/stream.js';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';

/** Who may do what, as people were promised it (docs/security.md): not read from the code, which is held against it. */
const everyone = ['admin', 'builder', 'editor', 'agent', 'viewer'];
const allowed: Record<string, string[]> = {
  watch: everyone,
  create: ['admin', 'builder'],
  administer: ['admin'],
  train: ['admin'],
  read: everyone,
  converse: ['admin', 'builder', 'editor', 'agent'],
  edit: ['admin', 'builder', 'editor'],
  build: ['admin', 'builder'],
  serve: ['admin', 'builder'],
  own: ['admin'],
};
const ofHub = ['watch', 'create', 'administer', 'train'];

/** Every route there is, with what it asks for. A route that is not here fails the test: think about who may have it, and add it. */
const routes = `
public GET /
public GET /sign-in
public GET /console
public GET /console/{path}
public GET /console/assets/{file}
public GET /health/live
public GET /health/ready
public GET /health/engine
public GET /metrics
public GET /widget.js
public GET /widget/{file}
public GET /api/openapi.json
public GET /api/docs
public GET /bots/{appId}/chat
public POST /webhooks/{channel}/{appId}
public GET /bots/{appId}/webhooks/rest
public POST /bots/{appId}/webhooks/rest/webhook
public GET /bots/{appId}/webhooks/callback
public POST /bots/{appId}/webhooks/callback/webhook
public GET /bots/{appId}/
public GET /bots/{appId}/version
read GET /bots/{appId}/status
read GET /bots/{appId}/domain
converse POST /bots/{appId}/model/parse
converse POST /bots/{appId}/model/predict
edit POST /bots/{appId}/model/train
edit POST /bots/{appId}/model/test/intents
edit POST /bots/{appId}/model/test/stories
build GET /bots/{appId}/model
build PUT /bots/{appId}/model
build DELETE /bots/{appId}/model
read GET /bots/{appId}/conversations/{conversationId}/tracker
read GET /bots/{appId}/conversations/{conversationId}/story
converse POST /bots/{appId}/conversations/{conversationId}/tracker/events
converse PUT /bots/{appId}/conversations/{conversationId}/tracker/events
converse POST /bots/{appId}/conversations/{conversationId}/messages
converse POST /bots/{appId}/conversations/{conversationId}/predict
converse POST /bots/{appId}/conversations/{conversationId}/trigger_intent
converse POST /bots/{appId}/conversations/{conversationId}/execute
public GET /bots/{appId}/appearance
public POST /api/v1/session
public GET /api/v1/session/ways
public POST /api/v1/session/link
public PUT /api/v1/session/link
public POST /api/v1/registrations
member GET /api/v1/events
member GET /api/v1/session
member GET /api/v1/waiting
member DELETE /api/v1/session
member PUT /api/v1/session/password
administer GET /api/v1/users
administer POST /api/v1/users/invitations
administer GET /api/v1/users/{userId}
administer PATCH /api/v1/users/{userId}
administer DELETE /api/v1/users/{userId}
administer POST /api/v1/users/{userId}/reset
administer GET /api/v1/api-keys
administer POST /api/v1/api-keys
own GET /api/v1/bots/{appId}/api-keys
own POST /api/v1/bots/{appId}/api-keys
own POST /api/v1/api-keys/{keyId}/rotate
own DELETE /api/v1/api-keys/{keyId}
own GET /api/v1/audit?appId={appId}
own GET /api/v1/audit/export?appId={appId}
own GET /api/v1/bots/{appId}/people
own PUT /api/v1/bots/{appId}/people/{login}
own DELETE /api/v1/bots/{appId}/people/{login}
member GET /api/v1/templates
member GET /api/v1/templates/{name}
create POST /api/v1/templates
create PUT /api/v1/templates/{name}
create DELETE /api/v1/templates/{name}
create POST /api/v1/bots
member GET /api/v1/bots
create POST /api/v1/bots/import
read GET /api/v1/bots/{appId}
build PATCH /api/v1/bots/{appId}
own DELETE /api/v1/bots/{appId}
build PUT /api/v1/bots/{appId}/project
read GET /api/v1/bots/{appId}/export
build POST /api/v1/bots/{appId}/wake
build POST /api/v1/bots/{appId}/park
build POST /api/v1/bots/{appId}/restart
read GET /api/v1/bots/{appId}/logs
read GET /api/v1/bots/{appId}/faq
edit PUT /api/v1/bots/{appId}/faq
read GET /api/v1/bots/{appId}/faq/pairs
edit POST /api/v1/bots/{appId}/faq/pairs
edit PUT /api/v1/bots/{appId}/faq/pairs/{pairId}
edit DELETE /api/v1/bots/{appId}/faq/pairs/{pairId}
edit POST /api/v1/bots/{appId}/faq/import
edit POST /api/v1/bots/{appId}/faq/lint
edit POST /api/v1/bots/{appId}/faq/lint/pair
read GET /api/v1/bots/{appId}/analytics
read GET /api/v1/bots/{appId}/misses
read GET /api/v1/bots/{appId}/tests
edit PUT /api/v1/bots/{appId}/tests
edit POST /api/v1/bots/{appId}/tests
edit POST /api/v1/bots/{appId}/tests/run
read GET /api/v1/bots/{appId}/gate
edit PUT /api/v1/bots/{appId}/gate
read GET /api/v1/bots/{appId}/models/{modelId}/gate
edit POST /api/v1/bots/{appId}/misses/{clusterId}/answer
read GET /api/v1/bots/{appId}/files
read GET /api/v1/bots/{appId}/files/{path}
build PUT /api/v1/bots/{appId}/files/{path}
build DELETE /api/v1/bots/{appId}/files/{path}
edit POST /api/v1/bots/{appId}/evaluate
edit GET /api/v1/bots/{appId}/findings
edit POST /api/v1/bots/{appId}/validate
edit POST /api/v1/bots/{appId}/train
read GET /api/v1/bots/{appId}/jobs
read GET /api/v1/jobs/{jobId}
edit POST /api/v1/jobs/{jobId}/cancel
read GET /api/v1/jobs/{jobId}/events
read GET /api/v1/bots/{appId}/models
edit POST /api/v1/bots/{appId}/models/{modelId}/activate
edit POST /api/v1/bots/{appId}/models/{modelId}/refuse
converse POST /api/v1/bots/{appId}/models/{modelId}/try
edit POST /api/v1/bots/{appId}/rollback
edit PATCH /api/v1/bots/{appId}/models/{modelId}
read GET /api/v1/bots/{appId}/models/{a}/diff/{b}
read GET /api/v1/bots/{appId}/models/{modelId}/project
build GET /api/v1/bots/{appId}/models/{modelId}/archive
build DELETE /api/v1/bots/{appId}/models/{modelId}
converse POST /api/v1/bots/{appId}/parse
converse POST /api/v1/bots/{appId}/messages
read GET /api/v1/bots/{appId}/conversations
read GET /api/v1/bots/{appId}/conversations/{id}
own DELETE /api/v1/bots/{appId}/conversations/{id}
converse POST /api/v1/bots/{appId}/conversations/{id}/takeover
converse POST /api/v1/bots/{appId}/conversations/{id}/release
converse POST /api/v1/bots/{appId}/conversations/{id}/replies
converse PUT /api/v1/bots/{appId}/conversations/{id}/review
converse PUT /api/v1/bots/{appId}/conversations/{id}/tags
converse PUT /api/v1/bots/{appId}/conversations/{id}/assignee
converse POST /api/v1/bots/{appId}/conversations/{id}/notes
read GET /api/v1/bots/{appId}/desk
read GET /api/v1/bots/{appId}/retention
own PUT /api/v1/bots/{appId}/retention
edit PUT /api/v1/bots/{appId}/desk
administer GET /api/v1/requests
read GET /api/v1/bots/{appId}/channels
read GET /api/v1/bots/{appId}/channels/{name}
build PUT /api/v1/bots/{appId}/channels/{name}
build DELETE /api/v1/bots/{appId}/channels/{name}
build POST /api/v1/bots/{appId}/channels/{name}/check
read GET /api/v1/dead-letters?appId={appId}
converse POST /api/v1/dead-letters/{letterId}/replay
converse DELETE /api/v1/dead-letters/{letterId}
administer GET /api/v1/subscriptions
administer POST /api/v1/subscriptions
own GET /api/v1/bots/{appId}/subscriptions
own POST /api/v1/bots/{appId}/subscriptions
own GET /api/v1/subscriptions/{subscriptionId}
own PATCH /api/v1/subscriptions/{subscriptionId}
own DELETE /api/v1/subscriptions/{subscriptionId}
own POST /api/v1/subscriptions/{subscriptionId}/rotate
own POST /api/v1/subscriptions/{subscriptionId}/replay
own GET /api/v1/subscriptions/{subscriptionId}/dead-letters
own POST /api/v1/subscriptions/{subscriptionId}/dead-letters/{position}/replay
own DELETE /api/v1/subscriptions/{subscriptionId}/dead-letters/{position}
watch GET /api/v1/jobs
watch GET /api/v1/trainers
watch GET /api/v1/machine
watch GET /api/v1/nodes
administer POST /api/v1/nodes/{nodeId}/drain
train GET /api/v1/jobs/{jobId}/project
train PUT /api/v1/jobs/{jobId}/model
`
  .trim()
  .split('\n')
  .map((row) => {
    const [right = '', method = '', path = ''] = row.split(' ');
    return { right, method, path, facade: path.startsWith('/bots/') };
  });
/** As the API's document has it. */
const documented = (path: string): string =>
  path.replace(/\?.*/, '').replace(/\{(?:userId|keyId|letterId|subscriptionId)\}/, '{id}');

interface Who {
  name: string;
  token: string | null;
  /** On the whole hub. */
  hub: string | null;
  /** On the bot `mine`. */
  bot: string | null;
}
type Outcome = 'in' | 'sign in' | 'not there' | 'not for you';

describe('Who may do what', () => {
  let hub: TestHub;
  let store: Store;
  let mine: string;
  let foreign: string;
  const jobs: Record<string, string> = {};
  const people: Who[] = [];
  const trainerToken = 'the-token-of-the-trainers';
  let dummies = 0;

  const key = async (role: string, appId: string | null): Promise<{ id: string; key: string }> => {
    const path = appId === null ? '/api-keys' : `/bots/${appId}/api-keys`;
    const { status, body } = await hub.api('POST', path, { name: `${role} ${appId ?? 'hub'}`, role });
    assert.equal(status, 201, JSON.stringify(body));
    return body as { id: string; key: string };
  };

  before(async () => {
    const standIns = { store: (opened: Store) => (store = opened) };
    hub = await newHub({ standIns, env: { TRAINER_TOKEN: trainerToken, REGISTRATION: 'on' } });
    const made = await Promise.all(['Mine', 'Foreign'].map((name) => hub.api('POST', '/bots', { name })));
    [mine = '', foreign = ''] = made.map(({ body }) => body.appId as string);
    for (const appId of [mine, foreign]) {
      const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
      jobs[appId] = body.jobId as string;
    }
    for (const role of everyone) {
      people.push({ name: `${role} of the bot`, token: (await key(role, mine)).key, hub: null, bot: role });
      people.push({ name: `${role} of the hub`, token: (await key(role, null)).key, hub: role, bot: role });
    }
    people.push({ name: 'a trainer', token: trainerToken, hub: 'trainer', bot: null });
    people.push({ name: 'nobody', token: null, hub: null, bot: null });
    people.push({ name: 'a made-up key', token: `sbk_${'x'.repeat(43)}`, hub: null, bot: null });
  });
  after(() => hub.stop());

  /** A thing of the bot's for each parameter of a path; those that a call may use up are made anew. */
  async function filled(path: string, appId: string): Promise<string> {
    dummies += 1;
    const id = `dummy-${dummies}`;
    if (path.includes('{keyId}')) {
      const about = {
        name: id,
        digest: id,
        tail: 'mmmm',
        role: 'viewer',
        by: '',
        createdAt: '',
        usedAt: null,
      } as const;
      await store.apiKeys.add({ ...about, id, appId, expiresAt: null });
    }
    if (path.includes('{userId}')) {
      const at = new Date().toISOString();
      const user = { id, login: id, name: id, password: null, role: null, bots: {}, active: true, signedInAt: null };
      await store.users.create({ ...user, createdAt: at, updatedAt: at });
    }
    if (path.includes('{subscriptionId}')) await store.subscriptions.add(subscription(id, { appId, enabled: false }));
    let letterId = '';
    if (path.includes('{letterId}')) {
      const said = {
        appId,
        channel: 'rest',
        conversation: id,
        eventId: id,
        text: 'x',
        payload: false,
        to: id,
        metadata: {},
      };
      const { message } = await store.conversations.receive(said);
      await store.conversations.settle(message.id, { state: 'failed', error: 'x' }, { bury: { attempts: 1 } });
      const letters = await store.deadLetters.list({ limit: 500 }, appId);
      letterId = letters.items.find(({ messageId }) => messageId === message.id)?.id ?? '';
    }
    const values: Record<string, string> = {
      appId,
      jobId: jobs[appId] ?? id,
      keyId: id,
      userId: id,
      letterId,
      subscriptionId: id,
    };
    return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'x');
  }

  async function call(
    { method, path }: { method: string; path: string },
    token: string | null,
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(hub.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      // It fits nowhere: whoever is let in does no harm.
      ...(method === 'GET' ? {} : { body: '"no such body"' }),
    });
    const { status } = response;
    if (!/event-stream|gzip/.test(response.headers.get('content-type') ?? ''))
      return { status, text: await response.text() };
    // A stream of events has no end; and whoever hangs up in the middle of a file does no harm.
    await response.body?.cancel();
    return { status, text: '' };
  }

  function outcomeOf({ status, text }: { status: number; text: string }): Outcome {
    if (status === 401) return 'sign in';
    if (status === 403) return 'not for you';
    // What was let in and is not there has other words: no model, no file, no pair of that name.
    return status === 404 && /There is no (?:bot|API key|job) |no such (?:bot|dead letter|subscription)/.test(text)
      ? 'not there'
      : 'in';
  }

  function expected(who: Who, { right, facade }: { right: string; facade: boolean }, own: boolean): Outcome {
    if (right === 'public') return 'in';
    if (who.hub === null && who.bot === null) return 'sign in';
    if (right === 'member') return who.hub === 'trainer' ? 'not for you' : 'in';
    const roles = allowed[right] ?? [];
    if (right === 'train' && who.hub === 'trainer') return 'in';
    if (ofHub.includes(right)) return who.hub !== null && roles.includes(who.hub) ? 'in' : 'not for you';
    const role = who.hub === null ? (own ? who.bot : null) : who.hub;
    if (role !== null && roles.includes(role)) return 'in';
    const seen = role !== null && everyone.includes(role);
    // Rasa's API says the same for a key that does not fit and a bot that is not there.
    return seen ? 'not for you' : facade ? 'sign in' : 'not there';
  }

  it('knows every route', async () => {
    const { body } = await fetch(`${hub.url}/api/openapi.json`).then(async (answer) => ({
      body: (await answer.json()) as { paths: Record<string, Record<string, unknown>> },
    }));
    const there = Object.entries(body.paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`),
    );
    const known = routes.map(({ method, path }) => `${method} ${documented(path)}`);
    assert.deepEqual(there.sort(), known.sort());
  });

  it('is the same on every route, for every role, on the own bot and on a foreign one', async function () {
    this.timeout(120_000);
    const faults: string[] = [];
    let calls = 0;
    for (const route of routes) {
      if (route.method === 'DELETE' && route.path === '/api/v1/bots/{appId}') continue;
      for (const appId of [mine, foreign]) {
        await Promise.all(
          people.map(async (who) => {
            const answer = await call({ ...route, path: await filled(route.path, appId) }, who.token);
            const [is, shall] = [outcomeOf(answer), expected(who, route, appId === mine)];
            calls += 1;
            if (route.right === 'public' ? answer.status === 403 : is !== shall)
              faults.push(
                `${route.method} ${route.path} ${who.name} on ${appId === mine ? 'own' : 'foreign'}: ${is}, not ${shall}: ${answer.text.slice(0, 200)}`,
              );
          }),
        );
      }
    }
    assert.deepEqual(faults, []);
    assert.ok(calls > 2500, `${calls} calls`);
  });

  it('answers for a foreign bot what it answers for one that is not there', async () => {
    const strangers = people.filter(({ hub: role, bot }) => role === null && bot !== null);
    for (const route of routes.filter(({ right, path }) => path.includes('{appId}') && right !== 'public')) {
      for (const { token } of strangers) {
        const [there, absent] = await Promise.all(
          [foreign, 'bot-000000000000'].map(async (appId) => {
            const { status, text } = await call({ ...route, path: route.path.replace('{appId}', appId) }, token);
            return { status, text: text.replaceAll(appId, 'X') };
          }),
        );
        assert.deepEqual(there, absent, `${route.method} ${route.path}`);
      }
    }
  });

  it('lets a bot be deleted by its admins alone, and takes its keys with it', async () => {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Short-lived' })).body as { appId: string };
    for (const role of everyone.slice(1)) {
      const { key: token } = await key(role, appId);
      const { status } = await call({ method: 'DELETE', path: `/api/v1/bots/${appId}` }, token);
      assert.equal(status, 403, role);
    }
    const { key: token } = await key('admin', appId);
    assert.equal((await call({ method: 'DELETE', path: `/api/v1/bots/${foreign}` }, token)).status, 404);
    assert.equal((await call({ method: 'DELETE', path: `/api/v1/bots/${appId}` }, token)).status, 204);
    await eventually(async () => (await call({ method: 'GET', path: '/api/v1/session' }, token)).status === 401);
  });

  it('lists to somebody with roles on single bots those bots alone', async () => {
    const viewer = people.find(({ name }) => name === 'viewer of the bot');
    const { text } = await call({ method: 'GET', path: '/api/v1/bots' }, viewer?.token ?? '');
    const { items, next } = JSON.parse(text) as { items: { appId: string }[]; next: string | null };
    assert.deepEqual([items.map(({ appId }) => appId), next], [[mine], null]);
  });

  it('gives the bot of a key to Rasa clients and REST clients, by ?token= and as a bearer, and no other', async () => {
    // The calls above may have taken its model out of use.
    await hub.api('POST', `/bots/${mine}/train?wait=true&force=true`);
    await hub.api('PUT', `/bots/${mine}/channels/rest`, { enabled: true, requireKey: true });
    await hub.api('PUT', `/bots/${foreign}/channels/rest`, { enabled: true, requireKey: true });
    const { key: agent } = await key('agent', mine);
    const { key: viewer } = await key('viewer', mine);
    const ask = async (appId: string, token: string): Promise<number[]> => {
      const url = `${hub.url}/bots/${appId}/webhooks/rest/webhook`;
      const body = JSON.stringify({ sender: 's', message: 'hello' });
      const [byQuery, byHeader] = await Promise.all([
        fetch(`${url}?token=${token}`, { method: 'POST', body }),
        fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } }),
      ]);
      return [byQuery.status, byHeader.status];
    };
    assert.deepEqual(await ask(mine, agent), [200, 200]);
    assert.deepEqual(await ask(foreign, agent), [401, 401]);
    assert.deepEqual(await ask(mine, viewer), [401, 401]);
    const facade = async (appId: string, token: string): Promise<number> =>
      (await fetch(`${hub.url}/bots/${appId}/model/parse?token=${token}`, { method: 'POST', body: '{"text":"x"}' }))
        .status;
    assert.deepEqual([await facade(foreign, agent), await facade(mine, viewer)], [401, 403]);
    assert.ok(![401, 403].includes(await facade(mine, agent)));
  });

  describe('An API key', () => {
    it('is shown once, kept as a digest, and nowhere in the log', async () => {
      const made = await key('viewer', mine);
      const { body } = await hub.api('GET', `/bots/${mine}/api-keys`);
      assert.ok(!JSON.stringify(body).includes(made.key));
      const kept = await store.apiKeys.get(made.id);
      assert.ok(kept && !JSON.stringify(kept).includes(made.key));
      assert.ok(!hub.log.join('\n').includes(made.key));
      assert.equal(kept.tail, made.key.slice(-4));
    });
    it('opens nothing once it is revoked, has run out or was rotated, unless the old one may overlap', async () => {
      const status = async (token: string): Promise<number> =>
        (await call({ method: 'GET', path: `/api/v1/bots/${mine}` }, token)).status;
      const one = await key('viewer', mine);
      assert.equal(await status(one.key), 200);
      const two = (await hub.api('POST', `/api-keys/${one.id}/rotate`)).body as { id: string; key: string };
      assert.deepEqual([await status(one.key), await status(two.key)], [401, 200]);
      const three = (await hub.api('POST', `/api-keys/${two.id}/rotate`, { overlapSeconds: 600 })).body as {
        id: string;
        key: string;
      };
      assert.deepEqual([await status(two.key), await status(three.key)], [200, 200]);
      await hub.api('DELETE', `/api-keys/${three.id}`);
      assert.equal(await status(three.key), 401);
      await store.apiKeys.update(two.id, { expiresAt: new Date(Date.now() - 1).toISOString() });
      await eventually(async () => (await status(two.key)) === 401);
      assert.equal((await hub.api('POST', `/api-keys/${three.id}/rotate`)).status, 404);
      assert.equal((await hub.api('DELETE', `/api-keys/${three.id}`)).status, 404);
    });
    it('loses its open streams with its rights, the key of another bot keeps them', async () => {
      const [gone, stays] = [await key('viewer', mine), await key('viewer', mine)];
      const follow = async (token: string): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
        const url = `${hub.url}/api/v1/bots/${mine}/logs?follow`;
        const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
        assert.equal(response.status, 200);
        assert.ok(response.body);
        return response.body.getReader();
      };
      await hub.api('POST', `/bots/${mine}/wake`);
      const [cut, open] = [await follow(gone.key), await follow(stays.key)];
      const ended = (async () => {
        for (;;) if ((await cut.read()).done) return 'ended';
      })().catch(() => 'cut');
      let still = true;
      void (async () => {
        for (;;) if ((await open.read()).done) return;
      })().catch(() => (still = false));
      await hub.api('DELETE', `/api-keys/${gone.id}`);
      assert.equal(await ended, 'cut');
      assert.equal(still, true);
      await hub.api('DELETE', `/api-keys/${stays.id}`);
      await eventually(() => !still);
    });
  });
});
