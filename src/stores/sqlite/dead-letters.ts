/** Turns and replies that were given up, until somebody replays or discards them. */
import type {
  BotMessage,
  DeadLetter,
  DeadLetterStore,
  Listed,
  OutboxEntry,
  Page,
  StoredMessage,
} from '../../contracts.js';
import { type MessageAddress, messageOf, type MessageRow } from './conversations.js';
import type { Sqlite } from './database.js';
import { entryOf, insertEntry, type OutboxRow } from './outbox.js';
import { Pager } from '../page.js';

interface LetterRow {
  seq: number;
  message_seq: number;
  app_id: string;
  kind: DeadLetter['kind'];
  part: number | null;
  reply: string | null;
  error: string;
  attempts: number;
  maybe_sent: number;
  at: string;
}
type ShownRow = LetterRow & Pick<MessageRow, 'channel' | 'conversation' | 'text'>;
type FullRow = LetterRow & Pick<MessageRow, 'channel' | 'conversation' | 'address'>;

const insert = `
  INSERT INTO dead_letters (message_seq, app_id, kind, part, reply, error, attempts, maybe_sent, at)
  VALUES (@message, @appId, @kind, @part, @reply, @error, @attempts, @maybeSent, @at)`;
const shown = `
  SELECT d.*, m.channel, m.conversation, m.text, m.address FROM dead_letters d JOIN messages m ON m.seq = d.message_seq`;
const one = `${shown} WHERE d.seq = @seq`;
const all = `${shown} WHERE d.seq < @seq ORDER BY d.seq DESC LIMIT @fetch`;
const ofBot = `${shown} WHERE d.app_id = @appId AND d.seq < @seq ORDER BY d.seq DESC LIMIT @fetch`;
const remove = 'DELETE FROM dead_letters WHERE seq = @seq';
const reopen = "UPDATE messages SET state = 'received', error = NULL WHERE seq = @seq RETURNING *";

/** The dead letters of one SQLite file. `now` stamps them. */
export class SqliteDeadLetters implements DeadLetterStore {
  private readonly insert;
  private readonly one;
  private readonly all;
  private readonly ofBot;
  private readonly remove;
  private readonly reopen;
  private readonly insertEntry;
  private readonly entry;
  private readonly pager = new Pager<ShownRow>('dead letters', [Number.MAX_SAFE_INTEGER], (row) => [row.seq]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly now: () => Date,
  ) {
    this.insert = sqlite.query(insert);
    this.one = sqlite.query<ShownRow & FullRow>(one);
    this.all = sqlite.query<ShownRow>(all);
    this.ofBot = sqlite.query<ShownRow>(ofBot);
    this.remove = sqlite.query(remove);
    this.reopen = sqlite.query<MessageRow>(reopen);
    this.insertEntry = sqlite.query(insertEntry);
    this.entry = sqlite.query<OutboxRow>('SELECT * FROM outbox WHERE seq = @seq');
  }

  /** Keeps a turn that was given up; called within a write. */
  buryTurn(message: MessageAddress, error: string, attempts: number): void {
    const { seq, app_id: appId } = message;
    const none = { part: null, reply: null, maybeSent: false };
    this.insert.run({ message: seq, appId, kind: 'turn', ...none, error, attempts, at: this.now().toISOString() });
  }

  /** Keeps a reply that was given up; called within a write. */
  buryReply(entry: OutboxEntry): void {
    const { appId, part, attempts, maybeSent } = entry;
    const reply = JSON.stringify(entry.reply);
    const values = { message: Number(entry.messageId), appId, kind: 'reply', part, reply, attempts, maybeSent };
    this.insert.run({ ...values, error: entry.error ?? '', at: this.now().toISOString() });
  }

  list(page: Page, appId?: string): Promise<Listed<DeadLetter>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      const from = { seq: key[0] ?? 0, fetch };
      const rows = appId === undefined ? this.all.all(from) : this.ofBot.all({ ...from, appId });
      return this.pager.page(page, rows, letterOf);
    });
  }

  get(id: string): Promise<DeadLetter | null> {
    return this.sqlite.read(() => {
      const row = this.one.get({ seq: Number(id) });
      return row ? letterOf(row) : null;
    });
  }

  revive(id: string): Promise<{ message: StoredMessage } | { entry: OutboxEntry } | null> {
    return this.sqlite.write(() => {
      const row = this.one.get({ seq: Number(id) });
      if (!row) return null;
      this.remove.run({ seq: row.seq });
      if (row.kind === 'reply') return { entry: this.putAgain(row) };
      return { message: messageOf(this.reopen.one({ seq: row.message_seq })) };
    });
  }

  discard(id: string): Promise<boolean> {
    return this.sqlite.write(() => this.remove.run({ seq: Number(id) }).changes === 1);
  }

  private putAgain(row: FullRow): OutboxEntry {
    const { message_seq: message, app_id: appId, channel, conversation, address: to, part, reply } = row;
    const values = { message, appId, channel, conversation, to, part, reply, maybeSent: row.maybe_sent };
    const { rowid: seq } = this.insertEntry.run(values);
    return entryOf(this.entry.one({ seq }));
  }
}

function letterOf(row: ShownRow): DeadLetter {
  return {
    id: String(row.seq),
    kind: row.kind,
    appId: row.app_id,
    channel: row.channel,
    conversation: row.conversation,
    messageId: String(row.message_seq),
    text: row.text,
    reply: row.reply === null ? null : (JSON.parse(row.reply) as BotMessage),
    part: row.part,
    error: row.error,
    attempts: row.attempts,
    maybeSent: row.maybe_sent === 1,
    at: row.at,
  };
}
