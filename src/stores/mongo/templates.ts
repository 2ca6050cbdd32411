/** Templates that were added to this hub, each as one JSON text. */
import type { StoredTemplate, TemplateStore } from '../../contracts.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface TemplateDoc extends Stored {
  /** The name. */
  _id: string;
  body: string;
}
export const templates: Collection<TemplateDoc, 'all'> = {
  name: 'templates',
  fields: { _id: 'string', body: 'string' },
  indexes: {},
  questions: { all: { index: 'id', equal: [], sorted: ['_id'] } },
};
const most = 10_000;

/** The templates of one database. */
export class MongoTemplates implements TemplateStore {
  private readonly table: Table<TemplateDoc, 'all'>;
  private readonly lanes = new Lanes();

  constructor(private readonly mongo: Mongo) {
    this.table = mongo.table(templates);
  }

  get(name: string): Promise<StoredTemplate | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(name);
      return document ? templateOf(document) : null;
    });
  }

  list(): Promise<StoredTemplate[]> {
    return this.mongo.run(async () => (await this.table.find('all', {}, { limit: most })).map(templateOf));
  }

  put(template: StoredTemplate): Promise<void> {
    const document = { _id: template.name, body: JSON.stringify(template) };
    return this.mongo.run(() => this.lanes.run(template.name, () => this.table.put(document)));
  }

  remove(name: string): Promise<boolean> {
    return this.mongo.run(() => this.lanes.run(name, () => this.table.removeOne(name)));
  }
}

const templateOf = ({ body }: TemplateDoc): StoredTemplate => JSON.parse(body) as StoredTemplate;
