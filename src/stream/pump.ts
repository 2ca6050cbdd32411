/**
 * Sends the event stream to one subscriber, at least once and in order per conversation. What was sent, or is held in the store because it
 * failed, moves the subscription's position on; so after a crash some is sent again, and nothing is left out. A conversation whose sending
 * failed waits, by the schedule, while others go on; when too many wait nothing more is read: the store is the queue.
 */
import type { Json, StreamItem, StreamStore, Subscription, SubscriptionStore } from '../contracts.js';
import { within } from '../deadline.js';
import type { Log } from '../log.js';
import { type Entry, Ledger, type Of } from './ledger.js';
import { paces, type Paces } from './paces.js';
import { brokerEvents } from './rasa-events.js';
import type { Sent, Sink } from './sink.js';

export interface PumpOptions {
  subscription: Subscription;
  sink: Sink;
  stream: StreamStore;
  store: Pick<SubscriptionStore, 'update' | 'hold' | 'held' | 'drop'>;
  log: Log;
  /** Called with every sending that has ended. */
  onSent?: (result: 'sent' | 'failed' | 'dead', events: number) => void;
  /** Called when it stops by itself: the subscription is off, gone, or another one by now. */
  onOff?: () => void;
  /** Milliseconds since 1970; the machine's clock when absent. */
  now?: () => number;
  paces?: Partial<Paces>;
}
/** Items read at once. */
const page = 200;

export interface Pump {
  /** There may be something new. */
  wake(): void;
  /** How many sendings are held, and since when the oldest that is not sent was stored (ISO); null: nothing waits. */
  standing(): { held: number; oldestAt: string | null };
  /** Ends what is under way, writes the position, and closes the sink. */
  stop(): Promise<void>;
}

/** A conversation of which something is on its way, oldest first. */
interface Lane {
  of: Of;
  entries: Entry[];
  running: boolean;
  timer?: NodeJS.Timeout;
}

class StreamPump implements Pump {
  private readonly lanes = new Map<string, Lane>();
  /** Read, and neither sent nor held. */
  private readonly open = new Map<number, Entry>();
  private readonly paces: Paces;
  private readonly now: () => number;
  private readonly ledger: Ledger;
  private active = 0;
  private reached: number;
  private stopped = false;
  /** Everything that was held before this position was read again is known: from then on lanes run. */
  private readyAt = 0;
  private woken = false;
  private starved = false;
  private rouse: () => void = () => undefined;
  private readonly queue: (() => void)[] = [];
  private readonly attempts = new Set<Promise<void>>();
  private readonly timer;
  private readonly running: Promise<void>;

  constructor(private readonly options: PumpOptions) {
    const { subscription, store, log, now = Date.now } = options;
    this.now = now;
    this.ledger = new Ledger({ subscription, store, log, now, onSuperseded: () => this.end() });
    this.paces = { ...paces, ...options.paces };
    this.reached = subscription.position;
    this.timer = setInterval(() => this.commit(), this.paces.commit).unref();
    this.running = this.run();
  }

  wake(): void {
    this.woken = true;
    this.rouse();
  }

  standing(): { held: number; oldestAt: string | null } {
    const waiting = [...this.lanes.values()].flatMap(({ entries }) => entries.slice(0, 1).map(({ at }) => at));
    return { held: this.ledger.held, oldestAt: waiting.sort()[0] ?? null };
  }

  async stop(): Promise<void> {
    this.halt();
    await within(Promise.allSettled(this.attempts), this.paces.drain);
    await this.options.sink.close();
    await Promise.allSettled([...this.attempts, this.running]);
    this.commit();
    await this.ledger.settled();
  }

  /** Begins nothing more. */
  private halt(): void {
    this.stopped = true;
    clearInterval(this.timer);
    for (const { timer } of this.lanes.values()) clearTimeout(timer);
    for (const go of this.queue.splice(0)) go();
    this.rouse();
  }

  private async run(): Promise<void> {
    while (!this.stopped && !(await this.persistently(() => this.recover()))) await this.pause(this.paces.poll);
    while (!this.stopped) {
      this.starved = this.open.size >= this.options.sink.parallel * 2 || this.ledger.held >= this.paces.mostHeld;
      const reads = !this.starved || this.reached < this.readyAt;
      if (!(reads && (await this.persistently(() => this.readOn())))) await this.pause(this.paces.poll);
    }
  }

