/** Who is sent the events of conversations: their records and their secrets. */
import { randomUUID } from 'node:crypto';
import type { At, HeldSending, Listed, Page, Store, Subscription } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Egress } from '../egress.js';
import type { Log } from '../log.js';
import type { Paces } from './paces.js';
import { type Among, everyOne, Pumps, type PumpsOptions, type Standing } from './pumps.js';
import { kafkaPlaceOf, shownKafkaUrl } from '../kafka-url.js';
import { newSecret } from './signature.js';
import { lateSink, type Sink } from './sink.js';
import { createWebhookSink } from './webhook.js';

export interface SubscriptionsOptions {
  store: Pick<Store, 'stream' | 'subscriptions'>;
  /** Seals and opens secrets; `place` says whose. */
  seal: { seal(text: string, place: string): string; open(sealed: string, place: string): string };
  egress: Egress;
  /** EVENTS_URL, and with which secret its requests are signed where it is no Kafka. */
  setting: { url: string; secret: string | null } | null;
  log: Log;
  hide: (secret: string) => void;
  onSent?: PumpsOptions['onSent'];
  paces?: Partial<Paces>;
  /** Other hubs of the store: one of all sends a subscription. */
  among?: Among | undefined;
}
export interface SubscriptionWish {
  name: string;
  url: string;
  appId: string | null;
  events: string[] | null;
  by: string;
  /** Absent: what is stored from now on. */
  from?: string | undefined;
}
export interface Subscriptions {
  /** Takes up all that are on and fall to this hub, and EVENTS_URL. */
  start(): Promise<void>;
  /** Another hub changed some. */
  look(): Promise<void>;
  /** Sends nothing of those for which `mine` is true? */
  idle(mine: (at: At) => boolean): boolean;
  /** Rejects with `invalid` for a URL that is not called, with `not_found` for a bot that is not there. `secret`: shown this once. */
  create(wish: SubscriptionWish): Promise<{ subscription: Subscription; secret: string }>;
  get(id: string): Promise<Subscription | null>;
  list(page: Page, appId?: string): Promise<Listed<Subscription>>;
  /** Null when there is none. Rejects as `create` does. */
  change(
    id: string,
    change: Partial<Pick<Subscription, 'name' | 'url' | 'events' | 'enabled'>>,
  ): Promise<Subscription | null>;
  /** A new secret; requests are signed with the old one too for `overlapSeconds`. Null when there is none, or nothing is signed. */
  rotate(id: string, overlapSeconds: number): Promise<{ subscription: Subscription; secret: string } | null>;
  remove(id: string): Promise<boolean>;
  /** Sends what was stored after a position, or from a time (ISO) on, once more. Null when there is none. */
  replay(id: string, from: { position: number } | { time: string }): Promise<Subscription | null>;
  /** What was given up, by position. */
  dead(id: string, page: Page): Promise<Listed<HeldSending>>;
  /** Tries one that was given up once more; false when there is none. */
  revive(id: string, position: number): Promise<boolean>;
  /** Forgets one that was given up; false when there is none. */
  discard(id: string, position: number): Promise<boolean>;
  /** Is there any, on or off? */
  any(): boolean;
  /** There may be something new. */
  wake(): void;
  /** The bot is gone, with its subscriptions. */
  forget(appId: string): Promise<void>;
  standings(): Standing[];
  stop(): Promise<void>;
}

/** The id of what EVENTS_URL asks for. */
export const settingId = 'events-url';
/** Where a subscription's secret belongs, for the seal. */
export const subscriptionPlace = (id: string): string => `subscription ${id}`;
/** `until`: milliseconds since 1970; null: for good. */
type Secret = { secret: string; until: number | null };
/** Items under way to Kafka at once. */
const kafkaParallel = 1000;
const mostEver = Number.MAX_SAFE_INTEGER;

class StreamSubscriptions implements Subscriptions {
  private readonly pumps: Pumps;

  constructor(private readonly options: SubscriptionsOptions) {
    const { store, log, onSent, paces, among } = options;
    this.pumps = new Pumps({ store, log, onSent, paces, among, sinkOf: (subscription) => this.sinkOf(subscription) });
  }

  async start(): Promise<void> {
    await this.follow();
    await this.pumps.start();
  }

  look(): Promise<void> {
    return this.pumps.look();
  }

