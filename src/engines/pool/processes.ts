/** The life of a bot's processes: launched, installed, replaced, switched to another model, put to sleep, dead and started anew. */
import type { Exit, Model } from '../../contracts.js';
import { hubErrorOf } from '../../errors.js';
import type { Log } from '../../log.js';
import { deathOf, type PooledBot } from './bot.js';
import type { Instance } from './instance.js';
import type { Launcher, Target } from './launcher.js';

export type ParkReason = 'idle' | 'memory' | 'request';
/** Told what happens, for metrics. */
export interface PoolObserver {
  wake(facts: { appId: string; ok: boolean; seconds: number }): void;
  park(reason: ParkReason): void;
  recycle(how: 'replaced' | 'killed'): void;
}
export interface ProcessesOptions {
  launcher: Launcher;
  /** Pauses before the 1st, 2nd … launch after failures; the last one repeats: they keep a dying bot from eating the machine. */
  backoffMs: readonly number[];
  /** Bytes that one process may have. */
  cap: number;
  observer: PoolObserver | undefined;
  log: Log;
}

const asleepBecause: Record<ParkReason, string> = {
  idle: 'it was idle',
  memory: 'its memory was needed',
  request: 'by request',
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

export class Processes {
  /** Set when the hub stops: nothing is started any more. */
  stopped = false;

  constructor(private readonly options: ProcessesOptions) {}

  /** Resolves when the bot was awake for a moment, however many ask; rejects when it can't be woken. */
  wake(bot: PooledBot): Promise<void> {
    bot.waking ??= this.shared(bot, this.launchFirst(bot));
    return bot.waking;
  }

  /** One more instance, if nobody has to wait or to go to sleep for it. False when there is none more; rejects as `wake` does. */
  async addSpare(bot: PooledBot): Promise<boolean> {
    const added = this.add(bot, true);
    if (bot.instances.length === 0)
      bot.waking ??= this.shared(
        bot,
        added.then(() => undefined),
      );
    return added;
  }

  /** Puts one instance to sleep, after its turns. Never rejects. */
  async park(bot: PooledBot, instance: Instance, reason: ParkReason): Promise<void> {
    if (instance.leaving) return;
    bot.diary.note(`put to sleep: ${asleepBecause[reason]}`, instance.running.pid);
    this.options.observer?.park(reason);
    await this.retire(bot, instance);
    bot.diary.shorten();
  }

  /** Launches a fresh process beside one that has grown too large, and lets that go. */
  async replace(bot: PooledBot, old: Instance): Promise<void> {
    if (old.replacing || !bot.instances.includes(old) || this.stopped) return;
    old.replacing = true;
    const launch = this.replaceNow(bot, old);
    // Should the old one not last, those who wait for the bot wait for this launch.
    if (bot.instances.length === 1) bot.waking ??= this.shared(bot, launch);
    await launch;
  }

  /** Ends a process that has reached its cap; what it worked on is taken again by its successor. */
  kill(bot: PooledBot, instance: Instance): void {
    if (instance.fault) return;
    const { observer, log, cap } = this.options;
    const { pid } = instance.running;
    const words = `reached ${megabytes(instance.bytes)} of memory; one may have ${megabytes(cap)} (BOT_MEMORY_CAP)`;
    instance.fault = `The bot's process ${words}.`;
    bot.diary.note(`ended: it ${words}`, pid);
    log.warn({ appId: bot.appId, pid, bytes: instance.bytes, cap }, 'a bot reached its memory cap and was ended');
    observer?.recycle('killed');
    void instance.running.stop(0);
  }

  /** Launches `model` as often as the bot has instances, then switches all of them at once. Rejects, changing nothing, when that fails. */
  async swap(bot: PooledBot, model: Model, live: () => Promise<void>): Promise<void> {
    const stored = await this.options.launcher.stored(bot.appId);
    // Of several hubs each sees to it; the first one does it.
    if (this.runs(bot, { bot: stored, model })) return live();
    const read = (): Promise<Target> => Promise.resolve({ bot: stored, model });
    const old = bot.instances.length > 0 ? bot.instances : [null];
    const launches = old.map((one) => this.options.launcher.launch(bot, { read, replaces: one?.bytes ?? 0 }));
    const fresh = await allOrNone(launches).catch((error: unknown) => {
      throw hubErrorOf(error);
    });
    try {
      await live();
    } catch (error) {
      await Promise.all(fresh.map((one) => one.running.stop()));
      throw error;
    }
    this.switchTo(bot, fresh);
  }

  private runs({ instances }: PooledBot, { bot, model }: Target): boolean {
    const engine = this.options.launcher.nameFor(bot, model);
    return instances.length > 0 && instances.every((one) => one.model === model?.id && one.running.engine === engine);
  }

  private switchTo(bot: PooledBot, fresh: Instance[]): void {
    const before = bot.instances;
    bot.version += 1;
    bot.pardon();
    bot.instances = [];
    for (const instance of fresh) this.install(bot, instance);
    if (before.length > 0) bot.diary.note('switched to another model');
    for (const instance of before) void this.retire(bot, instance);
  }

  private shared(bot: PooledBot, launch: Promise<void>): Promise<void> {
    const waking = launch.finally(() => {
      if (bot.waking === waking) bot.waking = null;
    });
    return waking;
  }

  private async launchFirst(bot: PooledBot): Promise<void> {
    const { backoffMs } = this.options;
    while (bot.instances.length === 0) {
      await this.target(bot);
      await sleep(backoffMs[Math.min(bot.failures.length, backoffMs.length - 1)] ?? 0);
      if (await this.add(bot, false)) return;
    }
  }

  /** Launches one more instance of the active model. False when it failed, or came too late for a switch of models. */
  private async add(bot: PooledBot, spare: boolean): Promise<boolean> {
    const { launcher } = this.options;
    const { version } = bot;
    const launch = { read: () => this.target(bot) };
    try {
      const fresh = await (spare ? launcher.launchSpare(bot, launch) : launcher.launch(bot, launch));
      return fresh !== null && (await this.installed(bot, fresh, version));
    } catch (error) {
      this.failed(bot, error);
      return false;
    }
  }

  private target(bot: PooledBot): Promise<Target> {
    return this.options.launcher.target(bot.appId);
  }

  /** False, and the fresh one is stopped, when the bot has switched to another model since `version`. */
  private async installed(bot: PooledBot, fresh: Instance, version: number): Promise<boolean> {
    if (bot.version !== version || this.stopped) {
      await fresh.running.stop();
      return false;
    }
    this.install(bot, fresh);
    return true;
  }

  private install(bot: PooledBot, instance: Instance): void {
    bot.instances.push(instance);
    bot.diary.begin(instance);
    const { bytes, wakeMs, running } = instance;
    const size = bytes > 0 ? `, ${megabytes(bytes)}` : '';
    bot.diary.note(`awake after ${(wakeMs / 1000).toFixed(2)} s${size}`, running.pid);
    void instance.running.exited.then((exit) => this.gone(bot, instance, exit));
  }

  private async replaceNow(bot: PooledBot, old: Instance): Promise<void> {
    const { launcher, observer, log } = this.options;
    const { bytes } = old;
    const { version } = bot;
    bot.diary.note(`has grown to ${megabytes(bytes)}: a fresh process takes over`, old.running.pid);
    try {
      const fresh = await launcher.launch(bot, { read: () => this.target(bot), replaces: bytes });
      if (!(await this.installed(bot, fresh, version))) return;
    } catch (error) {
      old.replacing = false;
      log.warn({ appId: bot.appId, err: error }, 'a bot that has grown could not be replaced');
      return;
    }
    log.info({ appId: bot.appId, bytes }, 'a bot had grown and was replaced');
    if (!old.fault) observer?.recycle('replaced');
    await this.retire(bot, old);
  }

  private async retire(bot: PooledBot, instance: Instance): Promise<void> {
    bot.instances = bot.instances.filter((one) => one !== instance);
    bot.draining += 1;
    await instance.drain();
    bot.draining -= 1;
    bot.diary.end(instance);
  }

  /** A process that ended while it was the bot's own: note it, and start it anew. */
  private gone(bot: PooledBot, instance: Instance, exit: Exit): void {
    bot.diary.end(instance);
    const left = bot.instances.filter((one) => one !== instance);
    if (left.length === bot.instances.length) return;
    bot.instances = left;
    if (this.stopped) return;
    try {
      this.failed(bot, instance.fault === null ? deathOf(exit) : new Error(instance.fault));
    } catch {
      return;
    }
    if (left.length > 0) return;
    this.wake(bot).catch((error: unknown) => {
      this.options.log.warn({ appId: bot.appId, err: error }, 'a bot could not be started again');
    });
  }

  private failed(bot: PooledBot, error: unknown): void {
    bot.failed(error);
    this.options.log.warn({ appId: bot.appId, err: error, failures: bot.failures.length }, 'a bot failed');
  }
}

/** All instances; when one launch fails, those that came up are stopped and its error is thrown. */
async function allOrNone(launches: Promise<Instance>[]): Promise<Instance[]> {
  const outcomes = await Promise.allSettled(launches);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  const up = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!failure) return up;
  await Promise.all(up.map((one) => one.running.stop()));
  throw failure.reason;
}
