/** Pools on other machines: the same promises as on this one, and what becomes of bots when machines come and go. */
import assert from 'node:assert/strict';
import type { Json, Principal } from '../src/contracts.js';
import { openPool } from '../src/engines/pool/index.js';
import { goodbye, protocol } from '../src/engines/cluster/protocol.js';
import { createPeer, type Peer } from '../src/engines/cluster/peer.js';
import { dial } from '../src/engines/cluster/socket.js';
import { HubError } from '../src/errors.js';
import { openLog } from '../src/log.js';
import { enginesContract } from './contract/engines.js';
import { enoughMemory, saying, type ScriptedEngine, scriptedEngine, someBot, someModel } from './support/engines.js';
import { eventually } from './support/hub.js';
import { ClusterRig, newNode, type NodeSpec, nodeToken, quick, type TestNode } from './support/node.js';

enginesContract('in a pool of this machine', (engine) => {
  const bots = new Map([['bot-1', someBot()]]);
  const models = new Map(['m1', 'm2'].map((id) => [id, someModel({ id })]));
  const engines = openPool({
    bot: (appId) => Promise.resolve(bots.get(appId) ?? null),
    model: (_appId, id) => Promise.resolve(models.get(id) ?? null),
    load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
    engineFor: () => engine,
    idleParkMs: 60_000,
    memory: enoughMemory(),
    backoffMs: [0, 20],
    log: openLog({ level: 'silent', pretty: false }).log,
  });
  return Promise.resolve({ engines, bots, models, close: () => engines.stop() });
});

enginesContract('on this machine, in a cluster that has no other', async (engine) => {
  const rig = await new ClusterRig().open(engine, 'alone');
  rig.bots.set('bot-1', someBot());
  return { engines: rig.engines, bots: rig.bots, models: rig.models, close: () => rig.close() };
});

