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
  /** SECRET_KEY_PREVIOUS, if it is set: what was sealed with it is still opened. */
  previous: string | null;
  /** The key that this data folder keeps; null when there is none. */
  kept(): Promise<string | null>;
  /** Makes one and keeps it in the data folder. */
  make(): Promise<string>;
  /** Where the fingerprint of the key in use stands, and that of the one that is to follow it. */
  settings: { get(name: string): Promise<string | null>; set(name: string, value: string): Promise<void> };
}

/** A change of keys that has begun. Whatever was sealed is to be renewed; once all of it is, the former key is needed no more. */
export interface Rotation {
  /** The same under the new key. */
  renew(sealed: string, place: string): string;
  /** All of it is renewed. */
  finish(): Promise<void>;
}
export interface OpenedSeal {
  seal: Seal;
  /** Null: nothing is to be renewed. */
  rotation: Rotation | null;
}

const fact = 'secret-key-fingerprint';
/** Set while some texts may be under the key that follows; empty afterwards. */
const nextFact = 'secret-key-next';

/** The seal that belongs to a store. Rejects, with what to do, when the key is missing or is not the one that the store was used with. */
export async function openSeal({ given, previous, kept, make, settings }: SealSource): Promise<OpenedSeal> {
  const [known, next] = [await settings.get(fact), (await settings.get(nextFact)) || null];
  const key = given ?? (await kept());
  if (key === null && known !== null) {
    throw new Error(
      "The key of the channels' secrets is missing: set SECRET_KEY to the one this store was used with, or put the file secret-key back into DATA_DIR.",
    );
  }
  const [own, former] = [createSeal(key ?? (await make())), previous === null ? null : createSeal(previous)];
  const seal = former ? openingBoth(own, former) : own;
  const whose = given === null ? 'The file secret-key in DATA_DIR' : 'SECRET_KEY';
  if (next !== null && next !== own.fingerprint)
    throw new Error(
      `A change of the key was begun and has not ended, and ${whose} is not the new one: start with SECRET_KEY set to the new key and SECRET_KEY_PREVIOUS to the former.`,
    );
  if (known === null) await settings.set(fact, own.fingerprint);
  if (known === null || known === own.fingerprint) return { seal, rotation: null };
  if (former?.fingerprint !== known)
    throw new Error(
      `${whose} is not the key this store was used with: its channels' secrets could not be read. Start with the former key, or set SECRET_KEY_PREVIOUS to it to change to this one.`,
    );
  await settings.set(nextFact, own.fingerprint);
  return {
    seal,
    rotation: {
      renew: (sealed, place) => own.seal(seal.open(sealed, place), place),
      async finish() {
        await settings.set(fact, own.fingerprint);
        await settings.set(nextFact, '');
      },
    },
  };
}

function openingBoth(own: Seal, former: Seal): Seal {
  return {
    ...own,
    open(sealed, place) {
      try {
        return own.open(sealed, place);
      } catch {
        return former.open(sealed, place);
      }
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
