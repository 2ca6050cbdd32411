/** Web sessions without a table: an id carries its own proof that this hub issued it, for this bot. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A session. `token` is the secret its owner holds; `name` stands in the store and in logs, and opens nothing. */
export interface Session {
  token: string;
  name: string;
}
export interface Sessions {
  /** A new session of a bot: 144 random bits. */
  issue(appId: string): Session;
  /** The session of a token; null unless this hub issued it for this bot. */
  recognise(appId: string, token: string | undefined): Session | null;
}

const bytes = 18;
const shape = /^([\w-]{24})\.([\w-]{24})$/;

/** `key` signs the tokens: with another key all sessions end. */
export function createSessions(key: string | Uint8Array): Sessions {
  const sign = (appId: string, name: string): Buffer =>
    createHmac('sha256', key).update(`switchboard web session\0${appId}\0${name}`).digest().subarray(0, bytes);
  return {
    issue(appId) {
      const name = randomBytes(bytes).toString('base64url');
      return { name, token: `${name}.${sign(appId, name).toString('base64url')}` };
    },
    recognise(appId, token) {
      const [, name, signature] = shape.exec(token ?? '') ?? [];
      if (token === undefined || name === undefined || signature === undefined) return null;
      return timingSafeEqual(sign(appId, name), Buffer.from(signature, 'base64url')) ? { name, token } : null;
    },
  };
}
