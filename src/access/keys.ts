/** API keys: what programs show instead of a person's session. */
import type { ApiKey, Listed, Page, Principal, Role, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { digestOf, newId, newSecret } from './secret.js';

export interface NewKey {
  name: string;
  role: Role;
  /** Null: the whole hub. */
  appId: string | null;
  /** ISO; null: never. */
  expiresAt: string | null;
  /** Who asks for it. */
  by: string;
}
export interface ApiKeys {
  /** The only time that the key itself is told. Rejects with `not_found` when there is no such bot. */
  create(wanted: NewKey): Promise<{ key: ApiKey; secret: string }>;
  list(page: Page, appId?: string): Promise<Listed<ApiKey>>;
  get(id: string): Promise<ApiKey | null>;
  /** A new key of the same name, role and bot. The old one works `overlapSeconds` longer; 0: no longer. Rejects with `not_found`. */
  rotate(id: string, how: { overlapSeconds: number; by: string }): Promise<{ key: ApiKey; secret: string }>;
  /** It opens nothing any more. False when there was none. */
  revoke(id: string): Promise<boolean>;
  /** Whose key it is; null: nobody's, or its time is over. */
  find(secret: string): Promise<Principal | null>;
}

export interface KeysOptions {
  store: Pick<Store, 'apiKeys'>;
  /** Called when what a key opens has changed. */
  onChange: () => void;
  now?: () => Date;
}
/** By it a key is known for one of ours, in a repository or a log, before anything is looked up. */
const mark = 'sbk_';
/** How exactly is kept when a key was last used: each note is a write. */
const usedToMs = 60_000;

export function createKeys({ store, onChange, now = () => new Date() }: KeysOptions): ApiKeys {
  const add = async ({ name, role, appId, expiresAt, by }: NewKey): Promise<{ key: ApiKey; secret: string }> => {
    const secret = newSecret(mark);
    const about = { id: newId(), digest: digestOf(secret), tail: secret.slice(-4), usedAt: null };
    const key: ApiKey = { ...about, name, role, appId, expiresAt, by, createdAt: now().toISOString() };
    await store.apiKeys.add(key);
    return { key, secret };
  };
  const noteUse = (key: ApiKey): void => {
    const usedAt = now();
    if (key.usedAt !== null && usedAt.getTime() - Date.parse(key.usedAt) < usedToMs) return;
    // Nobody waits for it, and a store that cannot take it now says so elsewhere.
    store.apiKeys.update(key.id, { usedAt: usedAt.toISOString() }).catch(() => undefined);
  };
  return {
    create: add,
    list: (page, appId) => store.apiKeys.list(page, appId),
    get: (id) => store.apiKeys.get(id),
    async rotate(id, { overlapSeconds, by }) {
      const old = await store.apiKeys.get(id);
      if (!old) throw new HubError('not_found', `There is no API key ${id}.`);
      const made = await add({ ...old, by });
      const end = new Date(now().getTime() + overlapSeconds * 1000).toISOString();
      const sooner = old.expiresAt !== null && old.expiresAt < end ? old.expiresAt : end;
      if (overlapSeconds > 0) await store.apiKeys.update(id, { expiresAt: sooner });
      else await store.apiKeys.remove(id);
      onChange();
      return made;
    },
    async revoke(id) {
      const removed = await store.apiKeys.remove(id);
      onChange();
      return removed;
    },
    async find(secret) {
      if (!secret.startsWith(mark)) return null;
      const key = await store.apiKeys.byDigest(digestOf(secret));
      if (!key || (key.expiresAt !== null && key.expiresAt <= now().toISOString())) return null;
      noteUse(key);
      const { id, name, role, appId } = key;
      return appId === null
        ? { kind: 'key', id, name, role, bots: {} }
        : { kind: 'key', id, name, role: null, bots: { [appId]: role } };
    },
  };
}
