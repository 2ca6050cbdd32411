/** Real Rasa on nodes: a bot that is trained on the hub answers from a node, and from the other one when that is killed. */
import assert from 'node:assert/strict';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';
import { type NodeProcess, nodeToken, startNodeProcess } from '../support/node.js';
import { shopFaq } from '../support/shop.js';

describe('Rasa on nodes', function () {
  this.timeout(150_000);
  let hub: TestHub;
  let nodes: NodeProcess[] = [];
  let appId = '';
  const ask = async (message: string, headers?: Record<string, string>): Promise<string[]> => {
    const { status, body } = await hub.api('POST', `/bots/${appId}/messages`, { sender: 'anna', message }, headers);
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { text: string }[]).map(({ text }) => text);
  };
  const answeredBy = async (): Promise<string | null> => {
    const { body } = await hub.api('GET', `/requests?appId=${appId}&limit=1`);
    return (body.items as { node: string | null }[])[0]?.node ?? null;
  };

  before(async () => {
    hub = await newHub({ rasa: realRasa(), engines: 'never', env: { NODE_TOKEN: nodeToken } });
    await hub.api('DELETE', '/bots/demo');
    const start = (address: string) => startNodeProcess({ hub: hub.url, address, standIn: false });
    nodes = await Promise.all([start('east'), start('west')]);
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
    const job = await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
    assert.equal(job.body.state, 'done', JSON.stringify(job.body));
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.kill('SIGTERM')));
    await hub.stop();
  });

  it('answer, understand, and speak Rasa’s own API, with their conversations kept by the hub', async () => {
    const [question] = shopFaq[0]!.Q;
    const trace = 'ab'.repeat(16);
    assert.deepEqual(await ask(question!.q, { traceparent: `00-${trace}-${'cd'.repeat(8)}-01` }), [shopFaq[0]!.A]);
    assert.match((await answeredBy()) ?? '', /east|west/);
    const { body: followed } = await hub.api('GET', `/requests?trace=${trace}`);
    assert.deepEqual(
      (followed.items as { appId: string }[]).map((one) => one.appId),
      [appId],
    );
    const parse = await hub.api('POST', `/bots/${appId}/parse`, { text: question!.q });
    assert.equal(parse.body.intent.name, 'faq');
    const tracker = await fetch(`${hub.url}/bots/${appId}/conversations/anna/tracker`, {
      headers: { authorization: `Bearer ${hub.app.adminToken}` },
    });
    const told = (await tracker.json()) as { latest_message: { text: string } };
    assert.equal(told.latest_message.text, question!.q);
  });

  it('are replaced by each other when one is killed, in the middle of a conversation', async () => {
    const home = await answeredBy();
    const lost = nodes.find(({ address }) => address === home)!;
    await lost.kill();
    const started = performance.now();
    const [question] = shopFaq[1]!.Q;
    assert.deepEqual(await ask(question!.q), [shopFaq[1]!.A]);
    const ms = Math.round(performance.now() - started);
    if (process.env['SHOW_FIGURES']) process.stderr.write(`answered elsewhere after ${ms} ms\n`);
    const other = await answeredBy();
    assert.ok(other !== null && other !== home, `${other}`);
    const tracker = await fetch(`${hub.url}/bots/${appId}/conversations/anna/tracker`, {
      headers: { authorization: `Bearer ${hub.app.adminToken}` },
    });
    const { events } = (await tracker.json()) as { events: { event: string }[] };
    assert.equal(events.filter(({ event }) => event === 'user').length, 2, 'what was said before is still known');
  });

  it('leave no process behind that was theirs', async () => {
    const { body } = await hub.api('GET', `/bots/${appId}`);
    assert.equal(body.state, 'awake');
    await Promise.all(nodes.map((node) => node.kill('SIGTERM')));
    await eventually(async () => (await hub.api('GET', '/nodes')).body.items.length === 1);
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    await eventually(async () => {
      const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
      return !stdout.includes(`rasa-${appId}`);
    });
  });
});
