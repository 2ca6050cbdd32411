/** Routes of signing in and out, of links that were handed out, and of one's own password. */
import { z } from 'zod';
import type { User } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { csrfTokenOf, sessionCookie, sessionIn } from '../admission.js';
import { type Reply, type Route, route } from '../route.js';
import { Login, Name, Password, type RightsOf, SessionView } from './views.js';

interface SignedIn {
  user: User;
  secret: string;
  expiresAt: string;
}
export interface SessionRoutesOptions {
  accounts: {
    signIn(given: { login: string; password: string; from: string }): Promise<SignedIn>;
    peek(token: string): Promise<{ kind: 'invitation' | 'reset'; login: string | null } | null>;
    takeLink(given: {
      token: string;
      login?: string | undefined;
      name?: string | undefined;
      password: string;
      from: string;
    }): Promise<SignedIn>;
    register(given: { login: string; name: string; password: string; from: string }): Promise<SignedIn>;
    changePassword(
      userId: string,
      given: { old: string; password: string; session: string; from: string },
    ): Promise<void>;
  };
  sessions: { close(secret: string): Promise<void> };
  /** Which ways in there are, for the page. */
  ways: { registration: boolean; provider: boolean };
  rightsOf: RightsOf;
  publicUrl: () => string;
}

const Secret = z.string().min(20).max(200);
const SignIn = z.strictObject({ login: Login, password: Password }).meta({ id: 'SignIn' });
const Register = z.strictObject({ login: Login, name: Name, password: Password }).meta({ id: 'Registration' });
const Peek = z.strictObject({ token: Secret });
const TakeLink = z
  .strictObject({ token: Secret, login: Login.optional(), name: Name.optional(), password: Password })
  .meta({ id: 'LinkUse' });
const NewPassword = z.strictObject({ old: Password, password: Password }).meta({ id: 'PasswordChange' });
const Ways = z.object({ registration: z.boolean(), provider: z.boolean() });
const LinkFacts = z.object({ kind: z.enum(['invitation', 'reset']), login: z.string().nullable() });

/** The cookie goes to this hub alone, never along from another site, and no script reads it. */
export function cookieOf(publicUrl: string, secret: string, expiresAt: Date): string {
  const secure = publicUrl.startsWith('https:') ? '; Secure' : '';
  return `${sessionCookie}=${secret}; Path=/; Expires=${expiresAt.toUTCString()}; HttpOnly; SameSite=Strict${secure}`;
}

export function sessionRoutes({ accounts, sessions, ways, rightsOf, publicUrl }: SessionRoutesOptions): Route[] {
  const signedIn = ({ user, secret, expiresAt }: SignedIn): Reply => {
    const { id, name, role, bots } = user;
    const principal = { kind: 'user', id, name, role, bots } as const;
    return {
      headers: { 'set-cookie': cookieOf(publicUrl(), secret, new Date(expiresAt)) },
      by: { id, name },
      body: { ...principal, csrfToken: csrfTokenOf(secret), rights: rightsOf(principal) },
    };
  };
  const answers = { 200: { description: 'Signed in; the answer sets the session cookie.', schema: SessionView } };
  return [
    route({
      method: 'GET',
      path: '/session',
      summary: 'Who asks: what they are on the hub and on its bots.',
      access: 'member',
      answers: { 200: { description: 'The caller.', schema: SessionView } },
      handle: ({ caller: { principal }, headers }) => {
        const session = headers['authorization'] === undefined ? sessionIn(headers['cookie']) : undefined;
        const csrfToken = session === undefined ? null : csrfTokenOf(session);
        return Promise.resolve({ body: { ...principal, csrfToken, rights: principal && rightsOf(principal) } });
      },
    }),
    route({
      method: 'POST',
      path: '/session',
      summary: 'Sign in with a password. After a few failures each further try has to wait.',
      access: 'public',
      audited: true,
      body: { schema: SignIn },
      answers,
      handle: async ({ body, caller: { from } }) => signedIn(await accounts.signIn({ ...body, from })),
    }),
    route({
      method: 'DELETE',
      path: '/session',
      summary: 'Sign out: the session ends, and the cookie goes.',
      access: 'member',
      answers: { 204: { description: 'Signed out.' } },
      handle: async ({ headers }) => {
        const session = sessionIn(headers['cookie']);
        if (session !== undefined) await sessions.close(session);
        return { status: 204, headers: { 'set-cookie': cookieOf(publicUrl(), '', new Date(0)) } };
      },
    }),
    route({
      method: 'PUT',
      path: '/session/password',
      summary: 'Change the own password; all other sessions of the account end.',
      access: 'member',
      body: { schema: NewPassword },
      answers: { 204: { description: 'Changed.' } },
      handle: async ({ body, headers, caller: { principal, from } }) => {
        const session = sessionIn(headers['cookie']);
        if (principal?.kind !== 'user' || session === undefined)
          throw new HubError('forbidden', 'Only somebody who signed in has a password; keys and tokens have none.');
        await accounts.changePassword(principal.id, { ...body, session, from });
        return { status: 204 };
      },
    }),
    route({
      method: 'GET',
      path: '/session/ways',
      summary: 'Which ways to sign in there are beside a password.',
      access: 'public',
      answers: { 200: { description: 'The ways.', schema: Ways } },
      handle: () => Promise.resolve({ body: ways }),
    }),
    route({
      method: 'POST',
      path: '/session/link',
      summary: 'What a link that was handed out is for.',
      access: 'public',
      body: { schema: Peek },
      answers: { 200: { description: 'What for, and for whom.', schema: LinkFacts } },
      handle: async ({ body: { token } }) => {
        const facts = await accounts.peek(token);
        if (!facts) throw new HubError('link_over', 'That link was used already, is too old or was mistyped.');
        return { body: facts };
      },
    }),
    route({
      method: 'PUT',
      path: '/session/link',
      summary: 'Use a link, once: make the account that it invites to, or set the new password. It signs in.',
      access: 'public',
      audited: true,
      body: { schema: TakeLink },
      answers,
      handle: async ({ body, caller: { from } }) => signedIn(await accounts.takeLink({ ...body, from })),
    }),
    route({
      method: 'POST',
      path: '/registrations',
      summary: 'Make an account for oneself, without any role yet; where REGISTRATION is on.',
      access: 'public',
      audited: true,
      body: { schema: Register },
      answers,
      handle: async ({ body, caller: { from } }) => signedIn(await accounts.register({ ...body, from })),
    }),
  ];
}
