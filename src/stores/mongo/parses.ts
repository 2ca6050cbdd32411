/** Texts that were only to be understood, a document for each, without the text. */
import type { ParseRecord, ParseStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { Table } from './table.js';

export interface ParseDoc extends Stored, ParseRecord {
  _id: number;
}
export type ParseQuestions = 'ofBot' | 'byAge' | 'newest';
export const parses: Collection<ParseDoc, ParseQuestions> = {
  name: 'parses',
  fields: {
    ...{ _id: 'number', appId: 'string', at: 'string', channel: 'string', node: 'string', status: 'string' },
    ms: 'number',
  },
  indexes: { by_age: { keys: ['at', '_id'] }, of_bot: { keys: ['appId'] } },
  questions: {
    ofBot: { index: 'of_bot', equal: ['appId'] },
    byAge: { index: 'by_age', equal: [], sorted: ['at', '_id'] },
    newest: { index: 'by_age', equal: [], sorted: ['at', '_id'], order: 'down' },
  },
};
const atOnce = 500;

/** The parses of one database. */
export class MongoParses implements ParseStore {
  private readonly table: Table<ParseDoc, ParseQuestions>;

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(parses);
    bots.onDelete((appId) => this.table.remove('ofBot', { appId }));
  }

  add(records: ParseRecord[]): Promise<void> {
    return this.mongo.run(
      async () => {
        for (const record of records) await this.addOne(record);
      },
      { unhurried: true },
    );
  }

  expire(before: string): Promise<number> {
    return this.mongo.run(
      async () => {
        let removed = 0;
        for (;;) {
          const aged = (await this.table.find('byAge', {}, { limit: atOnce })).filter(({ at }) => at < before);
          for (const document of aged) if (await this.table.removeAsRead(document)) removed += 1;
          if (aged.length < atOnce) return removed;
        }
      },
      { unhurried: true },
    );
  }

  private async addOne(record: ParseRecord): Promise<void> {
    const _id = await this.numbers.next();
    try {
      await this.bots.within(record.appId, () => this.table.insert({ _id, ...record }));
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'not_found') throw error;
    }
  }
}