  idle(mine: (at: At) => boolean): boolean {
    return this.pumps.idle(mine);
  }

  any(): boolean {
    return this.pumps.any;
  }

  async create(wish: SubscriptionWish): Promise<{ subscription: Subscription; secret: string }> {
    const { from, ...rest } = wish;
    this.check(wish.url);
    const id = randomUUID();
    const secret = newSecret();
    const facts = {
      enabled: false,
      error: null,
      failingSince: null,
      position: mostEver,
      version: 0,
      createdAt: new Date().toISOString(),
    };
    const sealed = this.sealed(id, [{ secret, until: null }]);
    this.pumps.any = true;
    await this.options.store.subscriptions.add({ id, kind: 'webhook', ...rest, ...facts, secret: sealed });
    const subscription = await this.begin(id, from);
    return { subscription, secret };
  }

  get(id: string): Promise<Subscription | null> {
    return this.options.store.subscriptions.get(id);
  }

  list(page: Page, appId?: string): Promise<Listed<Subscription>> {
    return this.options.store.subscriptions.list(page, appId);
  }

  change: Subscriptions['change'] = async (id, change) => {
    if (change.url !== undefined) this.check(change.url);
    if (id === settingId && (change.url !== undefined || change.name !== undefined)) throw settingError();
    return this.pumps.apart(id, async () => {
      // Before the change: whoever sends it takes up what is held when it sees that.
      if (change.enabled ?? (await this.get(id))?.enabled) await this.duePresently(id);
      return this.options.store.subscriptions.update(id, {
        ...change,
        ...(change.enabled && { error: null, failingSince: null }),
      });
    });
  };

  async rotate(id: string, overlapSeconds: number): Promise<{ subscription: Subscription; secret: string } | null> {
    const secret = newSecret();
    const subscription = await this.pumps.apart(id, async () => {
      const present = await this.get(id);
      if (!present?.secret || id === settingId) return null;
      const [newest] = this.secretsOf(present);
      const former = newest && overlapSeconds > 0 ? [{ ...newest, until: Date.now() + overlapSeconds * 1000 }] : [];
      const sealed = this.sealed(id, [{ secret, until: null }, ...former]);
      return this.options.store.subscriptions.update(id, { secret: sealed });
    });
    return subscription && { subscription, secret };
  }

  async remove(id: string): Promise<boolean> {
    if (id === settingId && this.options.setting) throw settingError();
    const removed = await this.pumps.apart(id, () => this.options.store.subscriptions.remove(id));
    await this.pumps.look();
    return removed;
  }

  replay(id: string, from: { position: number } | { time: string }): Promise<Subscription | null> {
    return this.pumps.apart(id, async () => {
      const { stream, subscriptions } = this.options.store;
      const position = 'time' in from ? await stream.seek(from.time) : Math.min(from.position, await stream.head());
      const changed = await subscriptions.update(id, { position });
      // What is held is sent with the rest. In this order: a crash in between leaves nothing out.
      for await (const held of this.heldOf(id, 'waiting'))
        if (held.position > position) await subscriptions.drop(id, held.position);
      return changed;
    });
  }

  dead(id: string, page: Page): Promise<Listed<HeldSending>> {
    return this.options.store.subscriptions.held(id, 'dead', page);
  }

  async revive(id: string, position: number): Promise<boolean> {
    const letter = await this.letter(id, position);
    if (!letter) return false;
    const again = { ...letter, state: 'waiting', attempts: 0, nextAt: 0 } as const;
    const { subscriptions } = this.options.store;
    await this.pumps.apart(id, async () => {
      await subscriptions.hold(again);
      // A version of its own, so that another hub takes it up.
      await subscriptions.update(id, {});
    });
    return true;
  }

  async discard(id: string, position: number): Promise<boolean> {
    return (await this.letter(id, position)) !== null && this.options.store.subscriptions.drop(id, position);
  }

  wake(): void {
    this.pumps.wake();
  }

  forget(appId: string): Promise<void> {
    return this.pumps.forget(appId);
  }

  standings(): Standing[] {
    return this.pumps.standings();
  }

  stop(): Promise<void> {
    return this.pumps.stop();
  }

