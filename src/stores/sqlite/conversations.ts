/** Messages and the conversations they form. One row is both the dedupe key and the message. */
import type {
  Aftermath,
  Aged,
  BotMessage,
  Conversation,
  ConversationStore,
  IncomingMessage,
  Json,
  Listed,
  MessageChange,
  MessageState,
  OutboxEntry,
  Page,
  StoredMessage,
  TurnFacts,
} from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Query, Sqlite } from './database.js';
import type { SqliteDeadLetters } from './dead-letters.js';
import { SqliteExpiry } from './expiry.js';
import type { SqliteOutbox } from './outbox.js';
import { Pager } from '../page.js';

export interface MessageRow {
  seq: number;
  app_id: string;
  channel: string;
  event_id: string;
  conversation: string;
  number: number;
  text: string;
  payload: number;
  address: string;
  metadata: string;
  received_at: string;
  state: MessageState;
  error: string | null;
  replies: string;
  intent: string | null;
  confidence: number | null;
  delivered: number;
  maybe_twice: number;
  ms: number | null;
  turn: string | null;
}
/** Where the replies to a message go. */
export type MessageAddress = Pick<MessageRow, 'seq' | 'app_id' | 'channel' | 'conversation' | 'address'>;
type ConversationRow = Conversation & { lastSeq: number };

// The number is not the count: a backup of another store may bring larger ones.
const insert = `
  INSERT INTO messages (app_id, channel, event_id, conversation, number, text, payload, address, metadata, received_at, state, replies, delivered)
  VALUES (@appId, @channel, @eventId, @conversation,
    1 + coalesce((SELECT max(number) FROM messages WHERE app_id = @appId AND conversation = @conversation), 0),
    @text, @payload, @to, @metadata, @receivedAt, 'received', '[]', 0)
  ON CONFLICT (app_id, channel, event_id) DO NOTHING RETURNING seq, number`;
const count = `
  INSERT INTO conversations (app_id, id, channel, messages, first_at, last_at, last_seq)
  VALUES (@appId, @conversation, @channel, 1, @receivedAt, @receivedAt, @seq)
  ON CONFLICT (app_id, id) DO UPDATE SET messages = messages + 1, last_at = excluded.last_at, last_seq = excluded.last_seq`;
