/** Models: the versions of a bot. Their files lie on the shelf. */
import type { Listed, Model, ModelFacts, ModelStore, Page } from '../../contracts.js';
import { last, Pager } from '../page.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { MongoJobs } from './jobs.js';
import type { Table } from './table.js';

interface ModelDoc extends Stored, Omit<Model, 'about'> {
  _id: number;
  /** As JSON; absent in documents of older releases. */
  about?: string | null;
}
type Questions = 'byId' | 'ofBot' | 'allOfBot' | 'byArchive' | 'byContent';
export const models: Collection<ModelDoc, Questions> = {
  name: 'models',
  fields: {
    _id: 'number',
    id: 'string',
    appId: 'string',
    jobId: 'string',
    engine: 'string',
    pipeline: 'string',
    archive: 'string',
    content: 'string',
    bytes: 'number',
    trainSeconds: 'number',
    createdAt: 'string',
    about: 'string',
  },
  indexes: {
    by_id: { keys: ['appId', 'id'], unique: true },
    of_bot: { keys: ['appId', 'createdAt', '_id'] },
    by_archive: { keys: ['archive'] },
    by_content: { keys: ['content'] },
  },
  questions: {
    byId: { index: 'by_id', equal: ['appId', 'id'] },
    ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['createdAt', '_id'], order: 'down' },
    allOfBot: { index: 'of_bot', equal: ['appId'] },
    byArchive: { index: 'by_archive', equal: ['archive'] },
    byContent: { index: 'by_content', equal: ['content'] },
  },
};

/** The models of one database. */
export class MongoModels implements ModelStore {
  private readonly table: Table<ModelDoc, Questions>;
  private readonly pager = new Pager<ModelDoc>('models', last, (model) => [model.createdAt, model._id]);

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly beside: { jobs: MongoJobs; numbers: Numbers },
  ) {
    this.table = mongo.table(models);
    bots.onDelete((appId) => this.table.remove('allOfBot', { appId }));
  }

  add(model: Model): Promise<void> {
    return this.mongo.run(() =>
      this.bots.within(model.appId, async () => {
        const about = model.about ? JSON.stringify(model.about) : null;
        if (await this.table.insert({ _id: await this.beside.numbers.next(), ...model, about })) return;
        throw new Error(`The bot has a model ${model.id} already.`);
      }),
    );
  }

  get(appId: string, id: string): Promise<Model | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { appId, id });
      return document && modelOf(document);
    });
  }

  list(appId: string, page: Page): Promise<Listed<Model>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, await this.table.find('ofBot', { appId }, { after: key, limit: fetch }), modelOf);
    });
  }

  remove(appId: string, id: string): Promise<boolean> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { appId, id });
      return document ? this.table.removeOne(document._id) : false;
    });
  }

  note(appId: string, id: string, about: ModelFacts): Promise<Model | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { appId, id });
      if (!document) return null;
      const change = { about: JSON.stringify(about) };
      const changed = await this.table.change(document._id, (present) => ({
        set: change,
        answer: modelOf({ ...present, ...change }),
      }));
      return changed ?? null;
    });
  }

  references(digest: string): Promise<boolean> {
    return this.mongo.run(async () => {
      if (await this.table.exists('byArchive', { archive: digest })) return true;
      if (await this.table.exists('byContent', { content: digest })) return true;
      return this.beside.jobs.names(digest);
    });
  }
}

function modelOf({ _id, rev: _rev, about, ...model }: ModelDoc): Model {
  return { ...model, ...(about && { about: JSON.parse(about) as ModelFacts }) };
}