  /** Takes up what an earlier run held. */
  private async recover(): Promise<boolean> {
    const found = await this.ledger.recover();
    this.readyAt = found.at(-1)?.position ?? 0;
    for (const held of found) this.enter(held, { position: held.position, at: held.at, item: null, held });
    if (this.reached >= this.readyAt) this.advanceAll();
    return true;
  }

  /** Reads the next page; false when there is none. */
  private async readOn(): Promise<boolean> {
    const { items, end } = await this.options.stream.read(this.reached, page);
    for (const item of items) {
      const there = this.lanes.get(keyOf(item))?.entries.some(({ position }) => position === item.position) ?? false;
      if (there || this.eventsOf(item).length === 0) continue;
      const entry: Entry = { position: item.position, at: item.at, item, held: null };
      this.open.set(item.position, entry);
      await this.enterOpen(item, entry);
    }
    const more = end !== this.reached;
    const waited = this.reached < this.readyAt;
    this.reached = end;
    // The last that was held may have been erased: then the end of the stream is as far as anybody knows.
    if (!more) this.readyAt = Math.min(this.readyAt, end);
    if (waited && this.reached >= this.readyAt) this.advanceAll();
    return more;
  }

  private eventsOf(item: StreamItem): Json[] {
    const { appId, events } = this.options.subscription;
    return appId === null || appId === item.appId ? brokerEvents(item, events) : [];
  }

  /** Behind a sending that is held it is held too, so that the position can go on. */
  private async enterOpen(item: StreamItem, entry: Entry): Promise<void> {
    const before = this.lanes.get(keyOf(item))?.entries ?? [];
    const behind = before.some(({ held, position }) => held !== null && position < entry.position);
    if (behind) await this.hold(item, entry, { attempts: 0, error: null, nextAt: 0 });
    this.enter(item, entry);
  }

  private enter(of: Of, entry: Entry): void {
    const lane: Lane = this.lanes.get(keyOf(of)) ?? { of, entries: [], running: false };
    this.lanes.set(keyOf(of), lane);
    const after = lane.entries.findLastIndex(({ position }) => position < entry.position);
    lane.entries.splice(after + 1, 0, entry);
    this.advance(lane);
  }

  private advanceAll(): void {
    for (const lane of this.lanes.values()) this.advance(lane);
  }

  /** Sends what is first in its conversation, when its time has come. */
  private advance(lane: Lane): void {
    const [first] = lane.entries;
    if (!first) return void this.lanes.delete(keyOf(lane.of));
    if (lane.running || this.stopped || this.reached < this.readyAt) return;
    clearTimeout(lane.timer);
    const wait = (first.held?.nextAt ?? 0) - this.now();
    if (wait > 0) {
      lane.timer = setTimeout(() => this.advance(lane), wait).unref();
      return;
    }
    lane.running = true;
    const attempt = this.inTurn(() => this.attempt(lane, first)).catch((error: unknown) => this.unnoted(error));
    this.attempts.add(attempt);
    void attempt.then(() => {
      this.attempts.delete(attempt);
      lane.running = false;
      this.advance(lane);
      if (this.starved) this.rouse();
    });
  }

  /** The store is away: after a while it is all tried again. */
  private async unnoted(error: unknown): Promise<void> {
    const { log, subscription } = this.options;
    log.error({ err: error, subscription: subscription.id }, 'what became of a sending could not be noted');
    if (!this.stopped) await new Promise((resolve) => setTimeout(resolve, this.paces.poll).unref());
  }

  /** Runs `work` when one of the sink's places is free. */
  private async inTurn(work: () => Promise<void>): Promise<void> {
    if (this.active >= this.options.sink.parallel) await new Promise<void>((resolve) => this.queue.push(resolve));
    this.active += 1;
    try {
      if (!this.stopped) await work();
    } finally {
      this.active -= 1;
      this.queue.shift()?.();
    }
  }

