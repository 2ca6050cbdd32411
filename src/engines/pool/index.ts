/**
 * The pool of awake bots. A bot is launched when somebody needs it (gate.ts, budget.ts), lent turn by turn to one of its processes, put to
 * sleep when idle, started again when its process dies, and taken out of service (quarantined) when it keeps dying.
 */
import { availableParallelism } from 'node:os';
import type {
  Bot,
  BotState,
  BotStatus,
  Engine,
  Engines,
  LoadableModel,
  LogLine,
  Model,
  PoolUsage,
  RunningEngine,
  LaunchOptions,
} from '../../contracts.js';
import { HubError, hubErrorOf } from '../../errors.js';
import type { Log } from '../../log.js';
import { type Limits, PooledBot } from './bot.js';
import { Budget } from './budget.js';
import { Gate, stoppingError } from './gate.js';
import type { Instance } from './instance.js';
import { Launcher } from './launcher.js';
import { type PoolObserver, Processes } from './processes.js';
import { MemoryWatch } from './watch.js';

export interface PoolOptions {
  /** The bot as stored; null when there is none. */
  bot: (appId: string) => Promise<Bot | null>;
  model: (appId: string, modelId: string) => Promise<Model | null>;
  /** Brings a model's files to this disk. */
  load: (model: Model) => Promise<LoadableModel>;
  /** Which engine answers for this bot and model. */
  engineFor: (bot: Bot, model: Model | null) => Engine;
  idleParkMs: number;
  memory: MemoryOptions;
  /** Pauses before the 1st, 2nd … launch after failures; the last one repeats. */
  backoffMs?: readonly number[];
  /** Launches at once; as many as there are cores when absent. */
  parallelWakes?: number;
  observer?: PoolObserver;
  log: Log;
}
/** All in bytes. */
export interface MemoryOptions {
  /** What all awake bots may use together; read anew each time. */
  readonly budget: number;
  /** What one process may have. */
  cap: number;
  floors: { memory: number; disk: number };
  freeMemory: () => number;
  freeDisk: () => Promise<number>;
}
/** An instance that was added for a rush goes sooner than a bot's last one. */
const extraIdleMs = 60_000;
/** With so many turns at each of its processes a bot gets one more: one is worked on, the other waits. */
const queuedTurns = 2;
/** When a bot that is to stay awake could not be woken, it is left alone for so long. */
const restMs = 10_000;
const engineLookMs = 5000;
const defaultBackoffMs = [0, 500, 1000, 2000, 4000];

class Pool implements Engines {
  private readonly bots = new Map<string, PooledBot>();
  private readonly swaps = new Map<string, Promise<void>>();
  private readonly budget: Budget;
  private readonly gate: Gate;
  private readonly watch: MemoryWatch;
  private readonly launcher: Launcher;
  private readonly processes: Processes;
  private readonly timers: NodeJS.Timeout[];
  private keeping = false;

  constructor(private readonly options: PoolOptions) {
    const { memory, parallelWakes: parallel = availableParallelism(), backoffMs = defaultBackoffMs } = options;
    const { observer, log } = options;
    const { cap } = memory;
    this.budget = new Budget({
      ...memory,
      get bytes() {
        return memory.budget;
      },
      park: (instance) => void this.processes.park(this.pooled(instance.appId), instance, 'memory'),
      keeps: (instance) => this.needed(instance),
      busy: (instance) => this.busy(instance),
    });
    this.gate = new Gate({ parallel, room: (need) => this.budget.room(need) });
    this.watch = new MemoryWatch({
      instances: this.budget.alive,
      cap,
      onNear: (instance) => void this.processes.replace(this.pooled(instance.appId), instance),
      onOver: (instance) => this.processes.kill(this.pooled(instance.appId), instance),
    });
    const { budget, gate, watch } = this;
    this.launcher = new Launcher({ ...options, budget, gate, watch, onWake: (facts) => observer?.wake(facts) });
    this.processes = new Processes({ launcher: this.launcher, backoffMs, cap, observer, log });
    const period = Math.min(Math.max(options.idleParkMs / 4, 250), 5000);
    this.timers = [
      setInterval(() => this.sweep(), period).unref(),
      setInterval(() => void this.budget.measureEngines(this.launcher.engines), engineLookMs).unref(),
    ];
  }

  async use<T>(appId: string, work: (running: RunningEngine) => Promise<T>): Promise<T> {
    const bot = this.pooled(appId);
    bot.waiting += 1;
    let answer: Promise<T>;
    try {
      // Found and lent in one go: a moment later it may be on its way out.
      let instance = bot.freest;
      for (; !instance; instance = bot.freest) await this.wake(bot);
      answer = instance.lend(work, () => this.gate.look());
      this.watch.touched(instance);
    } finally {
      bot.waiting -= 1;
    }
    if ((bot.freest?.leases ?? 0) >= queuedTurns && bot.instances.length < bot.limits.max) void this.grow(bot);
    return answer;
  }

  // As `Engines.apart` has it.
  // eslint-disable-next-line max-params
  async apart<T>(
    appId: string,
    modelId: string | null,
    work: (running: RunningEngine) => Promise<T>,
    how: LaunchOptions = {},
  ): Promise<T> {
    if (this.processes.stopped) throw stoppingError();
    const bot = this.pooled(appId);
    const instance = await this.launcher.launch(bot, { read: () => this.launcher.target(appId, modelId), how });
    try {
      return await work(instance.running);
    } finally {
      await instance.running.stop();
    }
  }

