/**
 * What waits in each conversation, and whose turn it is: one at a time, in the order of their numbers. Where several hubs share the store, only
 * once the conversation is this hub's for sure, and after a look at what others have stored in it.
 */
import type { At, IncomingMessage, Store, StoredMessage } from '../contracts.js';
import { HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import { createMailbox } from './mailbox.js';
import type { Sharing } from './sharing.js';
import { untilStored } from '../stored.js';

/** A message on its way to its answer. */
export interface Waiting {
  message: StoredMessage;
  /** How many hold the line for the replies, and at which other hubs some of them do. */
  listeners: number;
  heardBy: Set<string>;
  begun: boolean;
  /** It may have been answered in an earlier run of the hub. */
  recovered: boolean;
  learning: boolean;
  /** The user was told that it takes longer. */
  late: boolean;
  settled: boolean;
  slow: NodeJS.Timeout;
  turn: Promise<StoredMessage>;
  end: { resolve: (message: StoredMessage) => void; reject: (error: unknown) => void };
}
/** What goes on in one conversation: who waits, oldest first, and whether the user was told that it takes longer. */
export interface Talk {
  at: At;
  waiting: Set<Waiting>;
  told: boolean;
}
export interface TalksOptions {
  store: { conversations: Pick<Store['conversations'], 'waiting' | 'unsettled'> };
  shared: Sharing | undefined;
  /** Takes the turn of a message; what it answers or rejects with ends its waiting. */
  answer: (waiting: Waiting) => Promise<StoredMessage>;
  /** Called when a message has waited for so long. */
  slow: (talk: Talk) => void;
  slowAnswerMs: number;
  /** Aborts when the hub gives up waiting for its store. */
  closing: AbortSignal;
  log: Log;
}

/** Messages that may wait in one conversation before the next is refused in words. */
const mailboxCapacity = 20;
const pageSize = 500;

export class Talks {
  private readonly mailbox = createMailbox(mailboxCapacity);
  private readonly talks = new Map<string, Talk>();
  private readonly waiting = new Map<string, Waiting>();
  /** Messages that are being stored just now, by their events: how many calls do that, and its turn when it was found meanwhile. */
  private readonly arriving = new Map<string, { calls: number; found: Waiting | null }>();
  /** Who holds the line elsewhere for messages that are not found yet. */
  private readonly linesHeld = new Map<string, string>();
  /** Messages that could not be settled: they are left to the next start, whoever finds them. */
  private readonly broken = new Set<string>();

  constructor(private readonly options: TalksOptions) {}

  /** Throws `mailbox_full` when too much waits in the conversation. */
  check(at: At): void {
    this.mailbox.check(keyOf(at));
  }

  /** What goes on in a conversation; undefined where nothing does. */
  of(at: At): Talk | undefined {
    return this.talks.get(keyOf(at));
  }

  get(messageId: string): Waiting | undefined {
    return this.waiting.get(messageId);
  }

  *underway(): Iterable<StoredMessage> {
    for (const { message } of this.waiting.values()) yield message;
  }

  /**
   * Stores a message by `store`. `found`: a look at the conversation found it before that had ended, and it had its place in the mailbox then:
   * its turn may be over.
   */
  async arrive<T>(incoming: IncomingMessage, store: () => Promise<T>): Promise<T & { found: Waiting | null }> {
    const event = eventOf(incoming);
    const arrival = this.arriving.get(event) ?? { calls: 0, found: null };
    this.arriving.set(event, arrival);
    arrival.calls += 1;
    try {
      const stored = await store();
      return { ...stored, found: arrival.found };
    } finally {
      arrival.calls -= 1;
      if (arrival.calls === 0) this.arriving.delete(event);
    }
  }

  /** Puts the message into its conversation's mailbox, unless it is there. */
  start(message: StoredMessage, recovered = false): Waiting {
    const known = this.waiting.get(message.id);
    if (known) return known;
    const { appId, conversation } = message;
    const talk = this.talkOf({ appId, conversation });
    const slow = setTimeout(() => this.options.slow(talk), this.options.slowAnswerMs);
    const facts = { listeners: 0, heardBy: new Set<string>(), begun: false, learning: false, late: false };
    const waiting = { message, recovered, ...facts, settled: false, slow } as Waiting;
    waiting.turn = new Promise((resolve, reject) => (waiting.end = { resolve, reject }));
    talk.waiting.add(waiting);
    this.waiting.set(message.id, waiting);
    const arrival = this.arriving.get(eventOf(message));
    if (arrival) arrival.found = waiting;
    const by = this.linesHeld.get(message.id);
    if (by !== undefined && this.linesHeld.delete(message.id)) this.hear({ messageId: message.id, by });
    void this.mailbox.post(keyOf(message), () => this.next(talk));
    waiting.turn.then(
      () => this.leave(waiting, talk),
      (error: unknown) => this.leave(waiting, talk, hubErrorOf(error)),
    );
    return waiting;
  }

  /** In the conversation's turn, once it is this hub's for sure. */
  held<T>(at: At, work: () => Promise<T>): Promise<T> {
    const { shared, closing } = this.options;
    if (!shared) return this.mailbox.post(keyOf(at), work);
    return this.mailbox.post(keyOf(at), async () => {
      await shared.hold(at, closing);
      return work();
    });
  }

  /** Takes up what others have stored in a conversation: in its turn, so that nothing of it is being settled meanwhile. */
  async find({ appId, conversation }: At): Promise<void> {
    const at = { appId, conversation };
    await this.mailbox.post(keyOf(at), () => this.next(this.talkOf(at), true));
  }

  /** Takes up messages of its own conversations that were stored and of which nobody told it. */
  async look(): Promise<void> {
    const found = new Map<string, At>();
    for await (const message of this.unsettled()) {
      if (this.waiting.has(message.id) || this.broken.has(message.id)) continue;
      if (this.options.shared?.mine(message)) found.set(keyOf(message), message);
    }
    for (const at of found.values()) void this.find(at);
  }

  /** All that have no outcome yet, in the order they were received. */
  async *unsettled(): AsyncGenerator<StoredMessage> {
    for (let cursor: string | undefined, more = true; more;) {
      const page = await this.options.store.conversations.unsettled({ limit: pageSize, cursor });
      yield* page.items;
      cursor = page.next ?? undefined;
      more = page.next !== null;
    }
  }

  /** At another hub somebody holds the line for this message. */
  hear({ messageId, by }: { messageId: string; by: string }): void {
    const waiting = this.waiting.get(messageId);
    if (!waiting) return void this.linesHeld.set(messageId, by);
    waiting.listeners += 1;
    waiting.heardBy.add(by);
  }

  /** Nobody does any more. True when the message was not found since. */
  hungUp(messageId: string): boolean {
    if (this.linesHeld.delete(messageId)) return true;
    const waiting = this.waiting.get(messageId);
    if (waiting && waiting.listeners > 0) waiting.listeners -= 1;
    return false;
  }

  /** Does nothing wait or run in these conversations? */
  idleIn(which: (at: At) => boolean): boolean {
    for (const key of this.mailbox.keys()) if (which(atOf(key))) return false;
    return true;
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    return this.mailbox.idle();
  }

  private talkOf(at: At): Talk {
    const key = keyOf(at);
    const talk = this.talks.get(key) ?? { at, waiting: new Set(), told: false };
    this.talks.set(key, talk);
    return talk;
  }

  private forget(talk: Talk): void {
    const key = keyOf(talk.at);
    if (talk.waiting.size === 0 && this.talks.get(key) === talk) this.talks.delete(key);
  }

  /** The turn of the message that comes first of those that wait. There is one for each of them. */
  private async next(talk: Talk, look = false): Promise<void> {
    const refusal = this.options.shared ? await this.refusalOf(talk.at, { shared: this.options.shared, look }) : null;
    const [first] = [...talk.waiting].filter(({ begun }) => !begun).sort((a, b) => a.message.number - b.message.number);
    if (!first) return void this.forget(talk);
    first.begun = true;
    await (refusal ? Promise.reject(refusal) : this.options.answer(first)).then(first.end.resolve, first.end.reject);
  }

  /** Why no turn can be taken here; null when it can. Finds what other hubs have stored in the conversation, where they may have. */
  private async refusalOf(at: At, { shared, look }: { shared: Sharing; look: boolean }): Promise<HubError | null> {
    const { store, closing } = this.options;
    try {
      await shared.hold(at, closing);
      if (!look && !shared.crowded()) return null;
      const read = (): Promise<StoredMessage[]> => store.conversations.waiting(at.appId, at.conversation);
      // Another hub may have had the conversation in between, and have taken the turn of what it left.
      for (const message of await untilStored(read, closing))
        if (!this.broken.has(message.id)) this.start(message, true);
      return null;
    } catch (error) {
      return closing.aborted ? stoppingError() : hubErrorOf(error);
    }
  }

  private leave(waiting: Waiting, talk: Talk, error?: HubError): void {
    const { message } = waiting;
    clearTimeout(waiting.slow);
    this.waiting.delete(message.id);
    talk.waiting.delete(waiting);
    this.forget(talk);
    if (!error || error.code === 'stopping') return;
    this.broken.add(message.id);
    this.options.log.error({ messageId: message.id, err: error }, 'a message could not be settled');
  }
}

/** What a turn is refused with while the hub stops. */
export const stoppingError = (): HubError =>
  new HubError('stopping', 'The hub is shutting down; send the message again in a moment.');
const keyOf = ({ appId, conversation }: At): string => `${appId} ${conversation}`;
const eventOf = ({ appId, channel, eventId }: IncomingMessage): string => JSON.stringify([appId, channel, eventId]);
function atOf(key: string): At {
  const end = key.indexOf(' ');
  return { appId: key.slice(0, end), conversation: key.slice(end + 1) };
}
