/** Routes of what was given up: turns that broke their bot, replies that a platform would not take. */
import type { Hub, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { DeadLetterView, listOf, PageQuery } from '../wire.js';
import { z } from 'zod';
import { param, type Route, route, type Whose } from './route.js';

const Query = PageQuery.extend({ appId: z.string().max(128).optional() });
const gone = (): HubError => new HubError('not_found', 'There is no such dead letter (any more).');

export function deadLetterRoutes({
  store,
  hub,
}: {
  store: Pick<Store, 'deadLetters'>;
  hub: Pick<Hub, 'replay'>;
}): Route[] {
  const of: Whose = {
    bot: async ({ params }) => (await store.deadLetters.get(param({ params }, 'id')))?.appId ?? null,
    missing: () => gone().message,
  };
  const ofQuery: Whose = {
    bot: ({ query: { appId } }) => Promise.resolve(typeof appId === 'string' ? appId : null),
    missing: () => 'There is no such bot; without a role on the whole hub, name one of yours with ?appId=.',
  };
  return [
    route({
      method: 'GET',
      path: '/dead-letters',
      summary: 'Turns and replies that were given up, newest first; of one bot with ?appId=.',
      access: 'read',
      of: ofQuery,
      query: Query,
      answers: { 200: { description: 'A page of dead letters.', schema: listOf(DeadLetterView) } },
      handle: async ({ query: { appId, ...page } }) => ({ body: await store.deadLetters.list(page, appId) }),
    }),
    route({
      method: 'POST',
      path: '/dead-letters/{id}/replay',
      summary: 'Try again: asks the bot once more, or sends the reply once more, after what waits in its conversation.',
      access: 'converse',
      of,
      answers: {
        202: {
          description: 'Taken back to work; it comes back here, under another id, if it fails again.',
          schema: z.object({ id: z.string() }),
        },
      },
      handle: async (asked) => {
        if (!(await hub.replay(param(asked, 'id')))) throw gone();
        return { status: 202, body: { id: param(asked, 'id') } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/dead-letters/{id}',
      summary: 'Discard a dead letter. The conversation log keeps the message.',
      access: 'converse',
      of,
      answers: { 204: { description: 'Discarded.' } },
      handle: async (asked) => {
        if (!(await store.deadLetters.discard(param(asked, 'id')))) throw gone();
        return { status: 204 };
      },
    }),
  ];
}
