/** Launches a bot's process when it is its turn and there is room for it. */
import type { Bot, Engine, EngineName, LoadableModel, Model, LaunchOptions } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { PooledBot } from './bot.js';
import type { Budget } from './budget.js';
import type { Gate } from './gate.js';
import { Instance } from './instance.js';
import type { MemoryWatch } from './watch.js';

/** What is to be launched. */
export interface Target {
  bot: Bot;
  model: Model | null;
}
export interface LauncherOptions {
  bot: (appId: string) => Promise<Bot | null>;
  model: (appId: string, modelId: string) => Promise<Model | null>;
  load: (model: Model) => Promise<LoadableModel>;
  engineFor: (bot: Bot, model: Model | null) => Engine;
  budget: Budget;
  gate: Gate;
  watch: MemoryWatch;
  /** Called with every launch. */
  onWake: (facts: { appId: string; ok: boolean; seconds: number }) => void;
  log: Log;
}
export interface Launch {
  /** Asked once before it waits, to find what speaks against it at once, and again when it begins. */
  read: () => Promise<Target>;
  /** Bytes that will be free once the new one has taken over. */
  replaces?: number;
  how?: LaunchOptions | undefined;
}

export class Launcher {
  /** Those that were used so far. */
  readonly engines = new Set<Engine>();

  constructor(private readonly options: LauncherOptions) {}

  /** The bot as stored. Rejects with `not_found`. */
  async stored(appId: string): Promise<Bot> {
    const bot = await this.options.bot(appId);
    if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
    return bot;
  }

  /** What the bot's settings ask for, or the model that is named. Rejects with `not_found`, or `no_model` where one is needed. */
  async target(appId: string, modelId: string | null = null): Promise<Target> {
    const bot = await this.stored(appId);
    const wanted = modelId ?? bot.activeModel;
    const model = wanted ? await this.options.model(appId, wanted) : null;
    if (modelId && !model) throw new HubError('not_found', `The bot ${appId} has no model ${modelId}.`);
    if (!model && this.options.engineFor(bot, model).needsModel)
      throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
    return { bot, model };
  }

  nameFor(bot: Bot, model: Model | null): EngineName {
    return this.options.engineFor(bot, model).name;
  }

  /** Rejects as the engine does, with `stopping`, or as `read` does. */
  async launch(pooled: PooledBot, launch: Launch): Promise<Instance> {
    const target = await launch.read();
    return this.inTurn(pooled, launch, () => this.expected(pooled, target));
  }

  /** As `launch`, but null at once when somebody would have to wait or to go to sleep for it. */
  async launchSpare(pooled: PooledBot, launch: Launch): Promise<Instance | null> {
    const target = await launch.read();
    const expected = (): number => this.expected(pooled, target);
    if (this.options.gate.full || !this.options.budget.fits(expected())) return null;
    return this.inTurn(pooled, launch, expected);
  }

  private async inTurn(pooled: PooledBot, launch: Launch, expected: () => number): Promise<Instance> {
    const { read, replaces = 0, how } = launch;
    const waits = (reason: string | null): void => void (pooled.waitsFor = reason);
    const done = await this.options.gate.admit({ need: () => Math.max(0, expected() - replaces), waits });
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const instance = await this.begin(pooled, { target: await read(), how, started, expected: expected() });
      this.options.onWake({ appId: pooled.appId, ok: true, seconds: seconds() });
      return instance;
    } catch (error) {
      this.options.onWake({ appId: pooled.appId, ok: false, seconds: seconds() });
      throw error;
    } finally {
      done();
    }
  }

  private expected(pooled: PooledBot, { bot, model }: Target): number {
    return this.options.budget.estimate(this.options.engineFor(bot, model), model, pooled.bytes);
  }

  private async begin(
    pooled: PooledBot,
    { target, how, started, expected }: { target: Target; started: number; expected: number } & Pick<Launch, 'how'>,
  ): Promise<Instance> {
    const { budget, gate, watch, log } = this.options;
    const { bot, model } = target;
    const engine = this.options.engineFor(bot, model);
    if (!this.engines.has(engine)) await budget.measureEngines([engine]);
    this.engines.add(engine);
    const running = await engine.launch(bot, model ? await this.options.load(model) : null, how);
    const wakeMs = performance.now() - started;
    const instance = new Instance(bot.appId, running, { wakeMs, model: model?.id ?? null });
    await watch.begin(instance, expected);
    budget.alive.add(instance);
    void running.exited.then(() => {
      budget.alive.delete(instance);
      if (instance.bytes > 0) pooled.bytes = instance.bytes;
      gate.look();
    });
    if (instance.bytes > 0) budget.learn(engine, model, instance.bytes);
    const { bytes } = instance;
    log.info(
      { appId: bot.appId, engine: running.engine, pid: running.pid, ms: Math.round(wakeMs), bytes },
      'bot awake',
    );
    return instance;
  }
}
