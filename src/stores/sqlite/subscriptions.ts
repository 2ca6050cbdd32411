/**
 * Who is sent the events of conversations, each as one JSON text, and what could not be sent. The order of the stream is kept while there
 * is anybody: the first one finds what the trackers hold already at its beginning.
 */
import type { HeldSending, Listed, Page, Subscription, SubscriptionStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { Pager } from '../page.js';
import { changedSubscription, subscriptionOf } from '../subscription.js';
import type { Sqlite } from './database.js';
import type { StreamOrder } from './trackers.js';

interface Row {
  seq: number;
  body: string;
}
interface HeldRow {
  position: number;
  body: string;
}
const insert = `
  INSERT INTO subscriptions (id, app_id, body)
  SELECT @id, @appId, @body WHERE @appId IS NULL OR EXISTS (SELECT 1 FROM bots WHERE app_id = @appId AND deleting = 0)`;
const hold = `
  INSERT INTO held_sendings (subscription, state, position, body)
  SELECT @id, @state, @position, @body WHERE EXISTS (SELECT 1 FROM subscriptions WHERE id = @id)
  ON CONFLICT (subscription, position) DO UPDATE SET state = excluded.state, body = excluded.body`;
const held = `
  SELECT position, body FROM held_sendings WHERE subscription = @id AND state = @state AND position > @position
  ORDER BY position LIMIT @fetch`;
/** Conversations by their last activity, so that the times of the stream ascend; of what only Rasa's API knows the time is not known. */
const before = `
  INSERT INTO stream (app_id, sender, first, many, at)
  SELECT t.app_id, t.sender, 0, t.events, coalesce(c.last_at, @now) AS at
  FROM trackers t LEFT JOIN conversations c ON c.app_id = t.app_id AND c.id = t.sender
  WHERE t.events > 0 ORDER BY at, t.app_id, t.sender`;

/** The subscriptions of one SQLite file. */
export class SqliteSubscriptions implements SubscriptionStore {
  private readonly insert;
  private readonly byId;
  private readonly all;
  private readonly ofBot;
  private readonly write;
  private readonly remember;
  private readonly heldOnes;
  private readonly any;
  private readonly pager = new Pager<Row>('subscriptions', [0], (row) => [row.seq]);
  private readonly heldPager = new Pager<HeldRow>('held', [-1], (row) => [row.position]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly order: StreamOrder,
  ) {
    this.insert = sqlite.query(insert);
    this.byId = sqlite.query<Row>('SELECT seq, body FROM subscriptions WHERE id = @id');
    this.all = sqlite.query<Row>('SELECT seq, body FROM subscriptions WHERE seq > @seq ORDER BY seq LIMIT @fetch');
    this.ofBot = sqlite.query<Row>(
      'SELECT seq, body FROM subscriptions WHERE app_id = @appId AND seq > @seq ORDER BY seq LIMIT @fetch',
    );
    this.write = sqlite.query('UPDATE subscriptions SET body = @body WHERE id = @id');
    this.remember = sqlite.query(hold);
    this.heldOnes = sqlite.query<HeldRow>(held);
    this.any = sqlite.query('SELECT seq FROM subscriptions WHERE seq > 0 ORDER BY seq LIMIT 1');
    order.kept = this.any.get() !== undefined;
  }

  add(subscription: Subscription): Promise<void> {
    const { id, appId } = subscription;
    return this.sqlite.write(() => {
      const kept = this.any.get() !== undefined;
      if (this.insert.run({ id, appId, body: JSON.stringify(subscription) }).changes !== 1)
        throw new HubError('not_found', `There is no bot ${appId ?? ''}.`);
      if (kept) return;
      // The last one may have gone with its bot.
      this.sqlite.query('DELETE FROM stream').run();
      this.sqlite.query(before).run({ now: this.order.now().toISOString() });
      this.order.kept = true;
    });
  }

  get(id: string): Promise<Subscription | null> {
    return this.sqlite.read(() => this.find(id));
  }

  list(page: Page, appId?: string): Promise<Listed<Subscription>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      const seq = key[0] ?? 0;
      const rows = appId === undefined ? this.all.all({ seq, fetch }) : this.ofBot.all({ appId, seq, fetch });
      return this.pager.page(page, rows, subscriptionOf);
    });
  }

  update(id: string, change: Partial<Subscription>, asOf?: number): Promise<Subscription | null> {
    return this.sqlite.write(() => {
      const found = this.find(id);
      const changed = found && changedSubscription(found, change, asOf);
      if (!changed) return null;
      this.write.run({ id, body: JSON.stringify(changed) });
      return changed;
    });
  }

  remove(id: string): Promise<boolean> {
    return this.sqlite.write(() => {
      const removed = this.sqlite.query('DELETE FROM subscriptions WHERE id = @id').run({ id }).changes === 1;
      if (this.any.get() !== undefined) return removed;
      this.order.kept = false;
      this.sqlite.query('DELETE FROM stream').run();
      return removed;
    });
  }

  hold(sending: HeldSending): Promise<void> {
    const { subscriptionId: id, state, position } = sending;
    const values = { id, state, position, body: JSON.stringify(sending) };
    return this.sqlite.write(() => void this.remember.run(values), 'committed');
  }

  held(id: string, state: HeldSending['state'], page: Page): Promise<Listed<HeldSending>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.heldPager.where(page);
      const rows = this.heldOnes.all({ id, state, position: key[0] ?? 0, fetch });
      return this.heldPager.page(page, rows, ({ body }) => JSON.parse(body) as HeldSending);
    });
  }

  drop(id: string, position: number): Promise<boolean> {
    const drop = 'DELETE FROM held_sendings WHERE subscription = @id AND position = @position';
    return this.sqlite.write(() => this.sqlite.query(drop).run({ id, position }).changes === 1, 'committed');
  }

  private find(id: string): Subscription | null {
    const row = this.byId.get({ id });
    return row ? subscriptionOf(row) : null;
  }
}
