/**
 * Signing in by an OpenID provider, Keycloak above all: authorization code with PKCE, state and nonce. What somebody is comes from the
 * provider's userinfo, with Keycloak's names of the claims, and is asked again while the session lasts. The only importer of openid-client.
 */
import * as client from 'openid-client';
import type { Json, Role, Store, Ticket, User } from '../contracts.js';
import { HubError } from '../errors.js';
import { isRole, roles } from './policy.js';
import { digestOf, newId, newSecret } from './secret.js';
import type { Sessions, Vouched } from './sessions.js';
import type { SignedIn } from './accounts.js';

export interface OpenIdOptions {
  issuer: string;
  clientId: string;
  clientSecret: string | null;
  store: Pick<Store, 'users' | 'tickets'>;
  sessions: Pick<Sessions, 'open'>;
  /** Where the provider sends people back to: exactly this. */
  redirectUri: () => string;
  seal: { seal(text: string, place: string): string; open(sealed: string, place: string): string };
  now?: () => Date;
}
export interface OpenId {
  /** Where to send the browser, and a secret for its cookie that ties the answer to it. Rejects with `provider_unavailable`. */
  begin(): Promise<{ url: string; secret: string }>;
  /** The browser is back with `query`. Rejects with `sign_in_failed` for an answer that is not this browser's, this provider's or this hub's. */
  finish(given: { secret: string | undefined; query: string }): Promise<SignedIn>;
  /** What the holder of this session is at the provider now; null: nothing any more. Rejects with `provider_unavailable`. */
  vouched(ticket: { digest: string; body: Json }): Promise<Vouched | null>;
}

interface Tokens {
  sub: string;
  access: string;
  refresh: string | null;
}
const minutes = 10;
/** For so long an answer of the provider stands; with what access.ts and an open stream add, a role that was taken away is gone within five seconds. */
const freshMs = 1500;
/** A provider that does not answer shuts nobody out at once. */
const patienceMs = 60_000;
const failed = (cause?: unknown): HubError =>
  new HubError('sign_in_failed', 'The sign-in did not come to its end here; begin it again.', { cause });
const away = (cause: unknown): HubError =>
  new HubError('provider_unavailable', 'The OpenID provider (OIDC_ISSUER) does not answer; try again in a moment.', {
    cause,
  });

/** `switchboard-editor` or `editor` on the hub; with `:APP_ID` behind it on that bot. */
export function rolesIn(claims: Json, clientId: string): Vouched {
  const realm = (claims['realm_access'] as { roles?: unknown } | undefined)?.roles;
  const own = (claims['resource_access'] as Record<string, { roles?: unknown }> | undefined)?.[clientId]?.roles;
  const names = [realm, own].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const found: { role: Role; appId: string | undefined }[] = [];
  for (const name of names) {
    const [word = '', appId, ...rest] = typeof name === 'string' ? name.replace(/^switchboard-/, '').split(':') : [];
    if (isRole(word) && rest.length === 0 && appId !== '') found.push({ role: word, appId });
  }
  // Of several on one place the mightiest counts.
  const first = (appId: string | undefined): Role | null =>
    roles.find((role) => found.some((one) => one.role === role && one.appId === appId)) ?? null;
  const bots = new Map<string, Role>();
  for (const { appId } of found) {
    const role = appId === undefined ? null : first(appId);
    if (appId !== undefined && role !== null) bots.set(appId, role);
  }
  return { role: first(undefined), bots: Object.fromEntries(bots) };
}

class Provider implements OpenId {
  private found: Promise<client.Configuration> | undefined;
  private readonly known = new Map<string, { at: number; answer: Promise<Vouched | null> }>();
  private readonly now: () => Date;

  constructor(private readonly options: OpenIdOptions) {
    this.now = options.now ?? (() => new Date());
  }

