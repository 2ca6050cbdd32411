/** JSON Web Tokens as Rasa's HTTP API takes them: `{"user": {"username", "role"}}`, signed with the key that the bot's author gave. */
import { importSPKI, jwtVerify } from 'jose';
import { z } from 'zod';

import type { JwtUser } from '../../src/contracts.js';

const Claims = z.object({ user: z.object({ username: z.string().nullish(), role: z.string().nullish() }).optional() });

/** Whom the token names; null when it is not signed with the key, or its time is over. Never rejects. */
export async function userOf(token: string, { key, method }: { key: string; method: string }): Promise<JwtUser | null> {
  try {
    const secret = method.startsWith('HS') ? new TextEncoder().encode(key) : await importSPKI(key, method);
    const { payload } = await jwtVerify(token, secret, { algorithms: [method] });
    const { user } = Claims.parse(payload);
    return { username: user?.username ?? null, role: user?.role ?? null };
  } catch {
    return null;
  }
}
