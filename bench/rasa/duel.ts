/** Sides that are up at the same time, asked in turn: what else the machine does meanwhile falls on all of them. */
import { type Ask, burst, load, median, type Waits } from './load.js';
import type { Up } from './sides.js';

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

/** Three rounds of `seconds` each under load, then three of each burst. */
export async function duel(
  sides: { plain: Up; ours: Up; hub: Ask },
  texts: readonly string[],
  plan: { seconds: number; bursts: readonly number[] },
): Promise<Duel> {
  const { plain, ours, hub } = sides;
  await Promise.all([plain.ask, ours.ask, hub].map((ask) => load(ask, texts, warmSeconds)));
  const pace: { plain: Pace[]; ours: Pace[] } = { plain: [], ours: [] };
  for (let round = 0; round < rounds; round += 1) {
    pace.plain.push(await paced(plain, texts, plan.seconds));
    pace.ours.push(await paced(ours, texts, plan.seconds));
  }
  const bursts: Duel['bursts'] = {};
  for (const count of plan.bursts) {
    const found: { plain: Waits[]; ours: Waits[]; hub: Waits[] } = { plain: [], ours: [], hub: [] };
    for (let round = 0; round < rounds; round += 1) {
      found.plain.push(await burst(plain.ask, texts, count));
      found.ours.push(await burst(ours.ask, texts, count));
      found.hub.push(await burst(hub, texts, count));
    }
    bursts[`${count}`] = {
      plain: middleWaits(found.plain),
      ours: middleWaits(found.ours),
      hub: middleWaits(found.hub),
    };
  }
  return { plain: middle(pace.plain), ours: middle(pace.ours), bursts };
}
