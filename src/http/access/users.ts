/** Routes of users: who there is, what they are, invitations, and links to set a new password. */
import { z } from 'zod';
import type { Listed, Page, Role, Store, User } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { listOf, PageQuery } from '../../wire.js';
import { botOf } from '../bots.js';
import { type Asked, param, type Reply, type Route, route } from '../route.js';
import { Invitation, LinkView, presentUser, RoleWord, UserChangeBody, UserView } from './views.js';

interface Link {
  path: string;
  expiresAt: string;
}
export interface UserRoutesOptions {
  store: Pick<Store, 'bots'>;
  accounts: {
    list(page: Page): Promise<Listed<User>>;
    get(id: string): Promise<User | null>;
    byLogin(login: string): Promise<User | null>;
    change(id: string, change: z.infer<typeof UserChangeBody>): Promise<User>;
    remove(id: string): Promise<boolean>;
    setRole(userId: string, appId: string, role: Role | null): Promise<User>;
    invite(wanted: { login: string | null; role: Role | null; bots: Record<string, Role>; by: string }): Promise<Link>;
    resetLink(userId: string): Promise<Link>;
  };
  publicUrl: () => string;
}

const Grant = z.strictObject({ role: RoleWord }).meta({ id: 'BotRole' });
const PersonView = z
  .object({ login: z.string(), name: z.string(), role: RoleWord })
  .meta({ id: 'BotPerson', description: 'Somebody with a role on this bot.' });

export function userRoutes(options: UserRoutesOptions): Route[] {
  const { accounts, publicUrl } = options;
  const found = async (asked: Pick<Asked<unknown, unknown>, 'params'>): Promise<User> => {
    const user = await accounts.get(param(asked, 'id'));
    if (!user) throw new HubError('not_found', `There is no user ${param(asked, 'id')}.`);
    return user;
  };
  const told = ({ path, expiresAt }: Link): Reply => ({
    status: 201,
    body: { url: `${publicUrl()}${path}`, expiresAt },
  });
  const user = { 200: { description: 'The user.', schema: UserView } };
  const link = { 201: { description: 'The link.', schema: LinkView } };
  return [
    route({
      method: 'GET',
      path: '/users',
      summary: 'Everybody who has an account, oldest first.',
      access: 'administer',
      query: PageQuery,
      answers: { 200: { description: 'A page of users.', schema: listOf(UserView) } },
      handle: async ({ query }) => {
        const { items, next } = await accounts.list(query);
        return { body: { items: items.map(presentUser), next } };
      },
    }),
    route({
      method: 'POST',
      path: '/users/invitations',
      summary: 'A link by which somebody makes their account, with these roles. It works once, for three days.',
      access: 'administer',
      body: { schema: Invitation },
      answers: link,
      handle: async ({ body, caller }) => told(await accounts.invite({ ...body, by: caller.principal?.name ?? '' })),
    }),
    route({
      method: 'GET',
      path: '/users/{id}',
      summary: 'One user.',
      access: 'administer',
      answers: user,
      handle: async (asked) => ({ body: presentUser(await found(asked)) }),
    }),
    route({
      method: 'PATCH',
      path: '/users/{id}',
      summary: 'Change what a user is called and may do, or shut them out (`active: false`). It holds within seconds.',
      access: 'administer',
      body: { schema: UserChangeBody },
      answers: user,
      handle: async (asked) => ({ body: presentUser(await accounts.change(param(asked, 'id'), asked.body)) }),
    }),
    route({
      method: 'DELETE',
      path: '/users/{id}',
      summary: 'Remove an account and end its sessions. What its owner did stays in the audit log.',
      access: 'administer',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        await accounts.remove((await found(asked)).id);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: '/users/{id}/reset',
      summary: 'A link by which the user sets a new password. It works once, for a day.',
      access: 'administer',
      answers: link,
      handle: async (asked) => told(await accounts.resetLink((await found(asked)).id)),
    }),
    ...botPeople(options),
  ];
}

/** Who may do what on one bot: for its own admins, who do not see all users of the hub. */
function botPeople({ store, accounts }: UserRoutesOptions): Route[] {
  const named = async (asked: Pick<Asked<unknown, unknown>, 'params'>): Promise<User> => {
    const user = await accounts.byLogin(param(asked, 'login'));
    if (!user)
      throw new HubError('not_found', `There is no user ${param(asked, 'login')}; an admin of the hub invites them.`);
    return user;
  };
  const person = ({ login, name, bots }: User, appId: string): object => ({ login, name, role: bots[appId] });
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/people',
      summary: 'Who has a role on this bot. Roles on the whole hub come beside.',
      access: 'own',
      answers: { 200: { description: 'The people.', schema: listOf(PersonView) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const items: object[] = [];
        for (let cursor: string | undefined, more = true; more;) {
          const page = await accounts.list({ limit: 500, cursor });
          items.push(...page.items.filter(({ bots }) => Object.hasOwn(bots, appId)).map((one) => person(one, appId)));
          cursor = page.next ?? undefined;
          more = page.next !== null;
        }
        return { body: { items, next: null } };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/people/{login}',
      summary: 'Give a user a role on this bot, in place of the one that they have there.',
      access: 'own',
      body: { schema: Grant },
      answers: { 200: { description: 'The person.', schema: PersonView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { id } = await named(asked);
        return { body: person(await accounts.setRole(id, appId, asked.body.role), appId) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/people/{login}',
      summary: "Take a user's role on this bot away.",
      access: 'own',
      answers: { 204: { description: 'They have none any more.' } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        await accounts.setRole((await named(asked)).id, appId, null);
        return { status: 204 };
      },
    }),
  ];
}
