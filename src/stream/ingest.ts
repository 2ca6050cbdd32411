/**
 * Bots that run elsewhere, as their Rasa publishes them to Kafka: what was said to them goes into the log. Their events come one by one; a
 * turn is noted as a whole when the next one begins, when the bot listens again, or when nothing has come for a while, and only then is the
 * place in the topic committed. So a turn that comes again is noted over itself.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BotMessage, IncomingMessage, Json, MessageChange, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { eventKey } from '../happened.js';
import type { Log } from '../log.js';
import type { Consumed, Reading } from './kafka.js';

export interface IngestOptions {
  store: Pick<Store, 'bots' | 'conversations'>;
  /** Opens the topic from the last committed place. */
  open: () => Promise<Reading>;
  /** The bot of events that name none (`metadata.assistant_id`). */
  appId: string | null;
  log: Log;
  /** Called with every event; `skipped`: it belongs to no remote bot of this hub, or is none. */
  onEvent?: (result: 'noted' | 'skipped') => void;
  /** How long a turn may stand still before it is noted as it is, and how long a broken line is left alone; in milliseconds. */
  quietMs?: number;
  againMs?: number;
}
export interface Ingest {
  stop(): Promise<void>;
}

/** By which channel such conversations come: `Conversation.channel`. */
export const ingestChannel = 'kafka';
const [defaultQuietMs, defaultAgainMs] = [5000, 2000];

/** A turn whose end has not come yet. */
interface OpenTurn {
  appId: string;
  events: Json[];
  /** The message of the topic that began it. */
  begun: Consumed;
  /** By the clock of `performance`. */
  touchedAt: number;
}
interface Meaning {
  appId: string;
  sender: string;
  event: Json;
}

class KafkaIngest implements Ingest {
  private readonly turns = new Map<string, OpenTurn>();
  /** By partition, the newest message that was looked at. */
  private readonly seen = new Map<number, Consumed>();
  private readonly remote = new Map<string, { is: boolean; until: number }>();
  private reading: Reading | undefined;
  private stopped = false;
  private readonly running: Promise<void>;
  /** Notes follow one another: a turn is noted before the next of its conversation. */
  private tail: Promise<void> = Promise.resolve();
  private readonly timer;

  constructor(private readonly options: IngestOptions) {
    const quietMs = options.quietMs ?? defaultQuietMs;
    this.timer = setInterval(() => void this.inLine(() => this.sweep(quietMs)), quietMs / 2).unref();
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.reading?.close();
    await this.running;
    await this.tail;
  }

  private async run(): Promise<void> {
    while (!this.ended()) {
      try {
        this.reading = await this.options.open();
        if (this.ended()) await this.reading.close();
        for await (const consumed of this.reading) {
          if (this.ended()) break;
          await this.inLine(() => this.take(consumed));
        }
      } catch (error) {
        if (!this.ended()) this.options.log.warn({ err: error }, 'events from Kafka wait');
      }
      await this.reading?.close();
      await this.tail;
      // What was not committed comes again.
      this.turns.clear();
      this.seen.clear();
      if (!this.ended()) await sleep(this.options.againMs ?? defaultAgainMs);
    }
  }

  private ended(): boolean {
    return this.stopped;
  }

  /** Runs `work` after what runs; what it rejects with breaks the line, so that nothing is committed that was not noted. */
  private inLine(work: () => Promise<void>): Promise<void> {
    const done = this.tail.then(work);
    this.tail = done.catch(async (error: unknown) => {
      this.options.log.warn({ err: error }, 'an event from Kafka could not be noted');
      await this.reading?.close();
    });
    return done.catch(() => undefined);
  }

  private async take(consumed: Consumed): Promise<void> {
    const meaning = meaningOf(consumed.value, this.options.appId);
    const wanted = meaning !== null && (await this.isRemote(meaning.appId));
    this.options.onEvent?.(wanted ? 'noted' : 'skipped');
    if (wanted) await this.follow(meaning, consumed);
    this.seen.set(consumed.partition, consumed);
    if (!wanted || !this.turns.has(keyOf(meaning))) await this.commit(consumed.partition);
  }

  private async follow({ appId, sender, event }: Meaning, consumed: Consumed): Promise<void> {
    const key = keyOf({ appId, sender });
    const name = event['event'];
    if (name === 'user') {
      await this.note(key);
      this.turns.set(key, { appId, events: [event], begun: consumed, touchedAt: performance.now() });
      return;
    }
    const turn = this.turns.get(key);
    if (!turn) return;
    turn.events.push(event);
    turn.touchedAt = performance.now();
    if (name === 'action' && event['name'] === 'action_listen') await this.note(key);
  }

  private async sweep(quietMs: number): Promise<void> {
    const before = performance.now() - quietMs;
    for (const [key, { touchedAt, begun }] of this.turns) {
      if (touchedAt > before) continue;
      await this.note(key);
      await this.commit(begun.partition);
    }
  }

