/** Who calls Rasa's API of a bot: by `?token=` as with `rasa run --auth-token`, the same key as a bearer, or a JWT as with `--jwt-secret`. */
import type { Access, AuditEntry, Connection, RateLimits, Right } from '../../contracts.js';
import { bearerIn } from '../admission.js';
import { notAuthenticated, notAuthorized } from './failure.js';
import { conversationOf, queryOf, type RasaAsked } from './request.js';

export interface CallerOptions {
  access: Access;
  limits: Pick<RateLimits, 'caller' | 'bot'>;
  /** The bot's REST channel, whose author may have given a key for tokens. */
  rest: (appId: string) => Connection | undefined;
}

/** Answers who asks. Throws Rasa's 401, or its 403 for who may see the bot but not do this, and for a user who asks for what is not his own conversation; `rate_limited` for who asks too much. */
export async function admit(
  { access, limits, rest }: CallerOptions,
  { appId, right }: { appId: string; right: Right },
  asked: RasaAsked,
): Promise<AuditEntry['by']> {
  const [key, bearer] = [queryOf(asked, 'token'), bearerIn(asked.headers['authorization'])];
  let known = false;
  for (const token of [key, bearer]) {
    const principal = token === undefined ? null : await access.identify({ token });
    if (principal && access.may(principal, right, appId)) {
      await limits.caller(principal, appId);
      const { kind, id, name } = principal;
      return { kind, id, name };
    }
    known ||= principal !== null && access.may(principal, 'read', appId);
  }
  if (known) throw notAuthorized();
  const user = bearer === undefined ? null : await rest(appId)?.jwtUser?.(bearer);
  if (!user) throw notAuthenticated();
  // Whoever has the bot's key for tokens may make as many users as they like.
  await limits.bot(appId);
  const by = { kind: 'key', id: 'jwtKey', name: user.username ?? '' } as const;
  if (user.role === 'admin') return by;
  const conversation = conversationOf(asked);
  if (user.role !== 'user' || conversation === null || user.username !== conversation) throw notAuthorized();
  return by;
}