const byEvent = 'SELECT * FROM messages WHERE app_id = @appId AND channel = @channel AND event_id = @eventId';
const unsettled = "SELECT * FROM messages WHERE state = 'received' AND seq > @seq ORDER BY seq LIMIT @fetch";
const waiting = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation AND state = 'received' ORDER BY number`;
const byId = 'SELECT * FROM messages WHERE seq = @seq';
/** What a settled message may change, each a column of the same name. */
const changeable = ['state', 'error', 'replies', 'intent', 'confidence', 'delivered', 'ms', 'turn'] as const;
/** `which`: a bit for each of them. */
function updateOf(which: number): string {
  const set = changeable.filter((_, place) => which & (1 << place)).map((name) => `${name} = @${name}`);
  return `UPDATE messages SET ${set.join(', ') || 'seq = seq'} WHERE seq = @seq RETURNING seq, app_id, channel, conversation, address`;
}
const byActivity = `
  SELECT id, channel, messages, first_at AS firstAt, last_at AS lastAt, last_seq AS lastSeq
  FROM conversations WHERE app_id = @appId AND last_seq < @seq ORDER BY last_seq DESC LIMIT @fetch`;
const ofConversation = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation AND number > @number ORDER BY number LIMIT @fetch`;
const newest = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation ORDER BY number DESC LIMIT @count`;

/** The messages of one SQLite file. `now` stamps what is received. */
export class SqliteConversations implements ConversationStore {
  private readonly insert;
  private readonly count;
  private readonly byEvent;
  private readonly open;
  private readonly waitingOf;
  private readonly byId;
  private readonly byActivity;
  private readonly newest;
  private readonly after;
  private readonly expiry;
  /** Made when first used: a settled turn changes the same columns each time. */
  private readonly updates: Query<MessageAddress>[] = [];
  private readonly conversations = new Pager<ConversationRow>('conversations', [Number.MAX_SAFE_INTEGER], (row) => [
    row.lastSeq,
  ]);
  private readonly pager = new Pager<MessageRow>('messages', [0], (row) => [row.number]);
  private readonly unsettledPager = new Pager<MessageRow>('unsettled', [0], (row) => [row.seq]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly follow: { outbox: SqliteOutbox; deadLetters: SqliteDeadLetters },
    private readonly now: () => Date,
  ) {
    this.insert = sqlite.query<Pick<MessageRow, 'seq' | 'number'>>(insert);
    this.count = sqlite.query(count);
    this.byEvent = sqlite.query<MessageRow>(byEvent);
    this.open = sqlite.query<MessageRow>(unsettled);
    this.waitingOf = sqlite.query<MessageRow>(waiting);
    this.byId = sqlite.query<MessageRow>(byId);
    this.byActivity = sqlite.query<ConversationRow>(byActivity);
    this.newest = sqlite.query<MessageRow>(newest);
    this.after = sqlite.query<MessageRow>(ofConversation);
    this.expiry = new SqliteExpiry(sqlite);
  }

  receive(message: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean }> {
    const { appId, channel, conversation, eventId, text, payload, to } = message;
    const receivedAt = this.now().toISOString();
    const metadata = JSON.stringify(message.metadata);
    const values = { appId, channel, conversation, eventId, text, payload, to, metadata, receivedAt };
    return this.sqlite.write(() => {
      const added = this.insert.get(values);
      if (!added) return { message: messageOf(this.byEvent.one({ appId, channel, eventId })), duplicate: true };
      const { seq, number } = added;
      this.count.run({ appId, conversation, channel, receivedAt, seq });
      const facts = { ...values, number, metadata: JSON.parse(metadata) as Json };
      return { message: { ...facts, id: String(seq), ...unanswered() }, duplicate: false };
    });
  }

  // Undone by a power cut, the message is taken up again; the bot's tracker, which is durable, knows the turn.
  settle(id: string, change: MessageChange, then: Aftermath = {}): Promise<OutboxEntry[]> {
    return this.sqlite.write(() => {
      const message = this.change(Number(id), change);
      if (!message) throw new HubError('not_found', 'That message is not there (any more): its bot was deleted.');
      if (then.bury) this.follow.deadLetters.buryTurn(message, change.error ?? '', then.bury.attempts);
      const send = then.send ?? [];
      const first = (change.replies?.length ?? 0) - send.length;
      return send.map((reply, index) => this.follow.outbox.put(message, { part: first + index, reply }));
    }, 'committed');
  }

  unsettled(page: Page): Promise<Listed<StoredMessage>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.unsettledPager.where(page);
      return this.unsettledPager.page(page, this.open.all({ seq: key[0] ?? 0, fetch }), messageOf);
    });
  }

  waiting(appId: string, conversation: string): Promise<StoredMessage[]> {
    return this.sqlite.read(() => this.waitingOf.all({ appId, conversation }).map(messageOf));
  }

  get(id: string): Promise<StoredMessage | null> {
    return this.sqlite.read(() => {
      const row = this.byId.get({ seq: Number(id) });
      return row ? messageOf(row) : null;
    });
  }

  /** Writes the columns that `change` names, and no others; answers the message's address, undefined when it is gone. */
  private change(seq: number, change: MessageChange): MessageAddress | undefined {
    const values: Record<string, string | number | boolean | null> = { seq };
    let which = 0;
    for (const [place, name] of changeable.entries()) {
      const value = change[name];
      if (value === undefined) continue;
      which |= 1 << place;
      values[name] = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
    }
    return (this.updates[which] ??= this.sqlite.query<MessageAddress>(updateOf(which))).get(values);
  }

  list(appId: string, page: Page): Promise<Listed<Conversation>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.conversations.where(page);
      return this.conversations.page(page, this.byActivity.all({ appId, seq: key[0] ?? 0, fetch }), conversationOf);
    });
  }

  messages(appId: string, conversation: string, page: Page): Promise<Listed<StoredMessage>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.after.all({ appId, conversation, number: key[0] ?? 0, fetch }), messageOf);
    });
  }

  expire(aged: Aged, page: Page): Promise<{ removed: number; next: string | null }> {
    return this.expiry.expire(aged, page);
  }

  erase(appId: string, conversation: string): Promise<boolean> {
    return this.sqlite.write(() => this.expiry.erase({ appId, conversation }));
  }

  latest(appId: string, conversation: string, count: number): Promise<StoredMessage[]> {
    return this.sqlite.read(() => this.newest.all({ appId, conversation, count }).map(messageOf).reverse());
  }
}

const unanswered = () => ({
  state: 'received' as const,
  error: null,
  replies: [],
  intent: null,
  confidence: null,
  delivered: false,
  maybeTwice: false,
  ms: null,
});

function conversationOf({ id, channel, messages, firstAt, lastAt }: ConversationRow): Conversation {
  return { id, channel, messages, firstAt, lastAt };
}

/** A row of `messages` as the port shows it. */
export function messageOf(row: MessageRow): StoredMessage {
  return {
    id: String(row.seq),
    appId: row.app_id,
    channel: row.channel,
    conversation: row.conversation,
    number: row.number,
    eventId: row.event_id,
    text: row.text,
    payload: row.payload === 1,
    to: row.address,
    metadata: JSON.parse(row.metadata) as Json,
    state: row.state,
    error: row.error,
    replies: JSON.parse(row.replies) as BotMessage[],
    intent: row.intent,
    confidence: row.confidence,
    delivered: row.delivered === 1,
    maybeTwice: row.maybe_twice === 1,
    ms: row.ms,
    ...(row.turn !== null && { turn: JSON.parse(row.turn) as TurnFacts }),
    receivedAt: row.received_at,
  };
}
