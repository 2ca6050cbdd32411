/**
 * The message path. `receive` stores a message and answers its connector; then, one turn at a time per conversation, the bot is asked
 * (turns.ts), its replies are stored with their places in the outbox, and leave from there (outbox.ts). What a crash cuts off is in the
 * store, and taken up by `recover`. Of several hubs on one store each takes the turns of its own conversations (sharing.ts).
 */
import type {
  At,
  BotMessage,
  EngineName,
  Engines,
  Hub,
  IncomingMessage,
  MessageChange,
  OutboxEntry,
  Parse,
  RunningEngine,
  Store,
  StoredMessage,
} from '../contracts.js';
import { within } from '../deadline.js';
import { type ChatSentence, chatSentence, chatSentenceOf, HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import { traceIdOf } from '../trace.js';
import type { Chronicle } from './chronicle.js';
import type { Connections } from './connections.js';
import type { HubDesk } from './desk.js';
import { asksForPerson, factsOf } from './facts.js';
import type { Outbox } from './outbox.js';
import type { Host, Sharing } from './sharing.js';
import { untilStored } from '../stored.js';
import { stoppingError, type Talk, Talks, type Waiting } from './talks.js';
import { traced, traceOf } from './traced.js';
import { createTurns, maxTries, type TakeTurn } from './turns.js';
import { createUnasked } from './unasked.js';

export interface HubOptions {
  store: Pick<Store, 'bots' | 'conversations' | 'deadLetters' | 'ping'>;
  /** Absent: this is the only hub on the store. */
  shared?: Sharing | undefined;
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
  onParsed?: (facts: { appId: string; ok: boolean; ms: number; node?: string | undefined }) => void;
}

/** How long running turns and sendings get when the hub stops; what is not done is stored, and taken up at the next start. */
const drainMs = 5000;

/** What the hub needs to serve others. */
interface Visitors extends Pick<Host, 'visited'> {
  /** What is to be sent of a message. */
  entriesOf(messageId: string): Promise<OutboxEntry[]>;
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
  private readonly closing = new AbortController();
  private readonly talks: Talks;
  private readonly take: TakeTurn;
  private stopping = false;

  constructor(private readonly options: HubOptions) {
    const { engines, store, trained, shared, log } = options;
    this.say = createUnasked(options);
    const check = shared && ((message: StoredMessage): void => shared.check(message));
    const closing = this.closing.signal;
    this.take = createTurns({ engines, ping: () => store.ping(), trained, check, log, closing });
    const answer = (waiting: Waiting): Promise<StoredMessage> => this.answer(waiting);
    const slow = (talk: Talk): void => this.tell(talk, 'slow');
    this.talks = new Talks({ store, shared, answer, slow, slowAnswerMs: options.slowAnswerMs, closing, log });
  }

  async receive(incoming: IncomingMessage): Promise<boolean> {
    const { message, duplicate, suspect, found } = await this.accept(incoming);
    if (!found && (!duplicate || this.mayBeLost(message))) this.place(message, suspect);
    return !duplicate;
  }

  async ask(incoming: IncomingMessage, gone?: AbortSignal): Promise<StoredMessage> {
    if (this.stopping) throw stoppingError();
    const { message, duplicate, suspect, found } = await this.accept(incoming);
    const { shared } = this.options;
    if (shared && !shared.mine(message)) return message.state === 'received' ? shared.outcome(message, gone) : message;
    const over = duplicate && !this.mayBeLost(message);
    const waiting = found ?? (over ? this.talks.get(message.id) : this.talks.start(message, suspect));
    if (!waiting) return message;
    waiting.listeners += 1;
    gone?.addEventListener('abort', () => (waiting.listeners -= 1), { once: true });
    return waiting.turn.catch((error: unknown) => {
      if (shared && this.hasMoved(error)) return shared.outcome(message, gone);
      throw error;
    });
  }

  async parse(appId: string, text: string, language?: string): Promise<{ parse: Parse; engine: EngineName }> {
    const started = Date.now();
    let ok = false;
    let node: string | undefined;
    try {
      const work = async (running: RunningEngine) => {
        node = running.node;
        return { parse: await running.parse(text, language), engine: running.engine };
      };
      const answer = await this.options.engines.use(appId, work, { repeatable: true });
      ok = true;
      return answer;
    } finally {
      this.options.onParsed?.({ appId, ok, ms: Date.now() - started, node });
    }
  }

  async hold<T>(
    at: Pick<IncomingMessage, 'appId' | 'conversation'>,
    work: (running: RunningEngine) => Promise<T>,
  ): Promise<T> {
    if (this.stopping) throw stoppingError();
    this.talks.check(at);
    return this.aside(at, () => this.options.engines.use(at.appId, work));
  }

  aside<T>(at: At, work: () => Promise<T>): Promise<T> {
    const { shared } = this.options;
    if (!shared) return this.talks.held(at, work);
    if (!shared.mine(at)) return shared.borrow(at, work);
    let begun = false;
    const mine = this.talks.held(at, () => {
      begun = true;
      return work();
    });
    return mine.catch((error: unknown) => {
      if (!begun && this.hasMoved(error)) return shared.borrow(at, work);
      throw error;
    });
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
    else this.place(revived.message, true);
    return true;
  }

  /**
   * Takes up what an earlier run of the hub, or another hub, stored and did not finish, oldest first; before anything new is received in the
   * conversations for which `mine` is true. Answers how much.
   */
  async recover(mine: (at: At) => boolean = () => true): Promise<number> {
    let count = await this.options.outbox.recover(mine);
    for await (const message of this.talks.unsettled()) {
      if (!mine(message)) continue;
      this.talks.start(message, true);
      count += 1;
    }
    return count;
  }

  /** Takes up messages of its own conversations that were stored and of which nobody told it. */
  look(): Promise<void> {
    return this.talks.look();
  }

  /** Nothing runs, waits or is sent in these conversations. */
  idle(which: (at: At) => boolean): boolean {
    return this.talks.idleIn(which) && !this.options.outbox.sends(which);
  }

  /** What other hubs may ask of this one. */
  host({ visited, entriesOf }: Visitors): Host {
    const { shared, outbox } = this.options;
    return {
      come: async (at, heard) => {
        if (!shared?.mine(at)) return;
        if (heard) this.talks.hear(heard);
        await this.talks.find(at);
        // It was not among those that wait: it has its outcome.
        if (heard && !this.talks.get(heard.messageId) && this.talks.hungUp(heard.messageId))
          shared.settled(heard.by, heard.messageId);
      },
      hungUp: (messageId) => void this.talks.hungUp(messageId),
      post: async (messageId) => outbox.post(await entriesOf(messageId)),
      aside: (at, work) => this.talks.held(at, work),
      visited,
    };
  }

  /** The messages that are not settled yet. */
  underway(): Iterable<StoredMessage> {
    return this.talks.underway();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const drained = this.talks.idle().then(() => this.options.outbox.stop());
    await within(drained, drainMs);
    this.closing.abort();
    void this.options.outbox.stop();
  }

  /** `suspect`: another hub may have found it and taken its turn by now. */
  private async accept(
    incoming: IncomingMessage,
  ): Promise<{ message: StoredMessage; duplicate: boolean; suspect: boolean; found: Waiting | null }> {
    try {
      this.talks.check(incoming);
    } catch (error) {
      this.tell(this.talks.of(incoming), 'busy');
      throw error;
    }
    const { shared, store, onReceived } = this.options;
    const own = shared?.mine(incoming) ?? true;
    const { message, duplicate, doubtful, found } = await this.talks.arrive(incoming, () =>
      store.conversations.receive(traced(incoming)),
    );
    if (!duplicate) onReceived?.(message);
    return { message, duplicate, suspect: duplicate || doubtful === true || !own, found };
  }

  /** To the hub that has the conversation. One of which another may have had the turn is looked for in the store: what was read of it may be old. */
  private place(message: StoredMessage, suspect: boolean): void {
    const { shared } = this.options;
    if (!shared) this.talks.start(message, suspect);
    else if (!shared.mine(message)) shared.pass(message);
    else if (suspect) void this.talks.find(message);
    else this.talks.start(message);
  }

  /** Is it one that was stored before, and of which the hub that has it may not know? */
  private mayBeLost({ state }: StoredMessage): boolean {
    return this.options.shared !== undefined && state === 'received';
  }

  /** Has another hub the conversation by now? */
  private hasMoved(error: unknown): boolean {
    return !this.stopping && error instanceof HubError && error.code === 'stopping';
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
    const dropped = waiting.late && (await this.dropsLate(message));
    const error = dropped ? 'late: this bot drops answers that come after the apology' : null;
    const change = { error, intent, confidence, ms: Date.now() - started, ...factsOf(answer) };
    return { change: { state: 'answered', ...change }, said, send: !dropped, calls: asksForPerson(answer) };
  }

  /** An answer is there by now: it waits for a store that is away. */
  private async dropsLate({ appId }: StoredMessage): Promise<boolean> {
    const bot = await untilStored(() => this.options.store.bots.get(appId), this.closing.signal);
    return bot?.lateAnswers === 'drop';
  }

  private async failed({ message }: Waiting, error: HubError): Promise<Outcome> {
    const { appId, id: messageId } = message;
    const trace = traceIdOf(traceOf(message));
    this.options.log.error({ appId, messageId, trace, err: error }, 'a message could not be answered');
    const said = [await this.words(message, chatSentenceOf(error))];
    return { change: { state: 'failed', error: `${error.code}: ${error.message}`, turn: { trace } }, said, send: true };
  }

  /** Stores the outcome with what is to be sent, and lets it go. */
  private async settle(waiting: Waiting, { change, said, send }: Outcome): Promise<StoredMessage> {
    waiting.settled = true;
    const { message, listeners } = waiting;
    const { connections, outbox } = this.options;
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
    const write = () => outbox.say(message, outcome, { send: outgoing, ...bury });
    await untilStored(write, this.closing.signal);
    if (outgoing.length === 0) connections.typing(message, false);
    Object.assign(message, outcome);
    for (const by of waiting.heardBy) this.options.shared?.settled(by, message.id);
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
    await this.options.outbox.say(message, { replies: message.replies }, { send: [reply] });
  }

  /** A sentence of our own, in the user's language. */
  private async words(message: StoredMessage, sentence: ChatSentence): Promise<BotMessage> {
    const bot = await this.options.store.bots.get(message.appId).catch(() => null);
    const text = chatSentence(sentence, { said: message.text, language: bot?.language ?? 'en' });
    return { recipient_id: message.conversation, text };
  }
}

/** Builds the message path; `recover` takes up what an earlier run left, once the channels are open. */
export function createHub(
  options: HubOptions,
): Hub & Pick<MessagePath, 'recover' | 'underway' | 'look' | 'idle' | 'host'> {
  return new MessagePath(options);
}
