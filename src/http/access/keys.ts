/** Routes of API keys: of the whole hub, and of one bot. */
import type { ApiKey, Listed, Page, Role, Store } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { listOf, PageQuery } from '../../wire.js';
import type { Caller } from '../admission.js';
import { botOf } from '../bots.js';
import { param, type Reply, type Route, route, type Whose } from '../route.js';
import { KeyCreate, KeyRotate, KeyView, NewKeyView, presentKey } from './views.js';

export interface KeyRoutesOptions {
  store: Pick<Store, 'bots'>;
  keys: {
    create(wanted: {
      name: string;
      role: Role;
      appId: string | null;
      expiresAt: string | null;
      by: string;
    }): Promise<{ key: ApiKey; secret: string }>;
    list(page: Page, appId?: string): Promise<Listed<ApiKey>>;
    get(id: string): Promise<ApiKey | null>;
    rotate(id: string, how: { overlapSeconds: number; by: string }): Promise<{ key: ApiKey; secret: string }>;
    revoke(id: string): Promise<boolean>;
  };
}

const missing = (id = ''): string => `There is no API key ${id}.`;
const told = ({ key, secret }: { key: ApiKey; secret: string }): Reply => ({
  status: 201,
  body: { ...presentKey(key), key: secret },
});

export function keyRoutes({ store, keys }: KeyRoutesOptions): Route[] {
  const of: Whose = {
    bot: async ({ params: { id = '' } }) => (await keys.get(id))?.appId ?? null,
    missing: ({ id }) => missing(id),
  };
  const create = (
    { body, caller }: { body: { name: string; role: Role; expiresInDays?: number | undefined }; caller: Caller },
    appId: string | null,
  ): Promise<{ key: ApiKey; secret: string }> => {
    const { name, role, expiresInDays: days } = body;
    const expiresAt = days === undefined ? null : new Date(Date.now() + days * 86_400_000).toISOString();
    return keys.create({ name, role, appId, expiresAt, by: caller.principal?.name ?? '' });
  };
  const shown = async (page: Page, appId?: string): Promise<Reply> => {
    const { items, next } = await keys.list(page, appId);
    return { body: { items: items.map(presentKey), next } };
  };
  const made = { 201: { description: 'The key: the only time that it is shown.', schema: NewKeyView } };
  return [
    route({
      method: 'GET',
      path: '/api-keys',
      summary: 'All API keys, of the hub and of single bots, oldest first. The keys themselves are never shown.',
      access: 'administer',
      query: PageQuery,
      answers: { 200: { description: 'A page of keys.', schema: listOf(KeyView) } },
      handle: ({ query }) => shown(query),
    }),
    route({
      method: 'POST',
      path: '/api-keys',
      summary: 'Make a key for the whole hub.',
      access: 'administer',
      body: { schema: KeyCreate },
      answers: made,
      handle: async (asked) => told(await create(asked, null)),
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/api-keys',
      summary: 'The API keys of one bot, oldest first.',
      access: 'own',
      query: PageQuery,
      answers: { 200: { description: 'A page of keys.', schema: listOf(KeyView) } },
      handle: async (asked) => shown(asked.query, (await botOf(store, asked)).appId),
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/api-keys',
      summary: "Make a key for one bot: for its part of this API, for Rasa's API (`?token=`) and for its REST channel.",
      access: 'own',
      body: { schema: KeyCreate },
      answers: made,
      handle: async (asked) => told(await create(asked, (await botOf(store, asked)).appId)),
    }),
    route({
      method: 'POST',
      path: '/api-keys/{id}/rotate',
      summary: 'A new key in place of this one, of the same name, role and bot.',
      access: 'own',
      of,
      body: { schema: KeyRotate.default({ overlapSeconds: 0 }), optional: true },
      answers: made,
      handle: async (asked) => {
        const { overlapSeconds = 0 } = (asked.body as { overlapSeconds?: number } | undefined) ?? {};
        return told(await keys.rotate(param(asked, 'id'), { overlapSeconds, by: asked.caller.principal?.name ?? '' }));
      },
    }),
    route({
      method: 'DELETE',
      path: '/api-keys/{id}',
      summary: 'Revoke a key: it opens nothing any more, and what was opened with it is closed within seconds.',
      access: 'own',
      of,
      answers: { 204: { description: 'Revoked.' } },
      handle: async (asked) => {
        if (!(await keys.revoke(param(asked, 'id')))) throw new HubError('not_found', missing(param(asked, 'id')));
        return { status: 204 };
      },
    }),
  ];
}
