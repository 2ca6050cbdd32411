import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/contracts.js';
import { createThrottle } from '../src/access/throttle.js';
import { eventually, type HubOptions, newHub, type TestHub } from './support/hub.js';

interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}
interface Person {
  cookie: string;
  csrf: string;
}
const good = 'four plain words here';

describe('Accounts', () => {
  let hub: TestHub;
  let store: Store;
  let boss: Person;
  let dataDir: string;
  const options = (): HubOptions => ({ dataDir, standIns: { store: (opened) => (store = opened) } });

  const ask = async (
    method: string,
    path: string,
    more: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const response = await fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: { ...(more.body === undefined ? {} : { 'content-type': 'application/json' }), ...more.headers },
      ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : (JSON.parse(text) as unknown),
    };
  };
  const as = ({ cookie, csrf }: Person) => ({ cookie, 'x-csrf-token': csrf });
  const personOf = ({ headers, body }: Answer): Person => ({
    cookie: headers.get('set-cookie')?.split(';')[0] ?? '',
    csrf: body.csrfToken as string,
  });
  const signIn = (login: string, password: string): Promise<Answer> =>
    ask('POST', '/session', { body: { login, password } });
  const tokenOf = (url: string): string => url.split('#')[1] ?? '';
  const invited = async (login: string, more: object = {}): Promise<Person> => {
    const { body } = await ask('POST', '/users/invitations', { body: { login, ...more }, headers: as(boss) });
    return personOf(
      await ask('PUT', '/session/link', { body: { token: tokenOf(body.url as string), name: login, password: good } }),
    );
  };

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-test-'));
    hub = await newHub(options());
    const url = hub.app.firstUrl ?? '';
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/sign-in#[\w-]{43}$/);
    const first = { token: tokenOf(url), login: 'Boss@Example.org', name: 'Boss', password: good };
    const taken = await Promise.all([1, 2, 3].map(() => ask('PUT', '/session/link', { body: first })));
    // Of those who come together one has it; the others find the link used or the name taken.
    const statuses = taken.map(({ status }) => status).sort();
    assert.equal(statuses[0], 200);
    assert.ok(
      statuses.slice(1).every((status) => [409, 410].includes(status)),
      statuses.join(),
    );
    boss = personOf(taken.find(({ status }) => status === 200)!);
  });
  after(async () => {
    await hub.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('begin with a link that is good once, for an admin', async () => {
    const { body } = await ask('GET', '/session', { headers: { cookie: boss.cookie } });
    assert.deepEqual([body.kind, body.role, body.name], ['user', 'admin', 'Boss']);
    assert.equal(
      (await ask('POST', '/session/link', { body: { token: tokenOf(hub.app.firstUrl ?? '') } })).status,
      410,
    );
  });

  it('keep passwords as argon2id alone, and neither passwords, links nor sessions in the log', async () => {
    const user = await store.users.byLogin('boss@example.org');
    assert.match(user?.password ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const log = hub.log.join('\n');
    for (const secret of [good, boss.cookie.split('=')[1] ?? '', boss.csrf]) assert.ok(!log.includes(secret));
    const shown = JSON.stringify((await ask('GET', '/users', { headers: as(boss) })).body);
    assert.ok(!shown.includes('argon2') && !shown.includes(good));
  });

  it('give a session by a cookie that no script and no other site gets', async () => {
    const answer = await signIn('boss@example.org', good);
    assert.equal(answer.status, 200);
    assert.match(
      answer.headers.get('set-cookie') ?? '',
      /^switchboard_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
    );
    const person = personOf(answer);
    assert.notEqual(person.cookie, boss.cookie);
    const out = await ask('DELETE', '/session', { headers: as(person) });
    assert.match(out.headers.get('set-cookie') ?? '', /^switchboard_session=; .*1970/);
    assert.equal((await ask('GET', '/session', { headers: { cookie: person.cookie } })).status, 401);
    // A session that somebody thought up becomes nobody's: each sign-in makes a new one.
    assert.equal(
      (await ask('GET', '/session', { headers: { cookie: `switchboard_session=${'x'.repeat(43)}` } })).status,
      401,
    );
  });

  it('say the same of a wrong password and of a name that nobody has', async () => {
    const [wrong, nobody] = [
      await signIn('boss@example.org', 'not this one'),
      await signIn('nobody@example.org', good),
    ];
    assert.deepEqual([wrong.status, wrong.body], [401, nobody.body]);
  });

  it('change nothing for a form of another site, on any route that changes something', async () => {
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security: unknown[] }>>;
    };
    let tried = 0;
    for (const [path, verbs] of Object.entries(document.paths)) {
      for (const [verb, { security }] of Object.entries(verbs)) {
        if (verb === 'get' || security.length === 0) continue;
        for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x']) {
          const response = await fetch(hub.url + path.replaceAll(/\{\w+\}/g, 'x'), {
            method: verb.toUpperCase(),
            headers: { cookie: boss.cookie, 'content-type': type, origin: 'https://evil.example' },
            body: 'a=b',
          });
          // Rasa's API knows no cookie.
          assert.equal(response.status, path.startsWith('/bots/') ? 401 : 403, `${verb} ${path}`);
          tried += 1;
        }
      }
    }
    assert.ok(tried > 150, String(tried));
    const other = personOf(await signIn('boss@example.org', good));
    const mixed = await ask('POST', '/users/invitations', {
      body: {},
      headers: { ...as(other), 'x-csrf-token': boss.csrf },
    });
    assert.equal(mixed.status, 403);
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const response = await fetch(`${hub.url}/api/v1/session`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: '{"login":"boss@example.org","password":"x"}',
      });
      assert.equal(response.status, 415);
    }
  });

  it('refuse a cookie beside a token that does not fit', async () => {
    const { status } = await ask('GET', '/users', { headers: { cookie: boss.cookie, authorization: 'Bearer x' } });
    assert.equal(status, 401);
  });

  it('are invited with roles, once, and an invitation that does not fit stays good', async () => {
    const bot = (await hub.api('POST', '/bots', { name: 'x' })).body.appId as string;
    const { body } = await ask('POST', '/users/invitations', {
      body: { login: 'Ann@example.org', bots: { [bot]: 'editor' } },
      headers: as(boss),
    });
    const token = tokenOf(body.url as string);
    assert.deepEqual((await ask('POST', '/session/link', { body: { token } })).body, {
      kind: 'invitation',
      login: 'ann@example.org',
    });
    for (const password of ['short', 'aaaaaaaaaaaaaaaa', 'ann@example.org', 'password123']) {
      const refused = await ask('PUT', '/session/link', { body: { token, password } });
      assert.deepEqual([refused.status, refused.body.errors[0].pointer], [422, '/password'], password);
    }
    const ann = personOf(await ask('PUT', '/session/link', { body: { token, name: 'Ann', password: good } }));
    assert.equal((await ask('GET', `/bots/${bot}/faq`, { headers: as(ann) })).status, 200);
    assert.equal((await ask('DELETE', `/bots/${bot}`, { headers: as(ann) })).status, 403);
    assert.equal((await ask('PUT', '/session/link', { body: { token, password: good } })).status, 410);
    assert.equal(
      (await ask('POST', '/users/invitations', { body: { login: 'ANN@example.org' }, headers: as(boss) })).status,
      409,
    );
    assert.equal((await hub.api('DELETE', `/bots/${bot}`)).status, 204);
    assert.deepEqual((await store.users.byLogin('ann@example.org'))?.bots, {});
  });

  it('change a password, which ends the other sessions, and take a new one by a link from an admin', async () => {
    const one = await invited('carl@example.org');
    const two = personOf(await signIn('carl@example.org', good));
    const wrong = await ask('PUT', '/session/password', {
      body: { old: 'no', password: 'another four words' },
      headers: as(one),
    });
    assert.equal(wrong.status, 401);
    const changed = await ask('PUT', '/session/password', {
      body: { old: good, password: 'another four words' },
      headers: as(one),
    });
    assert.equal(changed.status, 204, JSON.stringify(changed.body));
    const status = async ({ cookie }: Person): Promise<number> =>
      (await ask('GET', '/session', { headers: { cookie } })).status;
    assert.deepEqual([await status(one), await status(two)], [200, 401]);
    const id = (await store.users.byLogin('carl@example.org'))?.id ?? '';
    const link = await ask('POST', `/users/${id}/reset`, { headers: as(boss) });
    const token = tokenOf(link.body.url as string);
    const reset = await ask('PUT', '/session/link', { body: { token, password: 'yet other words here' } });
    assert.deepEqual([reset.status, await status(one)], [200, 401]);
    assert.equal((await signIn('carl@example.org', 'another four words')).status, 401);
    assert.equal((await signIn('carl@example.org', 'yet other words here')).status, 200);
  });

  it('lose what was taken from them on requests and open streams, and everything when they are shut out', async () => {
    const bot = (await hub.api('POST', '/bots', { name: 'y' })).body.appId as string;
    await hub.api('POST', `/bots/${bot}/train?wait=true`, [{ Q: [{ q: 'a' }], A: 'b' }]);
    const dora = await invited('dora@example.org', { bots: { [bot]: 'viewer' } });
    const response = await fetch(`${hub.url}/api/v1/bots/${bot}/logs?follow`, { headers: { cookie: dora.cookie } });
    const reader = response.body!.getReader();
    const ended = (async () => {
      for (;;) if ((await reader.read()).done) return;
    })().catch(() => undefined);
    assert.equal(response.status, 200);
    assert.equal((await hub.api('DELETE', `/bots/${bot}/people/dora@example.org`)).status, 204);
    assert.equal((await ask('GET', `/bots/${bot}`, { headers: as(dora) })).status, 404);
    await ended;
    const id = (await store.users.byLogin('dora@example.org'))?.id ?? '';
    // Many changes at once: each of them holds.
    const roles = ['editor', 'agent', 'viewer', 'builder'] as const;
    const bots = await Promise.all(
      roles.map(async (role) => (await hub.api('POST', '/bots', { name: role })).body.appId as string),
    );
    await Promise.all(roles.map((role, n) => hub.api('PUT', `/bots/${bots[n]}/people/dora@example.org`, { role })));
    assert.deepEqual(new Set(Object.values((await store.users.get(id))?.bots ?? {})), new Set(roles));
    assert.equal((await ask('PATCH', `/users/${id}`, { body: { active: false }, headers: as(boss) })).status, 200);
    assert.equal((await ask('GET', '/session', { headers: as(dora) })).status, 401);
    assert.equal((await signIn('dora@example.org', good)).status, 401);
  });

  it('are made by nobody for themselves, unless REGISTRATION is on; then without any role', async () => {
    const body = { login: 'eve@example.org', name: 'Eve', password: good };
    assert.equal((await ask('POST', '/registrations', { body })).status, 404);
    const open = await newHub({ env: { REGISTRATION: 'on' } });
    try {
      const register = (login: string): Promise<Response> =>
        fetch(`${open.url}/api/v1/registrations`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...body, login }),
        });
      const response = await register('eve@example.org');
      assert.equal(response.status, 200);
      const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
      const bots = await fetch(`${open.url}/api/v1/bots`, { headers: { cookie } });
      assert.deepEqual(await bots.json(), { items: [], next: null });
      assert.equal((await fetch(`${open.url}/api/v1/machine`, { headers: { cookie } })).status, 403);
      assert.equal((await register('EVE@example.org')).status, 409);
      assert.equal((await open.api('GET', '/users')).body.items[0].role, null);
    } finally {
      await open.stop();
    }
  });

  it('outlive a restart of the hub, and sessions with them', async () => {
    await hub.stop();
    hub = await newHub(options());
    assert.equal(hub.app.firstUrl, null, 'there is somebody already');
    assert.equal((await ask('GET', '/session', { headers: { cookie: boss.cookie } })).status, 200);
  });

  it('slow down who guesses: by name and by address, and not who knows', async () => {
    await invited('fay@example.org');
    for (let n = 0; n < 12; n++) await signIn('fay@example.org', `guess ${n}`);
    const slowed = await signIn('fay@example.org', good);
    assert.equal(slowed.status, 429);
    // Of two seconds, some of which have passed by now.
    assert.ok(Number(slowed.headers.get('retry-after')) >= 1);
    assert.equal((await ask('GET', '/session', { headers: { cookie: boss.cookie } })).status, 200);
  });

  it('are told by the throttle when to come back, twice as late each time, until it forgets', () => {
    let now = 0;
    const throttle = createThrottle(() => now);
    const wait = (): number => {
      try {
        throttle.check(['a']);
        return 0;
      } catch (error) {
        return (error as { options: { afterSeconds: number } }).options.afterSeconds;
      }
    };
    const waits = Array.from({ length: 16 }, () => {
      throttle.failed(['a', 'b']);
      const seconds = wait();
      now += seconds * 1000;
      return seconds;
    });
    assert.deepEqual(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    throttle.failed(['a']);
    throttle.passed('a');
    assert.equal(wait(), 0);
    for (let n = 0; n < 6; n++) throttle.failed(['a']);
    now += 60 * 60_000;
    assert.equal(wait(), 0);
  });

  it('end with their removal', async () => {
    const gus = await invited('gus@example.org');
    const id = (await store.users.byLogin('gus@example.org'))?.id ?? '';
    assert.equal((await ask('DELETE', `/users/${id}`, { headers: as(boss) })).status, 204);
    await eventually(async () => (await ask('GET', '/session', { headers: as(gus) })).status === 401);
    assert.equal((await ask('GET', `/users/${id}`, { headers: as(boss) })).status, 404);
  });
});
