/** Secrets that were handed to one person, by their digests. */
import type { Json, Ticket, TicketStore } from '../../contracts.js';
import type { Sqlite } from './database.js';

interface Row {
  digest: string;
  kind: Ticket['kind'];
  user_id: string | null;
  body: string;
  created_at: string;
  expires_at: string;
}
const insert = `
  INSERT INTO tickets (digest, kind, user_id, body, created_at, expires_at)
  VALUES (@digest, @kind, @userId, @body, @createdAt, @expiresAt)`;

/** The tickets of one SQLite file. */
export class SqliteTickets implements TicketStore {
  private readonly insert;
  private readonly one;
  private readonly drop;
  private readonly write;
  private readonly dropOf;
  private readonly dropOld;

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.one = sqlite.query<Row>('SELECT * FROM tickets WHERE digest = @digest');
    this.drop = sqlite.query('DELETE FROM tickets WHERE digest = @digest');
    this.write = sqlite.query('UPDATE tickets SET body = @body WHERE digest = @digest');
    this.dropOf = sqlite.query('DELETE FROM tickets WHERE user_id = @userId AND digest <> @except');
    this.dropOld = sqlite.query('DELETE FROM tickets WHERE expires_at < @before');
  }

  add({ body, ...ticket }: Ticket): Promise<void> {
    return this.sqlite.write(() => void this.insert.run({ ...ticket, body: JSON.stringify(body) }));
  }

  get(digest: string): Promise<Ticket | null> {
    return this.sqlite.read(() => this.find(digest));
  }

  take(digest: string): Promise<Ticket | null> {
    return this.sqlite.write(() => {
      const ticket = this.find(digest);
      this.drop.run({ digest });
      return ticket;
    });
  }

  rewrite(digest: string, body: Json): Promise<boolean> {
    return this.sqlite.write(() => this.write.run({ digest, body: JSON.stringify(body) }).changes === 1);
  }

  removeOf(userId: string, except = ''): Promise<number> {
    return this.sqlite.write(() => this.dropOf.run({ userId, except }).changes);
  }

  expire(before: string): Promise<number> {
    return this.sqlite.write(() => this.dropOld.run({ before }).changes);
  }

  private find(digest: string): Ticket | null {
    const row = this.one.get({ digest });
    return row ? ticketOf(row) : null;
  }
}

const ticketOf = (row: Row): Ticket => ({
  digest: row.digest,
  kind: row.kind,
  userId: row.user_id,
  body: JSON.parse(row.body) as Json,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});
