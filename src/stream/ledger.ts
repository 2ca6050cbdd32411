/** What the store knows of one subscription: how far it came, what is held of it, and how its subscriber fares. */
import type { HeldSending, StreamItem, Subscription, SubscriptionStore } from '../contracts.js';
import type { Log } from '../log.js';

/** Which conversation. */
export type Of = Pick<StreamItem, 'appId' | 'conversation'>;
/** An item on its way. `item` is read when it is its turn, where it was held. */
export interface Entry {
  position: number;
  at: string;
  item: StreamItem | null;
  held: HeldSending | null;
}
export interface LedgerOptions {
  subscription: Subscription;
  store: Pick<SubscriptionStore, 'update' | 'hold' | 'held' | 'drop'>;
  log: Log;
  now: () => number;
  /** Called when the subscription is another version by now, or gone: nothing is noted of it any more. */
  onSuperseded: () => void;
}
const page = 200;

export class Ledger {
  /** How many sendings wait in the store. */
  held = 0;
  private written: number;
  private failing: boolean;
  private committing: Promise<void> = Promise.resolve();

  constructor(private readonly options: LedgerOptions) {
    const { position, failingSince, error } = options.subscription;
    this.written = position;
    this.failing = failingSince !== null || error !== null;
  }

  /** What an earlier run held, by position. */
  async recover(): Promise<HeldSending[]> {
    const { store, subscription } = this.options;
    const found: HeldSending[] = [];
    for (let cursor: string | undefined, more = true; more;) {
      const { items, next } = await store.held(subscription.id, 'waiting', { limit: page, cursor });
      found.push(...items);
      cursor = next ?? undefined;
      more = next !== null;
    }
    this.held = found.length;
    return found;
  }

  async hold(
    { appId, conversation }: Of,
    entry: Entry,
    facts: Pick<HeldSending, 'attempts' | 'error' | 'nextAt'>,
  ): Promise<void> {
    const { position, at } = entry;
    const subscriptionId = this.options.subscription.id;
    const held: HeldSending = { subscriptionId, position, appId, conversation, at, state: 'waiting', ...facts };
    await this.options.store.hold(held);
    if (entry.held === null) this.held += 1;
    entry.held = held;
    entry.item = null;
  }

  /** Gives it up: it becomes a dead letter. */
  async bury(of: Of, entry: Entry, facts: Pick<HeldSending, 'attempts' | 'error'>): Promise<void> {
    const { position, at, held } = entry;
    const subscriptionId = this.options.subscription.id;
    await this.options.store.hold({ subscriptionId, position, at, ...of, ...facts, state: 'dead', nextAt: 0 });
    if (held) this.held -= 1;
  }

  /** It was sent, or is not there any more. */
  async letGo(entry: Entry): Promise<void> {
    if (!entry.held) return;
    await this.options.store.drop(this.options.subscription.id, entry.position);
    this.held -= 1;
  }

  /** Notes that sendings fail; answers since when (ISO). */
  async troubled(reason: string): Promise<string> {
    const { subscription, log } = this.options;
    const now = new Date(this.options.now()).toISOString();
    const since = this.failing ? (subscription.failingSince ?? now) : now;
    if (!this.failing) log.warn({ subscription: subscription.id, reason }, 'a subscriber does not take events');
    if (!this.failing || subscription.error !== reason) await this.note({ error: reason, failingSince: since });
    this.failing = true;
    Object.assign(subscription, { error: reason, failingSince: since });
    return since;
  }

  /** Notes that something went through. */
  async recovered(): Promise<void> {
    if (!this.failing) return;
    this.failing = false;
    const well = { error: null, failingSince: null };
    Object.assign(this.options.subscription, well);
    await this.note(well);
  }

  async switchOff(reason: string): Promise<void> {
    const { subscription, log } = this.options;
    log.error({ subscription: subscription.id, reason }, 'a subscription was switched off');
    await this.note({ enabled: false, error: reason });
  }

  /** Writes how far everything was sent or is held. */
  commit(position: number): void {
    if (position <= this.written) return;
    this.written = position;
    const { subscription, log } = this.options;
    this.committing = this.committing
      .then(() => this.note({ position }))
      .then(
        () => undefined,
        (error: unknown) => {
          this.written = 0;
          log.warn(
            { err: error, subscription: subscription.id },
            'a position of the event stream could not be written',
          );
        },
      );
  }

  private async note(change: Parameters<SubscriptionStore['update']>[1]): Promise<void> {
    const { store, subscription, onSuperseded } = this.options;
    if (!(await store.update(subscription.id, change, subscription.version))) onSuperseded();
  }

  /** Resolves when what was committed is written. */
  settled(): Promise<void> {
    return this.committing;
  }
}
