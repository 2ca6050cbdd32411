import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressKey, addressOf, createCrowd } from '../src/access/limits.js';
import { createHttpServer, guardServer } from '../src/http/server.js';
import { type ApiAnswer, newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';

describe('The limits', () => {
  describe('on who calls', () => {
    it('know an address by what its owner cannot change, and believe the proxies in front alone', () => {
      const keys: [string, string][] = [
        ['203.0.113.7', '203.0.113.7'],
        ['::ffff:203.0.113.7', '203.0.113.7'],
        ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
        ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
        ['2001:db8::1', '2001:db8:0:0::/64'],
        ['fe80::1%eth0', 'fe80:0:0:0::/64'],
        ['::', '0:0:0:0::/64'],
        ['nonsense', 'nonsense'],
      ];
      for (const [address, key] of keys) assert.equal(addressKey(address), key, address);
      const asked = (forwarded: string | undefined, trusted: number): string =>
        addressOf(
          {
            headers: { 'x-forwarded-for': forwarded },
            socket: { remoteAddress: 'peer' },
          } as unknown as IncomingMessage,
          trusted,
        );
      assert.equal(asked('a, b, c', 0), 'peer');
      assert.equal(asked('a, b, c', 1), 'c');
      assert.equal(asked('a, b,c', 2), 'b');
      assert.equal(asked('c', 2), 'c');
      assert.equal(asked(undefined, 1), 'peer');
      assert.equal(asked(' , ', 1), 'peer');
    });

    it('count the connections of an address until they are gone', () => {
      const crowd = createCrowd(2);
      const leave = [crowd.enter('203.0.113.7'), crowd.enter('::ffff:203.0.113.7')];
      assert.equal(crowd.full('203.0.113.7'), true);
      assert.equal(crowd.full('203.0.113.8'), false);
      leave[0]?.();
      assert.equal(crowd.full('203.0.113.7'), false);
      leave[1]?.();
      for (let n = 0; n < 5; n += 1) crowd.enter('127.0.0.1');
      assert.equal(crowd.full('127.0.0.1'), false);
      assert.equal(createCrowd(0).full('203.0.113.7'), false);
    });
  });

  describe('on requests', () => {
    let hub: TestHub;
    let appId: string;
    /** An address of its own for each caller: the next one is as good as new. */
    const from = (n: number): Record<string, string> => ({ 'x-forwarded-for': `203.0.113.${n}` });
    const key = async (role: string): Promise<{ authorization: string }> => {
      const { body } = await hub.api('POST', `/bots/${appId}/api-keys`, { name: role, role });
      return { authorization: `Bearer ${body.key as string}` };
    };
    const ask = async (path: string, init: RequestInit): Promise<ApiAnswer> => {
      const { status, headers, ...response } = await fetch(hub.url + path, init).then(async (answer) => ({
        status: answer.status,
        headers: answer.headers,
        text: await answer.text(),
      }));
      return { status, headers, body: response.text };
    };
    const statuses = async (count: number, one: (n: number) => Promise<ApiAnswer>): Promise<Record<number, number>> => {
      const seen: Record<number, number> = {};
      for (const { status } of await Promise.all(Array.from({ length: count }, (_, n) => one(n))))
        seen[status] = (seen[status] ?? 0) + 1;
      return seen;
    };
    before(async () => {
      const env = {
        ...{ TRUST_PROXY: '1', RATE_LIMIT_ADDRESS: '4', RATE_LIMIT_KEY: '2', RATE_LIMIT_BOT: '3' },
        CONNECTIONS_PER_ADDRESS: '3',
      };
      hub = await newHub({ env });
      appId = (await hub.api('POST', '/bots', { name: 'x' })).body.appId as string;
      await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
    });
    after(() => hub.stop());

    it('refuse an address that asks too much, in words and with the time to come back; nobody else, and not this machine', async () => {
      assert.deepEqual(await statuses(50, () => ask('/health/live', { headers: from(1) })), { 200: 40, 429: 10 });
      const refused = await ask('/api/v1/bots', { headers: from(1) });
      const wait = Number(refused.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 10, `${wait} s`);
      assert.equal((JSON.parse(refused.body as string) as { code: string }).code, 'rate_limited');
      assert.equal(refused.headers.get('content-type'), 'application/problem+json');
      assert.equal((await ask('/health/live', { headers: from(2) })).status, 200);
      assert.deepEqual(await statuses(60, () => ask('/health/live', {})), { 200: 60 });
      assert.equal(hub.log.filter((line) => line.includes('over the rate limit')).length, 1, 'told once');
      // As its neighbours of the same network: whoever has one address there has them all.
      assert.deepEqual(
        await statuses(50, (n) =>
          ask('/health/live', { headers: { 'x-forwarded-for': `2001:db8::${n.toString(16)}` } }),
        ),
        { 200: 40, 429: 10 },
      );
    });

    it('refuse a key that asks too much, on our API and on Rasa’s; not another, nor the admin token', async () => {
      const [one, two] = [await key('viewer'), await key('viewer')];
      assert.deepEqual(await statuses(15, () => ask(`/api/v1/bots/${appId}`, { headers: one })), { 200: 15 });
      const rasa = await statuses(8, () => ask(`/bots/${appId}/status`, { headers: one }));
      assert.deepEqual([rasa[429], Object.keys(rasa).length], [3, 2], JSON.stringify(rasa));
      assert.equal((await ask('/api/v1/bots', { headers: one })).status, 429);
      assert.equal((await ask('/api/v1/bots', { headers: two })).status, 200);
      assert.equal((await hub.api('GET', '/bots')).status, 200);
    });

    it('refuse what is said to a bot beyond its limit, and never to its neighbour', async () => {
      const other = (await hub.api('POST', '/bots', { name: 'y' })).body.appId as string;
      await hub.api('POST', `/bots/${other}/train?wait=true`, shopFaq);
      const say = (bot: string, n: number): Promise<ApiAnswer> =>
        ask(`/bots/${bot}/webhooks/rest/webhook`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...from(10 + (n % 5)) },
          body: JSON.stringify({ sender: `s${n}`, message: 'opening hours' }),
        });
      assert.deepEqual(await statuses(40, (n) => say(other, n)), { 200: 30, 429: 10 });
      assert.equal((await hub.api('GET', `/bots/${other}`)).status, 200, 'its author sees to it');
      const third = (await hub.api('POST', '/bots', { name: 'z' })).body.appId as string;
      await hub.api('POST', `/bots/${third}/train?wait=true`, shopFaq);
      assert.equal((await say(third, 1)).status, 200);
    });

    it('reach the web channel too: its requests, and how many chats an address holds open', async () => {
      const knock = (n: number): Promise<ApiAnswer> => ask('/socket.io/?EIO=4&transport=polling', { headers: from(n) });
      assert.deepEqual(await statuses(5, () => knock(20)), { 200: 3, 403: 2 });
      assert.equal((await knock(21)).status, 200, 'another address');
      const flood = await statuses(50, () => knock(22));
      assert.deepEqual([flood[200], flood[429]], [3, 10], JSON.stringify(flood));
      assert.equal((await ask('/health/live', { headers: from(22) })).status, 429, 'they are counted together');
    });
  });

  describe('on connections', () => {
    const lines: Socket[] = [];
    let server: Server;
    afterEach(() => {
      lines.splice(0).forEach((socket) => void socket.destroy());
      server.close();
    });
    it('refuse one more than an address may hold, until another has gone', async () => {
      server = new Server((_, response) => void response.end());
      let open = 0;
      guardServer(server, { full: () => open >= 2, enter: () => (open++, () => void open--) });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const line = async (): Promise<'in' | 'out'> => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        lines.push(socket);
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        return Promise.race([
          once(socket, 'data').then(() => 'in' as const),
          once(socket, 'close').then(() => 'out' as const),
        ]);
      };
      assert.deepEqual([await line(), await line(), await line()], ['in', 'in', 'out']);
      lines[0]?.destroy();
      while (open >= 2) await sleep(5);
      assert.equal(await line(), 'in');
    });

    it('cut a body that comes too slowly, whatever becomes of its request, and not a large one that comes', async () => {
      server = createHttpServer();
      const bodies: number[] = [];
      server.on('request', (request, response) => {
        // A route that reads it, and one that answers without.
        if (request.url === '/unread') return void response.writeHead(404).end();
        let bytes = 0;
        request.on('data', (piece: Buffer) => (bytes += piece.length));
        request.on('end', () => (bodies.push(bytes), response.end()));
        request.on('error', () => undefined);
      });
      guardServer(server, {
        full: () => false,
        enter: () => () => undefined,
        pace: { graceMs: 300, bytesPerSecond: 16_000 },
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const send = async (path: string, piece: Buffer, everyMs: number): Promise<string> => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        lines.push(socket);
        socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n`);
        let heard = '';
        socket.on('data', (data: Buffer) => (heard += data.toString()));
        const timer = setInterval(() => socket.write(piece), everyMs);
        const gone = once(socket, 'close').catch(() => undefined);
        while (!socket.destroyed && !/ 200 /.test(heard)) await sleep(10);
        clearInterval(timer);
        socket.destroy();
        await gone;
        return heard.split('\r\n')[0] ?? '';
      };
      const dribble = Buffer.from('x');
      assert.deepEqual(
        await Promise.all([send('/', dribble, 20), send('/unread', dribble, 20), send('/', Buffer.alloc(1000), 10)]),
        ['HTTP/1.1 408 Request Timeout', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 200 OK'],
      );
      assert.deepEqual(bodies, [60_000]);
    });
  });
});
