/** Messages and the conversations they form. One row is both the dedupe key and the message. */
import type {
  BotMessage,
  Conversation,
  ConversationStore,
  IncomingMessage,
  Json,
  Listed,
  MessageState,
  Page,
  StoredMessage,
} from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Sqlite } from './database.js';
import { Pager } from './page.js';

interface MessageRow {
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
  ms: number | null;
}
type ConversationRow = Conversation & { lastSeq: number };
type Change = Parameters<ConversationStore['settle']>[1];

// The number is the count so far: messages go only with their bot.
const count = `
  INSERT INTO conversations (app_id, id, channel, messages, first_at, last_at, last_seq)
  VALUES (@appId, @conversation, @channel, 1, @receivedAt, @receivedAt, 0)
  ON CONFLICT (app_id, id) DO UPDATE SET messages = messages + 1, last_at = excluded.last_at
  RETURNING messages AS number`;
const touch = 'UPDATE conversations SET last_seq = @seq WHERE app_id = @appId AND id = @conversation';
const insert = `
  INSERT INTO messages (app_id, channel, event_id, conversation, number, text, payload, address, metadata, received_at, state, replies, delivered)
  VALUES (@appId, @channel, @eventId, @conversation, @number, @text, @payload, @to, @metadata, @receivedAt, 'received', '[]', 0)`;
const settle = `
  UPDATE messages SET state = @state, error = @error, replies = @replies, intent = @intent, confidence = @confidence,
    delivered = @delivered, ms = @ms
  WHERE seq = @seq`;
const byEvent = 'SELECT * FROM messages WHERE app_id = @appId AND channel = @channel AND event_id = @eventId';
const unsettled =
  "SELECT * FROM messages WHERE state = 'received' OR (state = 'answered' AND delivered = 0) ORDER BY seq";
const byActivity = `
  SELECT id, channel, messages, first_at AS firstAt, last_at AS lastAt, last_seq AS lastSeq
  FROM conversations WHERE app_id = @appId AND last_seq < @seq ORDER BY last_seq DESC LIMIT @fetch`;
const ofConversation = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation AND number > @number ORDER BY number LIMIT @fetch`;
const newest = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation ORDER BY number DESC LIMIT @count`;

/** The messages of one SQLite file. `now` stamps what is received. */
export class SqliteConversations implements ConversationStore {
  private readonly count;
  private readonly touch;
  private readonly insert;
  private readonly change;
  private readonly byEvent;
  private readonly bySeq;
  private readonly open;
  private readonly byActivity;
  private readonly newest;
  private readonly after;
  private readonly conversations = new Pager<ConversationRow>('conversations', [Number.MAX_SAFE_INTEGER], (row) => [
    row.lastSeq,
  ]);
  private readonly pager = new Pager<MessageRow>('messages', [0], (row) => [row.number]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly now: () => Date,
  ) {
    this.count = sqlite.query<{ number: number }>(count);
    this.touch = sqlite.query(touch);
    this.insert = sqlite.query(insert);
    this.change = sqlite.query(settle);
    this.byEvent = sqlite.query<MessageRow>(byEvent);
    this.bySeq = sqlite.query<MessageRow>('SELECT * FROM messages WHERE seq = @seq');
    this.open = sqlite.query<MessageRow>(unsettled);
    this.byActivity = sqlite.query<ConversationRow>(byActivity);
    this.newest = sqlite.query<MessageRow>(newest);
    this.after = sqlite.query<MessageRow>(ofConversation);
  }

  receive(message: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean }> {
    const { appId, channel, conversation, eventId, text, payload, to } = message;
    const receivedAt = this.now().toISOString();
    return this.sqlite.write(() => {
      const present = this.byEvent.get({ appId, channel, eventId });
      if (present) return { message: messageOf(present), duplicate: true };
      const metadata = JSON.stringify(message.metadata);
      const { number } = this.count.one({ appId, conversation, channel, receivedAt });
      const values = { appId, channel, conversation, eventId, text, payload, to, metadata, receivedAt, number };
      const seq = this.insert.run(values).rowid;
      this.touch.run({ seq, appId, conversation });
      const stored = { ...values, metadata: JSON.parse(metadata) as Json, id: String(seq), ...unanswered() };
      return { message: stored, duplicate: false };
    });
  }

  settle(id: string, change: Change): Promise<void> {
    return this.sqlite.write(() => {
      const row = this.bySeq.get({ seq: Number(id) });
      if (!row) throw new HubError('not_found', 'That message is not there (any more): its bot was deleted.');
      const { state, error, replies, intent, confidence, delivered, ms } = { ...messageOf(row), ...change };
      this.change.run({
        seq: row.seq,
        state,
        error,
        replies: JSON.stringify(replies),
        intent,
        confidence,
        delivered,
        ms,
      });
    });
  }

  unsettled(): Promise<StoredMessage[]> {
    return this.sqlite.read(() => this.open.all().map(messageOf));
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

  latest(appId: string, conversation: string, count: number): Promise<StoredMessage[]> {
    return this.sqlite.read(() => this.newest.all({ appId, conversation, count }).map(messageOf).reverse());
  }
}

function unanswered(): Pick<
  StoredMessage,
  'state' | 'error' | 'replies' | 'intent' | 'confidence' | 'delivered' | 'ms'
> {
  return { state: 'received', error: null, replies: [], intent: null, confidence: null, delivered: false, ms: null };
}

function conversationOf({ id, channel, messages, firstAt, lastAt }: ConversationRow): Conversation {
  return { id, channel, messages, firstAt, lastAt };
}

function messageOf(row: MessageRow): StoredMessage {
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
    ms: row.ms,
    receivedAt: row.received_at,
  };
}
