/** Routes of how long a bot's conversations are kept. */
import type { Store } from '../contracts.js';
import { RetentionBody } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

/** The document that hub/retention.ts reads. */
const retentionDocument = 'retention';

export function retentionRoutes({ store }: { store: Pick<Store, 'bots' | 'documents'> }): Route[] {
  const answers = { 200: { description: 'How long.', schema: RetentionBody } };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/retention',
      summary: "How long the bot's conversations are kept.",
      access: 'read',
      answers,
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: (await store.documents.get(appId, retentionDocument)) ?? { days: null } };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/retention',
      summary: "Say how long the bot's conversations are kept. What is older goes within an hour.",
      access: 'own',
      body: { schema: RetentionBody },
      answers,
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        await store.documents.put(appId, retentionDocument, asked.body);
        return { body: asked.body };
      },
    }),
  ];
}
