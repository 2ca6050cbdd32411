/**
 * The pool of awake bots. A bot is launched when somebody needs it, lent turn by turn, put to sleep when idle, started again when its
 * process dies, and taken out of service (quarantined) when it keeps dying.
 */
import type { Bot, BotStatus, Engine, Engines, LoadableModel, Model, RunningEngine } from '../contracts.js';
import { within } from '../deadline.js';
import { HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';

export interface PoolOptions {
  /** The bot as stored; null when there is none. */
  bot: (appId: string) => Promise<Bot | null>;
  model: (appId: string, modelId: string) => Promise<Model | null>;
  /** Brings a model's files to this disk. */
  load: (model: Model) => Promise<LoadableModel>;
  /** Which engine answers for this bot and model. */
  engineFor: (bot: Bot, model: Model | null) => Engine;
  idleParkMs: number;
  /** Pauses before the 1st, 2nd … launch after failures; the last one repeats. */
  backoffMs?: readonly number[];
  log: Log;
}

/** A running engine and how many turns hold it: it is stopped only when none does. */
interface Instance {
  running: RunningEngine;
  leases: number;
  idleSince: number;
  whenFree: (() => void)[];
}
interface Slot {
  appId: string;
  instance: Instance | null;
  waking: Promise<Instance> | null;
  draining: number;
  /** When its launches or processes failed, newest last. */
  failures: number[];
  quarantine: string | null;
  lastLog: string[];
}

/** Five failures within a minute are no accident (RELIABILITY.md F4); the pauses keep a dying bot from eating the machine. */
const failureLimit = 5;
const failureWindowMs = 60_000;
const defaultBackoffMs = [0, 500, 1000, 2000, 4000];
/** A turn that outlives this no longer keeps an old process alive. */
const drainLimitMs = 30_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Pool implements Engines {
  private readonly slots = new Map<string, Slot>();
  private readonly swaps = new Map<string, Promise<void>>();
  private readonly sweeper: NodeJS.Timeout;
  private stopped = false;

  constructor(private readonly options: PoolOptions) {
    const period = Math.min(Math.max(options.idleParkMs / 4, 250), 30_000);
    this.sweeper = setInterval(() => void this.sweep(), period).unref();
  }

  async use<T>(appId: string, work: (running: RunningEngine) => Promise<T>): Promise<T> {
    const instance = await this.awake(this.slot(appId));
    instance.leases += 1;
    try {
      return await work(instance.running);
    } finally {
      this.release(instance);
    }
  }

  async swap(appId: string, model: Model, live: () => Promise<void>): Promise<void> {
    const before = this.swaps.get(appId) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.swapNow(appId, model, live));
    this.swaps.set(appId, mine);
    try {
      await mine;
    } finally {
      if (this.swaps.get(appId) === mine) this.swaps.delete(appId);
    }
  }

  async park(appId: string): Promise<void> {
    const slot = this.slots.get(appId);
    if (!slot) return;
    await slot.waking?.catch(() => undefined);
    const instance = slot.instance;
    slot.instance = null;
    if (instance) await this.drain(slot, instance);
    if (this.stateOf(slot) === 'asleep') this.slots.delete(appId);
  }

  async restart(appId: string): Promise<void> {
    await this.park(appId);
    const slot = this.slot(appId);
    slot.failures = [];
    slot.quarantine = null;
    await this.awake(slot);
  }

  status(appId: string): BotStatus {
    const slot = this.slots.get(appId);
    const running = slot?.instance?.running;
    return {
      state: this.stateOf(slot),
      engineInUse: running?.engine ?? null,
      pid: running?.pid ?? null,
      reason: slot?.quarantine ?? null,
    };
  }

  log(appId: string): string[] {
    const slot = this.slots.get(appId);
    return slot?.instance?.running.log() ?? slot?.lastLog ?? [];
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.sweeper);
    const launches = [...this.slots.values()].map(async (slot) => slot.waking?.catch(() => undefined));
    await Promise.all(launches);
    await Promise.all([...this.slots.values()].map(async (slot) => slot.instance?.running.stop()));
  }

  private slot(appId: string): Slot {
    let slot = this.slots.get(appId);
    if (!slot) {
      slot = { appId, instance: null, waking: null, draining: 0, failures: [], quarantine: null, lastLog: [] };
      this.slots.set(appId, slot);
    }
    return slot;
  }

  private stateOf(slot: Slot | undefined): BotStatus['state'] {
    if (!slot) return 'asleep';
    if (slot.instance) return 'awake';
    if (slot.quarantine) return 'quarantined';
    if (slot.waking) return 'waking';
    return slot.draining > 0 ? 'draining' : 'asleep';
  }

  /** The bot's instance, launched if need be; everybody who asks meanwhile shares one launch. */
  private async awake(slot: Slot): Promise<Instance> {
    if (this.stopped) throw new HubError('stopping', 'The hub is shutting down; send the message again in a moment.');
    if (slot.instance) return slot.instance;
    if (slot.quarantine) throw new HubError('bot_quarantined', slot.quarantine);
    slot.waking ??= this.wake(slot).finally(() => {
      slot.waking = null;
    });
    return slot.waking;
  }

  private async wake(slot: Slot): Promise<Instance> {
    for (;;) {
      const { bot, model } = await this.target(slot);
      const backoff = this.options.backoffMs ?? defaultBackoffMs;
      await sleep(backoff[Math.min(slot.failures.length, backoff.length - 1)] ?? 0);
      try {
        return this.install(slot, await this.launch(bot, model));
      } catch (error) {
        this.countFailure(slot, error);
      }
    }
  }

  /** What is to be launched; rejects when there is no such bot, or no model that it needs. */
  private async target(slot: Slot): Promise<{ bot: Bot; model: Model | null }> {
    const bot = await this.options.bot(slot.appId);
    if (!bot) {
      this.slots.delete(slot.appId);
      throw new HubError('not_found', `There is no bot ${slot.appId}.`);
    }
    const model = bot.activeModel ? await this.options.model(slot.appId, bot.activeModel) : null;
    if (!model && this.options.engineFor(bot, model).needsModel) {
      throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
    }
    return { bot, model };
  }

  private async launch(bot: Bot, model: Model | null): Promise<RunningEngine> {
    const loadable = model ? await this.options.load(model) : null;
    const started = Date.now();
    const running = await this.options.engineFor(bot, model).launch(bot, loadable);
    this.options.log.info(
      { appId: bot.appId, engine: running.engine, pid: running.pid, ms: Date.now() - started },
      'bot awake',
    );
    return running;
  }

  private install(slot: Slot, running: RunningEngine): Instance {
    const instance: Instance = { running, leases: 0, idleSince: Date.now(), whenFree: [] };
    slot.instance = instance;
    void running.exited.then((exit) => this.gone(slot, instance, exit));
    return instance;
  }

  /** A process that ended while it was the bot's own: note it, and start it anew. */
  private gone(slot: Slot, instance: Instance, exit: { code: number | null; signal: string | null }): void {
    slot.lastLog = instance.running.log();
    if (slot.instance !== instance) return;
    slot.instance = null;
    if (this.stopped) return;
    const how = exit.signal ? `was ended by ${exit.signal}` : `ended with code ${String(exit.code)}`;
    try {
      this.countFailure(slot, new Error(`The bot's process ${how}.`));
    } catch {
      return;
    }
    this.awake(slot).catch((error: unknown) => {
      this.options.log.warn({ appId: slot.appId, err: error }, 'a bot could not be started again');
    });
  }

  /** Remembers a failure; throws once they are too many, and the bot is quarantined. */
  private countFailure(slot: Slot, error: unknown): void {
    const now = Date.now();
    slot.failures = [...slot.failures.filter((at) => now - at < failureWindowMs), now];
    this.options.log.warn({ appId: slot.appId, err: error, failures: slot.failures.length }, 'a bot failed');
    const lasting = error instanceof HubError && !error.retry;
    if (lasting) throw error;
    if (slot.failures.length < failureLimit) return;
    const cause = error instanceof Error ? error.message : String(error);
    slot.quarantine = `It failed ${slot.failures.length} times within a minute. Last: ${cause} Train it again, activate another model, or restart it.`;
    throw new HubError('bot_quarantined', slot.quarantine, { cause: error });
  }

  private async swapNow(appId: string, model: Model, live: () => Promise<void>): Promise<void> {
    const bot = await this.options.bot(appId);
    if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
    const fresh = await this.launch(bot, model).catch((error: unknown) => {
      throw hubErrorOf(error);
    });
    try {
      await live();
    } catch (error) {
      await fresh.stop();
      throw error;
    }
    const slot = this.slot(appId);
    const old = slot.instance;
    slot.failures = [];
    slot.quarantine = null;
    this.install(slot, fresh);
    if (old) void this.drain(slot, old);
  }

  private async drain(slot: Slot, instance: Instance): Promise<void> {
    slot.draining += 1;
    if (instance.leases > 0) {
      const free = new Promise<void>((resolve) => void instance.whenFree.push(resolve));
      await within(free, drainLimitMs);
    }
    await instance.running.stop();
    slot.lastLog = instance.running.log();
    slot.draining -= 1;
  }

  private release(instance: Instance): void {
    instance.leases -= 1;
    instance.idleSince = Date.now();
    if (instance.leases > 0) return;
    for (const free of instance.whenFree.splice(0)) free();
  }

  private async sweep(): Promise<void> {
    const limit = Date.now() - this.options.idleParkMs;
    for (const slot of this.slots.values()) {
      const instance = slot.instance;
      if (instance && instance.leases === 0 && instance.idleSince < limit) await this.park(slot.appId);
    }
  }
}

/** Opens an empty pool; nothing runs until somebody uses a bot. */
export function openPool(options: PoolOptions): Engines {
  return new Pool(options);
}
