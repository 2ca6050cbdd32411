/** Nodes in processes of their own behind a whole hub: what people see of them, and what becomes of messages when one is killed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scriptedEngine } from './support/engines.js';
import { eventually, type HubOptions, newHub, type TestHub } from './support/hub.js';
import { type NodeProcess, nodeToken, startNodeProcess } from './support/node.js';
import { freePort } from './support/ports.js';
import { standInTrainer } from './support/trainer.js';

/** A node in a process of its own that waits for a processor is not taken for one that stands still. */
const patient = { askMs: 300, silentMs: 3000 };
const faq = [{ Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: 'From nine to five.' }];
interface NodeWire {
  id: string;
  address: string;
  state: string;
  local: boolean;
  usage: { states: { awake: number } } | null;
}

describe('Nodes', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let appId = '';
  const processes: NodeProcess[] = [];
  const at = (address: string): NodeProcess => processes.find((one) => one.address === address)!;

  const openHub = (over: Partial<HubOptions> = {}): Promise<TestHub> =>
    newHub({
      engines: 'never',
      env: { NODE_TOKEN: nodeToken },
      standIns: { engines: { rasa: scriptedEngine() }, training: { train: standInTrainer() }, nodeLimits: patient },
      ...over,
    });
  const start = async (address: string, to: string | string[] = hub.url): Promise<NodeProcess> => {
    const node = await startNodeProcess({ hub: to, address, standIn: true });
    processes.push(node);
    return node;
  };
  const newBot = async (on = hub): Promise<string> => {
    const { body } = await on.api('POST', '/bots', { name: 'Shop', engine: 'rasa' });
    const made = body.appId as string;
    const job = await on.api('POST', `/bots/${made}/train?wait=true`, faq);
    assert.equal(job.body.state, 'done', JSON.stringify(job.body));
    return made;
  };
  const ask = async (message: string, { on = hub, bot = appId, sender = 'anna' } = {}): Promise<string> => {
    const { status, body } = await on.api('POST', `/bots/${bot}/messages`, { sender, message });
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { text: string }[])[0]?.text ?? '';
  };
  const nodes = async (on = hub) => (await on.api('GET', '/nodes')).body.items as NodeWire[];
  const named = async (address: string): Promise<NodeWire | undefined> =>
    (await nodes()).find((node) => node.address === address);
  const state = async (): Promise<string> => (await hub.api('GET', `/bots/${appId}`)).body.state as string;
  const homeOf = async (): Promise<string> => (await ask('where?')).split(':')[0] ?? '';

  before(async () => {
    hub = await openHub();
    await hub.api('DELETE', '/bots/demo');
    await Promise.all([start('east'), start('west')]);
    appId = await newBot();
  });
  after(async () => {
    await Promise.all(processes.map((node) => node.kill()));
    await hub.stop();
  });

  it('answer, and the request log and the conversation say which of them did', async () => {
    const home = await homeOf();
    assert.match(home, /east|west/);
    await hub.api('POST', `/bots/${appId}/parse`, { text: 'hello' });
    const { items } = (await eventually(async () => {
      const { body } = await hub.api('GET', `/requests?appId=${appId}&node=${home}`);
      return (body.items as { kind: string }[]).some(({ kind }) => kind === 'parse') ? (body as unknown) : null;
    })) as { items: { kind: string; node: string }[] };
    assert.deepEqual(new Set(items.map(({ kind }) => kind)), new Set(['message', 'parse']));
    const { body } = await hub.api('GET', `/bots/${appId}/conversations`);
    const [{ id }] = body.items as [{ id: string }];
    const talk = await hub.api('GET', `/bots/${appId}/conversations/${encodeURIComponent(id)}`);
    assert.match(JSON.stringify(talk.body), new RegExp(`"node":"${home}"`));
  });

  it('are shown with what they carry, to people and to Prometheus', async () => {
    const shown = await nodes();
    assert.deepEqual(shown.map(({ address, local, state: is }) => [local ? 'hub' : address, is]).sort(), [
      ['east', 'ready'],
      ['hub', 'ready'],
      ['west', 'ready'],
    ]);
    const home = await homeOf();
    await eventually(async () => (await named(home))?.usage?.states.awake === 1);
    const metrics = await (await fetch(`${hub.url}/metrics`)).text();
    assert.match(metrics, new RegExp(`switchboard_node_bots_awake\\{node="${home}"\\} 1`));
    assert.match(metrics, /switchboard_nodes\{state="ready"\} 3/);
  });

  it('open no port: what firewalls let out is enough', async () => {
    const { pid } = at('east');
    const listening = async (file: string): Promise<string[]> =>
      (await readFile(`/proc/${pid}/net/${file}`, 'utf8'))
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A')
        .map((fields) => `socket:[${fields[9] ?? ''}]`);
    const ports = [...(await listening('tcp')), ...(await listening('tcp6'))];
    assert.ok(ports.length > 0, 'this test sees listeners, such as that of the hub');
    const open = await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
    );
    assert.deepEqual(
      open.filter((one) => ports.includes(one)),
      [],
    );
  });

  it('wake, park, restart and show logs of bots as the hub does', async () => {
    assert.equal((await hub.api('POST', `/bots/${appId}/park`)).body.state, 'asleep');
    assert.equal((await hub.api('POST', `/bots/${appId}/wake`)).body.state, 'awake');
    assert.equal((await hub.api('POST', `/bots/${appId}/restart`)).body.state, 'awake');
    const { body } = await hub.api('GET', `/bots/${appId}/logs`);
    const lines = (body.items as { line: string }[]).map(({ line }) => line);
    assert.ok(lines.includes('restarted by request') && lines.includes('a line'), lines.join('\n'));
  });

  it('take a new model without an unanswered message', async () => {
    const asked = Promise.all(Array.from({ length: 20 }, (_, i) => ask('hi', { sender: `s${i}` })));
    const job = await hub.api('POST', `/bots/${appId}/train?wait=true&force=true`, faq);
    assert.equal(job.body.state, 'done');
    for (const answer of await asked) assert.match(answer, /: hi$/);
  });

  it('that are killed under a turn: another answers, once, and who waits in the conversation comes after', async () => {
    const home = await homeOf();
    const slow = ask('slow', { sender: 'ben' });
    await eventually(async () => (await named(home))?.usage !== null && (await nodes()).length === 3);
    const { address } = at(home);
    // The other is as slow with it: what is asked next must wait its turn all the same.
    await eventually(async () => (await metric(`switchboard_node_outstanding{node="${home}"}`)) === 1);
    await at(home).kill();
    processes.splice(processes.indexOf(at(home)), 1);
    const other = address === 'east' ? 'west' : 'east';
    await eventually(async () => (await metric(`switchboard_node_outstanding{node="${other}"}`)) === 1);
    assert.equal(await ask('and you?'), `${other}: and you?`);
    await start(home);
    slow.catch(() => undefined);
    await at(other).kill();
    processes.splice(processes.indexOf(at(other)), 1);
    await start(other);
    await eventually(async () => (await nodes()).length === 3);
    // It would break every node that takes it, by this test's will: let it go.
    await hub.api('POST', `/bots/${appId}/restart`);
  });
  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(`${hub.url}/metrics`)).text();
    const line = page.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ')[1] ?? NaN);
  };

  it('that stand still are given up, and taken back when they go on', async () => {
    const home = await homeOf();
    process.kill(at(home).pid, 'SIGSTOP');
    const answer = await ask('still there?', { sender: 'carl' });
    assert.doesNotMatch(answer, new RegExp(`^${home}`));
    process.kill(at(home).pid, 'SIGCONT');
    await eventually(async () => (await nodes()).length === 3);
  });

  it('drain: their bots move, and none goes there', async () => {
    const home = await homeOf();
    const id = (await named(home))!.id;
    assert.equal((await hub.api('POST', `/nodes/${id}/drain`, { on: 'yes' })).status, 422);
    assert.equal((await hub.api('POST', '/nodes/nobody/drain', { on: true })).status, 404);
    assert.equal((await hub.api('POST', `/nodes/${id}/drain`, { on: true })).status, 200);
    await eventually(async () => (await named(home))?.state === 'draining');
    await eventually(async () => (await homeOf()) !== home);
    await eventually(async () => (await named(home))?.usage?.states.awake === 0);
    await hub.api('POST', `/nodes/${id}/drain`, { on: false });
    await eventually(async () => (await named(home))?.state === 'ready');
  });

  it('that are told to stop see to it that their bots are elsewhere, and go', async () => {
    const home = await homeOf();
    const asked = Promise.all(Array.from({ length: 30 }, (_, i) => ask('hi', { sender: `t${i}` })));
    await at(home).kill('SIGTERM');
    assert.equal(at(home).child.exitCode, 0);
    for (const answer of await asked) assert.match(answer, /: hi$/);
    processes.splice(processes.indexOf(at(home)), 1);
    await start(home);
  });

  it('serve several hubs that know nothing of each other, and wait for one that restarts', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sb-second-'));
    const env = { NODE_TOKEN: nodeToken, PORT: String(await freePort()) };
    let second = await openHub({ dataDir, env });
    try {
      await start('shared', [hub.url, second.url]);
      const bot = await newBot(second);
      assert.equal(await ask('hi', { on: second, bot }), 'shared: hi');
      assert.equal((await nodes(second)).length, 2);
      await second.app.stop();
      second = await openHub({ dataDir, env });
      assert.equal(await ask('again', { on: second, bot }), 'shared: again');
    } finally {
      await second.app.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
    assert.equal(await state(), 'awake');
  });

  describe('from the command line', () => {
    const run = async (env: Record<string, string>): Promise<{ code: number; said: string }> => {
      const dataDir = await mkdtemp(join(tmpdir(), 'sb-cli-node-'));
      const { PATH = '', HOME = '' } = process.env;
      const given = { PATH, HOME, RASA_PYTHON: 'none', DATA_DIR: dataDir, ...env };
      try {
        await promisify(execFile)(process.execPath, ['dist/src/main.js', 'node'], { env: given, timeout: 20_000 });
        return { code: 0, said: '' };
      } catch (error) {
        const { code, stderr } = error as { code: number; stderr: string };
        return { code, said: stderr };
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    };
    it('say what is missing, and that a hub would not have them', async () => {
      assert.match((await run({})).said, /HUB_URL.*NODE_TOKEN/);
      const forged = await run({ HUB_URL: hub.url, NODE_TOKEN: 'forged-token-0123456789' });
      assert.deepEqual(forged.code, 1);
      assert.match(forged.said, /does not take this node: NODE_TOKEN/);
      assert.doesNotMatch(forged.said, /forged-token/);
      const trainer = await hub.api('POST', '/api-keys', { name: 'k', role: 'viewer' });
      const viewer = await run({ HUB_URL: hub.url, NODE_TOKEN: trainer.body.key as string });
      assert.match(viewer.said, /This token is no node token/);
    });
  });
});
