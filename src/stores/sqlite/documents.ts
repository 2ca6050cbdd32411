/** Small things of bots, each as one JSON text. */
import type { DocumentStore, Json } from '../../contracts.js';
import type { Sqlite } from './database.js';

interface Row {
  name: string;
  body: string;
}
const put = `
  INSERT INTO documents (app_id, name, body) VALUES (@appId, @name, @body)
  ON CONFLICT (app_id, name) DO UPDATE SET body = excluded.body`;
const insert = `
  INSERT INTO documents (app_id, name, body) VALUES (@appId, @name, @body) ON CONFLICT (app_id, name) DO NOTHING`;
const replace = 'UPDATE documents SET body = @body WHERE app_id = @appId AND name = @name AND body = @was';

/** The documents of one SQLite file. */
export class SqliteDocuments implements DocumentStore {
  private readonly one;
  private readonly all;
  private readonly write;
  private readonly replace;
  private readonly insert;

  constructor(private readonly sqlite: Sqlite) {
    this.one = sqlite.query<Row>('SELECT name, body FROM documents WHERE app_id = @appId AND name = @name');
    this.all = sqlite.query<Row>('SELECT name, body FROM documents WHERE app_id = @appId ORDER BY name');
    this.write = sqlite.query(put);
    this.replace = sqlite.query(replace);
    this.insert = sqlite.query(insert);
  }

  get(appId: string, name: string): Promise<Json | null> {
    return this.sqlite.read(() => {
      const row = this.one.get({ appId, name });
      return row ? (JSON.parse(row.body) as Json) : null;
    });
  }

  put(appId: string, name: string, body: Json): Promise<void> {
    return this.sqlite.write(() => void this.write.run({ appId, name, body: JSON.stringify(body) }));
  }

  swap({ appId, name, was, body }: { appId: string; name: string; was: Json | null; body: Json }): Promise<boolean> {
    const document = { appId, name, body: JSON.stringify(body) };
    return this.sqlite.write(() => {
      const { changes } =
        was === null ? this.insert.run(document) : this.replace.run({ ...document, was: JSON.stringify(was) });
      return changes === 1;
    });
  }

  list(appId: string): Promise<{ name: string; body: Json }[]> {
    return this.sqlite.read(() =>
      this.all.all({ appId }).map(({ name, body }) => ({ name, body: JSON.parse(body) as Json })),
    );
  }
}
