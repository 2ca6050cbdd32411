/** Who did what, newest first by any of what it is looked up by. */
import type { AuditEntry, AuditFilter, AuditStore, Listed, Page } from '../../contracts.js';
import { last, Pager, since } from '../page.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { Table } from './table.js';

interface AuditDoc extends Stored {
  _id: number;
  id: string;
  at: string;
  appId: string | null;
  by: string;
  body: string;
}
type Questions = 'all' | 'bot' | 'one' | 'both';
const order = { sorted: ['at', '_id'], order: 'down' } as const;
export const audit: Collection<AuditDoc, Questions> = {
  name: 'audit',
  fields: { _id: 'number', id: 'string', at: 'string', appId: 'string', by: 'string', body: 'string' },
  indexes: {
    by_id: { keys: ['id'], unique: true },
    by_time: { keys: ['at', '_id'] },
    of_bot: { keys: ['appId', 'at', '_id'] },
    of_one: { keys: ['by', 'at', '_id'] },
    of_both: { keys: ['appId', 'by', 'at', '_id'] },
  },
  questions: {
    all: { index: 'by_time', equal: [], ...order },
    bot: { index: 'of_bot', equal: ['appId'], ...order },
    one: { index: 'of_one', equal: ['by'], ...order },
    both: { index: 'of_both', equal: ['appId', 'by'], ...order },
  },
};

/** The audit log of one database. */
export class MongoAudit implements AuditStore {
  private readonly table: Table<AuditDoc, Questions>;
  private readonly pager = new Pager<AuditDoc>('audit', last, (entry) => [entry.at, entry._id]);

  constructor(
    private readonly mongo: Mongo,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(audit);
  }

  add(entry: AuditEntry): Promise<void> {
    const { id, at, appId, by } = entry;
    return this.mongo.run(async () => {
      const document = { _id: await this.numbers.next(), id, at, appId, by: by.id, body: JSON.stringify(entry) };
      await this.table.insert(document);
    });
  }

  list(page: Page, { appId, by, from, to }: AuditFilter): Promise<Listed<AuditEntry>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page, to === undefined ? last : [to, Number.MAX_SAFE_INTEGER]);
      const values = { ...(appId !== undefined && { appId }), ...(by !== undefined && { by }) };
      const question = appId === undefined ? (by === undefined ? 'all' : 'one') : by === undefined ? 'bot' : 'both';
      const found = await this.table.find(question, values, { after: key, limit: fetch });
      return this.pager.page(page, since(found, from), entryOf);
    });
  }
}

const entryOf = ({ body }: AuditDoc): AuditEntry => JSON.parse(body) as AuditEntry;
