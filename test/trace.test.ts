/** One message is followed by its trace: from who sent it, through the hub, to the server that its bot calls. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { traceFor, traceIdOf, traceIn } from '../src/trace.js';
import { newHub, type TestHub } from './support/hub.js';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const given = `00-${id}-00f067aa0ba902b7-00`;

describe('the header traceparent', () => {
  it('is taken as it came, and one of a later version as far as it is known', () => {
    assert.equal(traceIn(given), given);
    assert.equal(traceIn(given.replace('00-', 'cc-') + '-what-the-future-brings'), given);
    assert.equal(traceIdOf(given), id);
  });

  it('is no trace when it does not fit to the letter', () => {
    const zero = (from: number, to: number): string => given.slice(0, from) + '0'.repeat(to - from) + given.slice(to);
    const wrong = [
      ...[undefined, 7, '', [given], given.toUpperCase(), ` ${given}`, `${given}\n`, given.slice(0, -1), `${given}0`],
      ...[`${given}-more`, given.replace('00-', 'ff-'), zero(3, 35), zero(36, 52), given.replace('-', '_')],
    ];
    for (const one of wrong) assert.equal(traceIn(one), null, String(one));
  });

  it('is made the same for the same thing alone, and fits', () => {
    const made = traceFor(['bot', '1', 'now']);
    assert.equal(traceIn(made), made);
    assert.equal(traceFor(['bot', '1', 'now']), made);
    assert.notEqual(traceIdOf(traceFor(['bot', '2', 'now'])), traceIdOf(made));
  });
});

describe('a message', function () {
  this.timeout(30_000);
  let hub: TestHub;
  let server: Server;
  let appId: string;
  /** What the bot's server was called with. */
  let seen: { trace: string | undefined; metadata: Record<string, unknown> }[] = [];
  let status = 200;

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => void chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (request.method === 'POST')
          seen.push({
            trace: request.headers['traceparent'] as string | undefined,
            metadata: (JSON.parse(text) as { metadata: Record<string, unknown> }).metadata,
          });
        // Its tracker is readable and empty: a turn that failed did not happen.
        const body = request.method === 'POST' ? [{ recipient_id: 'anna', text: 'yes' }] : { events: [] };
        response.writeHead(request.method === 'POST' ? status : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    hub = await newHub({ env: { EGRESS_ALLOW: '127.0.0.1' } });
    const remoteUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    appId = (await hub.api('POST', '/bots', { name: 'Far', engine: 'remote', remoteUrl })).body.appId as string;
  });
  beforeEach(() => {
    [seen, status] = [[], 200];
  });
  after(async () => {
    await hub.stop();
    server.closeAllConnections();
    server.close();
  });
  const say = (traceparent?: string) => {
    const headers = traceparent === undefined ? {} : { traceparent };
    return hub.api('POST', `/bots/${appId}/messages`, { sender: 'anna', message: 'there?' }, headers);
  };
  const newest = async (): Promise<{ trace: string; status: string }> =>
    ((await hub.api('GET', `/requests?appId=${appId}&limit=1`)).body.items as { trace: string; status: string }[])[0]!;

  it('takes the trace of who sent it to its bot, the request log and the conversation', async () => {
    assert.equal((await say(given)).status, 200);
    assert.deepEqual([seen.length, seen[0]?.trace], [1, given]);
    assert.ok(!JSON.stringify(seen[0]?.metadata).includes(id), 'the bot is told by the header alone');
    const { body } = await hub.api('GET', `/requests?trace=${id}`);
    assert.deepEqual(
      (body.items as { appId: string }[]).map((one) => one.appId),
      [appId],
    );
    const talk = await hub.api('GET', `/bots/${appId}/conversations/anna`);
    assert.equal((talk.body.items as { turn: { trace: string } }[]).at(-1)?.turn.trace, id);
    assert.equal((await hub.api('GET', '/requests?trace=7')).status, 422);
  });

  it('takes it by the REST channel too', async () => {
    const said = await fetch(`${hub.url}/bots/${appId}/webhooks/rest/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: given.replace('-00f0', '-11f0') },
      body: JSON.stringify({ sender: 'bert', message: 'there?' }),
    });
    assert.equal(said.status, 200);
    assert.equal(seen[0]?.trace, given.replace('-00f0', '-11f0'));
  });

  it('has one of its own where nobody gave it one that fits', async () => {
    for (const traceparent of [undefined, '00-not-a-trace-00']) {
      assert.equal((await say(traceparent)).status, 200);
      const sent = traceIn(seen.at(-1)?.trace);
      assert.ok(sent, `${traceparent}: ${String(seen.at(-1)?.trace)}`);
      assert.equal((await newest()).trace, traceIdOf(sent));
    }
    assert.notEqual(seen[0]?.trace, seen[1]?.trace);
  });

  it('keeps it when it is tried again and fails, and the log says it', async () => {
    status = 500;
    assert.equal((await say()).status, 502);
    const [first, second] = seen;
    assert.deepEqual([seen.length, second?.trace], [2, first?.trace]);
    const trace = traceIdOf(first?.trace ?? '');
    assert.deepEqual(await newest().then((line) => [line.trace, line.status]), [trace, 'failed']);
    for (const words of ['a turn failed', 'a message could not be answered'])
      assert.ok(
        hub.log.some((line) => line.includes(words) && line.includes(trace)),
        words,
      );
  });
});
