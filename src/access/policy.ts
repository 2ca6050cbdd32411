/** Who may do what: one table, asked through `Access.may` and nowhere else. docs/security.md shows it to people. */
import type { Principal, Right, Role } from '../contracts.js';

interface Row {
  /** On one bot (a role on the whole hub will do), on the hub as a whole, or for whoever it is. */
  on: 'bot' | 'hub' | 'self';
  roles: readonly (Role | 'trainer' | 'node')[];
  /** In words, for people. */
  means: string;
}

const everyone: readonly Role[] = ['admin', 'builder', 'editor', 'agent', 'viewer'];

export const policy: Readonly<Record<Right, Row>> = {
  member: { on: 'self', roles: everyone, means: 'see and change what is their own: session, name, password' },
  train: { on: 'hub', roles: ['admin', 'trainer'], means: 'fetch training jobs and hand over models' },
  watch: { on: 'hub', roles: everyone, means: 'see machines, trainers and the training queue' },
  create: { on: 'hub', roles: ['admin', 'builder'], means: 'make bots and templates' },
  administer: { on: 'hub', roles: ['admin'], means: 'users, keys of the whole hub, initial models' },
  read: { on: 'bot', roles: everyone, means: 'see a bot, its content, models, jobs and conversations' },
  converse: {
    on: 'bot',
    roles: ['admin', 'builder', 'editor', 'agent'],
    means: 'talk to a bot and see to its conversations',
  },
  edit: { on: 'bot', roles: ['admin', 'builder', 'editor'], means: 'change what a bot answers, train and test it' },
  build: { on: 'bot', roles: ['admin', 'builder'], means: 'change its settings, project, channels and processes' },
  serve: { on: 'bot', roles: ['admin', 'builder', 'node'], means: 'be a node that runs a bot' },
  own: { on: 'bot', roles: ['admin'], means: "delete a bot; its keys and its people's roles; its audit log" },
};

/** All roles, the mightiest first. */
export const roles = everyone;

export const isRole = (word: unknown): word is Role => everyone.some((role) => role === word);

const all = Object.keys(policy) as Right[];

/** Everything that `principal` may do: on the hub as a whole, and on the bots that they have a role on. */
export function rightsOf(principal: Principal): { hub: Right[]; bots: Record<string, Right[]> } {
  const on = (appId: string | null): Right[] => all.filter((right) => may(principal, right, appId));
  return { hub: on(null), bots: Object.fromEntries(Object.keys(principal.bots).map((appId) => [appId, on(appId)])) };
}

/** May `principal` do this on the bot `appId`, or, with null, on the hub as a whole? */
export function may(principal: Principal, right: Right, appId: string | null): boolean {
  const row = policy[right];
  if (row.on === 'self') return principal.role !== 'trainer' && principal.role !== 'node';
  if (principal.role !== null && row.roles.includes(principal.role)) return true;
  if (row.on === 'hub' || appId === null || !Object.hasOwn(principal.bots, appId)) return false;
  const role = principal.bots[appId];
  return role !== undefined && row.roles.includes(role);
}
