/** Small things of bots, each as one JSON text. */
import type { DocumentStore, Json } from '../../contracts.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface DocumentDoc extends Stored {
  _id: string;
  appId: string;
  name: string;
  body: string;
}
export const documents: Collection<DocumentDoc, 'ofBot'> = {
  name: 'documents',
  fields: { _id: 'string', appId: 'string', name: 'string', body: 'string' },
  indexes: { of_bot: { keys: ['appId', 'name'] } },
  questions: { ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['name'] } },
};
const most = 10_000;

/** The documents of one database. */
export class MongoDocuments implements DocumentStore {
  private readonly table: Table<DocumentDoc, 'ofBot'>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
  ) {
    this.table = mongo.table(documents);
    bots.onDelete((appId) => this.table.remove('ofBot', { appId }));
  }

  get(appId: string, name: string): Promise<Json | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(idOf(appId, name));
      return document ? bodyOf(document) : null;
    });
  }

  put(appId: string, name: string, body: Json): Promise<void> {
    const document = documentOf(appId, name, body);
    return this.within(document, () => this.table.put(document));
  }

  swap({ appId, name, was, body }: { appId: string; name: string; was: Json | null; body: Json }): Promise<boolean> {
    const document = documentOf(appId, name, body);
    const before = JSON.stringify(was);
    return this.within(document, async () => {
      if (was === null) return this.table.insert(document);
      const swapped = await this.table.change(document._id, (kept) =>
        kept.body === before ? { set: { body: document.body }, answer: true } : { answer: false },
      );
      return swapped ?? false;
    });
  }

  list(appId: string): Promise<{ name: string; body: Json }[]> {
    return this.mongo.run(async () =>
      (await this.table.find('ofBot', { appId }, { limit: most })).map((document) => ({
        name: document.name,
        body: bodyOf(document),
      })),
    );
  }

  private within<T>({ _id, appId }: Pick<DocumentDoc, '_id' | 'appId'>, work: () => Promise<T>): Promise<T> {
    return this.mongo.run(() => this.lanes.run(_id, () => this.bots.within(appId, work)));
  }
}

const idOf = (appId: string, name: string): string => JSON.stringify([appId, name]);
const documentOf = (appId: string, name: string, body: Json): Omit<DocumentDoc, 'rev'> => ({
  ...{ _id: idOf(appId, name), appId, name },
  body: JSON.stringify(body),
});
const bodyOf = ({ body }: DocumentDoc): Json => JSON.parse(body) as Json;
