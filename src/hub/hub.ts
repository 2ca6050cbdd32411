/**
 * The message path. `receive` stores a message and answers its connector; then, one turn at a time per conversation, the bot is woken
 * and asked, its replies are stored, and they leave by the channel the message came from.
 */
import type {
  BotMessage,
  Engines,
  Hub,
  IncomingMessage,
  Json,
  Parse,
  RunningEngine,
  Store,
  StoredMessage,
  TurnResult,
} from '../contracts.js';
import { within } from '../deadline.js';
import { chatSentence, HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import type { Connections } from './connections.js';
import { createMailbox } from './mailbox.js';

export interface HubOptions {
  store: Pick<Store, 'bots' | 'conversations' | 'trackers'>;
  engines: Engines;
  connections: Connections;
  /** Resolves when no training of the bot waits or runs: a message to a bot in its first training waits for it. */
  trained: (appId: string) => Promise<void>;
  log: Log;
  /** Called with every settled message, for metrics. */
  onSettled?: (message: StoredMessage) => void;
}

/** Messages that may wait in one conversation before the next is refused in words. */
const mailboxCapacity = 20;
/** A message that breaks its bot is tried once more, then given up, so that the conversation goes on (RELIABILITY.md F19). */
const maxTries = 2;
/** How long running turns get when the hub stops; what is not done is stored, and taken up at the next start. */
const drainMs = 5000;
/** How long a message waits for the bot's first training. */
const learningLimitMs = 10 * 60_000;
/** Our event id in the user event's metadata: by it a turn that did happen is recognised after a crash. */
const eventKey = 'switchboard_event';

interface Answered {
  result: TurnResult;
  engine: RunningEngine['engine'];
}

class MessagePath implements Hub {
  private readonly mailbox = createMailbox(mailboxCapacity);
  private readonly turns = new Map<string, Promise<StoredMessage>>();
  private stopped = false;

  constructor(private readonly options: HubOptions) {}

  async receive(incoming: IncomingMessage): Promise<boolean> {
    const { message, duplicate } = await this.accept(incoming);
    if (duplicate) return false;
    void this.start(message);
    return true;
  }

  async ask(incoming: IncomingMessage): Promise<StoredMessage> {
    const { message, duplicate } = await this.accept(incoming);
    if (!duplicate) return this.start(message);
    return this.turns.get(message.id) ?? message;
  }

  async parse(appId: string, text: string): Promise<{ parse: Parse; engine: RunningEngine['engine'] }> {
    return this.options.engines.use(appId, async (running) => ({
      parse: await running.parse(text),
      engine: running.engine,
    }));
  }

  /** Takes up what an earlier run of the hub stored and did not finish, oldest first. */
  async recover(): Promise<number> {
    const waiting = await this.options.store.conversations.unsettled();
    for (const message of waiting) {
      if (message.state === 'received') void this.start(message, true);
      else void this.post(message, () => this.deliver(message, message.replies));
    }
    return waiting.length;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await within(this.mailbox.idle(), drainMs);
  }

  private async accept(incoming: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean }> {
    if (this.stopped) throw new HubError('stopping', 'The hub is shutting down; send the message again in a moment.');
    if (!(await this.options.store.bots.get(incoming.appId)))
      throw new HubError('not_found', `There is no bot ${incoming.appId}.`);
    this.mailbox.check(keyOf(incoming));
    return this.options.store.conversations.receive(incoming);
  }

  private post<T>(message: IncomingMessage, work: () => Promise<T>): Promise<T> {
    return this.mailbox.post(keyOf(message), work);
  }

  /** Runs the turn in its conversation's mailbox. Never rejects: what went wrong is in the message. */
  private start(message: StoredMessage, recovered = false): Promise<StoredMessage> {
    const turn = this.post(message, () => this.answer(message, recovered)).catch((error: unknown) =>
      this.giveUp(message, error),
    );
    this.turns.set(message.id, turn);
    void turn.finally(() => this.turns.delete(message.id));
    return turn;
  }

  private async answer(message: StoredMessage, recovered: boolean): Promise<StoredMessage> {
    const started = Date.now();
    this.options.connections.typing(message);
    const { result, engine } = await this.turn(message, recovered);
    const replies = result.messages.map((reply) => ({ ...reply, metadata: { engine } }));
    const intent = result.parse?.intent.full_retrieval_intent_name ?? result.parse?.intent.name ?? null;
    const confidence = result.parse?.intent.confidence ?? null;
    return this.settle(message, {
      state: 'answered',
      replies,
      intent,
      confidence,
      ms: Date.now() - started,
      error: null,
    });
  }

  /** The bot's answer; tried again when its process broke under it, unless the tracker shows that the turn did happen. */
  private async turn(message: StoredMessage, recovered: boolean): Promise<Answered> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.options.engines.use(message.appId, async (running) => {
          const done = recovered || attempt > 1 ? await this.alreadyDone(message, running) : null;
          return { result: done ?? (await running.reply(turnOf(message))), engine: running.engine };
        });
      } catch (error) {
        const failure = hubErrorOf(error);
        if (failure.code === 'no_model' && attempt === 1)
          await within(this.options.trained(message.appId), learningLimitMs);
        else if (failure.code !== 'turn_failed' || attempt >= maxTries) throw failure;
        this.options.log.warn(
          { appId: message.appId, messageId: message.id, attempt, err: failure },
          'a turn is tried again',
        );
      }
    }
  }

  /** The replies of a turn that a Rasa child finished and saved, but whose answer never reached us; null when it did not happen. */
  private async alreadyDone(message: StoredMessage, running: RunningEngine): Promise<TurnResult | null> {
    if (running.engine !== 'rasa') return null;
    const tracker = await this.options.store.trackers.read(message.appId, message.conversation, false);
    const events = tracker?.events ?? [];
    const at = events.findLastIndex(
      (event) => event['event'] === 'user' && (event['metadata'] as Json | undefined)?.[eventKey] === message.id,
    );
    if (at < 0) return null;
    const after = events.slice(at + 1);
    const end = after.findIndex((event) => event['event'] === 'user');
    const said = (end < 0 ? after : after.slice(0, end)).filter((event) => event['event'] === 'bot');
    return {
      messages: said.map((event) => repliedIn(event, message.conversation)),
      parse: (events[at]?.['parse_data'] as Parse | undefined) ?? null,
    };
  }

  private async giveUp(message: StoredMessage, thrown: unknown): Promise<StoredMessage> {
    const error = hubErrorOf(thrown);
    this.options.log.error(
      { appId: message.appId, messageId: message.id, err: error },
      'a message could not be answered',
    );
    const bot = await this.options.store.bots.get(message.appId).catch(() => null);
    const text = chatSentence(error, bot?.language ?? 'en');
    const replies = [{ recipient_id: message.conversation, text }];
    return this.settle(message, { state: 'failed', replies, error: `${error.code}: ${error.message}` }).catch(
      (failure: unknown) => {
        this.options.log.error(
          { messageId: message.id, err: failure },
          'a failed message could not be recorded; it is taken up at the next start',
        );
        return { ...message, state: 'failed', replies, error: error.message };
      },
    );
  }

  private async settle(message: StoredMessage, change: Partial<StoredMessage>): Promise<StoredMessage> {
    const settled = { ...message, ...change };
    await this.options.store.conversations.settle(message.id, change);
    const delivered = await this.deliver(settled, settled.replies);
    this.options.onSettled?.({ ...settled, delivered });
    return { ...settled, delivered };
  }

  /** Sends the replies; a refusal is logged and the message stays undelivered, to be sent again at the next start. */
  private async deliver(message: StoredMessage, replies: BotMessage[]): Promise<boolean> {
    try {
      // A caller who held the line takes the replies from `ask`; after a restart that caller is gone, and nobody is left to send to.
      const delivered = (await this.options.connections.send(message, replies)) || this.turns.has(message.id);
      const lost = { state: 'failed', error: 'undelivered: the caller had gone' } as const;
      await this.options.store.conversations.settle(message.id, delivered ? { delivered } : lost);
      return delivered;
    } catch (error) {
      this.options.log.error(
        { appId: message.appId, messageId: message.id, err: error },
        'replies could not be delivered',
      );
      return false;
    }
  }
}

const keyOf = (message: Pick<IncomingMessage, 'appId' | 'conversation'>): string =>
  `${message.appId} ${message.conversation}`;

function turnOf(message: StoredMessage): Parameters<RunningEngine['reply']>[0] {
  const { conversation: sender, text, payload, channel } = message;
  return { sender, text, payload, channel, metadata: { ...message.metadata, [eventKey]: message.id } };
}

/** A bot event of a tracker as the message it was sent as. */
function repliedIn(event: Json, recipient: string): BotMessage {
  const data = Object.entries((event['data'] as Json | undefined) ?? {}).filter(([, value]) => value !== null);
  const text = typeof event['text'] === 'string' ? { text: event['text'] } : {};
  return { recipient_id: recipient, ...text, ...Object.fromEntries(data) };
}

/** Builds the message path; `recover` takes up what an earlier run left, once the channels are open. */
export function createHub(options: HubOptions): Hub & { recover(): Promise<number> } {
  return new MessagePath(options);
}
