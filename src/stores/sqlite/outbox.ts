/** Replies on their way out. */
import type { BotMessage, Listed, OutboxEntry, OutboxStore, Page, SendScope } from '../../contracts.js';
import type { MessageAddress } from './conversations.js';
import type { Sqlite } from './database.js';
import type { SqliteDeadLetters } from './dead-letters.js';
import { Pager } from '../page.js';

export interface OutboxRow {
  seq: number;
  message_seq: number;
  app_id: string;
  channel: string;
  conversation: string;
  address: string;
  part: number;
  reply: string;
  attempts: number;
  maybe_sent: number;
  error: string | null;
  hold_until: number | null;
  hold_scope: SendScope | null;
}

/** A new entry, for whoever puts a reply in. */
export const insertEntry = `
  INSERT INTO outbox (message_seq, app_id, channel, conversation, address, part, reply, maybe_sent)
  VALUES (@message, @appId, @channel, @conversation, @to, @part, @reply, @maybeSent)`;
const pending = 'SELECT * FROM outbox WHERE seq > @seq ORDER BY seq LIMIT @fetch';
const ofMessage = 'SELECT * FROM outbox WHERE message_seq = @message ORDER BY seq';
const remove = 'DELETE FROM outbox WHERE seq = @seq';
const retry = `
  UPDATE outbox SET attempts = @attempts, maybe_sent = @maybeSent, error = @error, hold_until = @until, hold_scope = @scope
  WHERE seq = @seq`;
const twice = 'UPDATE messages SET maybe_twice = 1 WHERE seq = @message';
// A message whose answer did not go out, or is a dead letter, was not delivered, whatever of it was.
const delivered = `
  UPDATE messages SET delivered = 1
  WHERE seq = @message AND state <> 'received' AND NOT (state = 'answered' AND error IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE message_seq = @message)
    AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE message_seq = @message AND kind = 'reply')`;

/** The outbox of one SQLite file. */
export class SqliteOutbox implements OutboxStore {
  private readonly insert;
  private readonly after;
  private readonly ofMessage;
  private readonly remove;
  private readonly note;
  private readonly twice;
  private readonly delivered;
  private readonly pager = new Pager<OutboxRow>('outbox', [0], (row) => [row.seq]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly deadLetters: SqliteDeadLetters,
  ) {
    this.insert = sqlite.query(insertEntry);
    this.after = sqlite.query<OutboxRow>(pending);
    this.ofMessage = sqlite.query<OutboxRow>(ofMessage);
    this.remove = sqlite.query(remove);
    this.note = sqlite.query(retry);
    this.twice = sqlite.query(twice);
    this.delivered = sqlite.query(delivered);
  }

  /** Puts a reply in; called within a write. */
  put(message: MessageAddress, { part, reply }: { part: number; reply: BotMessage }): OutboxEntry {
    const { app_id: appId, channel, conversation, address: to } = message;
    const values = { appId, channel, conversation, to, part };
    const { rowid } = this.insert.run({
      ...values,
      message: message.seq,
      reply: JSON.stringify(reply),
      maybeSent: false,
    });
    const fresh = { attempts: 0, maybeSent: false, error: null, hold: null };
    return { id: String(rowid), messageId: String(message.seq), ...values, reply, ...fresh };
  }

  pending(page: Page): Promise<Listed<OutboxEntry>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.after.all({ seq: key[0] ?? 0, fetch }), entryOf);
    });
  }

  of(messageId: string): Promise<OutboxEntry[]> {
    return this.sqlite.read(() => this.ofMessage.all({ message: Number(messageId) }).map(entryOf));
  }

  // Undone by a power cut, it costs a second copy of the reply, as a cut a moment earlier would.
  sent(entry: OutboxEntry): Promise<void> {
    return this.sqlite.write(() => {
      if (this.remove.run({ seq: Number(entry.id) }).changes === 0) return;
      const message = Number(entry.messageId);
      if (entry.maybeSent) this.twice.run({ message });
      this.delivered.run({ message });
    }, 'committed');
  }

  retry(entry: OutboxEntry): Promise<void> {
    const { attempts, maybeSent, error, hold } = entry;
    const values = { seq: Number(entry.id), attempts, maybeSent, error };
    return this.sqlite.write(
      () => void this.note.run({ ...values, until: hold?.until ?? null, scope: hold?.scope ?? null }),
    );
  }

  bury(entry: OutboxEntry): Promise<void> {
    return this.sqlite.write(() => {
      if (this.remove.run({ seq: Number(entry.id) }).changes === 0) return;
      this.deadLetters.buryReply(entry);
      if (entry.maybeSent) this.twice.run({ message: Number(entry.messageId) });
    });
  }
}

/** A row of `outbox` as the port shows it. */
export function entryOf(row: OutboxRow): OutboxEntry {
  return {
    id: String(row.seq),
    messageId: String(row.message_seq),
    appId: row.app_id,
    channel: row.channel,
    conversation: row.conversation,
    to: row.address,
    part: row.part,
    reply: JSON.parse(row.reply) as BotMessage,
    attempts: row.attempts,
    maybeSent: row.maybe_sent === 1,
    error: row.error,
    hold: row.hold_until === null ? null : { until: row.hold_until, scope: row.hold_scope ?? 'conversation' },
  };
}
