/** Sessions of people who signed in: a cookie with a secret, and its ticket in the store. */
import type { Json, Principal, Role, Store, User } from '../contracts.js';
import { digestOf, newSecret } from './secret.js';

/** What the OpenID provider says somebody is, now. */
export interface Vouched {
  role: Role | null;
  bots: Record<string, Role>;
}
export interface Sessions {
  /** A new session, whatever the caller had before. */
  open(user: User, body?: Json): Promise<{ secret: string; expiresAt: string }>;
  /** Whose session it is; null: nobody's, over, or its user is shut out. */
  find(secret: string): Promise<Principal | null>;
  /** Ends it. */
  close(secret: string): Promise<void>;
  /** Ends all sessions and links of a user, but for one. */
  closeAll(userId: string, except?: string): Promise<void>;
}
export interface SessionsOptions {
  store: Pick<Store, 'users' | 'tickets'>;
  /** Called when a session has ended. */
  onChange: () => void;
  /** For a session that an OpenID provider vouches for: what the user is there now; null: nothing any more, the session is over. */
  vouched?: (ticket: { digest: string; body: Json }) => Promise<Vouched | null>;
  now?: () => Date;
}

const days = 7;

export function createSessions({ store, onChange, vouched, now = () => new Date() }: SessionsOptions): Sessions {
  return {
    async open(user, body = {}) {
      const secret = newSecret('');
      const at = now();
      const expiresAt = new Date(at.getTime() + days * 86_400_000).toISOString();
      const about = { kind: 'session', userId: user.id, createdAt: at.toISOString(), expiresAt } as const;
      // Old ones go as new ones come: nobody else has to sweep.
      await store.tickets.expire(at.toISOString());
      await store.tickets.add({ digest: digestOf(secret), ...about, body });
      await store.users.update(user.id, { signedInAt: at.toISOString() });
      return { secret, expiresAt };
    },
    async find(secret) {
      const digest = digestOf(secret);
      const ticket = await store.tickets.get(digest);
      if (ticket?.kind !== 'session' || ticket.expiresAt <= now().toISOString()) return null;
      const user = await store.users.get(ticket.userId ?? '');
      if (!user?.active) return null;
      const { id, name, role, bots } = user;
      if (ticket.body['provider'] === undefined) return { kind: 'user', id, name, role, bots };
      const there = await vouched?.({ digest, body: ticket.body });
      if (there) return { kind: 'user', id, name, role: there.role ?? role, bots: { ...bots, ...there.bots } };
      await store.tickets.take(digest);
      return null;
    },
    async close(secret) {
      await store.tickets.take(digestOf(secret));
      onChange();
    },
    async closeAll(userId, except) {
      await store.tickets.removeOf(userId, except === undefined ? undefined : digestOf(except));
      onChange();
    },
  };
}
