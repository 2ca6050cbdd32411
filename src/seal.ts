/** Secrets at rest: AES-256-GCM under a key made of SECRET_KEY. Each sealed text is bound to its place, so that it opens nowhere else. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Seal {
  /** `place` says whose secret it is; the same words are needed to open it. */
  seal(text: string, place: string): string;
  /** Throws when the text was sealed with another key, for another place, or was changed. */
  open(sealed: string, place: string): string;
  /** Tells one key from another, and nothing about it. */
  readonly fingerprint: string;
}

const version = 'v1.';
const ivBytes = 12;
const tagBytes = 16;

/** The seal of `secretKey`, any text of at least 16 characters. */
export function createSeal(secretKey: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', secretKey, '', 'switchboard secrets at rest', 32));
  return {
    seal(text, place) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return version + Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
    },
    open(sealed, place) {
      if (!sealed.startsWith(version)) throw new Error('This was sealed by another release of Switchboard.');
      const bytes = Buffer.from(sealed.slice(version.length), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8');
    },
    fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, 16),
  };
}

export interface SealSource {
  /** SECRET_KEY, if it is set. */
  given: string | null;
  /** The key that this data folder keeps; null when there is none. */
  kept(): Promise<string | null>;
  /** Makes one and keeps it in the data folder. */
  make(): Promise<string>;
  /** Where the fingerprint of the key in use stands. */
  settings: { get(name: string): Promise<string | null>; set(name: string, value: string): Promise<void> };
}

const fact = 'secret-key-fingerprint';

/** The seal that belongs to a store. Rejects, with what to do, when the key is missing or is not the one that the store was used with. */
export async function openSeal({ given, kept, make, settings }: SealSource): Promise<Seal> {
  const known = await settings.get(fact);
  const key = given ?? (await kept());
  if (key === null && known !== null) {
    throw new Error(
      "The key of the channels' secrets is missing: set SECRET_KEY to the one this store was used with, or put the file secret-key back into DATA_DIR.",
    );
  }
  const seal = createSeal(key ?? (await make()));
  if (known === null) await settings.set(fact, seal.fingerprint);
  else if (known !== seal.fingerprint) {
    throw new Error(
      `${given === null ? 'The file secret-key in DATA_DIR' : 'SECRET_KEY'} is not the key this store was used with: its channels' secrets could not be read. Start with the former key.`,
    );
  }
  return seal;
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
