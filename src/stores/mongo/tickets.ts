/** Secrets that were handed to one person, by their digests. */
import type { Json, Ticket, TicketStore } from '../../contracts.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Table } from './table.js';

interface TicketDoc extends Stored, Omit<Ticket, 'digest' | 'body'> {
  /** The digest. */
  _id: string;
  /** As JSON. */
  body: string;
}
type Questions = 'ofUser' | 'byEnd';
export const tickets: Collection<TicketDoc, Questions> = {
  name: 'tickets',
  fields: { _id: 'string', kind: 'string', userId: 'string', body: 'string', createdAt: 'string', expiresAt: 'string' },
  indexes: { of_user: { keys: ['userId'] }, by_end: { keys: ['expiresAt'] } },
  questions: {
    ofUser: { index: 'of_user', equal: ['userId'] },
    byEnd: { index: 'by_end', equal: [], sorted: ['expiresAt'] },
  },
};
const portion = 500;

/** The tickets of one database. */
export class MongoTickets implements TicketStore {
  private readonly table: Table<TicketDoc, Questions>;

  constructor(private readonly mongo: Mongo) {
    this.table = mongo.table(tickets);
  }

  add({ digest, body, ...ticket }: Ticket): Promise<void> {
    return this.mongo.run(async () => {
      if (!(await this.table.insert({ _id: digest, ...ticket, body: JSON.stringify(body) })))
        throw new Error('There is such a ticket already.');
    });
  }

  get(digest: string): Promise<Ticket | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(digest);
      return document && ticketOf(document);
    });
  }

  take(digest: string): Promise<Ticket | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(digest);
      // Who reads it as it was and removes it as it was has it; whoever comes second removes nothing.
      return document && (await this.table.removeAsRead(document)) ? ticketOf(document) : null;
    });
  }

  rewrite(digest: string, body: Json): Promise<boolean> {
    const change = (): { set: { body: string }; answer: true } => ({
      set: { body: JSON.stringify(body) },
      answer: true,
    });
    return this.mongo.run(async () => (await this.table.change(digest, change)) === true);
  }

  removeOf(userId: string, except?: string): Promise<number> {
    return this.mongo.run(() => this.table.remove('ofUser', { userId }, except === undefined ? [] : [except]));
  }

  expire(before: string): Promise<number> {
    return this.mongo.run(
      async () => {
        for (let removed = 0; ;) {
          const found = await this.table.find('byEnd', {}, { limit: portion });
          const old = found.filter(({ expiresAt }) => expiresAt < before);
          for (const { _id } of old) if (await this.table.removeOne(_id)) removed += 1;
          if (old.length < portion) return removed;
        }
      },
      { unhurried: true },
    );
  }
}

const ticketOf = ({ _id: digest, kind, userId, body, createdAt, expiresAt }: TicketDoc): Ticket => ({
  digest,
  kind,
  userId,
  body: JSON.parse(body) as Json,
  createdAt,
  expiresAt,
});
