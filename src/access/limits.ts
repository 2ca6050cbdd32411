/**
 * How much anybody may ask: a count per address, per caller and per bot, over ten seconds. It is for abuse, and never for a hub that is busy:
 * what was stored waits its turn, and what a chat platform has signed is not counted. The only importer of rate-limiter-flexible.
 */
import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimits } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';

/** Requests per second, on average over ten; 0: as many as they like. */
export interface Rates {
  perAddress: number;
  perCaller: number;
  perBot: number;
}

/** Long enough for a burst of a second or two, short enough that who went too far is soon heard again. */
const windowSeconds = 10;
const loopback = /^(?:127\.|::1$)/;

/** Without its interface, and as IPv4 where it is that in IPv6's clothes. */
const plain = (address: string): string => address.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');

/** Is it an address that this machine has for itself alone? */
export const isOwn = (address: string): boolean => loopback.test(plain(address));

/** What an address is counted by: who has one IPv6 address has the 2^64 beside it too. */
export function addressKey(address: string): string {
  const bare = plain(address);
  if (isIPv4(bare) || !bare.includes(':')) return bare;
  const [head = '', tail = ''] = bare.split('::');
  const [before, after] = [head, tail].map((side) => side.split(':').filter(Boolean));
  const zeros = bare.includes('::') ? Math.max(0, 8 - (before?.length ?? 0) - (after?.length ?? 0)) : 0;
  const groups = [...(before ?? []), ...Array<string>(zeros).fill('0'), ...(after ?? [])];
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** Where several hubs count together. */
export interface SharedCount {
  /** A connection of ioredis that fails at once while Redis is away: then each hub counts what it is asked itself. */
  redis: unknown;
  /** Tells this store's counts from those of another in the same Redis. */
  prefix: string;
}

/** Counts in this process; with `shared`, together with the other hubs of the store. */
export function createRateLimits(rates: Rates, log: Pick<Log, 'warn'>, shared?: SharedCount): RateLimits {
  const counter = (what: string, perSecond: number): ((key: string) => Promise<void>) => {
    if (perSecond === 0) return () => Promise.resolve();
    const points = perSecond * windowSeconds;
    const alone = new RateLimiterMemory({ points, duration: windowSeconds });
    const limiter = shared ? together(shared, { what, points, alone }) : alone;
    return async (key) => {
      try {
        await limiter.consume(key);
      } catch (refused) {
        const { consumedPoints, msBeforeNext } = refused as RateLimiterRes;
        // Once in each window: a flood shall not flood the log.
        if (consumedPoints === points + 1) log.warn({ [what]: key, perSecond }, 'a caller is over the rate limit');
        throw over(what, perSecond, Math.ceil(msBeforeNext / 1000));
      }
    };
  };
  const [address, caller, bot] = [
    counter('address', rates.perAddress),
    counter('caller', rates.perCaller),
    counter('bot', rates.perBot),
  ];
  return {
    address: (from) => (isOwn(from) ? Promise.resolve() : address(addressKey(from))),
    async caller({ kind, id }, appId) {
      if (kind === 'token' || kind === 'trainer') return;
      await caller(`${kind} ${id}`);
      // Apart from what anybody says to it: whoever floods a bot does not shut out those who see to it.
      if (kind === 'key' && appId !== null) await bot(`${appId} by key`);
    },
    bot,
  };
}

function together(
  { redis, prefix }: SharedCount,
  { what, points, alone }: { what: string; points: number; alone: RateLimiterMemory },
): RateLimiterRedis {
  return new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `${prefix}:${what}`,
    ...{ points, duration: windowSeconds, insuranceLimiter: alone, rejectIfRedisNotReady: true },
    // Who is over it need not be looked up again.
    inMemoryBlockOnConsumed: points + 1,
  });
}

function over(what: string, perSecond: number, afterSeconds: number): HubError {
  const detail = `More than ${perSecond} requests a second came for this ${what}; send fewer, and go on in ${afterSeconds} s.`;
  return new HubError('rate_limited', detail, { afterSeconds });
}

/** How many connections each address holds open. */
export interface Crowd {
  /** Has it as many as it may have? */
  full(address: string): boolean;
  /** One more of them; to be called once it is gone. */
  enter(address: string): () => void;
}

/** `most` of one address; 0: any number. This machine's own are not counted. */
export function createCrowd(most: number): Crowd {
  const open = new Map<string, number>();
  const count = (key: string): number => open.get(key) ?? 0;
  const counted = (address: string): boolean => most > 0 && !isOwn(address);
  return {
    full: (address) => counted(address) && count(addressKey(address)) >= most,
    enter(address) {
      if (!counted(address)) return () => undefined;
      const key = addressKey(address);
      open.set(key, count(key) + 1);
      return () => {
        if (count(key) > 1) open.set(key, count(key) - 1);
        else open.delete(key);
      };
    },
  };
}

/** Where a request comes from, as the `trusted` proxies in front tell, each of which adds the address that called it; as Koa reads it. */
export function addressOf({ headers, socket }: IncomingMessage, trusted: number): string {
  const told = trusted > 0 ? String(headers['x-forwarded-for'] ?? '').split(/\s*,\s*/) : [];
  return told.filter(Boolean).slice(-trusted)[0] ?? socket.remoteAddress ?? '';
}
