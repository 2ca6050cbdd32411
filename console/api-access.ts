/** The calls of the console about people: who is signed in, users, keys, the audit log. */
import type { Page } from '../src/client';
import { type Asking, botPath, itemsOrNone, segment } from './asking';

export const roles = ['admin', 'builder', 'editor', 'agent', 'viewer'] as const;
export type RoleWord = (typeof roles)[number];
/** The words of docs/security.md. */
export type RightWord = 'watch' | 'create' | 'administer' | 'read' | 'converse' | 'edit' | 'build' | 'own';

export interface SessionWire {
  kind: 'token' | 'key' | 'user';
  id: string;
  name: string;
  role: RoleWord | null;
  bots: Record<string, RoleWord>;
  csrfToken: string | null;
  rights: { hub: string[]; bots: Record<string, string[]> };
}
export interface UserWire {
  id: string;
  login: string;
  name: string;
  role: RoleWord | null;
  bots: Record<string, RoleWord>;
  active: boolean;
  signedInAt: string | null;
}
export interface KeyWire {
  id: string;
  name: string;
  role: RoleWord;
  appId: string | null;
  tail: string;
  by: string;
  createdAt: string;
  expiresAt: string | null;
  usedAt: string | null;
}
export interface AuditWire {
  id: string;
  at: string;
  by: { kind: string; id: string; name: string };
  from: string;
  action: string;
  target: string;
  appId: string | null;
  status: number;
  before: unknown;
  after: unknown;
}
export interface LinkWire {
  url: string;
  expiresAt: string;
}
export interface PersonWire {
  login: string;
  name: string;
  role: RoleWord;
}
export interface AuditFilter {
  appId: string | null;
  from: string;
  to: string;
}
const auditQuery = ({ appId, from, to }: AuditFilter): string =>
  [appId === null ? '' : `&appId=${segment(appId)}`, from && `&from=${segment(from)}`, to && `&to=${segment(to)}`].join(
    '',
  );

export function accessCalls({ client, json, send }: Asking) {
  const keys = (appId: string | null): string => (appId === null ? '/api-keys' : `${botPath(appId)}/api-keys`);
  const person = (appId: string, login: string): string => `${botPath(appId)}/people/${segment(login)}`;
  return {
    session: () => json<SessionWire>('GET', '/session'),
    /** The answer sets the session cookie. */
    signIn: (body: { login: string; password: string }) => json<SessionWire>('POST', '/session', { body }),
    signOut: () => send('DELETE', '/session'),
    ways: () => json<{ registration: boolean; provider: boolean }>('GET', '/session/ways'),
    changePassword: (body: { old: string; password: string }) => send('PUT', '/session/password', { body }),

    users: (cursor: string | null) => json<Page<UserWire>>('GET', `/users?limit=100${itemsOrNone(cursor)}`),
    invite: (body: { login: string | null; role: RoleWord | null }) =>
      json<LinkWire>('POST', '/users/invitations', { body }),
    changeUser: (id: string, body: Partial<Pick<UserWire, 'role' | 'active' | 'name'>>) =>
      json<UserWire>('PATCH', `/users/${segment(id)}`, { body }),
    removeUser: (id: string) => send('DELETE', `/users/${segment(id)}`),
    resetLink: (id: string) => json<LinkWire>('POST', `/users/${segment(id)}/reset`),
    people: async (appId: string) => (await json<Page<PersonWire>>('GET', `${botPath(appId)}/people`)).items,
    setPerson: (appId: string, { login, role }: { login: string; role: RoleWord }) =>
      json<PersonWire>('PUT', person(appId, login), { body: { role } }),
    removePerson: (appId: string, login: string) => send('DELETE', person(appId, login)),

    /** Of one bot, or of the whole hub. */
    keys: (appId: string | null, cursor: string | null) =>
      json<Page<KeyWire>>('GET', `${keys(appId)}?limit=100${itemsOrNone(cursor)}`),
    createKey: (appId: string | null, body: { name: string; role: RoleWord; expiresInDays?: number }) =>
      json<KeyWire & { key: string }>('POST', keys(appId), { body }),
    rotateKey: (id: string) => json<KeyWire & { key: string }>('POST', `/api-keys/${segment(id)}/rotate`),
    revokeKey: (id: string) => send('DELETE', `/api-keys/${segment(id)}`),

    audit: (filter: AuditFilter, cursor: string | null) =>
      json<Page<AuditWire>>('GET', `/audit?limit=50${auditQuery(filter)}${itemsOrNone(cursor)}`),
    auditFile: async (filter: AuditFilter) =>
      (await client.call('GET', `/audit/export?format=csv${auditQuery(filter)}`)).blob(),

    saveTemplate: (body: { name: string; fromBot: string; title: { en: string } }) =>
      send('POST', '/templates', { body }),
    deleteTemplate: (name: string) => send('DELETE', `/templates/${segment(name)}`),
  };
}
