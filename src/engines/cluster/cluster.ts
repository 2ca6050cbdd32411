/**
 * The pool of awake bots over several machines: this hub's own pool, and the nodes whose lines are open. A bot is asked where it is awake, of
 * several places the freest; one that sleeps wakes where placement.ts says. The nodes' pools do everything else.
 */
import type {
  Bot,
  BotStatus,
  Engines,
  LaunchOptions,
  LogLine,
  Model,
  PoolUsage,
  RunningEngine,
  UseOptions,
} from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { ignoreLost, isLost, switchAll } from './barrier.js';
import { Journals } from './journal.js';
import { asleep, type BotPlace, type Member } from './member.js';
import { createMover, type Mover } from './mover.js';
import { type Here, Router } from './router.js';
import { sharesOf } from './shares.js';

export interface ClusterOptions {
  /** This hub's own pool. */
  pool: Engines;
  /** The same as a member. */
  local: Member;
  here: Here;
  /** The bot as stored; null when there is none. */
  bot: (appId: string) => Promise<Bot | null>;
  /** How long a bot waits for a machine that could have it. */
  waitMs?: number;
  log: Log;
}
export interface Cluster extends Engines {
  /** A node has come; answers what is to be called when it has gone. */
  join(node: Member): () => void;
  /** This hub and the nodes, with what this hub has outstanding at each. */
  members(): { member: Member; outstanding: number }[];
}

type Limits = Bot['instances'];
const oneAtMost: Limits = { min: 0, max: 1 };
/** As within a pool: one is worked on, the other waits. */
const queuedTurns = 2;
/** A member that is lost while it wakes a bot is no reason to give up; many are. */
const maxTries = 4;
const restMs = 10_000;
/** What was read of a bot counts for so long: another hub may change it. */
const placeMs = 5000;
const defaultWaitMs = 60_000;

export function createCluster(options: ClusterOptions): Cluster {
  return new BotCluster(options);
}

class BotCluster implements Cluster {
  private readonly router: Router;
  private readonly mover: Mover;
  /** What was read of bots a moment ago. */
  private readonly places = new Map<string, { bot: BotPlace; until: number }>();
  private readonly limits = new Map<string, Limits>();
  private readonly journals: Journals;
  /** Bots that nobody can have at present, and who waits for that. */
  private readonly waiting = new Map<string, number>();
  private readonly changed = new Set<() => void>();
  /** Until when a bot gets no further instance. */
  private readonly resting = new Map<string, number>();

  constructor(private readonly options: ClusterOptions) {
    this.journals = new Journals(options.pool);
    this.router = new Router(options.local, options.here);
    this.mover = createMover({
      router: this.router,
      bots: () => this.limits,
      place: (appId) => this.place(appId),
      log: options.log,
    });
  }