enginesContract('on a node', async (engine) => {
  const rig = await new ClusterRig().open(scriptedEngine(), 'never');
  rig.bots.set('bot-1', someBot());
  const node = await newNode({ hub: rig.url, engine });
  await node.ready;
  const close = async (): Promise<void> => {
    await node.stop();
    await rig.close();
  };
  return { engines: rig.engines, bots: rig.bots, models: rig.models, close };
});
describe('bots on several machines', () => {
  let rig: ClusterRig;
  const hubEngine = (): ScriptedEngine => said('hub');
  const started: TestNode[] = [];

  /** An engine whose answers name the machine and the model. */
  function said(name: string): ScriptedEngine {
    const engine = scriptedEngine();
    engine.answer = (turn, bot) => Promise.resolve(saying(turn, `${name} ${bot.model}`));
    return engine;
  }
  const join = async (name: string, more: Partial<NodeSpec> & { to?: ClusterRig } = {}) => {
    const engine = said(name);
    const { to = rig, ...spec } = more;
    const node = await newNode({ hub: to.url, engine, env: { NODE_URL: name }, ...spec });
    started.push(node);
    await node.ready;
    return { node, engine };
  };
  const ask = (appId = 'bot-1', to = rig): Promise<string | undefined> =>
    to.engines.use(appId, async (running) => {
      const turn = { sender: 'anna', text: 'x', payload: false, channel: 'rest', metadata: {} };
      return (await running.reply(turn)).messages[0]?.text;
    });
  const nothing = (): Promise<void> => Promise.resolve();
  const addBots = (count: number, to = rig): string[] => {
    const appIds = Array.from({ length: count }, (_, i) => `bot-${i + 1}`);
    for (const appId of appIds) {
      to.bots.set(appId, someBot({ appId }));
      to.engines.register(appId, { min: 0, max: 1 });
    }
    return appIds;
  };
  const open = async (...given: Partial<Parameters<ClusterRig['open']>>): Promise<void> => {
    const [engine = hubEngine(), here = 'never', options] = given;
    rig = await new ClusterRig().open(engine, here, options);
    addBots(1);
  };
  /** A line on which a test says what it likes. */
  const raw = async (token = nodeToken, handlers: Json = {}): Promise<Peer> => {
    const line = await dial(`${rig.url}/api/v1/nodes/line`, { token, limits: quick });
    return createPeer(line, (name) => handlers[name] as never, 'lost');
  };
  const hello = (change: Json = {}): Json => ({
    ...{ protocol, version: '0', id: 'raw', run: 'r', address: 'raw', cores: 1, memoryBudget: 2 ** 31 },
    ...{ gpus: [], rasa: null, runtimes: [], ...change },
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((node) => node.stop()));
    await rig.close();
  });

  it('are asked by which node they were answered', async () => {
    await open();
    await join('east');
    assert.equal(await rig.engines.use('bot-1', (running) => Promise.resolve(running.node)), 'east');
  });

  it('have a turn that failed in the log of their node, by its trace', async () => {
    await open();
    const { node, engine } = await join('east');
    engine.answer = () => Promise.reject(new HubError('turn_failed', 'It broke.'));
    const trace = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const turn = { sender: 'anna', text: 'x', payload: false, channel: 'rest', metadata: {}, trace };
    await assert.rejects(
      rig.engines.use('bot-1', (running) => running.reply(turn)),
      { code: 'turn_failed' },
    );
    assert.deepEqual(engine.launched[0]?.turns[0]?.trace, trace);
    assert.ok(node.log.some((line) => line.includes('a turn failed') && line.includes(`"trace":"${'ab'.repeat(16)}"`)));
  });

  it('wait for a node, and are given up in words when none comes', async () => {
    await open(hubEngine(), 'never', { waitMs: 5000 });
    const asked = ask();
    await eventually(() => rig.engines.status('bot-1').state === 'waking');
    assert.match(rig.engines.status('bot-1').reason ?? '', /switchboard node/);
    await join('east');
    assert.equal(await asked, 'east m1');
    await rig.close();
    await open(hubEngine(), 'never', { waitMs: 50 });
    await assert.rejects(ask(), { code: 'wake_failed', message: /switchboard node/ });
  });

  it('answer on another machine when theirs is lost under a turn, which is told so', async () => {
    await open();
    const [east, west] = [await join('east'), await join('west')];
    const home = (await ask()) === 'east m1' ? east : west;
    let taken = false;
    home.engine.answer = () => new Promise(() => (taken = true));
    const asked = assert.rejects(ask(), { code: 'node_lost' });
    await eventually(() => taken);
    const parse = rig.engines.use('bot-1', (running) => running.parse('x'), { repeatable: true });
    await home.node.stop();
    await asked;
    assert.equal((await parse).text, 'x');
    assert.equal(await ask(), home === east ? 'west m1' : 'east m1');
  });

  it('are shared out as machines carry them, and move to one that has come, at most its share', async () => {
    await open(hubEngine(), 'always');
    const appIds = addBots(30);
    for (const appId of appIds) await ask(appId);
    assert.equal(rig.engines.usage().states.awake, 30);
    const { engine } = await join('east');
    // The hub of the rig has the weight 1, the node as many cores as there are.
    let seen = -1;
    await eventually(async () => {
      const before = seen;
      seen = engine.launched.length;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const moved = rig.log.filter((line) => line.includes('a bot has moved')).length;
      return seen >= 10 && seen === before && seen === moved;
    });
    const answers = await Promise.all(appIds.map((appId) => ask(appId)));
    const moved = answers.filter((one) => one?.startsWith('east')).length;
    assert.equal(moved, engine.launched.length, 'nobody woke twice');
    assert.ok(moved < 30);
  });

  it('leave a machine that drains once they are awake elsewhere, and come back to none of it', async () => {
    await open();
    const east = await join('east');
    assert.equal(await ask(), 'east m1');
    const west = await join('west');
    const [id] = rig.nodes.list().flatMap((node) => (node.address === 'east' ? [node.id] : []));
    await rig.nodes.drain(id!, true);
    await eventually(() => east.engine.launched[0]?.stopped);
    assert.equal(west.engine.launched.length, 1);
    assert.equal(await ask(), 'west m1');
    assert.equal(rig.nodes.list().find((node) => node.id === id)?.state, 'draining');
    await rig.nodes.drain(id!, false);
    await eventually(() => rig.nodes.list().find((node) => node.id === id)?.state === 'ready');
    await assert.rejects(rig.nodes.drain('nobody', true), { code: 'not_found' });
  });

  it('are moved away before a node that is told to stop has ended', async () => {
    await open();
    const east = await join('east', { drainMs: 5000 });
    await ask();
    const west = await join('west');
    await east.node.stop();
    assert.deepEqual([west.engine.launched.length, east.engine.launched[0]?.stopped], [1, true]);
  });

  it('run on the hub while no node is there, where it may do that', async () => {
    await open(hubEngine(), 'alone');
    assert.equal(await ask(), 'hub m1');
    const { node } = await join('east');
    await eventually(async () => (await ask()) === 'east m1');
    await eventually(() => rig.log.some((line) => line.includes('a bot has moved')));
    await node.stop();
    assert.equal(await ask(), 'hub m1');
  });

  it('of servers elsewhere are called by the hub alone, which has their secret', async () => {
    await open();
    rig.bots.set('bot-1', someBot({ engine: 'remote', remoteUrl: 'https://example.com', remoteAuth: 'sealed' }));
    rig.engines.register('bot-1', { min: 0, max: 1 });
    const { node } = await join('east');
    assert.equal(await ask(), 'hub m1');
    const peer = await raw(nodeToken, { news: nothing });
    await peer.call('hello', { value: hello() });
    assert.equal(((await peer.call('bot', { value: { appId: 'bot-1' } })).value as Json)['remoteAuth'], null);
    peer.close(1000, '');
    await node.stop();
  });

  it('of several instances have them on several machines, the freest of which is asked', async () => {
    await open();
    const nodes = [await join('east'), await join('west')];
    rig.engines.register('bot-1', { min: 2, max: 2 });
    await eventually(() => nodes.every(({ engine }) => engine.launched.length === 1));
    await eventually(() => rig.engines.status('bot-1').pids.length === 2);
    for (const { engine } of nodes)
      engine.answer = (turn) => new Promise((resolve) => setTimeout(() => resolve(saying(turn, 'x')), 100));
    await Promise.all(Array.from({ length: 10 }, () => ask()));
    assert.deepEqual(
      nodes.map(({ engine }) => engine.launched[0]?.turns.length),
      [5, 5],
    );
    await nodes[0]!.node.stop();
    await eventually(() => nodes[1]!.engine.launched.length === 2 || rig.engines.status('bot-1').state === 'awake');
  });

  it('get more machines when their turns queue up', async () => {
    await open();
    const nodes = [await join('east'), await join('west')];
    rig.engines.register('bot-1', { min: 0, max: 2 });
    for (const { engine } of nodes)
      engine.answer = (turn) => new Promise((resolve) => setTimeout(() => resolve(saying(turn, 'x')), 150));
    await Promise.all(Array.from({ length: 8 }, () => ask()));
    await eventually(() => nodes.every(({ engine }) => engine.launched.length === 1));
  });

  it('switch models on all their machines or on none', async () => {
    await open();
    const nodes = [await join('east'), await join('west')];
    rig.engines.register('bot-1', { min: 2, max: 2 });
    await eventually(() => rig.engines.status('bot-1').pids.length === 2);
    const m2 = rig.models.get('m2')!;
    let lived = 0;
    const live = (): Promise<void> => {
      lived += 1;
      rig.bots.set('bot-1', someBot({ activeModel: 'm2' }));
      return Promise.resolve();
    };
    nodes[1]!.engine.failures = [new Error('it is broken')];
    await assert.rejects(rig.engines.swap('bot-1', m2, live));
    assert.equal(lived, 0);
    const models = async () =>
      new Set(await Promise.all(Array.from({ length: 6 }, async () => (await ask())?.slice(-2))));
    assert.deepEqual(await models(), new Set(['m1']));
    await rig.engines.swap('bot-1', m2, live);
    assert.equal(lived, 1);
    assert.deepEqual(await models(), new Set(['m2']));
  });

  it('switch models though one of their machines is lost meanwhile', async () => {
    await open();
    const nodes = [await join('east'), await join('west')];
    rig.engines.register('bot-1', { min: 2, max: 2 });
    await eventually(() => rig.engines.status('bot-1').pids.length === 2);
    const [east, west] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    let coming = false;
    const launch = east.engine.launch.bind(east.engine);
    east.engine.launch = (...given) => {
      coming = true;
      return new Promise((resolve) => setTimeout(() => resolve(launch(...given)), 400));
    };
    const swapped = rig.engines.swap('bot-1', rig.models.get('m2')!, () => {
      rig.bots.set('bot-1', someBot({ activeModel: 'm2' }));
      return Promise.resolve();
    });
    await eventually(() => coming && west.engine.launched.length === 2);
    await east.node.stop();
    await swapped;
    assert.equal(await ask(), 'west m2');
  });

  it('that were switched while their node was away go to sleep there, and wake with the present model', async () => {
    await open();
    const { engine } = await join('east');
    assert.equal(await ask(), 'east m1');
    rig.bots.set('bot-1', someBot({ activeModel: 'm2' }));
    const [node] = rig.cluster.members().filter(({ member }) => member.address === 'east');
    assert.ok(node);
    (node.member as unknown as { options: { peer: Peer } }).options.peer.close(1001, 'a cut');
    await eventually(() => engine.launched[0]?.stopped);
    assert.equal(await ask(), 'east m2');
  });

  it('are run by one node for several installations that know nothing of each other', async () => {
    await open();
    const other = await new ClusterRig().open(hubEngine(), 'never', { installation: 'elsewhere' });
    other.bots.set('bot-1', someBot({ activeModel: 'm2' }));
    try {
      const engine = said('east');
      const node = await newNode({ hub: [rig.url, other.url], engine });
      started.push(node);
      await eventually(() => rig.nodes.list().length === 2 && other.nodes.list().length === 2);
      assert.deepEqual([await ask(), await ask('bot-1', other)], ['east m1', 'east m2']);
      await rig.engines.park('bot-1');
      assert.equal(other.engines.status('bot-1').state, 'awake');
      // Each gets its part.
      const budgetOf = (at: ClusterRig): number | undefined => at.nodes.list()[1]?.usage?.budget;
      await eventually(() => budgetOf(rig) !== undefined && budgetOf(rig) === budgetOf(other));
    } finally {
      await other.close();
    }
  });

  it('are run once for all hubs of an installation, and go on when one of these has gone', async () => {
    await open();
    const replica = await new ClusterRig().open(hubEngine(), 'never');
    replica.bots.set('bot-1', someBot());
    const engine = said('east');
    const node = await newNode({ hub: [rig.url, replica.url], engine });
    started.push(node);
    await eventually(() => rig.nodes.list().length === 2 && replica.nodes.list().length === 2);
    assert.deepEqual([await ask(), await ask('bot-1', replica)], ['east m1', 'east m1']);
    assert.equal(engine.launched.length, 1);
    await replica.close();
    await rig.engines.park('bot-1');
    assert.equal(await ask(), 'east m1');
  });

  /** Two hubs of an installation, and the nodes of both. */
  const replicated = async (...names: string[]) => {
    await open();
    const replica = await new ClusterRig().open(hubEngine(), 'never');
    const nodes = names.map((name) => ({ name, engine: said(name) }));
    for (const { name, engine } of nodes)
      started.push(await newNode({ hub: [rig.url, replica.url], engine, env: { NODE_URL: name } }));
    const hubs = [rig, replica] as const;
    await eventually(() => hubs.every((hub) => hub.nodes.list().length === 1 + names.length));
    const activate = (hub: ClusterRig, id: string): Promise<void> =>
      hub.engines.swap('bot-1', hub.models.get(id)!, () => {
        for (const { bots } of hubs) bots.set('bot-1', someBot({ activeModel: id }));
        return Promise.resolve();
      });
    for (const { bots } of hubs) bots.set('bot-1', someBot());
    return { hubs, nodes: nodes.map(({ engine }) => engine), activate };
  };
  /** The member of the cluster of `hub` that stands for a node; its `swap` is put off by `ms`. */
  const putOff = (hub: ClusterRig, address: string, ms: number): void => {
    const found = hub.cluster.members().find(({ member }) => member.address === address);
    const { engines } = found!.member;
    const swap = engines.swap.bind(engines);
    engines.swap = async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return swap(...given);
    };
  };

  it('switch models after a hub that was lost while it switched them', async () => {
    const { hubs, nodes, activate } = await replicated('east');
    const [east] = nodes as [ScriptedEngine];
    assert.equal(await ask('bot-1', hubs[1]), 'east m1');
    const launch = east.launch.bind(east);
    let coming = false;
    east.launch = (...given) => {
      coming = true;
      return new Promise((resolve) => setTimeout(() => resolve(launch(...given)), 300));
    };
    const lost = activate(hubs[0], 'm3').catch(() => undefined);
    await eventually(() => coming);
    await hubs[0].close();
    await lost;
    await activate(hubs[1], 'm2');
    assert.equal(await ask('bot-1', hubs[1]), 'east m2');
    await eventually(() => east.launched.filter(({ stopped }) => !stopped).length === 1);
    await hubs[1].close();
  });

  it('end a process of its own whose hub was lost before it was up', async () => {
    const { hubs, nodes } = await replicated('east');
    const [east] = nodes as [ScriptedEngine];
    east.launchMs = 300;
    const apart = hubs[0].engines.apart('bot-1', null, () => new Promise(() => undefined)).catch(() => undefined);
    await eventually(() => east.launching === 1);
    await hubs[0].close();
    await apart;
    await eventually(() => east.launched.length === 1 && east.launched[0]?.stopped);
    await hubs[1].close();
  });

  it('switch models for two hubs at once, which reach their machines in different orders', async () => {
    const { hubs, nodes, activate } = await replicated('east', 'west');
    const [one, other] = hubs;
    try {
      for (const hub of hubs) hub.engines.register('bot-1', { min: 2, max: 2 });
      await eventually(() => hubs.every((hub) => hub.engines.status('bot-1').pids.length === 2));
      putOff(one, 'west', 150);
      putOff(other, 'east', 150);
      await Promise.all([activate(one, 'm2'), activate(other, 'm3')]);
      const active = one.bots.get('bot-1')!.activeModel;
      const said = await Promise.all(Array.from({ length: 6 }, () => ask('bot-1', other)));
      assert.deepEqual(new Set(said.map((words) => words?.slice(-2))), new Set([active]));
      await eventually(() => nodes.every(({ launched }) => launched.filter(({ stopped }) => !stopped).length === 1));
    } finally {
      await other.close();
    }
  });

  it('launch no model that another hub has switched to already', async () => {
    const { hubs, nodes, activate } = await replicated('east');
    const [one, other] = hubs;
    try {
      assert.equal(await ask(), 'east m1');
      await activate(one, 'm2');
      await activate(other, 'm2');
      assert.equal(nodes[0]?.launched.length, 2);
      assert.equal(await ask('bot-1', other), 'east m2');
    } finally {
      await other.close();
    }
  });

  it('are run once for all hubs behind one name, each of which is called', async () => {
    await open();
    const port = Number(new URL(rig.url).port);
    const replica = await new ClusterRig().open(hubEngine(), 'never', { at: { host: '127.0.0.2', port } });
    replica.bots.set('bot-1', someBot());
    try {
      const engine = said('east');
      // The third is the first once more: a hub that stands behind the name twice.
      const resolve = () => Promise.resolve(['127.0.0.1', '127.0.0.2', '::ffff:127.0.0.1']);
      const node = await newNode({ hub: `http://hubs.test:${port}`, engine, resolve });
      started.push(node);
      await eventually(() => rig.nodes.list().length === 2 && replica.nodes.list().length === 2);
      assert.deepEqual([await ask(), await ask('bot-1', replica)], ['east m1', 'east m1']);
      assert.equal(engine.launched.length, 1);
    } finally {
      await replica.close();
    }
  });

  it('belong to a node of their own where one shows their key, and only they do', async () => {
    await open();
    addBots(2);
    const mine: Principal = { kind: 'key', id: 'k', name: 'k', role: null, bots: { 'bot-2': 'builder' } };
    rig.principals.set('key-of-bot-2-0123', mine);
    await join('everybody');
    assert.equal(await ask('bot-2'), 'everybody m1');
    await join('private', { token: 'key-of-bot-2-0123' });
    await eventually(async () => (await ask('bot-2')) === 'private m1');
    assert.equal(await ask('bot-1'), 'everybody m1');
    assert.equal(rig.nodes.list().find(({ address }) => address === 'private')?.scope, 'bot-2');
    rig.principals.delete('key-of-bot-2-0123');
    await eventually(() => rig.nodes.list().every(({ address }) => address !== 'private'));
    assert.equal(await ask('bot-2'), 'everybody m1');
  });

  it('of others are not there for a node that may serve one alone', async () => {
    await open();
    addBots(2);
    rig.principals.set('key-of-bot-2-0123', {
      kind: 'key',
      id: 'k',
      name: 'k',
      role: null,
      bots: { 'bot-2': 'builder' },
    });
    await rig.trackers.extend('bot-1', 'anna', [{ event: 'user' }]);
    const peer = await raw('key-of-bot-2-0123');
    const early = { value: { appId: 'bot-2' } };
    await assert.rejects(peer.call('bot', early), { code: 'not_found' }, 'before it has said hello');
    await peer.call('hello', { value: hello() });
    assert.equal(((await peer.call('bot', early)).value as Json)['appId'], 'bot-2');
    const on = { appId: 'bot-1', modelId: 'm1', digest: rig.models.get('m1')!.archive, offset: 0 };
    for (const [name, value] of [
      ['bot', on],
      ['model', on],
      ['file', on],
      ['trackers.read', { ...on, sender: 'anna', all: true }],
      ['trackers.append', { ...on, sender: 'anna', from: 1, events: [] }],
      ['trackers.extend', { ...on, sender: 'anna', events: [] }],
      ['trackers.replace', { ...on, sender: 'anna', events: [] }],
      ['trackers.senders', on],
    ] as const)
      await assert.rejects(peer.call(name, { value }), { code: 'not_found' }, name);
    const stray = { ...on, appId: 'bot-2', digest: 'a'.repeat(64) };
    await assert.rejects(peer.call('file', { value: stray }), { code: 'model_missing' });
    await assert.rejects(peer.call('trackers.read', { value: { appId: 'bot-2', sender: 1 } }), { code: 'invalid' });
    const asleep = rig.engines.status('bot-1');
    const status = { ...asleep, state: 'awake', pids: [1] };
    const forged = { appId: 'bot-1', source: 'bot', pid: null, at: null, line: 'forged' };
    peer.tell('news', { bots: [{ appId: 'bot-1', status, models: [] }], lines: [forged] });
    peer.tell('news', { bots: 'nonsense' });
    await peer.call('synced');
    assert.deepEqual(rig.engines.status('bot-1'), asleep);
    assert.deepEqual(rig.engines.log('bot-1'), []);
    peer.close(1000, '');
  });

  describe('take no node', () => {
    const refusal = async (spec: Partial<NodeSpec>): Promise<string> => {
      const node = await newNode({ hub: rig.url, engine: said('x'), ...spec });
      started.push(node);
      return node.ready.then(
        () => 'taken',
        (error: unknown) => String(error),
      );
    };
    beforeEach(() => open());

    it('whose token is forged', async () => {
      assert.match(await refusal({ token: 'forged-token-0123456789' }), /does not take this node.*NODE_TOKEN/);
      assert.equal(rig.nodes.list().length, 1);
    });
    it('of another release, and say so at both ends', async () => {
      assert.match(await refusal({ hello: { protocol: 0 } }), /speaks protocol 0, hub \d+: install the same release/);
    });
    it('that pretends to be one that is there, as who replays its words would', async () => {
      const first = await raw();
      await first.call('hello', { value: hello() });
      await assert.rejects(first.call('hello', { value: hello() }), { code: 'invalid' });
      for (const run of ['r', 'another']) {
        const twin = await raw();
        await assert.rejects(twin.call('hello', { value: hello({ run }) }));
        assert.equal((await twin.closed).code, goodbye.twin);
      }
      assert.equal(first.open, true);
      assert.equal(rig.nodes.list().length, 2);
      first.close(1000, '');
      await first.closed;
      await eventually(() => rig.nodes.list().length === 1);
      const again = await raw();
      await again.call('hello', { value: hello() });
      again.close(1000, '');
    });
    it('that says what no node says', async () => {
      const peer = await raw();
      await assert.rejects(peer.call('hello', { value: hello({ id: '../x' }) }));
      assert.equal((await peer.closed).code, goodbye.hello);
      const line = await dial(`${rig.url}/api/v1/nodes/line`, { token: nodeToken, limits: quick });
      const closed = new Promise<number>((resolve) =>
        line.listen({ frame: () => undefined, closed: ({ code }) => resolve(code) }),
      );
      line.send(Buffer.from([255, 255, 255, 255, 1]));
      assert.equal(await closed, 1007);
    });
    it('that answers a turn with nonsense: the turn fails, the hub does not', async () => {
      const awake = { engine: 'rasa', pid: 1, can: [] };
      const peer = await raw(nodeToken, {
        wake: () => Promise.resolve({ value: awake }),
        reply: () => Promise.resolve({ value: { messages: 'hello' } }),
        register: nothing,
      });
      await peer.call('hello', { value: hello() });
      await assert.rejects(ask(), { code: 'turn_failed', message: /does not understand/ });
      peer.close(1000, '');
    });
  });
});
