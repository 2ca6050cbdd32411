/** What people do about conversations: a document only where somebody did something. */
import type { Care, CareChange, CareState, CareStore, LoggedConversation } from '../../contracts.js';
import { careOf, changedCare } from '../log.js';
import type { MongoBots } from './bots.js';
import { conversations, type TalkDoc, type TalkQuestions } from './conversations.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

export interface CareDoc extends Stored {
  /** That of the conversation. */
  _id: string;
  appId: string;
  conversation: string;
  state: CareState;
  /** As JSON. */
  body: string;
}
export type CareQuestions = 'ofBot' | 'ofState' | 'several';
export const cares: Collection<CareDoc, CareQuestions> = {
  name: 'care',
  fields: { _id: 'string', appId: 'string', conversation: 'string', state: 'string', body: 'string' },
  indexes: { of_bot: { keys: ['appId'] }, by_state: { keys: ['state', 'appId'] } },
  questions: {
    ofBot: { index: 'of_bot', equal: ['appId'] },
    ofState: { index: 'by_state', equal: ['state'] },
    several: { index: 'id', equal: ['_id'] },
  },
};
const most = 100_000;

/** The care of one database. */
export class MongoCare implements CareStore {
  private readonly table: Table<CareDoc, CareQuestions>;
  private readonly talks: Table<TalkDoc, TalkQuestions>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
  ) {
    this.table = mongo.table(cares);
    this.talks = mongo.table(conversations);
    bots.onDelete((appId) => this.table.remove('ofBot', { appId }));
  }

  get(appId: string, conversation: string): Promise<LoggedConversation | null> {
    return this.mongo.run(() => this.read(idOf(appId, conversation)));
  }

  change(appId: string, conversation: string, change: CareChange): Promise<LoggedConversation | null> {
    const _id = idOf(appId, conversation);
    const write = async (): Promise<LoggedConversation | null> => {
      const present = await this.read(_id);
      if (!present) return null;
      for (;;) {
        const changed = await this.table.change(_id, ({ body }) => {
          const care = changedCare(careOf(body), change);
          return { set: { state: care.state, body: JSON.stringify(care) }, answer: care };
        });
        if (changed) return { ...present, care: changed };
        const care = changedCare(careOf(null), change);
        const first = { _id, appId, conversation, state: care.state, body: JSON.stringify(care) };
        if (await this.table.insert(first)) return { ...present, care };
      }
    };
    return this.mongo.run(() => this.lanes.run(_id, () => this.bots.within(appId, write)));
  }

  active(): Promise<{ appId: string; conversation: string; care: Care }[]> {
    return this.mongo.run(
      async () =>
        (await this.table.find('ofState', { state: ['waiting', 'held'] }, { limit: most })).map(
          ({ appId, conversation, body }) => ({ appId, conversation, care: careOf(body) }),
        ),
      { unhurried: true },
    );
  }

  /** Goes with its conversation. */
  async forget(appId: string, conversation: string): Promise<void> {
    const id = idOf(appId, conversation);
    await this.lanes.run(id, () => this.table.removeOne(id));
  }

  private async read(id: string): Promise<LoggedConversation | null> {
    const [talk, care] = [await this.talks.byId(id), await this.table.byId(id)];
    if (!talk) return null;
    const { id: name, channel, messages, firstAt, lastAt } = talk;
    return { id: name, channel, messages, firstAt, lastAt, care: careOf(care?.body ?? null) };
  }
}

const idOf = (appId: string, conversation: string): string => JSON.stringify([appId, conversation]);
