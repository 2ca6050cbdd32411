/** Brings bots to where they are to be, one after the other and without haste, when members have come, gone or want to be rid of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bot } from '../../contracts.js';
import type { Log } from '../../log.js';
import type { BotPlace, Member } from './member.js';
import { type Host, movesOf, placesOf } from './placement.js';
import type { Router } from './router.js';

const pauseMs = 250;

export interface MoverOptions {
  router: Router;
  /** All bots, with how many instances each may have. */
  bots: () => ReadonlyMap<string, Bot['instances']>;
  place: (appId: string) => Promise<BotPlace>;
  log: Log;
}
export interface Mover {
  /** Something has changed: looks who is to go where. */
  look(): void;
  stop(): void;
}

export function createMover(options: MoverOptions): Mover {
  return new SlowMover(options);
}

class SlowMover implements Mover {
  private again = false;
  private running = false;
  private stopped = false;

  constructor(private readonly options: MoverOptions) {}

  look(): void {
    this.again = true;
    if (!this.running) void this.run();
  }
  stop(): void {
    this.stopped = true;
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.again && !this.stopped) {
      this.again = false;
      try {
        await this.gather();
        await this.even();
      } catch (error) {
        this.options.log.warn({ err: error }, 'where bots are could not be looked at');
      }
      // Each turn that strays asks for a look, and all bots are looked at each time.
      await sleep(pauseMs, undefined, { ref: false });
    }
    this.running = false;
  }

  /** Wakes it at `to`, then lets it go at `from`; a wake that fails leaves all as it is. Never rejects. */
  private async move(appId: string, from: Member, to: Member): Promise<void> {
    const { router, log } = this.options;
    const facts = { appId, from: nameOf(from), to: nameOf(to) };
    try {
      await to.engines.use(appId, () => Promise.resolve());
    } catch (error) {
      log.warn({ ...facts, err: error }, 'a bot could not be moved');
      return;
    }
    // A long turn there holds up nobody here.
    void router.clear(from, appId).then(
      () => log.info(facts, 'a bot has moved'),
      (error: unknown) => log.warn({ ...facts, err: error }, 'a bot that has moved could not be put to sleep'),
    );
  }

  /** Bots that are awake where they are not to be. */
  private async gather(): Promise<void> {
    const { router, bots, place } = this.options;
    for (const appId of bots().keys()) {
      if (!this.isAwake(appId)) continue;
      const bot = await place(appId);
      const hosts = router.hosts(bot);
      for (const from of router.awake(bot)) {
        if (hosts.includes(from) || this.stopped) continue;
        const settled = router.awake(bot).find((member) => hosts.includes(member));
        const to = settled ?? placesOf(appId, hosts)[0];
        if (to) await this.move(appId, from, to);
      }
    }
  }

  /** Bots that a member with less to carry could have. */
  private async even(): Promise<void> {
    const { router, place } = this.options;
    const { placed, candidates } = await this.spread();
    for (const { appId, from, to } of movesOf(placed, candidates)) {
      const [old, fresh] = [from, to].map((id) => router.members.find((member) => member.id === id));
      if (!old || !fresh || this.stopped || !router.hosts(await place(appId)).includes(fresh)) continue;
      await this.move(appId, old, fresh);
    }
  }

  /**
   * Where those are that may move, and what each who could have them carries: without what is about to leave, which still counts there. Bots
   * that only some may have stay: their hosts are theirs.
   */
  private async spread(): Promise<{ placed: [string, string[]][]; candidates: Host[] }> {
    const { router, bots, place } = this.options;
    const placed: [string, string[]][] = [];
    const candidates = new Set<Member>();
    const loads = new Map<string, number>();
    for (const [appId, { min }] of bots()) {
      if (!this.isAwake(appId)) continue;
      const bot = await place(appId);
      const on = router.awake(bot).map(({ id }) => id);
      for (const id of on) loads.set(id, (loads.get(id) ?? 0) + 1);
      const hosts = router.hosts(bot);
      if (min > 0 || hosts.length < 2 || hosts.some((host) => host.admits(bot) === 'own')) continue;
      placed.push([appId, on]);
      for (const host of hosts) candidates.add(host);
    }
    return { placed, candidates: [...candidates].map(({ id, weight }) => ({ id, weight, load: loads.get(id) ?? 0 })) };
  }

  private isAwake(appId: string): boolean {
    return this.options.router.members.some((member) => member.engines.status(appId).state === 'awake');
  }
}

const nameOf = ({ address }: Member): string => address ?? 'the hub';
