/** Signatures of webhooks as https://www.standardwebhooks.com has them (and Svix), so that its libraries check ours. */
import { createHmac, randomBytes } from 'node:crypto';

const prefix = 'whsec_';
const secretBytes = 24;

/** A new secret, as its holder gets it. */
export const newSecret = (): string => prefix + randomBytes(secretBytes).toString('base64');
/** Is this a secret that requests can be signed with? */
export const isSecret = (text: string): boolean =>
  /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(text) && keyOf(text).length >= secretBytes;

/** What is signed. */
export interface Signed {
  id: string;
  /** Seconds since 1970. */
  timestamp: number;
  body: string;
}
/** The headers of a request, signed with each of the secrets. */
export function signedHeaders(secrets: readonly string[], { id, timestamp, body }: Signed): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`);
    return `v1,${mac.digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(prefix.length), 'base64');
