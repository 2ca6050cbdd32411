/**
 * What was said leaves here: one reply at a time per conversation, in order, at the pace the platform takes, tried again until it has left
 * or is given up. Every entry is in the store before it comes here, and stays there until it has left.
 */
import type {
  Aftermath,
  MessageChange,
  OutboxEntry,
  SendResult,
  SendScope,
  Store,
  StoredMessage,
} from '../contracts.js';
import { withinSignal } from '../deadline.js';
import { HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import type { Connections } from './connections.js';
import { createPaces } from './paces.js';
import type { Sharing } from './sharing.js';
import { untilStored } from '../stored.js';

export interface Outbox {
  /** Writes what became of a message, with what is said of it, and lets that out. Rejects as `ConversationStore.settle` does, and nothing is said. */
  say(message: StoredMessage, change: MessageChange, then?: Aftermath): Promise<void>;
  /** Sends stored entries, each after what already waits in its conversation. */
  post(entries: OutboxEntry[]): void;
  /** Takes up what an earlier run of the hub left, or another hub, in the conversations for which `mine` is true; answers how much that was. */
  recover(mine?: (entry: OutboxEntry) => boolean): Promise<number>;
  /** Resolves when nothing of the conversation waits or is being sent. */
  settled(appId: string, conversation: string): Promise<void>;
  /** Sends nothing more of the conversation, which is being erased; what is on its way just now may still arrive. */
  drop(appId: string, conversation: string): void;
  /** Is one of these being sent just now? */
  sends(which: (entry: OutboxEntry) => boolean): boolean;
  /** Does this entry wait here? */
  has(entry: OutboxEntry): boolean;
  /** Entries that wait or are being sent. */
  readonly size: number;
  /** Begins no sending any more, and resolves when those that run have ended. */
  stop(): Promise<void>;
}
export interface OutboxOptions {
  store: {
    outbox: Pick<Store['outbox'], 'pending' | 'sent' | 'retry' | 'bury'>;
    conversations: Pick<Store['conversations'], 'settle'>;
  };
  connections: Pick<Connections, 'send' | 'limits' | 'shows' | 'show'>;
  log: Log;
  /** Of a store that several hubs share: whose each conversation is, and how its owner hears that something is to be sent. */
  shared?: Pick<Sharing, 'mine' | 'hold' | 'send'> | undefined;
  /** Called with every entry that was given up, for metrics. */
  onBuried?: (entry: OutboxEntry) => void;
  /** How long one sending may take before it counts as `unsure`. */
  sendLimitMs?: number;
  /** Pause before the n-th repeat, where the platform named none. */
  backoffMs?: (attempt: number) => number;
}

/** Two sendings and the pause between them stay under the 30 s that a conversation may be held up (RELIABILITY.md F18). */
const defaultSendLimitMs = 10_000;
const unsurePauseMs = 1000;
/** Doubling from one second to two hours: about eight hours in all. */
const maxAttempts = 16;
/** A pause kept over a restart is believed this far: the clock may have been set meanwhile. */
const longestKeptHoldMs = 6 * 3_600_000;
const pageSize = 500;

function exponential(attempt: number): number {
  return Math.min(1000 * 2 ** (attempt - 1), 7_200_000) * (0.8 + Math.random() * 0.4);
}

interface Lane {
  queue: OutboxEntry[];
  running: Promise<void> | null;
  /** Its first entry is on its way, or what became of it is being written down. */
  sending: boolean;
}
const laneOf = (entry: Pick<OutboxEntry, 'appId' | 'conversation'>): string => `${entry.appId} ${entry.conversation}`;

class StoredOutbox implements Outbox {
  private readonly lanes = new Map<string, Lane>();
  private readonly paces;
  private readonly closing = new AbortController();
  private waiting = 0;

  constructor(private readonly options: OutboxOptions) {
    this.paces = createPaces((channel) => options.connections.limits(channel));
  }

  get size(): number {
    return this.waiting;
  }

  async say(message: StoredMessage, change: MessageChange, then: Aftermath = {}): Promise<void> {
    const { store, connections } = this.options;
    const { send = [], ...rest } = then;
    if (send.length === 0 || !connections.shows(message)) {
      this.post(await store.conversations.settle(message.id, change, then));
      return;
    }
    // Stored is arrived, here: nothing has to be remembered until it has left.
    const arrived = change.delivered === undefined ? change : { ...change, delivered: true };
    await store.conversations.settle(message.id, arrived, rest);
    const first = (change.replies?.length ?? 0) - send.length;
    for (const [n, reply] of send.entries()) connections.show(message, { part: first + n, reply });
  }

  post(entries: OutboxEntry[]): void {
    const { shared } = this.options;
    const own = shared ? entries.filter((entry) => shared.mine(entry) && !this.has(entry)) : entries;
    if (own.length < entries.length) shared?.send(entries.filter((entry) => !shared.mine(entry)));
    for (const entry of own) {
      const key = laneOf(entry);
      const lane = this.lanes.get(key) ?? { queue: [], running: null, sending: false };
      this.lanes.set(key, lane);
      lane.queue.push(entry);
      this.waiting += 1;
      lane.running ??= this.run(key, lane);
    }
  }

  has(entry: OutboxEntry): boolean {
    return this.lanes.get(laneOf(entry))?.queue.some(({ id }) => id === entry.id) ?? false;
  }

  sends(which: (entry: OutboxEntry) => boolean): boolean {
    for (const { sending, queue } of this.lanes.values()) if (sending && queue[0] && which(queue[0])) return true;
    return false;
  }

  async recover(mine: (entry: OutboxEntry) => boolean = () => true): Promise<number> {
    const found: OutboxEntry[] = [];
    for (let cursor: string | undefined, more = true; more;) {
      const page = await this.options.store.outbox.pending({ limit: pageSize, cursor });
      found.push(...page.items.filter((entry) => mine(entry) && !this.has(entry)));
      cursor = page.next ?? undefined;
      more = page.next !== null;
    }
    const seen = new Set<string>();
    for (const entry of found) {
      // Only the first of a conversation can have been on its way when the hub died.
      if (!seen.has(laneOf(entry)) && entry.hold === null) entry.maybeSent = true;
      seen.add(laneOf(entry));
      if (entry.hold) this.holdAgain(entry, entry.hold);
    }
    this.post(found);
    return found.length;
  }

  async settled(appId: string, conversation: string): Promise<void> {
    await this.lanes.get(laneOf({ appId, conversation }))?.running;
  }

  drop(appId: string, conversation: string): void {
    const lane = this.lanes.get(laneOf({ appId, conversation }));
    if (!lane) return;
    this.waiting -= lane.queue.length;
    lane.queue = [];
  }

  async stop(): Promise<void> {
    this.closing.abort();
    this.paces.end();
    for (const lane of [...this.lanes.values()]) await lane.running;
  }

  private async run(key: string, lane: Lane): Promise<void> {
    try {
      for (let entry = lane.queue[0]; entry; entry = lane.queue[0]) {
        const ended = await this.turn(entry);
        if (!ended) break;
        if (lane.queue[0] !== entry) {
          // It was dropped while it waited.
          ended();
          continue;
        }
        if (!(await this.still(entry))) {
          ended();
          this.drop(entry.appId, entry.conversation);
          break;
        }
        lane.sending = true;
        const result = await this.send(entry);
        const over = this.note(entry, result);
        // Only now: a pause that the platform asked for holds for who is next.
        ended();
        await this.record(entry, result, over);
        lane.sending = false;
        if (!over || lane.queue[0] !== entry) continue;
        lane.queue.shift();
        this.waiting -= 1;
      }
    } catch (error) {
      // Only a store that failed to the end of the run comes here, or one where another hub has the conversation: the entries are in it still.
      const moved = this.options.shared && hubErrorOf(error).code === 'stopping';
      const { length: entries } = lane.queue;
      if (moved) this.options.log.info({ entries }, 'replies are left to another hub');
      else this.options.log.error({ err: error, entries }, 'replies wait for the next start of the hub');
      this.waiting -= lane.queue.length;
      lane.queue = [];
    }
    lane.running = null;
    lane.sending = false;
    if (lane.queue.length === 0) this.lanes.delete(key);
  }

  /** Resolves when the entry may be sent, with what to call when that has ended; with null when the hub stops. */
  private async turn(entry: OutboxEntry): Promise<(() => void) | null> {
    const ended: (() => void)[] = [];
    const end = (): void => ended.forEach((one) => one());
    // The bot's turn is taken last: it is the scarce one, and a conversation that waits must not hold it.
    for (const scope of ['conversation', 'bot'] as const) {
      const pace = this.paces.of(scope, entry);
      const one = pace && !this.closing.signal.aborted ? await pace.turn() : null;
      if (one) ended.push(one);
      if (!this.closing.signal.aborted) continue;
      end();
      return null;
    }
    return end;
  }

  /** Has this hub the conversation still? With one hub on the store, always. */
  private async still(entry: OutboxEntry): Promise<boolean> {
    const { shared } = this.options;
    if (!shared) return true;
    return shared.hold(entry, this.closing.signal).then(
      () => true,
      () => false,
    );
  }

  /** Writes down what became of a sending. */
  private async record(entry: OutboxEntry, result: SendResult, over: boolean): Promise<void> {
    const { store, log, onBuried } = this.options;
    if (result.outcome === 'sent') return this.stored(() => store.outbox.sent(entry));
    const { appId, channel, messageId } = entry;
    const what = over ? 'a reply was given up: it is a dead letter now' : 'a reply is sent again later';
    log.warn({ appId, channel, messageId, ...result }, what);
    await this.stored(() => (over ? store.outbox.bury(entry) : store.outbox.retry(entry)));
    if (over) onBuried?.(entry);
  }

  /** Notes in the entry why it has not left, and holds back what must wait; true when it has left or is to be given up. */
  private note(entry: OutboxEntry, result: SendResult): boolean {
    if (result.outcome === 'sent') return true;
    entry.error = `${result.outcome}: ${result.reason}`;
    if (result.outcome === 'refused') return true;
    if (result.outcome === 'unsure') {
      // A second copy is the price of a lost receipt, a third would be one too many.
      const again = !entry.maybeSent;
      entry.maybeSent = true;
      entry.attempts += 1;
      if (again) this.hold(entry, 'conversation', unsurePauseMs);
      return !again;
    }
    if (result.afterMs === undefined) entry.attempts += 1;
    const pause = result.afterMs ?? (this.options.backoffMs ?? exponential)(entry.attempts);
    this.hold(entry, result.scope ?? 'conversation', pause);
    return entry.attempts >= maxAttempts;
  }

  private hold(entry: OutboxEntry, scope: SendScope, ms: number): void {
    entry.hold = { until: Date.now() + ms, scope };
    this.paces.hold(scope, entry, ms);
  }

  private holdAgain(entry: OutboxEntry, { until, scope }: NonNullable<OutboxEntry['hold']>): void {
    const left = Math.min(until - Date.now(), longestKeptHoldMs);
    if (left > 0) this.paces.hold(scope, entry, left);
  }

  private async send(entry: OutboxEntry): Promise<SendResult> {
    const { messageId, part, reply } = entry;
    const limitMs = this.options.sendLimitMs ?? defaultSendLimitMs;
    const deliver = (signal: () => AbortSignal): Promise<SendResult> =>
      this.options.connections.send(entry, {
        messageId,
        part,
        reply,
        limitMs,
        get signal() {
          return signal();
        },
      });
    try {
      const result = await withinSignal(limitMs, deliver);
      return result ?? { outcome: 'unsure', reason: `no answer within ${limitMs / 1000} s` };
    } catch (error) {
      return { outcome: 'unsure', reason: error instanceof HubError ? error.message : 'the connector failed' };
    }
  }

  private stored(write: () => Promise<void>): Promise<void> {
    return untilStored(write, this.closing.signal);
  }
}

/** An outbox over the store's; nothing is sent until something is posted or recovered. */
export function createOutbox(options: OutboxOptions): Outbox {
  return new StoredOutbox(options);
}
