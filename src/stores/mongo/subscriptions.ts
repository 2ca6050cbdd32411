/** Who is sent the events of conversations, each as one JSON text, and what could not be sent. */
import type { HeldSending, Listed, Page, Subscription, SubscriptionStore } from '../../contracts.js';
import { Pager } from '../page.js';
import { changedSubscription, subscriptionOf } from '../subscription.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface SubscriptionDoc extends Stored {
  _id: number;
  id: string;
  appId: string | null;
  body: string;
}
type Questions = 'byId' | 'all' | 'ofBot' | 'allOfBot';
export const subscriptions: Collection<SubscriptionDoc, Questions> = {
  name: 'subscriptions',
  fields: { _id: 'number', id: 'string', appId: 'string', body: 'string' },
  indexes: { by_id: { keys: ['id'], unique: true }, of_bot: { keys: ['appId', '_id'] } },
  questions: {
    byId: { index: 'by_id', equal: ['id'] },
    all: { index: 'id', equal: [], sorted: ['_id'] },
    ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['_id'] },
    allOfBot: { index: 'of_bot', equal: ['appId'] },
  },
};

interface HeldDoc extends Stored {
  _id: string;
  subscription: string;
  state: string;
  position: number;
  body: string;
}
type HeldQuestions = 'inState' | 'ofSubscription';
export const heldSendings: Collection<HeldDoc, HeldQuestions> = {
  name: 'held_sendings',
  fields: { _id: 'string', subscription: 'string', state: 'string', position: 'number', body: 'string' },
  indexes: { by_state: { keys: ['subscription', 'state', 'position'] } },
  questions: {
    inState: { index: 'by_state', equal: ['subscription', 'state'], sorted: ['position'] },
    ofSubscription: { index: 'by_state', equal: ['subscription'] },
  },
};
const most = 10_000;

/** The subscriptions of one database. */
export class MongoSubscriptions implements SubscriptionStore {
  private readonly table: Table<SubscriptionDoc, Questions>;
  private readonly sendings: Table<HeldDoc, HeldQuestions>;
  private readonly lanes = new Lanes();
  private readonly pager = new Pager<SubscriptionDoc>('subscriptions', [0], (one) => [one._id]);
  private readonly heldPager = new Pager<HeldDoc>('held', [-1], (one) => [one.position]);

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(subscriptions);
    this.sendings = mongo.table(heldSendings);
    bots.onDelete((appId) => this.forgetBot(appId));
  }

  add(subscription: Subscription): Promise<void> {
    const { id, appId } = subscription;
    const write = async (): Promise<void> => {
      const document = { _id: await this.numbers.next(), id, appId, body: JSON.stringify(subscription) };
      if (!(await this.table.insert(document))) throw new Error('There is such a subscription already.');
    };
    return this.mongo.run(() => (appId === null ? write() : this.bots.within(appId, write)));
  }

  get(id: string): Promise<Subscription | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document && subscriptionOf(document);
    });
  }

  list(page: Page, appId?: string): Promise<Listed<Subscription>> {
    return this.mongo.run(async () => {
      const { key: after, fetch: limit } = this.pager.where(page);
      const found = await (appId === undefined
        ? this.table.find('all', {}, { after, limit })
        : this.table.find('ofBot', { appId }, { after, limit }));
      return this.pager.page(page, found, subscriptionOf);
    });
  }

  update(id: string, change: Partial<Subscription>, asOf?: number): Promise<Subscription | null> {
    return this.mongo.run(async () => {
      const found = await this.table.first('byId', { id });
      if (!found) return null;
      const changed = await this.table.change(found._id, (document) => {
        const subscription = changedSubscription(subscriptionOf(document), change, asOf);
        return { ...(subscription && { set: { body: JSON.stringify(subscription) } }), answer: subscription };
      });
      return changed ?? null;
    });
  }

  remove(id: string): Promise<boolean> {
    return this.mongo.run(() =>
      this.lanes.run(id, async () => {
        const document = await this.table.first('byId', { id });
        const removed = document ? await this.table.removeOne(document._id) : false;
        await this.sendings.remove('ofSubscription', { subscription: id });
        return removed;
      }),
    );
  }

  hold(sending: HeldSending): Promise<void> {
    const { subscriptionId: subscription, state, position } = sending;
    const document = { _id: heldId(subscription, position), subscription, state, position };
    return this.mongo.run(() =>
      this.lanes.run(subscription, async () => {
        if (!(await this.table.exists('byId', { id: subscription }))) return;
        await this.sendings.put({ ...document, body: JSON.stringify(sending) });
      }),
    );
  }

  held(id: string, state: HeldSending['state'], page: Page): Promise<Listed<HeldSending>> {
    return this.mongo.run(async () => {
      const { key: after, fetch: limit } = this.heldPager.where(page);
      const found = await this.sendings.find('inState', { subscription: id, state }, { after, limit });
      return this.heldPager.page(page, found, ({ body }) => JSON.parse(body) as HeldSending);
    });
  }

  drop(id: string, position: number): Promise<boolean> {
    return this.mongo.run(() => this.lanes.run(id, () => this.sendings.removeOne(heldId(id, position))));
  }

  private async forgetBot(appId: string): Promise<void> {
    for (const { id } of await this.table.find('ofBot', { appId }, { after: [0], limit: most }))
      await this.sendings.remove('ofSubscription', { subscription: id });
    await this.table.remove('allOfBot', { appId });
  }
}

const heldId = (id: string, position: number): string => JSON.stringify([id, position]);
