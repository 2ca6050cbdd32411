/** Where bots go: evenly, the same for every hub, and with as few moves as a change needs. */
import assert from 'node:assert/strict';
import { type Host, movesOf, orderOf, placesOf } from '../src/engines/cluster/placement.js';

type Mutable = { -readonly [K in keyof Host]: Host[K] };
const hostsOf = (count: number, weight: (i: number) => number = () => 1): Mutable[] =>
  Array.from({ length: count }, (_, i) => ({ id: `node-${i}`, weight: weight(i), load: 0 }));
const botsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `bot-${i.toString(36)}`);

/** Places every bot, one after the other, as hubs do while bots wake. */
function placeAll(bots: readonly string[], hosts: Mutable[], count = 1): Map<string, string[]> {
  return new Map(bots.map((appId) => [appId, placeOne(appId, hosts, count)]));
}
function placeOne(appId: string, hosts: Mutable[], count = 1): string[] {
  return placesOf(appId, hosts, count).map((host) => {
    host.load += 1;
    return host.id;
  });
}
/** The largest distance of a host from its share. */
function unevenness(hosts: readonly Host[]): number {
  const [load, weight] = [hosts.reduce((sum, h) => sum + h.load, 0), hosts.reduce((sum, h) => sum + h.weight, 0)];
  return Math.max(...hosts.map((host) => Math.abs(host.load / ((load * host.weight) / weight) - 1)));
}

describe('placement', () => {
  it('gives every host its share within 15 %: 20,000 bots on 200 hosts', () => {
    const hosts = hostsOf(200);
    placeAll(botsOf(20_000), hosts);
    assert.ok(unevenness(hosts) <= 0.15, `${unevenness(hosts)}`);
  });

  it('gives heavier hosts more, in proportion', () => {
    const hosts = hostsOf(40, (i) => 1 + (i % 4));
    placeAll(botsOf(20_000), hosts);
    assert.ok(unevenness(hosts) <= 0.15, `${unevenness(hosts)}`);
  });

  it('is even for bots of several instances, which never share a host', () => {
    const hosts = hostsOf(30);
    for (const [, on] of placeAll(botsOf(3000), hosts, 3)) assert.equal(new Set(on).size, 3);
    assert.ok(unevenness(hosts) <= 0.15, `${unevenness(hosts)}`);
    assert.equal(placesOf('bot', hostsOf(2), 3).length, 2);
    assert.deepEqual(placesOf('bot', [], 1), []);
  });

  it('is the same on every hub, in whichever order that learnt of the hosts', () => {
    const hosts = hostsOf(9, (i) => 1 + (i % 2)).map((host, i) => ({ ...host, load: i % 3 }));
    for (const appId of botsOf(200)) {
      const ids = (list: readonly Host[]): string[] => placesOf(appId, list, 2).map(({ id }) => id);
      assert.deepEqual(ids(hosts), ids([...hosts].reverse()));
      assert.deepEqual(orderOf(appId, hosts), orderOf(appId, [...hosts].reverse()));
    }
  });

  it('keeps the order of those that stay when a host goes', () => {
    const hosts = hostsOf(12);
    for (const appId of botsOf(500)) {
      const left = orderOf(appId, hosts).filter(({ id }) => id !== 'node-5');
      assert.deepEqual(
        orderOf(
          appId,
          hosts.filter(({ id }) => id !== 'node-5'),
        ),
        left,
      );
    }
  });

  it('a host that goes moves its own bots and no others, and those left stay even', () => {
    const bots = botsOf(20_000);
    const hosts = hostsOf(200);
    const placed = placeAll(bots, hosts);
    const left = hosts.filter(({ id }) => id !== 'node-7');
    const orphans = bots.filter((appId) => placed.get(appId)?.includes('node-7'));
    assert.ok(orphans.length <= (bots.length / hosts.length) * 1.15);
    for (const appId of orphans) placeOne(appId, left);
    assert.ok(unevenness(left) <= 0.15, `${unevenness(left)}`);
    assert.deepEqual(movesOf(placed, left), []);
  });

  it('a host that comes takes its share, at most 1/n of the bots, and only it', () => {
    const bots = botsOf(20_000);
    const hosts = hostsOf(199);
    const placed = placeAll(bots, hosts);
    const all = [...hosts, { id: 'node-new', weight: 1, load: 0 }];
    const moves = movesOf(placed, all);
    assert.ok(moves.every(({ to }) => to === 'node-new'));
    assert.ok(moves.length <= bots.length / all.length, `${moves.length}`);
    for (const { from, to } of moves)
      for (const host of all) host.load += Number(host.id === to) - Number(host.id === from);
    assert.ok(unevenness(all) <= 0.15, `${unevenness(all)}`);
    for (const { appId, to } of moves) placed.set(appId, [to]);
    assert.deepEqual(movesOf(placed, all), []);
  });
});
