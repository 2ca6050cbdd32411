/**
 * What training keeps in Redis beside Bull's own keys: fences, which bot is being trained, cancellations, the lines that trainers write
 * into the logs of their jobs, and who trains. The only importer of ioredis.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { TrainerStatus } from '../contracts.js';
import { HubError } from '../errors.js';

/** A connection as Bull wants one. */
export type { Redis };

const week = 7 * 24 * 3600;
/** A trainer that has not shown itself for so long is gone. */
const shownMs = 15_000;
/** A hub that keeps lines for so long is gone, and another may. */
const keepingMs = 10_000;
const lookMs = 50;

/** Opens a connection that comes back by itself, for as long as it takes. `url` may carry a password: it is never logged. */
export function connectRedis(url: string): Redis {
  return new Redis(url, {
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  });
}

/** As `connectRedis`, for what must not wait: what cannot be asked now fails at once. */
export function connectQuickRedis(url: string): Redis {
  return new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    commandTimeout: 250,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  });
}

/** Where the Redis that `url` names is, without user and password. */
export function redisPlaceOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname.replace(/\/$/, '')}`;
}

/** What Redis answered as the hub's error: full, or gone. Anything else passes. */
export function queueErrorOf(thrown: unknown): unknown {
  const words = thrown instanceof Error ? thrown.message : '';
  if (/^OOM |OOM command not allowed/.test(words)) {
    return new HubError(
      'queue_unavailable',
      'The Redis of the training queue is full. Give it more memory, then train again.',
      {
        cause: thrown,
      },
    );
  }
  if (/Connection is closed|ECONN|LOADING|READONLY|ENOTFOUND|ETIMEDOUT|EAI_AGAIN/.test(words))
    return unreachable(thrown);
  return thrown;
}

/** The queue cannot be reached now. */
export function unreachable(cause?: unknown): HubError {
  return new HubError(
    'queue_unavailable',
    'The Redis of the training queue does not answer. Look at REDIS_URL and at its server, then train again.',
    {
      cause,
    },
  );
}

/**
 * Refuses a Redis that may drop keys when it is full: it would drop locks and jobs without a word.
 * @throws HubError `queue_unavailable` with the remedy.
 */
export async function checkPolicy(redis: Redis): Promise<void> {
  const policy = /maxmemory_policy:(\S+)/.exec(await redis.info('memory'))?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  throw new HubError(
    'queue_unavailable',
    `The Redis at REDIS_URL has maxmemory-policy ${policy}: when it is full it drops training jobs and their locks without a word. Set "maxmemory-policy noeviction" in its redis.conf (now: redis-cli CONFIG SET maxmemory-policy noeviction) and start again.`,
  );
}

const take = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const leave = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0`;

/** The keys of one hub's training, over one connection. */
export class TrainingKeys {
  constructor(
    readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** A number higher than every earlier one of this job, also after Redis lost its data: `base` is the last one that the store knows. */
  async fence(jobId: string, base: number): Promise<number> {
    const key = this.key('fence', jobId);
    const count = await this.redis.incr(key);
    await this.redis.expire(key, week);
    return base + count;
  }
  /** Marks the bot as being trained by this job for `ms`; false when another of its jobs is under way. Again: for longer. */
  async takeBot(appId: string, jobId: string, ms: number): Promise<boolean> {
    return this.take(this.key('bot', appId), jobId, ms);
  }
  async leaveBot(appId: string, jobId: string): Promise<void> {
    await this.redis.eval(leave, 1, this.key('bot', appId), jobId);
  }
  /** Lays lines of the job's log down, for a hub to keep; they outlast the job's place in the line. */
  async writeLines(jobId: string, lines: string[]): Promise<void> {
    const key = this.key('lines', jobId);
    await this.redis
      .multi()
      .rpush(key, ...lines)
      .expire(key, week)
      .exec();
  }
  /**
   * Hands the lines that no hub has kept yet to `keep`, one hub at a time, and lets go of them when it has kept them. Answers what this
   * call kept; whoever kept them, every line written before it is kept by then. Rejects as `keep` does; then the lines are still there.
   */
  async keepLines(jobId: string, keep: (lines: string[]) => Promise<void>): Promise<string[]> {
    const [key, lock, holder] = [this.key('lines', jobId), this.key('keeping', jobId), randomUUID()];
    while ((await this.redis.exists(key)) === 1) {
      if (await this.take(lock, holder, keepingMs)) {
        try {
          const lines = await this.redis.lrange(key, 0, -1);
          if (lines.length > 0) await keep(lines);
          await this.redis.ltrim(key, lines.length, -1);
          return lines;
        } finally {
          await this.redis.eval(leave, 1, lock, holder);
        }
      }
      await sleep(lookMs);
    }
    return [];
  }
  async flagCancelled(jobId: string): Promise<void> {
    await this.redis.set(this.key('cancelled', jobId), '1', 'EX', week);
  }
  async isCancelled(jobId: string): Promise<boolean> {
    return (await this.redis.exists(this.key('cancelled', jobId))) === 1;
  }
  /** Writes something: a full Redis answers reads, and takes nothing. */
  async pulse(): Promise<void> {
    await this.redis.set(`${this.prefix}:pulse`, new Date().toISOString());
  }
  /** Shows a trainer to everybody for the next seconds. */
  async show(status: TrainerStatus): Promise<void> {
    await this.redis
      .multi()
      .set(this.key('trainer', status.id), JSON.stringify(status), 'PX', shownMs)
      .zadd(`${this.prefix}:trainers`, Date.now(), status.id)
      .zremrangebyscore(`${this.prefix}:trainers`, 0, Date.now() - week * 1000)
      .exec();
  }
  async hideTrainer(id: string): Promise<void> {
    await this.redis.multi().del(this.key('trainer', id)).zrem(`${this.prefix}:trainers`, id).exec();
  }
  /** The trainers that showed themselves in the last seconds. */
  async trainers(): Promise<TrainerStatus[]> {
    const ids = await this.redis.zrange(`${this.prefix}:trainers`, 0, -1);
    if (ids.length === 0) return [];
    const texts = await this.redis.mget(ids.map((id) => this.key('trainer', id)));
    return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as TrainerStatus]));
  }

  private async take(key: string, holder: string, ms: number): Promise<boolean> {
    return (await this.redis.eval(take, 1, key, holder, ms)) === 1;
  }

  private key(kind: string, id: string): string {
    return `${this.prefix}:${kind}:${id}`;
  }
}
