import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';

/** Ways to hold a connection for long and say little. */
const slowWays = [
  '',
  'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ',
  'POST /api/v1/bots HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 900000\r\n\r\n',
  'POST /bots/demo/webhooks/rest/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n',
  'POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n',
];
const fuzzed = 10_000;
/** A conversation that nobody has begun is an empty one, a job of any bot is an admin's to see, and the console finds its page in the browser. */
const harmless = /\/(conversations|jobs)\/\{|^\/console\//;

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A whole hub, attacked from several sides at once; each `it` is one of them. */
describe('Under attack', function () {
  this.timeout(120_000);
  let hub: TestHub;
  let appId: string;
  let viewer: string;
  const sockets: Socket[] = [];
  let began: number;
  const dribble = setInterval(
    () => sockets.forEach((socket, n) => n % slowWays.length > 0 && socket.writable && socket.write('x')),
    1000,
  );
  const open = (): number => sockets.filter((socket) => !socket.destroyed).length;

  before(async () => {
    hub = await newHub();
    appId = (await hub.api('POST', '/bots', { name: 'x' })).body.appId as string;
    await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
    viewer = (await hub.api('POST', `/bots/${appId}/api-keys`, { name: 'v', role: 'viewer' })).body.key as string;
    began = Date.now();
    for (let n = 0; n < 500; n += 1) {
      const socket = connect(Number(new URL(hub.url).port), '127.0.0.1', () => {
        const begin = (slowWays[n % slowWays.length] ?? '').replace('TOKEN', hub.app.adminToken);
        if (begin !== '') socket.write(begin);
      });
      sockets.push(socket.on('error', () => undefined).resume());
    }
  });
  after(async () => {
    clearInterval(dribble);
    sockets.forEach((socket) => void socket.destroy());
    await hub.stop();
  });

  /** A request as no library of ours would send it. */
  const send = (
    method: string,
    path: string,
    headers: Record<string, string | string[]> = {},
    body = '',
  ): Promise<{ status: number; text: string; location: string }> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(hub.url);
      const asked = request({ port, method, path, headers, setHost: headers['host'] === undefined }, (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => (text += piece.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, location: response.headers.location ?? '' }),
        );
        if (/event-stream/.test(response.headers['content-type'] ?? '')) response.destroy();
      });
      asked.on('error', reject).end(body);
    });
  const admin = (): { authorization: string } => ({ authorization: `Bearer ${hub.app.adminToken}` });

  it('by five hundred slow sockets, others are served', async () => {
    // So few that a busy machine has answered them too before the slow ones are cut off.
    const asked = 10;
    let served = 0;
    while (open() > 300 && served < asked) {
      assert.equal((await hub.api('POST', `/bots/${appId}/parse`, { text: 'opening hours' })).status, 200);
      served += 1;
    }
    assert.equal(served, asked);
  });

  it('by ten thousand bodies with the names of what all objects have, no object gets anything', async () => {
    const random = randomOf(18);
    const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '\\u005f_proto__'];
    const leaf = (): string => pick(['1', '"x"', 'true', 'null', '{"polluted":1}', '["polluted"]']);
    const grown = (depth: number): string =>
      depth === 0
        ? leaf()
        : pick([
            () => `{"${pick(names)}":${grown(depth - 1)}}`,
            () => `{"${pick(names)}":{"polluted":1},"name":${grown(depth - 1)}}`,
            () =>
              `{"constructor":{"prototype":{"polluted":1}},"sender":"s","message":"hi","metadata":${grown(depth - 1)}}`,
            () =>
              `{"name":"x","language":"en","Q":[{"q":"a"}],"A":${grown(depth - 1)},"bots":{"${pick(names)}":"admin"}}`,
            () => `[${grown(depth - 1)},{"Q":[{"q":"__proto__"}],"A":{"${pick(names)}":${leaf()}}}]`,
          ])();
    const at = `/api/v1/bots/${appId}`;
    const json = 'application/json';
    const doors: [method: string, path: () => string, type: string, wrap?: (body: string) => string][] = [
      ['POST', () => '/api/v1/bots', json],
      ['PATCH', () => at, json],
      ['PUT', () => `${at}/faq`, json],
      ['POST', () => `${at}/faq/pairs`, json],
      ['POST', () => `${at}/messages`, json],
      ['POST', () => `${at}/parse`, json],
      ['PUT', () => `${at}/channels/${pick(['slack', 'web', 'rest', ...names.slice(0, 3)])}`, json],
      ['PUT', () => `${at}/people/${pick(names)}`, json],
      ['PUT', () => `${at}/desk`, json],
      ['POST', () => '/api/v1/users/invitations', json],
      ['POST', () => '/api/v1/templates', json],
      ['POST', () => `/bots/${appId}/webhooks/rest/webhook`, json],
      ['POST', () => `/webhooks/slack/${pick([appId, ...names])}`, json],
      [
        'POST',
        () => `${at}/faq/import`,
        'text/csv',
        (body) => `__proto__,constructor\n"${body.replaceAll('"', '""')}",x\n`,
      ],
      ['PUT', () => `${at}/files/data/x.yml`, 'text/plain', (body) => `nlu:\n- ${body}\n__proto__: {polluted: 1}\n`],
      ['POST', () => `${at}/validate`, json],
      ['GET', () => `/api/v1/bots?${pick(names)}[polluted]=1&${pick(names)}=1`, json],
      ['GET', () => `/bots/${pick(names)}/status?token=${pick(names)}`, json],
    ];
    const polluted = (): unknown => (({}) as { polluted?: unknown }).polluted;
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const statuses = new Map<number, number>();
    const socket = io(`${hub.url}/bots/${appId}`, { transports: ['websocket'], reconnection: true });
    let sent = 0;
    const one = async (): Promise<void> => {
      while (sent < fuzzed && polluted() === undefined) {
        // One, or three side by side.
        const count = random(2) === 0 ? 1 : 3;
        sent += count;
        const objects = Array.from({ length: count }, () => grown(1 + random(4)));
        const body =
          count === 1 ? objects[0]! : `{"name":${objects[0]},"metadata":${objects[1]},"${pick(names)}":${objects[2]}}`;
        if (random(10) === 0) socket.emit('user_uttered', JSON.parse(body));
        const [method, path, type, wrap = (text: string) => text] = pick(doors);
        const headers = { ...admin(), 'content-type': type };
        const answer = await fetch(hub.url + path(), {
          method,
          headers,
          ...(method === 'GET' ? {} : { body: wrap(body) }),
        });
        await answer.arrayBuffer();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 16 }, one));
    socket.disconnect();
    const got = polluted();
    delete (Object.prototype as { polluted?: unknown }).polluted;
    assert.equal(got, undefined);
    assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), before);
    const bad = [...statuses].filter(([status]) => status >= 500 && status !== 503 && status !== 501);
    assert.deepEqual(bad, [], JSON.stringify([...statuses]));
    assert.ok((statuses.get(422) ?? 0) > fuzzed / 10, JSON.stringify([...statuses]));
  });

  it('by methods that a route has not, nobody gets more than by those that it has', async () => {
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as { paths: Record<string, object> };
    const faults: string[] = [];
    for (const [path, verbs] of Object.entries(document.paths)) {
      const real = path.replace('{appId}', appId).replaceAll(/\{\w+\}/g, 'x');
      for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'PATCH', 'PUT', 'DELETE', 'POST', 'PROPFIND']) {
        if (method.toLowerCase() in verbs) continue;
        const override = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE', 'content-length': '0' };
        const { status } = await send(method, real, override).catch(() => ({ status: 400 }));
        // HEAD is asked as GET is; OPTIONS tells the methods.
        const harmless = method === 'OPTIONS' || (method === 'HEAD' && 'get' in verbs);
        const may = harmless ? status < 500 : status >= 400 && (status < 500 || status === 501);
        if (!may || status === 500) faults.push(`${method} ${real}: ${status}`);
        if (method === 'HEAD' && path.startsWith('/api/v1/bots') && status === 200) faults.push(`HEAD ${real}: let in`);
      }
    }
    assert.deepEqual(faults, []);
    assert.equal((await hub.api('GET', `/bots/${appId}`)).status, 200, 'it is still there');
  });

  it('by ids that are odd or of another bot, nothing is found, told or broken', async () => {
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as { paths: Record<string, object> };
    const other = (await hub.api('POST', '/bots', { name: 'other' })).body.appId as string;
    await hub.api('POST', `/bots/${other}/train?wait=true`, [{ Q: [{ q: 'secret question' }], A: 'secret answer' }]);
    const { activeModel } = (await hub.api('GET', `/bots/${other}`)).body as { activeModel: string };
    assert.ok(activeModel);
    const odd =
      '__proto__ constructor %00 ..%2f..%2fetc%2fpasswd %2e%2e %F0%9F%98%80 %ED%A0%80 %E0%A4%A %7B%22%24ne%22%3Anull%7D';
    const ids = [...odd.split(' '), 'x'.repeat(3000), activeModel];
    const faults: string[] = [];
    for (const [path, verbs] of Object.entries(document.paths)) {
      const inBot = /\{(?!appId)\w+\}/.test(path);
      if (path.includes('{'))
        for (const id of ids)
          for (const verb of Object.keys(verbs)) {
            const real = (inBot ? path.replace('{appId}', appId) : path).replaceAll(/\{\w+\}/g, id);
            const headers = { ...admin(), 'content-type': 'application/json' };
            const { status, text } = await send(verb.toUpperCase(), real, headers, verb === 'get' ? '' : '"x"').catch(
              () => ({ status: 400, text: '' }),
            );
            const told = text.includes('secret') || text.includes('root:');
            // 501: Rasa's own API, without Rasa.
            if ((status >= 500 && status !== 501) || told || (verb === 'get' && status === 200 && !harmless.test(path)))
              faults.push(`${verb} ${real.slice(0, 90)}: ${status}`);
          }
    }
    assert.deepEqual(faults, []);
    // A version of another bot is none of this one's, whatever is to be done with it.
    const own = `/bots/${appId}`;
    for (const [method, path, body] of [
      ['POST', `${own}/tests/run?model=${activeModel}`, undefined],
      ['POST', `${own}/models/${activeModel}/try`, { texts: ['hello'] }],
      ['POST', `${own}/models/${activeModel}/activate`, undefined],
      ['POST', `${own}/models/${activeModel}/refuse`, undefined],
      ['GET', `${own}/models/${activeModel}/gate`, undefined],
      ['GET', `${own}/models/${activeModel}/archive`, undefined],
      ['DELETE', `${own}/models/${activeModel}`, undefined],
    ] as const)
      assert.equal((await hub.api(method, path, body)).status, 404, `${method} ${path}`);
    assert.equal((await hub.api('GET', `/bots/${other}`)).body.activeModel, activeModel);
  });

  it('by odd paths, hosts and credentials, nobody is let in and nothing breaks', async () => {
    const paths = [
      ...['//api/v1/bots', '/api//v1/bots', '/api/v1/../v1/bots', '/api/v1/bots/', '/API/V1/BOTS', '/api/v1/bots/.'],
      ...['/api/v1/bots%2f', '/api/v1/%62ots', '/api/v1/bots/%00', '/api/v1/bots/%ff', '/api/v1/bots;x=1', '/%'],
      ...['/console/..%2f..%2fpackage.json', '/console/assets/..%2f..%2fpackage.json', '/widget/..%2fpackage.json'],
      ...['/widget/%2e%2e/%2e%2e/package.json', `/bots/${appId}/../../api/v1/bots`, '/api/v1/bots?token=admin', '*'],
      ...[`http://evil.example/api/v1/bots`, '/api/v1/machine#x', `/bots/${appId}//status`, '/api/v1/jobs/..%2fbots'],
    ];
    const shown: Record<string, string | string[]>[] = [
      {},
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: 'Basic YWRtaW46YWRtaW4=' },
      { authorization: `Bearer ${'x'.repeat(10_000)}` },
      { authorization: `Bearer ${hub.app.adminToken.slice(0, -1)}` },
      { authorization: `Bearer ${hub.app.adminToken} x` },
      { authorization: `Bearer sbk_${'_'.repeat(43)}` },
      { authorization: 'Bearer null' },
      { cookie: `switchboard_session=${'a'.repeat(43)}` },
      { cookie: 'switchboard_session=__proto__' },
      { cookie: `switchboard_session=; switchboard_session=${'a'.repeat(43)}` },
      { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', 'x-original-url': '/health/live' },
      { host: 'localhost' },
      { host: 'a@127.0.0.1' },
      { host: '[::1' },
    ];
    for (const path of paths)
      for (const headers of shown) {
        const { status, text } = await send('GET', path, headers);
        assert.ok(
          [301, 302, 400, 401, 404, 405].includes(status) || (status === 200 && path.startsWith('/console/')),
          `${path} ${JSON.stringify(headers).slice(0, 80)}: ${status}`,
        );
        assert.ok(!text.includes('"dependencies"'), path);
      }
    for (const path of ['/api/v1/users', `/api/v1/bots/${appId}/faq`])
      for (const headers of shown)
        assert.equal((await send('GET', path, headers)).status, 401, JSON.stringify(headers));
    // Whoever chooses the Host header chooses no link and no way to go.
    for (const headers of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    ]) {
      const type = { ...admin(), ...headers, 'content-type': 'application/json' };
      const { status, text } = await send('POST', '/api/v1/users/invitations', type, '{"login":"a@example.org"}');
      assert.equal(status, 201, text);
      assert.ok(!text.includes('evil.example'), text);
      assert.ok(!(await send('GET', '/', headers)).location.includes('evil.example'));
    }
  });

  it('by bodies of another kind than they say, nothing is changed', async () => {
    const count = async (): Promise<number> =>
      ((await hub.api('GET', '/bots?limit=500')).body.items as unknown[]).length;
    const before = await count();
    const body = '{"name":"made"}';
    const types: Record<string, string | string[]>[] = [
      ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '', '*/*', 'json'].map(
        (type) => ({ 'content-type': type }),
      ),
      ...['application/jsonx', 'text/json', 'application/json+x', 'application/xml, application/json'].map((type) => ({
        'content-type': type,
      })),
      {},
    ];
    for (const headers of types) {
      const { status } = await send('POST', '/api/v1/bots', { ...admin(), ...headers }, body);
      assert.equal(status, 415, JSON.stringify(headers));
    }
    const gzip = { ...admin(), 'content-type': 'application/json', 'content-encoding': 'gzip' };
    assert.ok((await send('POST', '/api/v1/bots', gzip, '\u001f\u008b\b')).status < 500);
    const short = { ...admin(), 'content-type': 'application/json', 'content-length': '3' };
    assert.equal((await send('POST', '/api/v1/bots', short, '{"n')).status, 400);
    assert.equal(await count(), before);
  });

  it('while a right is taken away, who asks after it was gone is not let in, however many ask at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const made = (await hub.api('POST', `/bots/${appId}/api-keys`, { name: 'k', role: 'builder' })).body;
      const { id, key } = made as { id: string; key: string };
      let gone = false;
      let late = 0;
      const ask = async (): Promise<void> => {
        for (let n = 0; n < 20; n += 1) {
          const after = gone;
          const { status } = await hub.api('GET', `/bots/${appId}`, undefined, { authorization: `Bearer ${key}` });
          if (after && status === 200) late += 1;
        }
      };
      const asking = Promise.all(Array.from({ length: 20 }, ask));
      await sleep(10 * round);
      assert.equal((await hub.api('DELETE', `/api-keys/${id}`)).status, 204);
      gone = true;
      await asking;
      assert.equal(late, 0, `round ${round}`);
    }
    assert.equal(
      (await hub.api('GET', `/bots/${appId}`, undefined, { authorization: `Bearer ${viewer}` })).status,
      200,
    );
  });

  it('the slow sockets are closed within half a minute', async () => {
    while (open() > 0 && Date.now() - began < 30_000) await sleep(100);
    assert.equal(open(), 0);
  });
});
