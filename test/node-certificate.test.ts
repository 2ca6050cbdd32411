/** A node in another domain: its line goes by https, to a hub whose certificate somebody has signed whom the node trusts, or not at all. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { promisify } from 'node:util';
import { scriptedEngine, someBot } from './support/engines.js';
import { eventually } from './support/hub.js';
import { ClusterRig, newNode, startNodeProcess } from './support/node.js';

/** A private authority, and what it has signed for `localhost`. */
async function certificates(folder: string): Promise<{ caFile: string; key: Buffer; cert: Buffer }> {
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl(...fresh, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=A private authority');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'subjectAltName=DNS:localhost'];
  await openssl(...fresh, ...signed, '-keyout', 'hub.key', '-out', 'hub.pem', '-subj', '/CN=The hub');
  const [key, cert] = await Promise.all(['hub.key', 'hub.pem'].map((file) => readFile(join(folder, file))));
  return { caFile: join(folder, 'ca.pem'), key: key!, cert: cert! };
}

describe('A node that dials by https', function () {
  this.timeout(30_000);
  let folder: string;
  let caFile: string;
  let rig: ClusterRig;
  /** What ends TLS before the hub, as a balancer does. */
  let front: Server;
  let url: string;
  const open = new Set<Socket>();
  /** Bytes that came through to the hub. */
  let heard = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-certificates-'));
    const made = await certificates(folder);
    ({ caFile } = made);
    rig = await new ClusterRig().open(scriptedEngine(), 'never');
    rig.bots.set('bot-1', someBot());
    front = createServer({ key: made.key, cert: made.cert }, (client) => {
      const hub = connect(Number(new URL(rig.url).port), '127.0.0.1');
      client.on('data', (chunk: Buffer) => (heard += chunk.length));
      for (const socket of [client, hub]) {
        open.add(socket);
        socket.on('error', () => undefined).on('close', () => (client.destroy(), hub.destroy()));
      }
      client.pipe(hub).pipe(client);
    });
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    url = `https://localhost:${(front.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    heard = 0;
  });
  after(async () => {
    front.close();
    for (const socket of open) socket.destroy();
    await rig.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows its token to no hub whose certificate it can’t verify, and says what to set', async () => {
    const node = await newNode({ hub: url, engine: scriptedEngine(), resolve: () => Promise.resolve(['127.0.0.1']) });
    try {
      await eventually(() => node.log.some((line) => /certificate.*NODE_EXTRA_CA_CERTS/.test(line)));
      assert.deepEqual([heard, rig.cluster.members().length], [0, 1]);
    } finally {
      await node.stop();
    }
  });

  it('runs bots for a hub whose certificate is signed by an authority that it was told of', async () => {
    const node = await startNodeProcess({ hub: url, address: 'far', standIn: true, caFile });
    try {
      const turn = { sender: 'anna', text: 'hello', payload: false, channel: 'rest', metadata: {} };
      const answer = await rig.engines.use('bot-1', (running) => running.reply(turn));
      assert.deepEqual(answer.messages, [{ recipient_id: 'anna', text: 'far: hello' }]);
      assert.ok(heard > 0, 'it came by the line that is tested');
    } finally {
      await node.kill('SIGTERM');
    }
  });
});
