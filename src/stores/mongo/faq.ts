/** FAQs: all pairs of a bot as one JSON text, so that an answer comes back byte for byte. */
import type { Faq, FaqPair, FaqStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';
import type { Texts } from './texts.js';

interface FaqDoc extends Stored {
  /** The APP_ID. */
  _id: string;
  version: number;
  pieces: number[];
}
export const faqs: Collection<FaqDoc> = {
  name: 'faqs',
  fields: { _id: 'string', version: 'number', pieces: 'list' },
  indexes: {},
  questions: {},
};

/** The FAQs of one database. */
export class MongoFaq implements FaqStore {
  private readonly table: Table<FaqDoc>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly texts: Texts,
  ) {
    this.table = mongo.table(faqs);
    bots.onDelete((appId) => this.table.removeOne(appId));
  }

  get(appId: string): Promise<Faq> {
    return this.mongo.run(
      async () => {
        for (;;) {
          const faq = await this.table.byId(appId);
          if (!faq) return { version: 0, pairs: [] };
          const text = await this.texts.read(faq.pieces);
          if (text !== null) return { version: faq.version, pairs: JSON.parse(text) as FaqPair[] };
        }
      },
      { unhurried: true },
    );
  }

  put(appId: string, pairs: FaqPair[], ifVersion?: number): Promise<number> {
    return this.write(appId, pairs, (present) => {
      if (ifVersion === undefined || ifVersion === present) return present + 1;
      throw new HubError(
        'version_conflict',
        `The FAQ is at version ${present} by now; load it again and repeat the change.`,
      );
    });
  }

  /** Puts an FAQ back as a backup has it. */
  async restore(appId: string, { version, pairs }: Faq): Promise<void> {
    await this.write(appId, pairs, () => version);
  }

  private write(appId: string, pairs: FaqPair[], versionAfter: (present: number) => number): Promise<number> {
    const json = JSON.stringify(pairs);
    const of = { appId, part: 'faq' } as const;
    return this.mongo.run(
      () =>
        this.lanes.run(appId, () =>
          this.bots.within(appId, async () => {
            versionAfter((await this.table.byId(appId))?.version ?? 0);
            const pieces = await this.texts.add(of, json);
            await this.table.insert({ _id: appId, version: 0, pieces: [] });
            const version = await this.table.change(appId, (faq) => {
              const next = versionAfter(faq.version);
              return { set: { version: next, pieces }, answer: { next, before: faq.pieces } };
            });
            await this.texts.keep(of, { before: version?.before ?? [], now: pieces });
            return version?.next ?? 0;
          }),
        ),
      { unhurried: true },
    );
  }
}
