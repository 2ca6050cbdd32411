/** Sides that are up at the same time, asked in turn: what else the machine does meanwhile falls on all of them. */
import { type Ask, burst, load, median, type Waits } from './load.js';
import type { HubUp, Up } from './sides.js';

export interface Pace {
  /** Replies a second, and processor milliseconds a reply: the second is true on a busy machine too. */
  perSecond: number;
  processor: number;
}
export interface Duel {
  plain: Pace;
  ours: Pace;
  /** By requests in a second, the middle run of three. `hub` is ours through the hub's API. */
  bursts: Record<string, { plain: Waits; ours: Waits; hub: Waits }>;
  /** The same through the hub with two instances of the bot. */
  twoInstances: Record<string, { plain: Waits; hub: Waits }>;
}
interface Plan {
  seconds: number;
  bursts: readonly number[];
}
const rounds = 3;
/** Until everything that is made ready in the background is ready: graphs of networks are traced after the first messages. */
const warmSeconds = 15;

async function paced({ ask, processor }: Up, texts: readonly string[], seconds: number): Promise<Pace> {
  const before = await processor();
  const { replies, perSecond } = await load(ask, texts, seconds);
  return { perSecond, processor: ((await processor()) - before) / replies };
}

const middle = (list: Pace[]): Pace => ({
  perSecond: median(list.map(({ perSecond }) => perSecond)),
  processor: median(list.map(({ processor }) => processor)),
});
const middleWaits = (list: Waits[]): Waits => ({
  p50: median(list.map(({ p50 }) => p50)),
  max: median(list.map(({ max }) => max)),
});

/** Three rounds of `seconds` each under load, then three of each burst, at last with two instances. */
export async function duel(
  { plain, ours, hub }: { plain: Up; ours: Up; hub: HubUp },
  texts: readonly string[],
  plan: Plan,
): Promise<Duel> {
  await Promise.all([plain.ask, ours.ask, hub.ask].map((ask) => load(ask, texts, warmSeconds)));
  const pace: { plain: Pace[]; ours: Pace[] } = { plain: [], ours: [] };
  for (let round = 0; round < rounds; round += 1) {
    pace.plain.push(await paced(plain, texts, plan.seconds));
    pace.ours.push(await paced(ours, texts, plan.seconds));
  }
  const bursts = await inTurn({ plain: plain.ask, ours: ours.ask, hub: hub.ask }, texts, plan);
  await hub.instances(2);
  await load(hub.ask, texts, warmSeconds);
  const twoInstances = await inTurn({ plain: plain.ask, hub: hub.ask }, texts, plan);
  return { plain: middle(pace.plain), ours: middle(pace.ours), bursts, twoInstances };
}

/** By requests in a second: each side's middle of the rounds. */
async function inTurn<Side extends string>(
  sides: Record<Side, Ask>,
  texts: readonly string[],
  plan: Plan,
): Promise<Record<string, Record<Side, Waits>>> {
  const names = Object.keys(sides) as Side[];
  const found: Record<string, Record<Side, Waits>> = {};
  for (const count of plan.bursts) {
    const waits = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Side, Waits[]>;
    for (let round = 0; round < rounds; round += 1)
      for (const name of names) waits[name].push(await burst(sides[name], texts, count));
    found[`${count}`] = Object.fromEntries(names.map((name) => [name, middleWaits(waits[name])])) as Record<
      Side,
      Waits
    >;
  }
  return found;
}
