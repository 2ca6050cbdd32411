/** Removes messages that were kept long enough, and with the last of a conversation the conversation and its tracker. */
import type { Aged, Page } from '../../contracts.js';
import { agedBefore, isAged, Pager } from '../page.js';
import type { Sqlite } from './database.js';

interface AgedRow {
  seq: number;
  app_id: string;
  conversation: string;
  received_at: string;
  /** Is it still to be answered, or a reply to it still to be sent? */
  needed: number;
}
type Of = { appId: string; conversation: string };

const aged = `
  SELECT seq, app_id, conversation, received_at,
    state = 'received' OR EXISTS (SELECT 1 FROM outbox WHERE message_seq = messages.seq) AS needed
  FROM messages WHERE received_at < @before AND (received_at, seq) > (@at, @seq) ORDER BY received_at, seq LIMIT @fetch`;
const remove = 'DELETE FROM messages WHERE seq = @seq';
const newest = 'SELECT seq FROM messages WHERE app_id = @appId AND conversation = @conversation LIMIT 1';
const recount = `
  UPDATE conversations SET
    messages = (SELECT count(*) FROM messages WHERE app_id = @appId AND conversation = @conversation),
    first_at = (SELECT received_at FROM messages WHERE app_id = @appId AND conversation = @conversation ORDER BY number LIMIT 1)
  WHERE app_id = @appId AND id = @conversation`;
const close = 'DELETE FROM conversations WHERE app_id = @appId AND id = @conversation';
const removeAll = 'DELETE FROM messages WHERE app_id = @appId AND conversation = @conversation';
const forget = 'DELETE FROM trackers WHERE app_id = @appId AND sender = @conversation';

export class SqliteExpiry {
  private readonly aged;
  private readonly remove;
  private readonly newest;
  private readonly recount;
  private readonly close;
  private readonly forget;
  private readonly removeAll;
  private readonly pager = new Pager<AgedRow>('expired', ['', 0], (row) => [row.received_at, row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.aged = sqlite.query<AgedRow>(aged);
    this.remove = sqlite.query(remove);
    this.newest = sqlite.query(newest);
    this.recount = sqlite.query(recount);
    this.close = sqlite.query(close);
    this.forget = sqlite.query(forget);
    this.removeAll = sqlite.query(removeAll);
  }

  /** As `ConversationStore.expire`. */
  expire(aged: Aged, page: Page): Promise<{ removed: number; next: string | null }> {
    return this.sqlite.write(() => {
      const { key, fetch } = this.pager.where(page);
      const rows = this.aged.all({ before: agedBefore(aged), at: key[0] ?? '', seq: key[1] ?? 0, fetch });
      const { items, next } = this.pager.page(page, rows, (row) => row);
      const gone = items.filter((row) => row.needed === 0 && isAged(aged, row.app_id, row.received_at));
      for (const { seq } of gone) this.remove.run({ seq });
      const touched = new Map(gone.map((row) => [JSON.stringify([row.app_id, row.conversation]), row]));
      for (const row of touched.values()) this.settle({ appId: row.app_id, conversation: row.conversation });
      return { removed: gone.length, next };
    }, 'committed');
  }

  /** As `ConversationStore.erase`; called within a write. */
  erase(of: Of): boolean {
    const removed = [this.removeAll, this.close, this.forget].map((statement) => statement.run({ ...of }).changes);
    return removed.some((changes) => changes > 0);
  }

  private settle(of: Of): void {
    if (this.newest.get({ ...of })) return void this.recount.run({ ...of });
    this.close.run({ ...of });
    this.forget.run({ ...of });
  }
}
