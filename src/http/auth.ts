/** Who may call: today the hub's admin token, as `Authorization: Bearer TOKEN`. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../errors.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export interface Auth {
  /** Throws `unauthorized` unless the header carries the admin token. */
  requireAdmin(authorization: string | string[] | undefined): void;
}

export function createAuth(adminToken: string): Auth {
  const expected = digest(adminToken);
  return {
    requireAdmin(authorization) {
      const given = typeof authorization === 'string' ? /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] : undefined;
      if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
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
