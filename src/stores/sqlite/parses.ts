/** Texts that were only to be understood, a row for each, without the text. */
import type { ParseRecord, ParseStore } from '../../contracts.js';
import type { Sqlite } from './database.js';

const insert = `
  INSERT INTO parses (app_id, at, channel, node, status, ms) SELECT @appId, @at, @channel, @node, @status, @ms
  WHERE EXISTS (SELECT 1 FROM bots WHERE app_id = @appId)`;

/** The parses of one SQLite file. */
export class SqliteParses implements ParseStore {
  private readonly insert;
  private readonly aged;

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.aged = sqlite.query('DELETE FROM parses WHERE at < @before');
  }

  add(records: ParseRecord[]): Promise<void> {
    return this.sqlite.write(() => {
      for (const record of records) this.insert.run({ ...record });
    }, 'committed');
  }

  expire(before: string): Promise<number> {
    return this.sqlite.write(() => this.aged.run({ before }).changes, 'committed');
  }
}