  async begin(): Promise<{ url: string; secret: string }> {
    const config = await this.configuration();
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce, secret] = [client.randomState(), client.randomNonce(), newSecret('')];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: this.options.redirectUri(),
      scope: 'openid profile email',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    const at = this.now();
    await this.options.store.tickets.add({
      digest: digestOf(secret),
      kind: 'sign-in',
      userId: null,
      body: { state, nonce, verifier },
      createdAt: at.toISOString(),
      expiresAt: new Date(at.getTime() + minutes * 60_000).toISOString(),
    });
    return { url: url.href, secret };
  }

  async finish({ secret, query }: { secret: string | undefined; query: string }): Promise<SignedIn> {
    // Taken: an answer is good once, whatever becomes of it.
    const ticket = secret === undefined ? null : await this.options.store.tickets.take(digestOf(secret));
    if (ticket?.kind !== 'sign-in' || ticket.expiresAt <= this.now().toISOString()) throw failed();
    const config = await this.configuration();
    const { login, claims, tokens } = await this.exchanged(config, ticket, query);
    const user = (await this.options.store.users.byLogin(login)) ?? (await this.made(login, claims));
    if (!user.active) throw failed();
    const body = { provider: this.options.seal.seal(JSON.stringify(tokens), place) };
    return { user, ...(await this.options.sessions.open(user, body)) };
  }

  vouched({ digest, body }: { digest: string; body: Json }): Promise<Vouched | null> {
    const now = this.now().getTime();
    const last = this.known.get(digest);
    if (last && now - last.at < freshMs) return last.answer;
    const answer = this.asked(digest, body).catch((error: unknown) => {
      if (last && now - last.at < patienceMs) return last.answer;
      throw away(error);
    });
    for (const [key, { at }] of this.known) if (now - at > patienceMs) this.known.delete(key);
    // A failure does not count as an answer: the time of the last real one stands.
    void answer.then(
      (value) => value !== null && this.known.set(digest, { at: now, answer }),
      () => undefined,
    );
    return answer;
  }

  private configuration(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.options;
    // The settings take http:// for a provider on this machine alone. It is marked as deprecated so that it stands out.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const insecure = issuer.startsWith('http:') ? { execute: [client.allowInsecureRequests] } : {};
    this.found ??= client
      .discovery(
        new URL(issuer),
        clientId,
        clientSecret ?? undefined,
        clientSecret === null ? client.None() : undefined,
        insecure,
      )
      .catch((error: unknown) => {
        this.found = undefined;
        throw away(error);
      });
    return this.found;
  }

  /** The tokens for the code that came back, if everything about it fits. */
  private async exchanged(
    config: client.Configuration,
    { body }: Ticket,
    query: string,
  ): Promise<{ login: string; claims: client.UserInfoResponse; tokens: Tokens }> {
    try {
      // Not the address that the browser used: whoever chose its Host header chooses nothing here.
      const back = new URL(`${this.options.redirectUri()}?${query}`);
      const answer = await client.authorizationCodeGrant(config, back, {
        pkceCodeVerifier: body['verifier'] as string,
        expectedState: body['state'] as string,
        expectedNonce: body['nonce'] as string,
        idTokenExpected: true,
      });
      const id = answer.claims();
      if (!id || (id.azp !== undefined && id.azp !== this.options.clientId)) throw failed();
      const claims = await client.fetchUserInfo(config, answer.access_token, id.sub);
      const tokens = { sub: id.sub, access: answer.access_token, refresh: answer.refresh_token ?? null };
      return { login: `${id.iss} ${id.sub}`, claims, tokens };
    } catch (error) {
      throw failed(error);
    }
  }

  private async made(login: string, claims: client.UserInfoResponse): Promise<User> {
    const at = this.now().toISOString();
    const named = ['name', 'preferred_username', 'email'].map((claim) => claims[claim]);
    const name = named.find((one): one is string => typeof one === 'string' && one !== '') ?? claims.sub;
    const about = {
      password: null,
      role: null,
      bots: {},
      active: true,
      createdAt: at,
      updatedAt: at,
      signedInAt: null,
    };
    const user: User = { id: newId(), login, name: name.slice(0, 200), ...about };
    await this.options.store.users.create(user);
    return user;
  }

  private async asked(digest: string, body: Json): Promise<Vouched | null> {
    const config = await this.configuration();
    const tokens = this.opened(body);
    if (!tokens) return null;
    try {
      return await this.claims(config, tokens);
    } catch (error) {
      if (!refused(error)) throw error;
    }
    return this.renewed(config, digest, tokens);
  }

  /** Null for what was sealed with a key that has gone since: its session is over. */
  private opened(body: Json): Tokens | null {
    try {
      return JSON.parse(this.options.seal.open(String(body['provider']), place)) as Tokens;
    } catch {
      return null;
    }
  }

  private async claims(config: client.Configuration, { access, sub }: Tokens): Promise<Vouched> {
    return rolesIn(await client.fetchUserInfo(config, access, sub), this.options.clientId);
  }

  /** The access token is over: another one, if the provider still gives one. */
  private async renewed(config: client.Configuration, digest: string, tokens: Tokens): Promise<Vouched | null> {
    if (tokens.refresh === null) return null;
    try {
      const answer = await client.refreshTokenGrant(config, tokens.refresh);
      const renewed = { ...tokens, access: answer.access_token, refresh: answer.refresh_token ?? tokens.refresh };
      await this.options.store.tickets.rewrite(digest, {
        provider: this.options.seal.seal(JSON.stringify(renewed), place),
      });
      return await this.claims(config, renewed);
    } catch (error) {
      if (refused(error)) return null;
      throw error;
    }
  }
}

const place = 'openid tokens of a session';

/** Did the provider say no, rather than nothing? */
function refused(error: unknown): boolean {
  if (error instanceof client.ResponseBodyError || error instanceof client.WWWAuthenticateChallengeError)
    return error.status >= 400 && error.status < 500;
  return false;
}

export const createOpenId = (options: OpenIdOptions): OpenId => new Provider(options);
