/** Who may call: today the hub's admin token, as `Authorization: Bearer TOKEN`. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../errors.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

export interface Auth {
  /** Is this the admin token? */
  isAdmin(token: string): boolean;
  /** Throws `unauthorized` unless the header carries the admin token. */
  requireAdmin(authorization: string | string[] | undefined): void;
  /** Throws `unauthorized` unless the header carries the trainers' token, or the admin token. */
  requireTrainer(authorization: string | string[] | undefined): void;
}

/** `trainerToken`: null where trainers show the admin token. */
export function createAuth(adminToken: string, trainerToken: string | null = null): Auth {
  const carries = (authorization: string | string[] | undefined, token: string | null): boolean => {
    const given = typeof authorization === 'string' ? /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] : undefined;
    return given !== undefined && token !== null && same(given, token);
  };
  return {
    isAdmin: (token) => same(token, adminToken),
    requireTrainer(authorization) {
      if (carries(authorization, trainerToken) || carries(authorization, adminToken)) return;
      throw new HubError(
        'unauthorized',
        "Send the trainers' token: Authorization: Bearer TOKEN. It is TRAINER_TOKEN of the hub.",
      );
    },
    requireAdmin(authorization) {
      if (carries(authorization, adminToken)) return;
      throw new HubError(
        'unauthorized',
        'Send the admin token: Authorization: Bearer TOKEN. It is ADMIN_TOKEN, or in the file admin-token in DATA_DIR.',
      );
    },
  };
}

/** A secret of this data folder under `name`, made on first use and readable by its owner alone. */
export async function keptSecret(dataDir: string, name: string): Promise<string> {
  const file = join(dataDir, name);
  try {
    await writeFile(file, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return (await readFile(file, 'utf8')).trim();
}
