/** What the pool knows of one bot: its processes, its failures, what it waits for. */
import type { BotStatus, Exit } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { Diary } from './diary.js';
import type { Instance } from './instance.js';

/** Five failures within a minute are no accident (RELIABILITY.md F4). */
const failureLimit = 5;
const failureWindowMs = 60_000;

export interface Limits {
  min: number;
  max: number;
}

export class PooledBot {
  /** Those that take turns, oldest first. */
  instances: Instance[] = [];
  limits: Limits = { min: 0, max: 1 };
  /** Under way while it has no instance; everybody who asks meanwhile shares it. */
  waking: Promise<void> | null = null;
  /** Under way: one more instance beside those that it has. */
  growing = false;
  /** Turns that wait until it is awake. */
  waiting = 0;
  draining = 0;
  /** Counts its switches of model: a process that was launched before the last one has the wrong model. */
  version = 0;
  /** When its launches or processes failed, newest last. */
  failures: number[] = [];
  quarantine: string | null = null;
  /** Why its wake has to wait. */
  waitsFor: string | null = null;
  /** Somebody put it to sleep: it is not kept awake before somebody needs it again. */
  parked = false;
  /** It was tried in vain to keep it awake: not again before this time. */
  restUntil = 0;
  /** What an instance needed last; null before the first. */
  bytes: number | null = null;
  readonly diary = new Diary();

  constructor(readonly appId: string) {}

  /** The instance with the fewest turns; undefined while it has none. */
  get freest(): Instance | undefined {
    return this.instances.reduce<Instance | undefined>(
      (best, one) => (best && best.leases <= one.leases ? best : one),
      undefined,
    );
  }

  get status(): BotStatus {
    const { instances } = this;
    return {
      state: this.state,
      engineInUse: instances[0]?.running.engine ?? null,
      pids: instances.map(({ running }) => running.pid).filter((pid) => pid !== null),
      memory: instances.length > 0 ? instances.reduce((sum, { bytes }) => sum + bytes, 0) : null,
      reason: this.quarantine ?? (this.state === 'waking' ? this.waitsFor : null),
    };
  }

  get state(): BotStatus['state'] {
    if (this.instances.length > 0) return 'awake';
    if (this.quarantine) return 'quarantined';
    if (this.waking) return 'waking';
    return this.draining > 0 ? 'draining' : 'asleep';
  }

  /** Remembers a failure. Throws `error` when trying again can't help, and `bot_quarantined` once they are too many. */
  failed(error: unknown): void {
    if (error instanceof HubError && (!error.retry || error.code === 'stopping')) throw error;
    const now = performance.now();
    this.failures = [...this.failures.filter((at) => now - at < failureWindowMs), now];
    const cause = error instanceof Error ? error.message : String(error);
    this.diary.note(`failed: ${cause}`);
    if (this.failures.length < failureLimit) return;
    this.quarantine = `It failed ${this.failures.length} times within a minute. Last: ${cause} Train it again, activate another model, or restart it.`;
    this.diary.note('quarantined');
    throw new HubError('bot_quarantined', this.quarantine, { cause: error });
  }

  /** Forgets all failures. */
  pardon(): void {
    this.failures = [];
    this.quarantine = null;
  }
}

/** How a process ended, as an error in words. */
export function deathOf(exit: Exit): Error {
  const how = exit.signal ? `was ended by ${exit.signal}` : `ended with code ${String(exit.code)}`;
  return new Error(`The bot's process ${how}.`);
}
