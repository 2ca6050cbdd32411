/** Keys of programs, each as one JSON text beside what it is found by. */
import type { ApiKey, ApiKeyStore, Listed, Page } from '../../contracts.js';
import { Pager } from '../page.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { Table } from './table.js';

interface KeyDoc extends Stored {
  _id: number;
  id: string;
  digest: string;
  appId: string | null;
  body: string;
}
type Questions = 'byId' | 'byDigest' | 'all' | 'ofBot' | 'allOfBot';
export const apiKeys: Collection<KeyDoc, Questions> = {
  name: 'api_keys',
  fields: { _id: 'number', id: 'string', digest: 'string', appId: 'string', body: 'string' },
  indexes: {
    by_id: { keys: ['id'], unique: true },
    by_digest: { keys: ['digest'], unique: true },
    of_bot: { keys: ['appId', '_id'] },
  },
  questions: {
    byId: { index: 'by_id', equal: ['id'] },
    byDigest: { index: 'by_digest', equal: ['digest'] },
    all: { index: 'id', equal: [], sorted: ['_id'] },
    ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['_id'] },
    allOfBot: { index: 'of_bot', equal: ['appId'] },
  },
};

/** The keys of one database. */
export class MongoApiKeys implements ApiKeyStore {
  private readonly table: Table<KeyDoc, Questions>;
  private readonly pager = new Pager<KeyDoc>('keys', [0], (key) => [key._id]);

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(apiKeys);
    bots.onDelete((appId) => this.table.remove('allOfBot', { appId }));
  }

  add(key: ApiKey): Promise<void> {
    const { id, digest, appId } = key;
    const write = async (): Promise<void> => {
      const document = { _id: await this.numbers.next(), id, digest, appId, body: JSON.stringify(key) };
      if (!(await this.table.insert(document))) throw new Error('There is such a key already.');
    };
    return this.mongo.run(() => (appId === null ? write() : this.bots.within(appId, write)));
  }

  get(id: string): Promise<ApiKey | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document && keyOf(document);
    });
  }

  byDigest(digest: string): Promise<ApiKey | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byDigest', { digest });
      return document && keyOf(document);
    });
  }

  list(page: Page, appId?: string): Promise<Listed<ApiKey>> {
    return this.mongo.run(async () => {
      const { key: after, fetch: limit } = this.pager.where(page);
      const found = await (appId === undefined
        ? this.table.find('all', {}, { after, limit })
        : this.table.find('ofBot', { appId }, { after, limit }));
      return this.pager.page(page, found, keyOf);
    });
  }

  update(id: string, change: Partial<Pick<ApiKey, 'name' | 'expiresAt' | 'usedAt'>>): Promise<ApiKey | null> {
    return this.mongo.run(async () => {
      const found = await this.table.first('byId', { id });
      if (!found) return null;
      const changed = await this.table.change(found._id, (document) => {
        const key = { ...keyOf(document), ...change };
        return { set: { body: JSON.stringify(key) }, answer: key };
      });
      return changed ?? null;
    });
  }

  remove(id: string): Promise<boolean> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document ? this.table.removeOne(document._id) : false;
    });
  }
}

const keyOf = ({ body }: KeyDoc): ApiKey => JSON.parse(body) as ApiKey;
