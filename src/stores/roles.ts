/** What somebody is on one bot, changed in their record; both stores do it inside one write. */
import type { Role, User } from '../contracts.js';

/** `role` null: nothing any more. */
export function withRole(user: User, appId: string, role: Role | null): User {
  const { [appId]: _, ...others } = user.bots;
  return { ...user, bots: role === null ? others : { ...others, [appId]: role } };
}
