/** Does an activity come from Microsoft, and for this bot? The token as the Bot Framework's documentation says, every claim of it required. */
import { jwtVerify, decodeProtectedHeader } from 'jose';

import type { Keys } from './keys.js';

const issuer = 'https://api.botframework.com';
const toleranceSeconds = 300;

export interface TokenCheck {
  keys: Keys;
  /** The bot's Microsoft App ID. */
  audience: string;
  /** Milliseconds. */
  now(): number;
}
/** What a genuine token vouches for. */
export interface Proof {
  serviceUrl: string;
  /** The channels that the signing key speaks for. */
  endorsements: readonly string[];
}

/** Microsoft writes service URLs with and without a slash at the end. */
export const trimmedUrl = (url: string): string => url.replace(/\/+$/, '').toLowerCase();

function bearerOf(authorization: string | string[] | undefined): string | null {
  return typeof authorization === 'string'
    ? (/^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization)?.[1] ?? null)
    : null;
}

/** What the token of a request vouches for; null when it is not Microsoft's, or not for this bot. Rejects only when no signing keys can be had. */
export async function proofIn(
  authorization: string | string[] | undefined,
  { keys, audience, now }: TokenCheck,
): Promise<Proof | null> {
  const token = bearerOf(authorization);
  const kid = token === null ? null : kidOf(token);
  if (token === null || kid === null || audience === '') return null;
  const signing = await keys.find(kid);
  if (!signing) return null;
  try {
    const { payload } = await jwtVerify(token, signing.key, {
      algorithms: ['RS256'],
      issuer,
      audience,
      requiredClaims: ['exp', 'serviceurl'],
      clockTolerance: toleranceSeconds,
      currentDate: new Date(now()),
    });
    const serviceUrl = payload['serviceurl'];
    if (typeof payload.aud !== 'string' || typeof serviceUrl !== 'string') return null;
    return { serviceUrl, endorsements: signing.endorsements };
  } catch {
    return null;
  }
}

/** Does the activity say what its token vouches for? */
export const bearsOut = (
  proof: Proof,
  { channelId, serviceUrl }: { channelId?: unknown; serviceUrl?: unknown },
): boolean =>
  typeof channelId === 'string' &&
  proof.endorsements.includes(channelId) &&
  typeof serviceUrl === 'string' &&
  trimmedUrl(serviceUrl) === trimmedUrl(proof.serviceUrl);

function kidOf(token: string): string | null {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return alg === 'RS256' && typeof kid === 'string' ? kid : null;
  } catch {
    return null;
  }
}