  private async attempt(lane: Lane, entry: Entry): Promise<void> {
    entry.item ??= await this.options.stream.at(entry.position);
    // Erased meanwhile: then nobody is sent it.
    const events = entry.item ? this.eventsOf(entry.item) : [];
    if (!entry.item || events.length === 0) return this.leave(lane, entry);
    const sent = await this.sendWhenThere({ item: entry.item, events });
    // Cut off by us: nobody knows, and the next run sends it again.
    if (!sent || (this.stopped && sent.outcome !== 'sent')) return;
    if (sent.outcome === 'sent') {
      await this.ledger.recovered();
      await this.leave(lane, entry);
      this.options.onSent?.('sent', events.length);
      return;
    }
    if (sent.outcome === 'gone') return this.switchOff(sent.reason);
    await this.failed(lane, entry, sent.reason);
  }

  /** Waits while the sink is away. Undefined: stopped meanwhile. */
  private async sendWhenThere(sending: Parameters<Sink['send']>[0]): Promise<Sent | undefined> {
    const [shortest, longest] = this.paces.away;
    for (let wait = shortest; !this.stopped; wait = Math.min(wait * 2, longest)) {
      const sent = await this.options.sink.send(sending);
      if (sent.outcome !== 'away') return sent;
      await this.away(sent.reason, wait);
    }
    return undefined;
  }

  private async away(reason: string, wait: number): Promise<void> {
    if (this.stopped) return;
    await this.troubled(reason);
    await new Promise((resolve) => setTimeout(resolve, wait).unref());
  }

  private async failed(lane: Lane, entry: Entry, reason: string): Promise<void> {
    const attempts = (entry.held?.attempts ?? 0) + 1;
    const wait = this.paces.retries[attempts - 1];
    await this.troubled(reason);
    if (wait === undefined) {
      await this.ledger.bury(lane.of, entry, { attempts, error: reason });
      this.open.delete(entry.position);
      lane.entries.shift();
      this.options.onSent?.('dead', 1);
      return;
    }
    this.options.onSent?.('failed', 1);
    // In their order: in a crash between two, those that are not held yet are read again, and follow.
    await this.hold(lane.of, entry, { attempts, error: reason, nextAt: this.now() + wait });
    for (const later of lane.entries)
      if (later.held === null) await this.hold(lane.of, later, { attempts: 0, error: null, nextAt: 0 });
  }

  private async hold(of: Of, entry: Entry, facts: Parameters<Ledger['hold']>[2]): Promise<void> {
    await this.ledger.hold(of, entry, facts);
    this.open.delete(entry.position);
  }

  private async leave(lane: Lane, entry: Entry): Promise<void> {
    await this.ledger.letGo(entry);
    this.open.delete(entry.position);
    lane.entries.shift();
  }

  /** Notes that sendings fail, and switches off who has been away for too long. */
  private async troubled(reason: string): Promise<void> {
    const since = await this.ledger.troubled(reason);
    if (this.now() - Date.parse(since) > this.paces.patience)
      await this.switchOff(`Nothing could be sent since ${since}: ${reason}`);
  }

  private async switchOff(reason: string): Promise<void> {
    if (this.stopped) return;
    this.halt();
    await this.ledger.switchOff(reason);
    this.options.onOff?.();
  }

  private end(): void {
    if (this.stopped) return;
    this.halt();
    this.options.onOff?.();
  }

  private commit(): void {
    this.ledger.commit(Math.min(this.reached, ...[...this.open.keys()].map((one) => one - 1)));
  }

  /** What `work` answers; false, after a pause, while the store does not. */
  private async persistently(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      if (!this.stopped)
        this.options.log.warn({ err: error, subscription: this.options.subscription.id }, 'the event stream waits');
      return false;
    }
  }

  /** Until somebody wakes it, or `ms` have passed. */
  private async pause(ms: number): Promise<void> {
    if (!this.woken && !this.stopped)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms).unref();
        this.rouse = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.woken = false;
  }
}

const keyOf = ({ appId, conversation }: Of): string => JSON.stringify([appId, conversation]);

/** Begins to send at once, from the subscription's position on. */
export function openPump(options: PumpOptions): Pump {
  return new StreamPump(options);
}
