/**
 * Which hosts have a bot: pure functions of the bot's APP_ID and of the hosts, so that all hubs come to the same answer without asking each
 * other. Rendezvous hashing gives each bot an order of its own among the hosts, in which heavier ones come first more often; of one host more
 * than it needs it gets those with the least to carry. By the hash alone the fullest of 200 hosts would have a third more than its share;
 * with the choice all are within a few bots of it, and a bot still moves only when its own host goes, or when a new one takes its share.
 */

export interface Host {
  readonly id: string;
  /** What it can carry, in any unit; above 0. */
  readonly weight: number;
  /** Instances of bots that it carries. */
  readonly load: number;
}
/** Where an instance of a bot is to go from and to. */
export interface Move {
  appId: string;
  from: string;
  to: string;
}

/** A host must be fuller than another by this share before a bot moves: less is not worth a wake. */
const worthMoving = 1.1;

/** The hosts in the order of this bot: the same on every hub, and without a host the same but for that host. */
export function orderOf<H extends Host>(appId: string, hosts: readonly H[]): H[] {
  const bot = hashOf(appId);
  return hosts
    .map((host) => ({ host, rank: rankOf(bot, host) }))
    .sort((a, b) => a.rank - b.rank || (a.host.id < b.host.id ? -1 : 1))
    .map(({ host }) => host);
}

/** The hosts that are to have `count` instances of a bot, one each, the least loaded first; all hosts when there are no more. */
export function placesOf<H extends Host>(appId: string, hosts: readonly H[], count = 1): H[] {
  return candidatesOf(appId, hosts, count)
    .sort((a, b) => fullness(a) - fullness(b))
    .slice(0, count);
}

/**
 * What should move now that hosts have come or gone: of the instances on hosts that are fuller than another which their bot could have as well.
 * `placed`: bots with the ids of the hosts that have them. Never more than brings the emptier hosts to their share.
 */
export function movesOf(
  placed: Iterable<readonly [appId: string, on: readonly string[]]>,
  hosts: readonly Host[],
): Move[] {
  const present = new Map(hosts.map((host) => [host.id, { ...host }]));
  const moves: Move[] = [];
  for (const [appId, on] of placed) {
    const from = fullest(on.flatMap((id) => present.get(id) ?? []));
    const free = candidatesOf(appId, [...present.values()], on.length).filter(({ id }) => !on.includes(id));
    const to = free.reduce<(typeof free)[number] | undefined>(
      (best, one) => (best && fullness(best) <= fullness(one) ? best : one),
      undefined,
    );
    if (!from || !to || from.load / from.weight <= fullness(to) * worthMoving) continue;
    from.load -= 1;
    to.load += 1;
    moves.push({ appId, from: from.id, to: to.id });
  }
  return moves;
}

/** One more than the bot needs: the choice of two is what evens the loads out. */
function candidatesOf<H extends Host>(appId: string, hosts: readonly H[], count: number): H[] {
  const bot = hashOf(appId);
  const best: { host: H; rank: number }[] = [];
  for (const host of hosts) {
    const rank = rankOf(bot, host);
    const last = best[count];
    if (last && (last.rank < rank || (last.rank === rank && last.host.id < host.id))) continue;
    const at = best.findIndex((one) => rank < one.rank || (rank === one.rank && host.id < one.host.id));
    best.splice(at < 0 ? best.length : at, 0, { host, rank });
    best.length = Math.min(best.length, count + 1);
  }
  return best.map(({ host }) => host);
}

/** How full it would be with one instance more. */
const fullness = ({ load, weight }: Host): number => (load + 1) / weight;

function fullest<H extends Host>(hosts: readonly H[]): H | undefined {
  return hosts.reduce<H | undefined>(
    (worst, one) => (worst && worst.load / worst.weight >= one.load / one.weight ? worst : one),
    undefined,
  );
}

/** An exponential variable of the rate `weight`: the smallest of several is each host's in proportion to its weight. */
function rankOf(bot: number, { id, weight }: Host): number {
  const mixed = stirred((Math.imul(hashOf(id), 0x9e3779b1) + bot) | 0);
  return -Math.log((mixed + 0.5) / 2 ** 32) / weight;
}

/** FNV-1a, stirred. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return stirred(hash);
}

/** MurmurHash3's finalizer: each bit of the result hangs on all bits given. Unsigned. */
function stirred(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
