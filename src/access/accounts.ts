/** People: how they come to have an account, sign in, change and reset passwords, and what an admin does with their accounts. */
import type { Listed, Page, Role, Store, Ticket, User } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Passwords } from './passwords.js';
import { digestOf, newId, newSecret } from './secret.js';
import type { Sessions } from './sessions.js';
import type { Throttle } from './throttle.js';

/** What somebody shall be. */
export interface Standing {
  role: Role | null;
  bots: Record<string, Role>;
}
export interface SignedIn {
  user: User;
  /** The session's secret, for the cookie. */
  secret: string;
  expiresAt: string;
}
/** A link for one person, told once. `path`: to be put behind the hub's address; its secret stands after the #, which browsers do not send. */
export interface Link {
  path: string;
  expiresAt: string;
}
export interface UserChange {
  name?: string | undefined;
  role?: Role | null | undefined;
  bots?: Record<string, Role> | undefined;
  active?: boolean | undefined;
}
export interface Accounts {
  /** Rejects with `wrong_password`, in the same time and words for a name that nobody has, or with `throttled`. */
  signIn(given: { login: string; password: string; from: string }): Promise<SignedIn>;
  /** A link by which its holder makes an account. Rejects with `user_exists`. `login` null: the holder chooses one. */
  invite(wanted: Standing & { login: string | null; by: string }): Promise<Link>;
  /** A link by which the user sets a new password. Rejects with `not_found`. */
  resetLink(userId: string): Promise<Link>;
  /** Takes an invitation or a reset, once. Rejects with `link_over`, or with `invalid` for what does not fit: then the link stays good. */
  takeLink(given: {
    token: string;
    login?: string | undefined;
    name?: string | undefined;
    password: string;
    from: string;
  }): Promise<SignedIn>;
  /** What a link is for; null for one that is over. */
  peek(token: string): Promise<{ kind: 'invitation' | 'reset'; login: string | null } | null>;
  /** An account without any role. Rejects with `not_found` where registration is off. */
  register(given: { login: string; name: string; password: string; from: string }): Promise<SignedIn>;
  /** Ends all other sessions of the user. Rejects with `wrong_password`. */
  changePassword(
    userId: string,
    given: { old: string; password: string; session: string; from: string },
  ): Promise<void>;
  list(page: Page): Promise<Listed<User>>;
  get(id: string): Promise<User | null>;
  byLogin(login: string): Promise<User | null>;
  /** Shutting somebody out ends their sessions. Rejects with `not_found`. */
  change(id: string, change: UserChange): Promise<User>;
  remove(id: string): Promise<boolean>;
  /** What somebody is on one bot; null: nothing any more. Rejects with `not_found`. */
  setRole(userId: string, appId: string, role: Role | null): Promise<User>;
}
export interface AccountsOptions {
  store: Pick<Store, 'users' | 'tickets'>;
  passwords: Passwords;
  sessions: Sessions;
  throttle: Throttle;
  /** May anybody make themselves an account? */
  registration: boolean;
  /** Called when what somebody may do has changed. */
  onChange: () => void;
  now?: () => Date;
}

const linkHours = { invitation: 72, reset: 24 };
const wrong = (): HubError => new HubError('wrong_password', 'There is no such name with that password.');
const over = (): HubError =>
  new HubError('link_over', 'That link was used already, is too old or was mistyped; ask an admin for a new one.');
const missing = (id: string): HubError => new HubError('not_found', `There is no user ${id}.`);
const plain = (login: string): string => login.trim().toLowerCase();

class LocalAccounts implements Accounts {
  private readonly now: () => Date;

  constructor(private readonly options: AccountsOptions) {
    this.now = options.now ?? (() => new Date());
  }

  async signIn({ login, password, from }: { login: string; password: string; from: string }): Promise<SignedIn> {
    const { store, passwords, throttle } = this.options;
    const name = plain(login);
    const keys = [`login ${name}`, `from ${from}`];
    throttle.check(keys);
    const user = await store.users.byLogin(name);
    const fits = await passwords.fits(password, user?.password ?? null);
    if (!user || !fits || !user.active) {
      throttle.failed(keys);
      throw wrong();
    }
    throttle.passed(keys[0] ?? '');
    return this.signedIn(user);
  }

  async invite({ login, role, bots, by }: Standing & { login: string | null; by: string }): Promise<Link> {
    const name = login === null ? null : plain(login);
    if (name !== null && (await this.options.store.users.byLogin(name)))
      throw new HubError('user_exists', `There is a user ${name} already: change what they are instead.`);
    return this.link('invitation', null, { login: name, role, bots, by });
  }

  async resetLink(userId: string): Promise<Link> {
    const user = await this.options.store.users.get(userId);
    if (!user) throw missing(userId);
    return this.link('reset', userId, { login: user.login });
  }

  async peek(token: string): Promise<{ kind: 'invitation' | 'reset'; login: string | null } | null> {
    const ticket = await this.options.store.tickets.get(digestOf(token));
    if (!isLink(ticket) || ticket.expiresAt <= this.now().toISOString()) return null;
    return { kind: ticket.kind, login: (ticket.body['login'] as string | null | undefined) ?? null };
  }

