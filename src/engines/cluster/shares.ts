/** How the instances of a bot are dealt out to the members that are to have it. */
import type { Bot } from '../../contracts.js';
import type { Member } from './member.js';
import { orderOf } from './placement.js';

/** As evenly as they can be, in the bot's own order; each may have at least one, so that it can take over. */
export function sharesOf(
  appId: string,
  hosts: readonly Member[],
  { min, max }: Bot['instances'],
): Map<Member, Bot['instances']> {
  const count = Math.max(1, hosts.length);
  const share = (all: number, at: number): number => Math.floor(all / count) + Number(at < all % count);
  return new Map(
    orderOf(appId, hosts).map((host, at) => [host, { min: share(min, at), max: Math.max(1, share(max, at)) }]),
  );
}