  /** Makes, changes or switches off the subscription of EVENTS_URL. */
  private async follow(): Promise<void> {
    const { setting, store } = this.options;
    const present = await this.get(settingId);
    if (!setting) {
      const error = 'EVENTS_URL is not set (any more); set it, or remove this subscription.';
      if (present) await store.subscriptions.update(settingId, { enabled: false, error });
      return;
    }
    const place = kafkaPlaceOf(setting.url);
    const url = place ? shownKafkaUrl(place) : setting.url;
    const kind = place ? ('kafka' as const) : ('webhook' as const);
    if (present?.kind === kind) {
      if (!present.enabled || present.url !== url)
        await store.subscriptions.update(settingId, { url, enabled: true, error: null, failingSince: null });
      return;
    }
    if (present) await store.subscriptions.remove(settingId);
    await this.add({ kind, url }).catch(async (error: unknown) => {
      // Another hub that starts was first.
      if (!(await this.get(settingId))) throw error;
    });
  }

  private async add({ kind, url }: Pick<Subscription, 'kind' | 'url'>): Promise<void> {
    const { store } = this.options;
    const facts = { name: 'EVENTS_URL', appId: null, events: null, secret: null, by: 'EVENTS_URL', failingSince: null };
    const at = { enabled: false, error: null, position: mostEver, version: 0, createdAt: new Date().toISOString() };
    await store.subscriptions.add({ id: settingId, kind, url, ...facts, ...at });
    const position = await store.stream.head();
    await store.subscriptions.update(settingId, { position, enabled: true });
  }

  /** Sets a new subscription going. Its position is known only now: the first one makes the store keep the order. */
  private begin(id: string, from: string | undefined): Promise<Subscription> {
    const { stream, subscriptions } = this.options.store;
    return this.pumps.apart(id, async () => {
      const position = from === undefined ? await stream.head() : await stream.seek(from);
      const subscription = await subscriptions.update(id, { position, enabled: true });
      if (!subscription) throw new HubError('not_found', 'The bot was deleted meanwhile.');
      return subscription;
    });
  }

  /** What is held waits no longer. */
  private async duePresently(id: string): Promise<void> {
    for await (const held of this.heldOf(id, 'waiting'))
      if (held.nextAt > 0) await this.options.store.subscriptions.hold({ ...held, nextAt: 0 });
  }

  private sinkOf(subscription: Subscription): Sink {
    const { setting, egress } = this.options;
    if (subscription.id !== settingId) {
      const secrets = this.secretsOf(subscription);
      const valid = (): string[] =>
        secrets.filter(({ until }) => until === null || until > Date.now()).map(({ secret }) => secret);
      return createWebhookSink({ url: subscription.url, secrets: valid, egress });
    }
    const place = kafkaPlaceOf(setting?.url ?? '');
    if (place) return lateSink(kafkaParallel, async () => new (await import('./kafka.js')).KafkaSink(place));
    const { url = '', secret = null } = setting ?? {};
    return createWebhookSink({ url, secrets: () => (secret === null ? [] : [secret]) });
  }

  private check(url: string): void {
    const refusal = this.options.egress.refusal(url);
    if (refusal !== null) throw new HubError('invalid', refusal, { errors: [{ pointer: '/url', detail: refusal }] });
  }

  private secretsOf({ id, secret }: Subscription): Secret[] {
    if (secret === null) return [];
    const secrets = JSON.parse(this.options.seal.open(secret, subscriptionPlace(id))) as Secret[];
    for (const one of secrets) this.options.hide(one.secret);
    return secrets;
  }

  private sealed(id: string, secrets: Secret[]): string {
    for (const { secret } of secrets) this.options.hide(secret);
    return this.options.seal.seal(JSON.stringify(secrets), subscriptionPlace(id));
  }

  private async letter(id: string, position: number): Promise<HeldSending | null> {
    for await (const held of this.heldOf(id, 'dead')) if (held.position === position) return held;
    return null;
  }

  private heldOf(id: string, state: HeldSending['state']): AsyncGenerator<HeldSending> {
    return everyOne((page) => this.options.store.subscriptions.held(id, state, page));
  }
}

const settingError = (): HubError =>
  new HubError(
    'invalid',
    'This subscription is what EVENTS_URL asks for: change that setting, and start the hub anew.',
  );

/** Nothing is sent before `start`. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  return new StreamSubscriptions(options);
}