  async takeLink(given: {
    token: string;
    login?: string | undefined;
    name?: string | undefined;
    password: string;
    from: string;
  }): Promise<SignedIn> {
    const { store, passwords, throttle } = this.options;
    const keys = [`link ${given.from}`];
    throttle.check(keys);
    const facts = await this.peek(given.token);
    if (!facts) {
      throttle.failed(keys);
      throw over();
    }
    const login = facts.login ?? plain(given.login ?? '');
    if (login === '') {
      const detail = 'say what you want to sign in with: an e-mail address';
      throw new HubError('invalid', `The link leaves it to you: ${detail}.`, {
        errors: [{ pointer: '/login', detail }],
      });
    }
    const password = await passwords.seal(given.password, { login, pointer: '/password' });
    // Only now, when nothing of it can fail any more but the name being taken.
    if (facts.kind === 'invitation' && (await store.users.byLogin(login)))
      throw new HubError('user_exists', `There is a user ${login} already.`);
    const ticket = await store.tickets.take(digestOf(given.token));
    if (!isLink(ticket)) throw over();
    if (facts.kind === 'invitation') {
      const { role, bots } = ticket.body as unknown as Standing;
      return this.signedIn(await this.made({ login, name: given.name ?? login, password, role, bots }));
    }
    const userId = ticket.userId ?? '';
    const user = await store.users.update(userId, { password, updatedAt: this.now().toISOString() });
    if (!user?.active) throw over();
    await this.options.sessions.closeAll(userId);
    return this.signedIn(user);
  }

  async register(given: { login: string; name: string; password: string; from: string }): Promise<SignedIn> {
    const { passwords, throttle, registration } = this.options;
    if (!registration)
      throw new HubError('not_found', 'Nobody registers here by themselves; ask an admin for an invitation.');
    // Each account counts, not only each failure: whoever makes many is slowed down.
    const keys = [`register ${given.from}`];
    throttle.check(keys);
    throttle.failed(keys);
    const login = plain(given.login);
    const password = await passwords.seal(given.password, { login, pointer: '/password' });
    return this.signedIn(await this.made({ login, name: given.name, password, role: null, bots: {} }));
  }

  async changePassword(
    userId: string,
    given: { old: string; password: string; session: string; from: string },
  ): Promise<void> {
    const { store, passwords, throttle, sessions } = this.options;
    const keys = [`change ${userId}`];
    throttle.check(keys);
    const user = await store.users.get(userId);
    if (!user || !(await passwords.fits(given.old, user.password))) {
      throttle.failed(keys);
      throw wrong();
    }
    const password = await passwords.seal(given.password, { login: user.login, pointer: '/password' });
    await store.users.update(userId, { password, updatedAt: this.now().toISOString() });
    await sessions.closeAll(userId, given.session);
  }

  list(page: Page): Promise<Listed<User>> {
    return this.options.store.users.list(page);
  }
  get(id: string): Promise<User | null> {
    return this.options.store.users.get(id);
  }
  byLogin(login: string): Promise<User | null> {
    return this.options.store.users.byLogin(plain(login));
  }

  async change(id: string, { name, role, bots, active }: UserChange): Promise<User> {
    const change = {
      ...(name !== undefined && { name }),
      ...(role !== undefined && { role }),
      ...(bots !== undefined && { bots }),
      ...(active !== undefined && { active }),
      updatedAt: this.now().toISOString(),
    };
    const user = await this.options.store.users.update(id, change);
    if (!user) throw missing(id);
    if (!user.active) await this.options.sessions.closeAll(id);
    this.options.onChange();
    return user;
  }

  async remove(id: string): Promise<boolean> {
    const removed = await this.options.store.users.remove(id);
    await this.options.sessions.closeAll(id);
    return removed;
  }

  async setRole(userId: string, appId: string, role: Role | null): Promise<User> {
    const user = await this.options.store.users.setRole(userId, appId, role);
    if (!user) throw missing(userId);
    this.options.onChange();
    return user;
  }

  private async made(user: Pick<User, 'login' | 'name' | 'password' | 'role' | 'bots'>): Promise<User> {
    const at = this.now().toISOString();
    const made: User = { id: newId(), ...user, active: true, createdAt: at, updatedAt: at, signedInAt: null };
    await this.options.store.users.create(made);
    return made;
  }

  private async signedIn(user: User): Promise<SignedIn> {
    return { user, ...(await this.options.sessions.open(user)) };
  }

  private async link(kind: 'invitation' | 'reset', userId: string | null, body: Ticket['body']): Promise<Link> {
    const secret = newSecret('');
    const at = this.now();
    const expiresAt = new Date(at.getTime() + linkHours[kind] * 3_600_000).toISOString();
    const about = { kind, userId, body, createdAt: at.toISOString(), expiresAt };
    await this.options.store.tickets.add({ digest: digestOf(secret), ...about });
    return { path: `/sign-in#${secret}`, expiresAt };
  }
}

const isLink = (ticket: Ticket | null): ticket is Ticket & { kind: 'invitation' | 'reset' } =>
  ticket?.kind === 'invitation' || ticket?.kind === 'reset';

export const createAccounts = (options: AccountsOptions): Accounts => new LocalAccounts(options);
