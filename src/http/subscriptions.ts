/** Routes of the event stream: who is sent the events of conversations, by signed requests. */
import { z } from 'zod';
import type { HeldSending, Listed, Page, Store, Subscription } from '../contracts.js';
import { HubError } from '../errors.js';
import { listOf, PageQuery } from '../wire.js';
import { Name } from './access/views.js';
import { botOf } from './bots.js';
import { param, type Reply, type Route, route, type Whose } from './route.js';

/** What becomes of subscriptions: src/stream/subscriptions.ts. */
export interface SubscriptionRoutesOptions {
  store: Pick<Store, 'bots' | 'subscriptions'>;
  subscriptions: {
    create(wish: {
      name: string;
      url: string;
      appId: string | null;
      events: string[] | null;
      by: string;
      from?: string | undefined;
    }): Promise<{ subscription: Subscription; secret: string }>;
    get(id: string): Promise<Subscription | null>;
    list(page: Page, appId?: string): Promise<Listed<Subscription>>;
    change(
      id: string,
      change: Partial<Pick<Subscription, 'name' | 'url' | 'events' | 'enabled'>>,
    ): Promise<Subscription | null>;
    rotate(id: string, overlapSeconds: number): Promise<{ subscription: Subscription; secret: string } | null>;
    remove(id: string): Promise<boolean>;
    replay(id: string, from: { position: number } | { time: string }): Promise<Subscription | null>;
    dead(id: string, page: Page): Promise<Listed<HeldSending>>;
    revive(id: string, position: number): Promise<boolean>;
    discard(id: string, position: number): Promise<boolean>;
  };
}

const Time = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const Position = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const Url = z.string().trim().max(2000).meta({ description: 'where to: https://, or a host of EGRESS_ALLOW' });
const Events = z
  .array(z.string().regex(/^[a-z_]{1,60}$/, 'a name such as user, bot, action, slot'))
  .min(1)
  .max(50)
  .nullable()
  .meta({ description: "names of Rasa's events; null: all" });
const SubscriptionCreate = z
  .strictObject({
    name: Name.default('webhook'),
    url: Url,
    events: Events.default(null),
    from: Time.optional().meta({ description: 'also what was stored since then; absent: what is stored from now on' }),
  })
  .meta({ id: 'SubscriptionCreate' });
const SubscriptionChange = z
  .strictObject({ name: Name, url: Url, events: Events, enabled: z.boolean() })
  .partial()
  .meta({ id: 'SubscriptionChange' });
const daySeconds = 86_400;
const SubscriptionRotate = z
  .strictObject({
    overlapSeconds: z
      .number()
      .int()
      .min(0)
      .max(30 * daySeconds)
      .default(daySeconds)
      .meta({
        description: 'how long requests are signed with the old secret too',
      }),
  })
  .meta({ id: 'SubscriptionRotate' });
const SubscriptionReplay = z
  .union([z.strictObject({ position: Position }), z.strictObject({ from: Time })])
  .meta({ id: 'SubscriptionReplay', description: 'after this position, or what was stored from this time on' });
const SubscriptionView = z
  .object({
    id: z.string(),
    kind: z.enum(['webhook', 'kafka']),
    name: z.string(),
    url: z.string(),
    appId: z.string().nullable().meta({ description: 'the bot whose events it gets; null: all' }),
    events: z.array(z.string()).nullable(),
    enabled: z.boolean(),
    error: z.string().nullable().meta({ description: 'what the newest failure was, or why it is off' }),
    failingSince: z.string().nullable().meta({ description: 'since when nothing has gone through' }),
    position: z.number().meta({ description: 'what was stored up to here was sent, or is tried again' }),
    by: z.string(),
    createdAt: z.string(),
  })
  .meta({ id: 'Subscription' });
const NewSubscriptionView = SubscriptionView.extend({
  secret: z.string().meta({ description: 'what its requests are signed with: it is shown this once' }),
}).meta({ id: 'NewSubscription' });
const DeadSendingView = z
  .object({
    position: z.number(),
    appId: z.string(),
    conversation: z.string(),
    attempts: z.number(),
    error: z.string().nullable(),
    at: z.string().meta({ description: 'when the events were stored' }),
  })
  .meta({ id: 'DeadSending' });

const present = ({ secret: _secret, ...shown }: Subscription): Omit<Subscription, 'secret'> => shown;
const presentDead = ({ position, appId, conversation, attempts, error, at }: HeldSending) => ({
  ...{ position, appId, conversation, attempts, error, at },
});
const missing = 'There is no such subscription.';
const found = <T>(thing: T | null): T => {
  if (thing === null) throw new HubError('not_found', missing);
  return thing;
};
const told = (status: number, { subscription, secret }: { subscription: Subscription; secret: string }): Reply => ({
  status,
  body: { ...present(subscription), secret },
});
const placeIn = (asked: { params: Record<string, string> }): number => {
  const position = Number(param(asked, 'position'));
  return Number.isSafeInteger(position) ? position : -1;
};
const gone = (): HubError => new HubError('not_found', 'Nothing was given up at this position.');