  async swap(appId: string, model: Model, live: () => Promise<void>): Promise<void> {
    const before = this.swaps.get(appId) ?? Promise.resolve();
    const bot = this.pooled(appId);
    const mine = before.catch(() => undefined).then(() => this.processes.swap(bot, model, live));
    this.swaps.set(appId, mine);
    try {
      await mine;
    } finally {
      if (this.swaps.get(appId) === mine) this.swaps.delete(appId);
    }
  }

  async park(appId: string): Promise<void> {
    const bot = this.bots.get(appId);
    if (!bot) return;
    bot.parked = true;
    await bot.waking?.catch(() => undefined);
    await Promise.all(bot.instances.map((instance) => this.processes.park(bot, instance, 'request')));
  }

  async restart(appId: string): Promise<void> {
    await this.park(appId);
    const bot = this.pooled(appId);
    bot.pardon();
    bot.diary.note('restarted by request');
    await this.use(appId, () => Promise.resolve());
  }

  register(appId: string, limits: Limits): void {
    const bot = this.pooled(appId);
    bot.limits = limits;
    bot.parked = false;
    bot.restUntil = 0;
    if (bot.instances.length > limits.max) this.sweep();
    else if (limits.min > 0) void this.keepUp();
  }

  async forget(appId: string): Promise<void> {
    await this.park(appId);
    this.bots.delete(appId);
  }

  status(appId: string): BotStatus {
    return (this.bots.get(appId) ?? new PooledBot(appId)).status;
  }

  usage(): PoolUsage {
    const states: Record<BotState, number> = { asleep: 0, waking: 0, awake: 0, draining: 0, quarantined: 0 };
    for (const bot of this.bots.values()) states[bot.state] += 1;
    const { used, sharedBytes: shared } = this.budget;
    const { waiting, waitsFor } = this.gate;
    return { budget: this.options.memory.budget, used, shared, states, waiting, waitsFor };
  }

  log(appId: string): LogLine[] {
    return this.bots.get(appId)?.diary.lines() ?? [];
  }
  follow(appId: string, listener: (line: LogLine) => void): () => void {
    return this.pooled(appId).diary.follow(listener);
  }

  async stop(): Promise<void> {
    this.processes.stopped = true;
    for (const timer of this.timers) clearInterval(timer);
    this.watch.stop();
    this.gate.close();
    const launches = [...this.bots.values()].map(async (bot) => bot.waking?.catch(() => undefined));
    await Promise.all(launches);
    await Promise.all([...this.budget.alive].map((instance) => instance.running.stop()));
  }

  private pooled(appId: string): PooledBot {
    let bot = this.bots.get(appId);
    if (!bot) {
      bot = new PooledBot(appId);
      this.bots.set(appId, bot);
    }
    return bot;
  }

  private async wake(bot: PooledBot): Promise<void> {
    if (this.processes.stopped) throw stoppingError();
    if (bot.quarantine) throw new HubError('bot_quarantined', bot.quarantine);
    bot.parked = false;
    try {
      await this.processes.wake(bot);
    } catch (error) {
      if (hubErrorOf(error).code === 'not_found') this.bots.delete(bot.appId);
      throw error;
    }
  }

  private busy(instance: Instance): boolean {
    const bot = this.bots.get(instance.appId);
    return !bot?.instances.includes(instance) || instance.leases > 0 || bot.waiting > 0;
  }

  /** Is it one of those that the bot is to have at least? Asked only of one that is not busy. */
  private needed({ appId }: Instance): boolean {
    const { instances, limits } = this.pooled(appId);
    return instances.length <= limits.min;
  }

  /** Puts to sleep what was idle for long enough, and wakes what is to be awake. */
  private sweep(): void {
    const now = performance.now();
    for (const instance of this.budget.alive) {
      if (this.busy(instance) || this.needed(instance)) continue;
      const bot = this.pooled(instance.appId);
      if (now - instance.idleSince >= this.patience(bot)) void this.processes.park(bot, instance, 'idle');
    }
    void this.keepUp();
  }

  /** How long one of its processes may be idle. */
  private patience({ instances, limits }: PooledBot): number {
    const { idleParkMs } = this.options;
    if (instances.length > limits.max) return 0;
    return instances.length > 1 ? Math.min(idleParkMs, extraIdleMs) : idleParkMs;
  }

  /** Wakes bots that have fewer instances than they are to have, one after the other. */
  private async keepUp(): Promise<void> {
    if (this.keeping) return;
    this.keeping = true;
    for (const bot of this.bots.values())
      while (!bot.parked && bot.instances.length < bot.limits.min && (await this.grow(bot)));
    this.keeping = false;
  }

  /** One more instance, if nobody has to wait or to go to sleep for it. */
  private async grow(bot: PooledBot): Promise<boolean> {
    if (bot.growing || bot.waking || bot.quarantine || performance.now() < bot.restUntil) return false;
    bot.growing = true;
    const added = await this.processes.addSpare(bot).catch(() => false);
    bot.growing = false;
    if (!added) bot.restUntil = performance.now() + restMs;
    return added;
  }
}

/** Opens an empty pool; nothing runs until somebody uses a bot. */
export function openPool(options: PoolOptions): Engines {
  return new Pool(options);
}
