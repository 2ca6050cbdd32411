/** Which member of the cluster a bot is asked of, and which are to have it. */
import type { BotPlace, Member } from './member.js';
import { placesOf } from './placement.js';

/** Does this hub run bots itself? `alone`: while no node is there that takes any bot. Bots elsewhere (engine `remote`) it always calls itself. */
export type Here = 'always' | 'alone' | 'never';

export class Router {
  readonly nodes = new Set<Member>();
  /** Turns and the like that this hub has with a bot at a member. */
  private readonly busy = new Map<string, number>();
  /** Bots that a member is about to put to sleep. */
  private readonly leaving = new Set<string>();

  constructor(
    readonly local: Member,
    private readonly here: Here,
  ) {}

  /** All of them, this hub first. */
  get members(): Member[] {
    return [this.local, ...this.nodes];
  }

  /** Those that are to have it. */
  hosts(bot: BotPlace): Member[] {
    if (bot.engine === 'remote') return [this.local];
    const takers = [...this.nodes].filter(({ taking }) => taking);
    const own = takers.filter((node) => node.admits(bot) === 'own');
    if (own.length > 0) return own;
    const any = takers.filter((node) => node.admits(bot) === 'any');
    const local = this.here === 'always' || (this.here === 'alone' && any.length === 0);
    return local && this.local.admits(bot) ? [...any, this.local] : any;
  }

  /** Where it is awake and stays for now, those first that are to have it. */
  awake(bot: BotPlace): Member[] {
    return this.members.filter(
      (member) => member.engines.status(bot.appId).state === 'awake' && !this.leaving.has(keyOf(member, bot.appId)),
    );
  }

  /** The one that is asked next; null when there is nobody who could have it. `strayed`: it is awake only where it is not to be. */
  choose(bot: BotPlace): { member: Member; strayed: boolean } | null {
    const hosts = this.hosts(bot);
    const awake = this.awake(bot);
    const settled = awake.filter((member) => hosts.includes(member));
    const free = leastOf(settled.length > 0 ? settled : awake, (member) => this.strain(member, bot.appId));
    if (free) return { member: free, strayed: settled.length === 0 };
    const waking = hosts.find((member) => member.engines.status(bot.appId).state === 'waking');
    const member = waking ?? placesOf(bot.appId, hosts)[0];
    return member ? { member, strayed: false } : null;
  }

  /** Who could have one more instance; undefined when all have it. */
  next(bot: BotPlace): Member | undefined {
    const without = this.hosts(bot).filter((host) => host.engines.status(bot.appId).state === 'asleep');
    return placesOf(bot.appId, without)[0];
  }

  /** Outstanding turns for each of its processes there; a busier member loses the tie. */
  strain(member: Member, appId: string): number {
    const instances = Math.max(1, member.engines.status(appId).pids.length);
    return (this.busy.get(keyOf(member, appId)) ?? 0) / instances + member.load / member.weight / 1e6;
  }

  outstanding(member: Member): number {
    let sum = 0;
    for (const [key, count] of this.busy) if (key.startsWith(`${member.id} `)) sum += count;
    return sum;
  }

  /** Counts one more at it, until the answer is called. */
  take(member: Member, appId: string): () => void {
    const key = keyOf(member, appId);
    this.busy.set(key, (this.busy.get(key) ?? 0) + 1);
    return () => {
      const left = (this.busy.get(key) ?? 1) - 1;
      if (left > 0) this.busy.set(key, left);
      else this.busy.delete(key);
    };
  }

  /** Puts it to sleep there; nobody is sent there meanwhile, but when it is awake nowhere else. */
  async clear(member: Member, appId: string): Promise<void> {
    const key = keyOf(member, appId);
    this.leaving.add(key);
    try {
      await member.engines.park(appId);
    } finally {
      this.leaving.delete(key);
    }
  }
}

const keyOf = (member: Member, appId: string): string => `${member.id} ${appId}`;

/** Asks for no size where there is no choice: that is every message of a bot that is awake in one place, and sizes count all bots. */
function leastOf<T>(things: readonly T[], size: (thing: T) => number): T | undefined {
  if (things.length < 2) return things[0];
  let least: { thing: T; size: number } | undefined;
  for (const thing of things) {
    const one = { thing, size: size(thing) };
    if (!least || one.size < least.size) least = one;
  }
  return least?.thing;
}