export function subscriptionRoutes({ store, subscriptions }: SubscriptionRoutesOptions): Route[] {
  const of: Whose = {
    bot: async ({ params: { id = '' } }) => (await subscriptions.get(id))?.appId ?? null,
    missing: () => missing,
  };
  const shown = async (page: Page, appId?: string): Promise<Reply> => {
    const { items, next } = await subscriptions.list(page, appId);
    return { body: { items: items.map(present), next } };
  };
  const wishes = { body: { schema: SubscriptionCreate } };
  const made = { 201: { description: 'The subscription, with its secret.', schema: NewSubscriptionView } };
  const listed = { 200: { description: 'A page of subscriptions.', schema: listOf(SubscriptionView) } };
  const one = { 200: { description: 'The subscription.', schema: SubscriptionView } };
  return [
    route({
      method: 'GET',
      path: '/subscriptions',
      summary: 'Who is sent the events of conversations, of the hub and of single bots, oldest first.',
      access: 'administer',
      query: PageQuery,
      answers: listed,
      handle: ({ query }) => shown(query),
    }),
    route({
      method: 'POST',
      path: '/subscriptions',
      summary: 'Have the events of all bots sent to an endpoint, by requests signed as Standard Webhooks has it.',
      access: 'administer',
      ...wishes,
      answers: made,
      handle: async ({ body, caller }) =>
        told(201, await subscriptions.create({ ...body, appId: null, by: caller.principal?.name ?? '' })),
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/subscriptions',
      summary: 'Who is sent the events of this bot alone, oldest first.',
      access: 'own',
      query: PageQuery,
      answers: listed,
      handle: async (asked) => shown(asked.query, (await botOf(store, asked)).appId),
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/subscriptions',
      summary: 'Have the events of this bot sent to an endpoint.',
      access: 'own',
      ...wishes,
      answers: made,
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return told(201, await subscriptions.create({ ...asked.body, appId, by: asked.caller.principal?.name ?? '' }));
      },
    }),
    route({
      method: 'GET',
      path: '/subscriptions/{id}',
      summary: 'One subscription: where it stands, and what its endpoint said last if it failed.',
      access: 'own',
      of,
      answers: one,
      handle: async (asked) => ({ body: present(found(await subscriptions.get(param(asked, 'id')))) }),
    }),
    route({
      method: 'PATCH',
      path: '/subscriptions/{id}',
      summary:
        'Change it; off, it keeps its place. Switched on again it goes on there, and tries at once what had failed.',
      access: 'own',
      of,
      body: { schema: SubscriptionChange },
      answers: one,
      handle: async (asked) => ({
        body: present(found(await subscriptions.change(param(asked, 'id'), definedIn(asked.body)))),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/subscriptions/{id}',
      summary: 'End a subscription: nothing more is sent.',
      access: 'own',
      of,
      answers: { 204: { description: 'Ended.' } },
      handle: async (asked) => {
        if (!(await subscriptions.remove(param(asked, 'id')))) throw new HubError('not_found', missing);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: '/subscriptions/{id}/rotate',
      summary: 'A new secret; for a while requests are signed with the old one too.',
      access: 'own',
      of,
      body: { schema: SubscriptionRotate },
      answers: { 200: { description: 'The subscription, with its new secret.', schema: NewSubscriptionView } },
      handle: async (asked) =>
        told(200, found(await subscriptions.rotate(param(asked, 'id'), asked.body.overlapSeconds))),
    }),
    route({
      method: 'POST',
      path: '/subscriptions/{id}/replay',
      summary: 'Send once more what was stored after a position, or from a time on, in the same order.',
      access: 'own',
      of,
      body: { schema: SubscriptionReplay },
      answers: one,
      handle: async (asked) => {
        const { body } = asked;
        const from = 'position' in body ? body : { time: body.from };
        return { body: present(found(await subscriptions.replay(param(asked, 'id'), from))) };
      },
    }),
    route({
      method: 'GET',
      path: '/subscriptions/{id}/dead-letters',
      summary: 'What its endpoint did not take within eight tries, oldest first.',
      access: 'own',
      of,
      query: PageQuery,
      answers: { 200: { description: 'A page of what was given up.', schema: listOf(DeadSendingView) } },
      handle: async (asked) => {
        const { id } = found(await subscriptions.get(param(asked, 'id')));
        const { items, next } = await subscriptions.dead(id, asked.query);
        return { body: { items: items.map(presentDead), next } };
      },
    }),
    route({
      method: 'POST',
      path: '/subscriptions/{id}/dead-letters/{position}/replay',
      summary: 'Try it again: it goes before what is still to be sent of its conversation.',
      access: 'own',
      of,
      answers: { 202: { description: 'On its way.', schema: z.object({ position: z.number() }) } },
      handle: async (asked) => {
        const position = placeIn(asked);
        if (!(await subscriptions.revive(param(asked, 'id'), position))) throw gone();
        return { status: 202, body: { position } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/subscriptions/{id}/dead-letters/{position}',
      summary: 'Discard it. The conversation keeps what was said.',
      access: 'own',
      of,
      answers: { 204: { description: 'Discarded.' } },
      handle: async (asked) => {
        const [id, position] = [param(asked, 'id'), placeIn(asked)];
        if (!(await subscriptions.discard(id, position))) throw gone();
        return { status: 204 };
      },
    }),
  ];
}

/** What is named in a change. */
function definedIn<T extends object>(change: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as never;
}
