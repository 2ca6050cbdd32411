/** Who did what, newest first by any of what it is looked up by. */
import type { AuditEntry, AuditFilter, AuditStore, Listed, Page } from '../../contracts.js';
import { last, Pager, since } from '../page.js';
import type { Sqlite } from './database.js';

interface Row {
  seq: number;
  at: string;
  body: string;
}
const listed = (where: string): string =>
  `SELECT seq, at, body FROM audit WHERE ${where}(at, seq) < (@at, @seq) ORDER BY at DESC, seq DESC LIMIT @fetch`;

/** The audit log of one SQLite file. */
export class SqliteAudit implements AuditStore {
  private readonly insert;
  private readonly lists;
  private readonly pager = new Pager<Row>('audit', last, (row) => [row.at, row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(
      'INSERT INTO audit (id, at, app_id, by_id, body) VALUES (@id, @at, @appId, @by, @body) ON CONFLICT (id) DO NOTHING',
    );
    this.lists = {
      all: sqlite.query<Row>(listed('')),
      bot: sqlite.query<Row>(listed('app_id = @appId AND ')),
      one: sqlite.query<Row>(listed('by_id = @by AND ')),
      both: sqlite.query<Row>(listed('app_id = @appId AND by_id = @by AND ')),
    };
  }

  add(entry: AuditEntry): Promise<void> {
    const { id, at, appId, by } = entry;
    return this.sqlite.write(() => void this.insert.run({ id, at, appId, by: by.id, body: JSON.stringify(entry) }));
  }

  list(page: Page, { appId, by, from, to }: AuditFilter): Promise<Listed<AuditEntry>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page, to === undefined ? last : [to, Number.MAX_SAFE_INTEGER]);
      const values = { at: key[0] ?? '', seq: key[1] ?? 0, fetch };
      const rows =
        appId === undefined
          ? by === undefined
            ? this.lists.all.all(values)
            : this.lists.one.all({ ...values, by })
          : by === undefined
            ? this.lists.bot.all({ ...values, appId })
            : this.lists.both.all({ ...values, appId, by });
      return this.pager.page(page, since(rows, from), entryOf);
    });
  }
}

const entryOf = ({ body }: Row): AuditEntry => JSON.parse(body) as AuditEntry;
