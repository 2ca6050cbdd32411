/** Wires who may do what: tokens, keys, people and their sessions. */
import { type CachedAccess, createAccess } from '../access/access.js';
import { type Accounts, createAccounts } from '../access/accounts.js';
import { type ApiKeys, createKeys } from '../access/keys.js';
import { createRateLimits } from '../access/limits.js';
import { createOpenId, type OpenId } from '../access/openid.js';
import { createPasswords } from '../access/passwords.js';
import { createSessions, type Sessions } from '../access/sessions.js';
import { createThrottle } from '../access/throttle.js';
import type { RateLimits } from '../contracts.js';
import { callbackPath } from '../http/access/provider.js';
import type { Seal } from '../seal.js';
import type { Parts } from './parts.js';

export interface AccessParts {
  access: CachedAccess;
  limits: RateLimits;
  keys: ApiKeys;
  sessions: Sessions;
  accounts: Accounts;
  /** Null where no OpenID provider was set. */
  openId: OpenId | null;
}

interface AccessNeeds {
  adminToken: string;
  seal: Seal;
  publicUrl: () => string;
}

export function openAccess(parts: Parts, { adminToken, seal, publicUrl }: AccessNeeds): AccessParts {
  const {
    store,
    replicas,
    options: { config },
  } = parts;
  const onChange = (): void => {
    access.forget();
    replicas?.bus.tell(null, 'access', {});
  };
  replicas?.bus.on('access', () => access.forget());
  const keys = createKeys({ store, onChange });
  const sessions = createSessions({
    store,
    onChange,
    vouched: (ticket) => openId?.vouched(ticket) ?? Promise.resolve(null),
  });
  const openId = openIdOf(parts, { sessions, seal, publicUrl });
  const accounts = createAccounts({
    store,
    passwords: createPasswords(),
    sessions,
    throttle: createThrottle(Date.now, replicas?.throttles),
    registration: config.registration,
    onChange,
  });
  const access = createAccess({
    adminToken,
    trainerToken: config.trainerToken,
    nodeToken: config.nodeToken,
    keys: (secret) => keys.find(secret),
    sessions: (secret) => sessions.find(secret),
  });
  const { rateLimitAddress: perAddress, rateLimitKey: perCaller, rateLimitBot: perBot } = config;
  const limits = createRateLimits({ perAddress, perCaller, perBot }, parts.log, replicas?.count);
  return { access, limits, keys, sessions, accounts, openId };
}

function openIdOf(
  { store, options: { config } }: Parts,
  { sessions, seal, publicUrl }: { sessions: Sessions; seal: Seal; publicUrl: () => string },
): OpenId | null {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config;
  if (issuer === null || clientId === null) return null;
  const redirectUri = (): string => `${publicUrl()}${callbackPath}`;
  return createOpenId({ issuer, clientId, clientSecret, store, sessions, seal, redirectUri });
}

/** A link for the first admin, while nobody has an account and no fixed token was set; null otherwise. */
export async function firstLink({ store, options: { config } }: Parts, accounts: Accounts): Promise<string | null> {
  if (config.adminToken !== null || (await store.users.list({ limit: 1 })).items.length > 0) return null;
  return (await accounts.invite({ login: null, role: 'admin', bots: {}, by: 'first start' })).path;
}