  async use<T>(appId: string, work: (running: RunningEngine) => Promise<T>, how: UseOptions = {}): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const { member, done } = await this.memberFor(appId);
      const started = { yet: false };
      try {
        return await member.engines.use(appId, (running) => {
          started.yet = true;
          void this.grow(appId, member);
          return work(running);
        });
      } catch (error) {
        if (!isLost(error) || tries >= maxTries || (started.yet && !how.repeatable)) throw error;
      } finally {
        done();
      }
    }
  }

  // As `Engines.apart` has it.
  // eslint-disable-next-line max-params
  async apart<T>(
    appId: string,
    modelId: string | null,
    work: (running: RunningEngine) => Promise<T>,
    how?: LaunchOptions,
  ): Promise<T> {
    const { member, done } = await this.memberFor(appId);
    return member.engines.apart(appId, modelId, work, how).finally(done);
  }

  async swap(appId: string, model: Model, live: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const running = this.router.members.filter((member) =>
        ['awake', 'waking', 'quarantined'].includes(member.engines.status(appId).state),
      );
      const on = running.length > 0 ? running : [await this.homeOf(appId)];
      if (await switchAll(on, { appId, model, live })) return this.clearOthers(appId, on);
      if (tries >= maxTries) throw new HubError('node_lost', 'The nodes were lost that tried the new model.');
    }
  }

  async park(appId: string): Promise<void> {
    this.places.delete(appId);
    await this.everywhere(appId, (member) => this.router.clear(member, appId));
  }

  async restart(appId: string): Promise<void> {
    this.places.delete(appId);
    const stirred = this.stirred(appId);
    const home = stirred[0] ?? (await this.homeOf(appId));
    await Promise.all(stirred.slice(1).map((member) => this.router.clear(member, appId).catch(ignoreLost)));
    await home.engines.restart(appId);
  }

  register(appId: string, instances: Limits): void {
    this.places.delete(appId);
    this.limits.set(appId, instances);
    if (this.router.nodes.size === 0 && this.options.here !== 'never') this.options.pool.register(appId, instances);
    else void this.deal([appId]);
  }

  async forget(appId: string): Promise<void> {
    await this.everywhere(appId, (member) => member.engines.forget(appId));
    this.places.delete(appId);
    this.limits.delete(appId);
    this.journals.forget(appId);
  }

  status(appId: string): BotStatus {
    const all = this.router.members.map((member) => member.engines.status(appId));
    const ranked = stateOrder.flatMap((state) => all.filter((one) => one.state === state));
    const first = ranked[0] ?? asleep;
    if (first.state === 'asleep' && this.waiting.has(appId)) return { ...first, state: 'waking', reason: noHost };
    const running = all.filter(({ state }) => state === 'awake');
    if (running.length < 2) return first;
    const memory = running.reduce((sum, one) => sum + (one.memory ?? 0), 0);
    return { ...first, pids: running.flatMap(({ pids }) => pids), memory };
  }

  usage(): PoolUsage {
    const own = this.options.pool.usage();
    const states = { ...own.states };
    for (const node of this.router.nodes)
      for (const state of stateOrder) states[state] += node.usage()?.states[state] ?? 0;
    return { ...own, states };
  }

  log(appId: string): LogLine[] {
    return this.journals.lines(appId);
  }

  follow(appId: string, listener: (line: LogLine) => void): () => void {
    return this.journals.of(appId).follow(listener);
  }

  stop(): Promise<void> {
    this.mover.stop();
    return this.options.pool.stop();
  }

  join(node: Member): () => void {
    node.onLine?.((appId, line) => this.journals.of(appId).add(line));
    node.onChange?.(() => this.stir());
    this.router.nodes.add(node);
    this.stir();
    return () => {
      this.router.nodes.delete(node);
      this.stir();
    };
  }

  members(): { member: Member; outstanding: number }[] {
    return this.router.members.map((member) => ({ member, outstanding: this.router.outstanding(member) }));
  }

  /** Who is there has changed. */
  private stir(): void {
    for (const go of this.changed) go();
    const several = [...this.limits].filter(([, limits]) => limits.min > 0 || limits.max > 1);
    void this.deal(several.map(([appId]) => appId)).then(() => this.mover.look());
  }

  /** Tells every member how many instances of these bots it is to have. */
  private async deal(appIds: string[]): Promise<void> {
    for (const appId of appIds) {
      const bot = await this.place(appId).catch(() => null);
      const limits = this.limits.get(appId) ?? oneAtMost;
      if (!bot) continue;
      const shares = sharesOf(appId, this.router.hosts(bot), limits);
      for (const member of this.router.members) member.engines.register(appId, shares.get(member) ?? oneAtMost);
    }
  }

  private async place(appId: string): Promise<BotPlace> {
    const known = this.places.get(appId);
    if (known && known.until > performance.now()) return known.bot;
    const bot = await this.options.bot(appId);
    if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
    const { engine, runtime } = bot;
    const place = { appId, engine, runtime };
    this.places.set(appId, { bot: place, until: performance.now() + placeMs });
    return place;
  }

  /** Who is asked next. It has one more to do until `done`, and whoever chooses a moment later knows of that. */
  private async memberFor(appId: string): Promise<{ member: Member; done: () => void }> {
    const bot = await this.place(appId);
    const end = performance.now() + (this.options.waitMs ?? defaultWaitMs);
    for (;;) {
      const choice = this.router.choose(bot);
      if (choice?.strayed) this.mover.look();
      if (choice) return { member: choice.member, done: this.router.take(choice.member, appId) };
      if (performance.now() >= end) throw new HubError('wake_failed', noHost);
      await this.change(appId, end - performance.now());
    }
  }

  private async homeOf(appId: string): Promise<Member> {
    const { member, done } = await this.memberFor(appId);
    done();
    return member;
  }

  /** Waits until somebody has come, or for so long. */
  private async change(appId: string, ms: number): Promise<void> {
    this.waiting.set(appId, (this.waiting.get(appId) ?? 0) + 1);
    let go: () => void = () => undefined;
    await within(
      new Promise<void>((resolve) => {
        go = resolve;
        this.changed.add(go);
      }),
      ms,
    );
    this.changed.delete(go);
    const left = (this.waiting.get(appId) ?? 1) - 1;
    if (left > 0) this.waiting.set(appId, left);
    else this.waiting.delete(appId);
  }

  /** One more instance elsewhere, when all that it has are busy and it may have more. */
  private async grow(appId: string, member: Member): Promise<void> {
    const { max } = this.limits.get(appId) ?? oneAtMost;
    const { bot } = this.places.get(appId) ?? {};
    if (max < 2 || !bot || this.router.strain(member, appId) < queuedTurns) return;
    if ((this.resting.get(appId) ?? 0) > performance.now() || this.status(appId).pids.length >= max) return;
    const next = this.router.next(bot);
    if (!next) return;
    this.resting.set(appId, Infinity);
    const grown = await next.engines.use(appId, () => Promise.resolve(true)).catch(() => false);
    this.resting.set(appId, grown ? 0 : performance.now() + restMs);
  }

  /** Whoever woke it meanwhile may have read the former model. */
  private async clearOthers(appId: string, on: Member[]): Promise<void> {
    const others = this.stirred(appId).filter((member) => !on.includes(member));
    await Promise.all(others.map((member) => this.router.clear(member, appId).catch(ignoreLost)));
  }

  private stirred(appId: string): Member[] {
    return this.router.members.filter((member) => member.engines.status(appId).state !== 'asleep');
  }

  private async everywhere(appId: string, work: (member: Member) => Promise<void>): Promise<void> {
    const nodes = this.stirred(appId).filter((member) => member !== this.router.local);
    await Promise.all([...nodes, this.router.local].map((member) => work(member).catch(ignoreLost)));
  }
}

const noHost = 'No machine is there that can run this bot: start a node (switchboard node), or look at GET /nodes.';
const stateOrder: BotStatus['state'][] = ['awake', 'waking', 'quarantined', 'draining', 'asleep'];
