/**
 * The message path. `receive` stores a message and answers its connector; then, one turn at a time per conversation, the bot is asked
 * (turns.ts), its replies are stored with their places in the outbox, and leave from there (outbox.ts). What a crash cuts off is in the
 * store, and taken up by `recover`.
 */
import type {
  At,
  BotMessage,
  EngineName,
  Engines,
  Hub,
  IncomingMessage,
  MessageChange,
  Parse,
  RunningEngine,
  Store,
  StoredMessage,
} from '../contracts.js';
import { within } from '../deadline.js';
import { type ChatSentence, chatSentence, chatSentenceOf, HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import type { Chronicle } from './chronicle.js';
import type { Connections } from './connections.js';
import type { HubDesk } from './desk.js';
import { asksForPerson, factsOf } from './facts.js';
import { createMailbox } from './mailbox.js';
import type { Outbox } from './outbox.js';
import { untilStored } from './stored.js';
import { createTurns, maxTries, type TakeTurn } from './turns.js';
import { createUnasked } from './unasked.js';

export interface HubOptions {
  store: Pick<Store, 'bots' | 'conversations' | 'deadLetters' | 'ping'>;
  engines: Pick<Engines, 'use'>;
  connections: Pick<Connections, 'reaches' | 'typing'>;
  outbox: Outbox;
  /** Knows which conversations people hold, and takes what is said in them. */
  desk: Pick<HubDesk, 'holds' | 'heard' | 'called' | 'forget'>;
  /** Keeps the events of bots that keep none here; absent: nobody does. */
  chronicle?: Pick<Chronicle, 'turn'>;
  /** Resolves when no training of the bot waits or runs: a message to a bot in its first training waits for it. */
  trained: (appId: string) => Promise<void>;
  /** A message that waits so long gets an apology; its answer follows. */
  slowAnswerMs: number;
  log: Log;
  /** Called with every message that was stored, for metrics. */
  onReceived?: (message: StoredMessage) => void;
  /** Called with every settled message, for metrics. */
  onSettled?: (message: StoredMessage) => void;
  /** Called with every conversation that was erased. */
  onErased?: (at: At) => void;
  /** Called with every text that was only to be understood, for the request log. */
  onParsed?: (facts: { appId: string; ok: boolean; ms: number }) => void;
}

/** Messages that may wait in one conversation before the next is refused in words. */
const mailboxCapacity = 20;
/** How long running turns and sendings get when the hub stops; what is not done is stored, and taken up at the next start. */
const drainMs = 5000;
const pageSize = 500;

/** A message on its way to its answer. */
interface Waiting {
  message: StoredMessage;
  /** How many hold the line for the replies. */
  listeners: number;
  /** It may have been answered in an earlier run of the hub. */
  recovered: boolean;
  learning: boolean;
  /** The user was told that it takes longer. */
  late: boolean;
  settled: boolean;
  slow: NodeJS.Timeout;
  turn: Promise<StoredMessage>;
}
/** What goes on in one conversation: who waits, oldest first, and whether the user was told that it takes longer. */
interface Talk {
  waiting: Set<Waiting>;
  told: boolean;
}
/** What becomes of a message, what is said about it, and whether that is sent. */
interface Outcome {
  change: Pick<StoredMessage, 'state'> & MessageChange;
  said: BotMessage[];
  send: boolean;
  /** A person is called for. */
  calls?: boolean;
}

class MessagePath implements Hub {
  readonly say: Hub['say'];
  private readonly mailbox = createMailbox(mailboxCapacity);
  private readonly talks = new Map<string, Talk>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly closing = new AbortController();
  private readonly take: TakeTurn;
  private stopping = false;

  constructor(private readonly options: HubOptions) {
    const { engines, store, trained, log } = options;
    this.say = createUnasked(options);
    this.take = createTurns({ engines, ping: () => store.ping(), trained, log, closing: this.closing.signal });
  }

  async receive(incoming: IncomingMessage): Promise<boolean> {
    const { message, duplicate } = await this.accept(incoming);
    if (!duplicate) this.start(message);
    return !duplicate;
  }

  async ask(incoming: IncomingMessage, gone?: AbortSignal): Promise<StoredMessage> {
    if (this.stopping) throw stoppingError();
    const { message, duplicate } = await this.accept(incoming);
    const waiting = duplicate ? this.waiting.get(message.id) : this.start(message);
    if (!waiting) return message;
    waiting.listeners += 1;
    gone?.addEventListener('abort', () => (waiting.listeners -= 1), { once: true });
    return waiting.turn;
  }

  async parse(appId: string, text: string, language?: string): Promise<{ parse: Parse; engine: EngineName }> {
    const started = Date.now();
    let ok = false;
    try {
      const work = async (running: RunningEngine) => ({
        parse: await running.parse(text, language),
        engine: running.engine,
      });
      const answer = await this.options.engines.use(appId, work);
      ok = true;
      return answer;
    } finally {
      this.options.onParsed?.({ appId, ok, ms: Date.now() - started });
    }
  }

  async hold<T>(
    at: Pick<IncomingMessage, 'appId' | 'conversation'>,
    work: (running: RunningEngine) => Promise<T>,
  ): Promise<T> {
    if (this.stopping) throw stoppingError();
    this.mailbox.check(keyOf(at));
    return this.mailbox.post(keyOf(at), () => this.options.engines.use(at.appId, work));
  }

  aside<T>(at: At, work: () => Promise<T>): Promise<T> {
    return this.mailbox.post(keyOf(at), work);
  }

  erase(at: At): Promise<boolean> {
    const { appId, conversation } = at;
    return this.aside(at, async () => {
      this.options.outbox.drop(appId, conversation);
      this.options.desk.forget(appId, conversation);
      const erased = await this.options.store.conversations.erase(appId, conversation);
      if (erased) this.options.onErased?.(at);
      return erased;
    });
  }

  async replay(deadLetterId: string): Promise<boolean> {
    const revived = await this.options.store.deadLetters.revive(deadLetterId);
    if (!revived) return false;
    if ('entry' in revived) this.options.outbox.post([revived.entry]);
    else this.start(revived.message, true);
    return true;
  }

  /** Takes up what an earlier run of the hub stored and did not finish, oldest first; before anything new is received. Answers how much. */
  async recover(): Promise<number> {
    const { store, outbox } = this.options;
    let count = await outbox.recover();
    for (let cursor: string | undefined, more = true; more;) {
      const page = await store.conversations.unsettled({ limit: pageSize, cursor });
      for (const message of page.items) this.start(message, true);
      count += page.items.length;
      cursor = page.next ?? undefined;
      more = page.next !== null;
    }
    return count;
  }

  /** The messages that are not settled yet. */
  *underway(): Iterable<StoredMessage> {
    for (const { message } of this.waiting.values()) yield message;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const drained = this.mailbox.idle().then(() => this.options.outbox.stop());
    await within(drained, drainMs);
    this.closing.abort();
    void this.options.outbox.stop();
  }

  private async accept(incoming: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean }> {
    try {
      this.mailbox.check(keyOf(incoming));
    } catch (error) {
      this.tell(this.talks.get(keyOf(incoming)), 'busy');
      throw error;
    }
    const received = await this.options.store.conversations.receive(incoming);
    if (!received.duplicate) this.options.onReceived?.(received.message);
    return received;
  }

  /** Puts the message into its conversation's mailbox. */
  private start(message: StoredMessage, recovered = false): Waiting {
    const key = keyOf(message);
    const talk = this.talks.get(key) ?? { waiting: new Set(), told: false };
    this.talks.set(key, talk);
    const slow = setTimeout(() => this.tell(talk, 'slow'), this.options.slowAnswerMs);
    const facts = { message, recovered, listeners: 0, learning: false, late: false, settled: false, slow };
    const waiting: Waiting = { ...facts, turn: this.mailbox.post(key, () => this.answer(waiting)) };
    talk.waiting.add(waiting);
    this.waiting.set(message.id, waiting);
    waiting.turn.then(
      () => this.leave(waiting, talk),
      (error: unknown) => this.leave(waiting, talk, hubErrorOf(error)),
    );
    return waiting;
  }

  private leave(waiting: Waiting, talk: Talk, error?: HubError): void {
    const { message } = waiting;
    clearTimeout(waiting.slow);
    this.waiting.delete(message.id);
    talk.waiting.delete(waiting);
    if (talk.waiting.size === 0) this.talks.delete(keyOf(message));
    if (!error || error.code === 'stopping') return;
    this.options.log.error({ messageId: message.id, err: error }, 'a message could not be settled');
  }

  /** Rejects with `stopping` when the message is left for the next start; what else goes wrong is in the message. */
  private async answer(waiting: Waiting): Promise<StoredMessage> {
    if (this.stopping) throw stoppingError();
    if (this.options.desk.holds(waiting.message)) return this.heard(waiting);
    this.options.connections.typing(waiting.message, true);
    try {
      const outcome = await this.outcome(waiting);
      const settled = await this.settle(waiting, outcome);
      if (outcome.calls) await this.call(settled);
      return settled;
    } catch (error) {
      const failure = hubErrorOf(error);
      if (this.closing.signal.aborted || failure.code === 'stopping') throw stoppingError();
      return this.settle(waiting, await this.failed(waiting, failure));
    }
  }

  /** Calls for a person. The turn is settled by now: what goes wrong here is told to the operator, and fails it no more. */
  private async call(message: StoredMessage): Promise<void> {
    try {
      await untilStored(() => this.options.desk.called(message), this.closing.signal);
    } catch (error) {
      const { appId, id: messageId } = message;
      this.options.log.error({ appId, messageId, err: error }, 'a person could not be called for');
    }
  }

  /** A person answers here, not the bot: the message only gets its place in what was said. */
  private async heard(waiting: Waiting): Promise<StoredMessage> {
    const hear = () => this.options.desk.heard(waiting.message);
    const agent = await untilStored(hear, this.closing.signal);
    return this.settle(waiting, { change: { state: 'answered', turn: { agent } }, said: [], send: true });
  }

  private async outcome(waiting: Waiting): Promise<Outcome> {
    const started = Date.now();
    const learning = (now: boolean): void => void (waiting.learning = now);
    const { message, recovered } = waiting;
    const answer = await this.take(message, { recovered, learning });
    const { messages, parse, engine } = answer;
    const { chronicle } = this.options;
    if (chronicle && engine !== 'rasa') await untilStored(() => chronicle.turn(message, answer), this.closing.signal);
    const said = messages.map((reply) => ({ ...reply, metadata: { engine } }));
    const intent = parse?.intent.full_retrieval_intent_name ?? parse?.intent.name ?? null;
    const confidence = parse?.intent.confidence ?? null;
    const dropped = waiting.late && (await this.options.store.bots.get(message.appId))?.lateAnswers === 'drop';
    const error = dropped ? 'late: this bot drops answers that come after the apology' : null;
    const change = { error, intent, confidence, ms: Date.now() - started, ...factsOf(answer) };
    return { change: { state: 'answered', ...change }, said, send: !dropped, calls: asksForPerson(answer) };
  }

  private async failed({ message }: Waiting, error: HubError): Promise<Outcome> {
    const { appId, id: messageId } = message;
    this.options.log.error({ appId, messageId, err: error }, 'a message could not be answered');
    const said = [await this.words(message, chatSentenceOf(error))];
    return { change: { state: 'failed', error: `${error.code}: ${error.message}` }, said, send: true };
  }

  /** Stores the outcome with what is to be sent, and lets it go. */
  private async settle(waiting: Waiting, { change, said, send }: Outcome): Promise<StoredMessage> {
    waiting.settled = true;
    const { message, listeners } = waiting;
    const { store, connections, outbox } = this.options;
    const heard = listeners > 0;
    const reachable = connections.reaches(message);
    const outgoing = send && reachable && !heard ? said : [];
    const outcome = {
      ...change,
      ...(heard || reachable ? {} : { error: change.error ?? 'undelivered: the caller had gone' }),
      replies: [...message.replies, ...said],
      delivered: send && outgoing.length === 0 && (heard || reachable),
    };
    const bury = change.state === 'failed' && !heard ? { bury: { attempts: maxTries } } : {};
    const write = () => store.conversations.settle(message.id, outcome, { send: outgoing, ...bury });
    outbox.post(await untilStored(write, this.closing.signal));
    if (outgoing.length === 0) connections.typing(message, false);
    Object.assign(message, outcome);
    this.options.onSettled?.(message);
    return message;
  }

  /** Tells the user of a conversation, once, that it takes longer. Callers who hold the line see for themselves. */
  private tell(talk: Talk | undefined, sentence: ChatSentence): void {
    const [first] = talk?.waiting ?? [];
    if (!talk || talk.told || !first || !this.options.connections.reaches(first.message)) return;
    if (this.options.desk.holds(first.message)) return;
    talk.told = true;
    this.apologise(first, first.learning ? 'training' : sentence).catch((error: unknown) => {
      this.options.log.warn({ messageId: first.message.id, err: error }, 'an apology could not be stored');
    });
  }

  private async apologise(waiting: Waiting, sentence: ChatSentence): Promise<void> {
    const { message } = waiting;
    const reply = await this.words(message, sentence);
    // The answer may have come meanwhile.
    if (waiting.settled || this.options.desk.holds(message)) return;
    waiting.late = true;
    message.replies = [...message.replies, reply];
    const { replies } = message;
    this.options.outbox.post(await this.options.store.conversations.settle(message.id, { replies }, { send: [reply] }));
  }

  /** A sentence of our own, in the user's language. */
  private async words(message: StoredMessage, sentence: ChatSentence): Promise<BotMessage> {
    const bot = await this.options.store.bots.get(message.appId).catch(() => null);
    const text = chatSentence(sentence, { said: message.text, language: bot?.language ?? 'en' });
    return { recipient_id: message.conversation, text };
  }
}

const stoppingError = (): HubError =>
  new HubError('stopping', 'The hub is shutting down; send the message again in a moment.');
const keyOf = (message: Pick<IncomingMessage, 'appId' | 'conversation'>): string =>
  `${message.appId} ${message.conversation}`;

/** Builds the message path; `recover` takes up what an earlier run left, once the channels are open. */
export function createHub(options: HubOptions): Hub & Pick<MessagePath, 'recover' | 'underway'> {
  return new MessagePath(options);
}
