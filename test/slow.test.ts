import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';

/** Ways to hold a connection for long and say little. */
const ways = [
  '',
  'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ',
  'POST /api/v1/bots HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 900000\r\n\r\n',
  'POST /bots/demo/webhooks/rest/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n',
  'POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n',
];

describe('Five hundred slow sockets', () => {
  let hub: TestHub;
  let appId: string;
  const sockets: Socket[] = [];
  const dribble = setInterval(
    () => sockets.forEach((socket, n) => n % ways.length > 0 && socket.writable && socket.write('x')),
    1000,
  );
  before(async () => {
    hub = await newHub();
    appId = (await hub.api('POST', '/bots', { name: 'x' })).body.appId as string;
    await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
  });
  after(async () => {
    clearInterval(dribble);
    sockets.forEach((socket) => void socket.destroy());
    await hub.stop();
  });

  const open = (): number => sockets.filter((socket) => !socket.destroyed).length;

  it('keep nobody from being served, and are closed', async function () {
    this.timeout(60_000);
    for (let n = 0; n < 500; n += 1) {
      const socket = connect(Number(new URL(hub.url).port), '127.0.0.1', () => {
        const begin = (ways[n % ways.length] ?? '').replace('TOKEN', hub.app.adminToken);
        if (begin !== '') socket.write(begin);
      });
      sockets.push(socket.on('error', () => undefined).resume());
    }
    let served = 0;
    const began = Date.now();
    while (open() > 0 && Date.now() - began < 30_000) {
      const { status } = await hub.api('POST', `/bots/${appId}/parse`, { text: 'opening hours' });
      assert.equal(status, 200);
      if (open() >= 300) served += 1;
      await sleep(50);
    }
    assert.ok(served > 20, `${served} were served meanwhile`);
    assert.equal(open(), 0, 'after half a minute');
  });
});
