/** Who comes in: what a request shows of its sender, and what the policy says to it. The only place where a route's caller is judged. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Access, Credentials, Principal, RateLimits, Right } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Route } from './route.js';

/** Who asks. */
export interface Caller {
  /** Null on a public route. */
  principal: Principal | null;
  /** The address that the request came from, as far as trusted proxies tell. */
  from: string;
  /** On the bot `appId`; on the hub as a whole, and so on every bot, without it. */
  may(right: Right, appId?: string | null): boolean;
}
/** The parts of a request that admission reads. */
export interface Knock {
  method: string;
  params: Record<string, string>;
  query: Record<string, unknown>;
  headers: Record<string, string | string[] | undefined>;
  from: string;
}
export interface Admission {
  /**
   * Lets the caller in or throws: `unauthorized` without good credentials, `not_found` in the words for a thing that is not there, `forbidden`
   * when the caller may see the thing but not do this to it, `rate_limited` for who asks too much.
   */
  admit(row: Pick<Route, 'access' | 'asks' | 'of'>, knock: Knock): Promise<Caller>;
}

export const sessionCookie = 'switchboard_session';
const cookieForm = new RegExp(`(?:^|;\\s*)${sessionCookie}=([\\w-]{20,200})(?:;|$)`);

/** The session of a cookie header; undefined: none. */
export const sessionIn = (cookie: unknown): string | undefined =>
  typeof cookie === 'string' ? cookieForm.exec(cookie)?.[1] : undefined;
/** The token of an Authorization header; undefined: none. */
export const bearerIn = (authorization: unknown): string | undefined =>
  typeof authorization === 'string' ? /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] : undefined;

/** What a page of ours sends along with a session's changes; another site can make a browser send the cookie, but knows no cookie to make this of. */
export const csrfTokenOf = (session: string): string =>
  createHmac('sha256', session).update('csrf').digest('base64url').slice(0, 32);

const safe = ['GET', 'HEAD', 'OPTIONS'];

function checkCsrf(session: string, { method, headers }: Knock): void {
  if (safe.includes(method)) return;
  const [given, wanted] = [Buffer.from(String(headers['x-csrf-token'])), Buffer.from(csrfTokenOf(session))];
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new HubError(
    'forbidden',
    'A change by session cookie needs the header X-CSRF-Token: GET /api/v1/session has it.',
  );
}

function credentialsOf(knock: Knock): Credentials {
  const { authorization, cookie } = knock.headers;
  // A bearer token that does not fit is not made good by a cookie.
  if (authorization !== undefined) return { token: bearerIn(authorization) };
  return { session: sessionIn(cookie) };
}

const wanted: Record<string, string> = {
  train: "Send the trainers' token: Authorization: Bearer TOKEN. It is TRAINER_TOKEN of the hub.",
};
const anyKey =
  'Sign in, or send Authorization: Bearer TOKEN: an API key, or the admin token (ADMIN_TOKEN, or the file admin-token in DATA_DIR).';

export interface AdmissionOptions {
  access: Access;
  limits: Pick<RateLimits, 'caller'>;
}

export function createAdmission({ access, limits }: AdmissionOptions): Admission {
  return {
    async admit(row, knock) {
      const nobody: Caller = { principal: null, from: knock.from, may: () => false };
      if (row.access === 'public' || row.asks !== undefined) return nobody;
      const shown = credentialsOf(knock);
      const principal = await access.identify(shown);
      if (!principal) throw new HubError('unauthorized', wanted[row.access] ?? anyKey);
      if (shown.session !== undefined) checkCsrf(shown.session, knock);
      const appId = knock.params['appId'] ?? (row.of ? await row.of.bot(knock) : null);
      if (!access.may(principal, row.access, appId)) throw refusal(access, principal, { row, knock, appId });
      await limits.caller(principal, appId);
      return { ...nobody, principal, may: (right, on = null) => access.may(principal, right, on) };
    },
  };
}

/** What is not there and what is not the caller's look the same. */
function refusal(
  access: Access,
  principal: Principal,
  { row, knock, appId }: { row: Pick<Route, 'access' | 'of'>; knock: Knock; appId: string | null },
): HubError {
  const ofBot = row.of !== undefined || knock.params['appId'] !== undefined;
  if (ofBot && !access.may(principal, 'read', appId)) {
    return new HubError('not_found', row.of?.missing(knock.params) ?? `There is no bot ${appId ?? ''}.`);
  }
  return new HubError('forbidden', `Your role does not include the right "${row.access}" here; ask an admin for it.`);
}
