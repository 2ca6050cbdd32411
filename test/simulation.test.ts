/**
 * What no machine here can hold: 200 nodes and 20,000 bots, over the placement that hubs use. The nodes are of random sizes and the bots have one
 * to three instances, from seeds, so that what fails fails again. How long a failover takes is a model: it says what goes into it.
 */
import assert from 'node:assert/strict';
import { type Host, movesOf, placesOf } from '../src/engines/cluster/placement.js';
import { randomOf } from './faults/rig.js';

type Node = { -readonly [K in keyof Host]: Host[K] };
interface World {
  nodes: Node[];
  /** Where each bot's instances are. */
  placed: Map<string, string[]>;
}
const seeds = [1, 2, 3];

function worldOf(seed: number, { nodes: count, bots }: { nodes: number; bots: number }): World {
  const random = randomOf(seed);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: `node-${String(seed)}-${String(i)}`,
    weight: [1, 1, 2, 4][Math.floor(random() * 4)]!,
    load: 0,
  }));
  const placed = new Map<string, string[]>();
  for (let i = 0; i < bots; i += 1) {
    const instances = random() < 0.9 ? 1 : 2 + Math.floor(random() * 2);
    place(placed, nodes, { appId: `bot-${String(seed)}-${i.toString(36)}`, instances });
  }
  return { nodes, placed };
}

/** Places so many instances of a bot anew, on nodes that have none of it. */
function place(
  placed: World['placed'],
  nodes: Node[],
  { appId, instances }: { appId: string; instances: number },
): Node[] {
  const kept = placed.get(appId) ?? [];
  const free = nodes.filter(({ id }) => !kept.includes(id));
  const taken = placesOf(appId, free, instances);
  for (const node of taken) node.load += 1;
  placed.set(appId, [...kept, ...taken.map(({ id }) => id)]);
  return taken;
}

function unevenness(nodes: readonly Host[]): number {
  const [load, weight] = [nodes.reduce((sum, n) => sum + n.load, 0), nodes.reduce((sum, n) => sum + n.weight, 0)];
  return Math.max(...nodes.map((node) => Math.abs(node.load / ((load * node.weight) / weight) - 1)));
}

/** These nodes die: each instance that was there is placed elsewhere. Answers what each node of the rest takes on. */
function fail(
  { nodes, placed }: World,
  dead: ReadonlySet<string>,
): { left: Node[]; taken: Map<Node, number>; moved: number } {
  const left = nodes.filter(({ id }) => !dead.has(id));
  const taken = new Map<Node, number>();
  let moved = 0;
  for (const [appId, on] of placed) {
    const lost = on.filter((id) => dead.has(id)).length;
    if (lost === 0) continue;
    placed.set(
      appId,
      on.filter((id) => !dead.has(id)),
    );
    for (const node of place(placed, left, { appId, instances: lost })) taken.set(node, (taken.get(node) ?? 0) + 1);
    moved += lost;
  }
  return { left, taken, moved };
}

describe('200 nodes and 20,000 bots', function () {
  this.timeout(60_000);
  const worlds = new Map<number, World>();
  before(() => {
    for (const seed of seeds) worlds.set(seed, worldOf(seed, { nodes: 200, bots: 20_000 }));
  });
  const worldFrom = (seed: number): World => structuredClone(worlds.get(seed)!);

  it('are even within 15 % of each share, whatever the sizes of the nodes', () => {
    for (const seed of seeds) {
      const { nodes } = worldFrom(seed);
      assert.ok(unevenness(nodes) <= 0.15, `seed ${String(seed)}: ${String(unevenness(nodes))}`);
    }
  });

  it('move what a lost node had and nothing else, and stay even', () => {
    for (const seed of seeds) {
      const world = worldFrom(seed);
      const before = new Map([...world.placed].map(([appId, on]) => [appId, [...on]]));
      const dead = world.nodes[Math.floor(randomOf(seed)() * world.nodes.length)]!;
      const { left, moved } = fail(world, new Set([dead.id]));
      assert.equal(moved, dead.load);
      for (const [appId, on] of before)
        for (const id of on) if (id !== dead.id) assert.ok(world.placed.get(appId)!.includes(id), appId);
      for (const on of world.placed.values()) assert.equal(new Set(on).size, on.length);
      assert.ok(unevenness(left) <= 0.15, `seed ${String(seed)}: ${String(unevenness(left))}`);
    }
  });

  it('move to a node that comes its share, and no bot anywhere else', () => {
    for (const seed of seeds) {
      const { nodes, placed } = worldFrom(seed);
      const fresh = { id: 'node-new', weight: 2, load: 0 };
      const all = [...nodes, fresh];
      const share = fresh.weight / all.reduce((sum, { weight }) => sum + weight, 0);
      const instances = nodes.reduce((sum, { load }) => sum + load, 0);
      const moves = movesOf(placed, all);
      const elsewhere = moves.filter(({ to }) => to !== fresh.id);
      assert.deepEqual(elsewhere, [], `seed ${String(seed)}`);
      assert.ok(moves.length > 0 && moves.length <= share * instances, `seed ${String(seed)}: ${String(moves.length)}`);
    }
  });

  /**
   * Three seconds until a silent node counts as lost, then every bot that was awake there is asked at once, the worst there is. Nodes of 4 cores
   * for each unit of weight are 60 % busy; a wake takes a core for 0.2 s (semantic, four in five) or 1.7 s (the rest).
   */
  const model = {
    silenceSeconds: 3,
    coresForWeight: 4,
    busy: 0.6,
    awake: 0.3,
    light: 0.2,
    heavy: 1.7,
    heavyShare: 0.2,
  };
  /** Seconds until the last of the bots that these nodes had awake has answered elsewhere. */
  function lastAnswer(seed: number, dead: number): number {
    const world = worldOf(seed, { nodes: 200, bots: 20_000 * model.awake });
    const random = randomOf(seed + 100);
    const ids = [...world.nodes].sort(() => random() - 0.5).map(({ id }) => id);
    const { taken } = fail(world, new Set(ids.slice(0, dead)));
    const seconds = [...taken].map(([{ weight }, wakes]) => {
      const costs = Array.from({ length: wakes }, () => (random() < model.heavyShare ? model.heavy : model.light));
      const cores = weight * model.coresForWeight * (1 - model.busy);
      return Math.max(...costs, costs.reduce((sum, cost) => sum + cost, 0) / cores);
    });
    return model.silenceSeconds + Math.max(...seconds);
  }
  it('answer elsewhere within five seconds when a node is lost, by the model', () => {
    for (const seed of seeds) {
      const last = lastAnswer(seed, 1);
      assert.ok(last <= 5, `seed ${String(seed)}: ${String(last)} s`);
    }
  });
  it('answer elsewhere within ten when a rack of ten is lost at once, by the model', () => {
    for (const seed of seeds) {
      const last = lastAnswer(seed, 10);
      assert.ok(last <= 10, `seed ${String(seed)}: ${String(last)} s`);
    }
  });
});
