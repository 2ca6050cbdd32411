/** Who calls Rasa's API of a bot: by `?token=` as with `rasa run --auth-token`, the same key as a bearer, or a JWT as with `--jwt-secret`. */
import type { Connection } from '../../contracts.js';
import type { Auth } from '../auth.js';
import { notAuthenticated, notAuthorized } from './failure.js';
import { conversationOf, queryOf, type RasaAsked } from './request.js';

export interface CallerOptions {
  auth: Pick<Auth, 'isAdmin'>;
  /** The bot's REST channel, whose author may have given a key for tokens. */
  rest: (appId: string) => Connection | undefined;
}

const bearerOf = ({ headers: { authorization } }: RasaAsked): string | undefined =>
  typeof authorization === 'string' ? /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] : undefined;

/** Throws Rasa's 401, or its 403 for a user who asks for what is not his own conversation. */
export async function admit({ auth, rest }: CallerOptions, appId: string, asked: RasaAsked): Promise<void> {
  const [key, bearer] = [queryOf(asked, 'token'), bearerOf(asked)];
  if ([key, bearer].some((token) => token !== undefined && auth.isAdmin(token))) return;
  const user = bearer === undefined ? null : await rest(appId)?.jwtUser?.(bearer);
  if (!user) throw notAuthenticated();
  if (user.role === 'admin') return;
  const conversation = conversationOf(asked);
  if (user.role !== 'user' || conversation === null || user.username !== conversation) throw notAuthorized();
}
