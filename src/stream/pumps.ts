/**
 * Which subscriptions this hub sends: those that are on and, among several hubs of a store, fall to it. What the store says of a subscription
 * is what counts; a pump of an older version notes nothing any more, and is opened anew.
 */
import type { At, Listed, Page, Store, Subscription } from '../contracts.js';
import type { Log } from '../log.js';
import type { Paces } from './paces.js';
import { openPump, type Pump } from './pump.js';
import type { Sink } from './sink.js';

/** The hubs of one store. */
export interface Among {
  /** Does it fall to this one? */
  mine(at: At): boolean;
  /** Tells the others that a subscription was changed. */
  tell(): void;
}
export interface PumpsOptions {
  store: Pick<Store, 'stream' | 'subscriptions'>;
  sinkOf: (subscription: Subscription) => Sink;
  /** Absent: this hub is alone. */
  among: Among | undefined;
  log: Log;
  onSent: ((sent: { subscription: string; result: 'sent' | 'failed' | 'dead'; events: number }) => void) | undefined;
  paces: Partial<Paces> | undefined;
}
/** How far a subscriber is behind. */
export interface Standing {
  subscription: string;
  held: number;
  lagSeconds: number;
}

const pageSize = 200;
const lookMs = 1000;
/** A subscription is somebody's as if it were a conversation. */
const placeOf = (id: string): At => ({ appId: '', conversation: `subscription ${id}` });

export class Pumps {
  private readonly pumps = new Map<string, { pump: Pump; appId: string | null; version: number }>();
  /** What changes one subscription waits for what does already. */
  private readonly tails = new Map<string, Promise<unknown>>();
  private looking: Promise<void> = Promise.resolve();
  /** The look after the one under way. */
  private next: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Is there any, on or off? */
  any = false;

  constructor(private readonly options: PumpsOptions) {}

  async start(): Promise<void> {
    await this.look();
    const again = (): void => void this.look().catch(() => undefined);
    if (this.options.among) this.timer = setInterval(again, lookMs).unref();
  }

  /** Opens and closes what has to be, by what the store says. */
  look(): Promise<void> {
    return (this.next ??= this.looking
      .catch(() => undefined)
      .then(() => {
        this.next = null;
        return (this.looking = this.lookOnce());
      }));
  }

  /** Does `work` on a subscription while its pump here stands still, and sets that going again if it is on. */
  apart<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.alone(id, async () => {
      await this.close(id);
      try {
        return await work();
      } finally {
        await this.settle(id);
        this.options.among?.tell();
      }
    });
  }

  wake(): void {
    for (const { pump } of this.pumps.values()) pump.wake();
  }

  /** The bot is gone, with its subscriptions. */
  async forget(appId: string): Promise<void> {
    for (const [id, one] of this.pumps) if (one.appId === appId) await this.alone(id, () => this.close(id));
  }

  standings(): Standing[] {
    return [...this.pumps].map(([subscription, { pump }]) => {
      const { held, oldestAt } = pump.standing();
      const lag = oldestAt === null ? 0 : (Date.now() - Date.parse(oldestAt)) / 1000;
      return { subscription, held, lagSeconds: Number.isFinite(lag) ? Math.max(0, lag) : 0 };
    });
  }

  /** Sends nothing of those for which `mine` is true? They fall to another hub now, so those that are left are ended. */
  idle(mine: (at: At) => boolean): boolean {
    if (![...this.pumps.keys()].some((id) => mine(placeOf(id)))) return true;
    void this.look().catch(() => undefined);
    return false;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await Promise.all([...this.pumps.keys()].map((id) => this.alone(id, () => this.close(id))));
  }

  private async lookOnce(): Promise<void> {
    const gone = new Set(this.pumps.keys());
    let any = false;
    for await (const subscription of everyOne((page) => this.options.store.subscriptions.list(page))) {
      any = true;
      gone.delete(subscription.id);
      if (!this.fits(subscription)) await this.alone(subscription.id, () => this.settle(subscription.id));
    }
    this.any = any;
    for (const id of gone) await this.alone(id, () => this.settle(id));
  }

  private due({ id, enabled }: Subscription): boolean {
    return enabled && !this.stopped && (this.options.among?.mine(placeOf(id)) ?? true);
  }

  private fits(subscription: Subscription): boolean {
    const running = this.pumps.get(subscription.id);
    return this.due(subscription) ? running?.version === subscription.version : running === undefined;
  }

  private async settle(id: string): Promise<void> {
    const subscription = await this.options.store.subscriptions.get(id);
    if (subscription && this.fits(subscription)) return;
    await this.close(id);
    if (subscription && this.due(subscription)) this.open(subscription);
  }

  private open(subscription: Subscription): void {
    const { store, log, onSent, paces, sinkOf } = this.options;
    const { id, appId, version } = subscription;
    const pump = openPump({
      subscription: { ...subscription },
      sink: sinkOf(subscription),
      ...{ stream: store.stream, store: store.subscriptions, log },
      onSent: (result, events) => onSent?.({ subscription: id, result, events }),
      // It stopped by itself; somebody may have switched it on again meanwhile.
      onOff: () => void this.alone(id, () => this.closed(id, version)).catch(() => undefined),
      ...(paces && { paces }),
    });
    this.pumps.set(id, { pump, appId, version });
  }

  private async closed(id: string, version: number): Promise<void> {
    if (this.pumps.get(id)?.version === version) await this.close(id);
    await this.settle(id);
  }

  private async close(id: string): Promise<void> {
    const { pump } = this.pumps.get(id) ?? {};
    await pump?.stop();
    this.pumps.delete(id);
  }

  private alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    const done = (this.tails.get(id) ?? Promise.resolve()).then(work);
    const tail = done
      .catch(() => undefined)
      .finally(() => {
        if (this.tails.get(id) === tail) this.tails.delete(id);
      });
    this.tails.set(id, tail);
    return done;
  }
}

/** Walks all pages of a list. */
export async function* everyOne<T>(list: (page: Page) => Promise<Listed<T>>): AsyncGenerator<T> {
  for (let cursor: string | undefined, more = true; more;) {
    const { items, next } = await list({ limit: pageSize, cursor });
    yield* items;
    cursor = next ?? undefined;
    more = next !== null;
  }
}
