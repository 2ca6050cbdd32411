/** Templates that were added to this hub, each as one JSON text. */
import type { StoredTemplate, TemplateStore } from '../../contracts.js';
import type { Sqlite } from './database.js';

interface Row {
  body: string;
}
const put = `
  INSERT INTO templates (name, body) VALUES (@name, @body) ON CONFLICT (name) DO UPDATE SET body = excluded.body`;

/** The templates of one SQLite file. */
export class SqliteTemplates implements TemplateStore {
  private readonly one;
  private readonly all;
  private readonly write;
  private readonly drop;

  constructor(private readonly sqlite: Sqlite) {
    this.one = sqlite.query<Row>('SELECT body FROM templates WHERE name = @name');
    this.all = sqlite.query<Row>('SELECT body FROM templates ORDER BY name');
    this.write = sqlite.query(put);
    this.drop = sqlite.query('DELETE FROM templates WHERE name = @name');
  }

  get(name: string): Promise<StoredTemplate | null> {
    return this.sqlite.read(() => {
      const row = this.one.get({ name });
      return row ? templateOf(row) : null;
    });
  }

  list(): Promise<StoredTemplate[]> {
    return this.sqlite.read(() => this.all.all({}).map(templateOf));
  }

  put(template: StoredTemplate): Promise<void> {
    const body = JSON.stringify(template);
    return this.sqlite.write(() => void this.write.run({ name: template.name, body }));
  }

  remove(name: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ name }).changes === 1);
  }
}

const templateOf = ({ body }: Row): StoredTemplate => JSON.parse(body) as StoredTemplate;