  /** Writes a turn into the log, if there is one. */
  private async note(key: string): Promise<void> {
    const turn = this.turns.get(key);
    if (!turn) return;
    const { conversations } = this.options.store;
    const said = messageIn(turn);
    try {
      if (said) {
        const { message } = await conversations.receive(said);
        await conversations.settle(message.id, outcomeIn(turn.events, said.conversation));
      }
    } catch (error) {
      // The bot was deleted meanwhile, and the conversation with it.
      if (!(error instanceof HubError && error.code === 'not_found')) throw error;
    }
    this.turns.delete(key);
  }

  /** Commits what no open turn of the partition needs. */
  private async commit(partition: number): Promise<void> {
    const newest = this.seen.get(partition);
    const open = [...this.turns.values()].map(({ begun }) => begun).filter((one) => one.partition === partition);
    if (newest && !open.some(({ offset }) => offset <= newest.offset)) await newest.commit();
  }

  /** Is it a bot of this hub that runs elsewhere? What its own bots do stands in the log already. */
  private async isRemote(appId: string): Promise<boolean> {
    const known = this.remote.get(appId);
    if (known && known.until > performance.now()) return known.is;
    const is = (await this.options.store.bots.get(appId))?.engine === 'remote';
    this.remote.set(appId, { is, until: performance.now() + 5000 });
    return is;
  }
}

const keyOf = ({ appId, sender }: Pick<Meaning, 'appId' | 'sender'>): string => JSON.stringify([appId, sender]);
const recordOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Whose event a message of the topic is; null when it is none of Rasa's. */
function meaningOf(text: string, fallback: string | null): Meaning | null {
  let event: Json;
  try {
    event = recordOf(JSON.parse(text));
  } catch {
    return null;
  }
  const sender = textOf(event['sender_id']);
  const appId = textOf(recordOf(event['metadata'])['assistant_id']) ?? fallback;
  return sender === null || appId === null || textOf(event['event']) === null ? null : { appId, sender, event };
}

/** The message that began a turn; null for what came by this hub, which has it already. */
function messageIn({ appId, events: [user = {}] }: OpenTurn): IncomingMessage | null {
  const { metadata: own, input_channel, text, message_id, timestamp, sender_id: sender } = user;
  const metadata = recordOf(own);
  if (metadata[eventKey] !== undefined) return null;
  const eventId =
    textOf(message_id) ??
    createHash('sha256')
      .update(JSON.stringify([sender, timestamp, text]))
      .digest('hex');
  return {
    ...{
      appId,
      channel: ingestChannel,
      conversation: `${ingestChannel}:${String(sender)}`,
      eventId: `${String(sender)} ${eventId}`,
    },
    ...{ text: textOf(text) ?? '', payload: false, to: '', metadata: { ...metadata, input_channel } },
  };
}

/** What became of it, as far as the events tell. */
function outcomeIn(events: Json[], recipient: string): MessageChange {
  const named = (name: string): Json[] => events.filter((event) => event['event'] === name);
  const [user = {}] = events;
  const parse = recordOf(user['parse_data']);
  const intent = recordOf(parse['intent']);
  const full = textOf(intent['full_retrieval_intent_name']) ?? textOf(intent['name']);
  const actions = named('action')
    .map((event) => String(event['name']))
    .filter((name) => name !== 'action_listen');
  const slots = Object.fromEntries(named('slot').map((event) => [String(event['name']), event['value']]));
  const model = textOf(recordOf(user['metadata'])['model_id']);
  const entities = Array.isArray(parse['entities']) ? (parse['entities'] as unknown[]) : [];
  const last = events.at(-1)?.['timestamp'];
  const ms =
    typeof last === 'number' && typeof user['timestamp'] === 'number' ? (last - user['timestamp']) * 1000 : null;
  return {
    ...{ state: 'answered', delivered: true, intent: full, ms: ms === null ? null : Math.max(0, Math.round(ms)) },
    confidence: typeof intent['confidence'] === 'number' ? intent['confidence'] : null,
    replies: named('bot').map((event) => replyIn(event, recipient)),
    turn: {
      ...(entities.length > 0 && { entities }),
      ...(Object.keys(slots).length > 0 && { slots }),
      ...(actions.length > 0 && { actions }),
      ...(model !== null && { model }),
    },
  };
}

function replyIn({ text, data }: Json, recipient: string): BotMessage {
  const parts = Object.entries(recordOf(data)).filter(
    ([name, value]) => value !== null && ['image', 'buttons', 'attachment', 'custom'].includes(name),
  );
  return {
    recipient_id: recipient,
    ...(textOf(text) !== null && { text: text as string }),
    ...Object.fromEntries(parts),
  };
}

/** Begins to read at once. */
export function openIngest(options: IngestOptions): Ingest {
  return new KafkaIngest(options);
}
