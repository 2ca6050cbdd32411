/**
 * A backup under a passphrase: a mark, the salt, a check of the passphrase, the nonce, what is sealed (AES-256-GCM, key and check by scrypt), and
 * the tag over it. It is read to its end before anything of it is used, so nothing that somebody has changed gets into a store.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

const mark = Buffer.from('switchboard backup, sealed\n');
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const checkBytes = 16;
const headBytes = mark.length + saltBytes + checkBytes + nonceBytes;

/** What a person can do about a sealed file that does not open. */
export class SealedBackup extends Error {
  override readonly name = 'SealedBackup';
}

/** A tenth of a second of work, and 64 MB, for each guess. */
function keyOf(passphrase: string, salt: Buffer): { key: Buffer; check: Buffer } {
  const made = scryptSync(passphrase, salt, 32 + checkBytes, { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 });
  return { key: made.subarray(0, 32), check: made.subarray(32) };
}

type Bytes = AsyncIterable<Buffer>;

/** Seals what goes through it. */
export function sealing(passphrase: string): (plain: Bytes) => AsyncGenerator<Buffer> {
  return async function* (plain) {
    const [salt, nonce] = [randomBytes(saltBytes), randomBytes(nonceBytes)];
    const { key, check } = keyOf(passphrase, salt);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    yield Buffer.concat([mark, salt, check, nonce]);
    for await (const chunk of plain) yield cipher.update(chunk);
    yield cipher.final();
    yield cipher.getAuthTag();
  };
}

/** The bytes of a backup file, opened where it is sealed. Rejects with `SealedBackup` where `passphrase` is missing or does not fit. */
export async function* opened(path: string, passphrase: string | null): AsyncGenerator<Buffer> {
  const ends = await endsOf(path);
  if (ends === null) {
    yield* createReadStream(path) as Bytes;
    return;
  }
  if (passphrase === null)
    throw new SealedBackup(`${path} is under a passphrase: set BACKUP_PASSPHRASE, or BACKUP_PASSPHRASE_FILE.`);
  const { salt, nonce, tag, size } = ends;
  const { key, check } = keyOf(passphrase, salt);
  if (!timingSafeEqual(check, ends.check))
    throw new SealedBackup(`${path} does not open: BACKUP_PASSPHRASE is another than it was made with.`);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAuthTag(tag);
  const sealed = createReadStream(path, { start: headBytes, end: size - tagBytes - 1 }) as Bytes;
  for await (const chunk of sealed) yield decipher.update(chunk);
  yield decipher.final();
}

interface Ends {
  salt: Buffer;
  check: Buffer;
  nonce: Buffer;
  tag: Buffer;
  size: number;
}

/** What stands before and behind the sealed bytes; null when the file is not sealed. */
async function endsOf(path: string): Promise<Ends | null> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(headBytes);
    const tag = Buffer.alloc(tagBytes);
    if (size <= headBytes + tagBytes) return null;
    await file.read(head, 0, headBytes, 0);
    await file.read(tag, 0, tagBytes, size - tagBytes);
    if (!head.subarray(0, mark.length).equals(mark)) return null;
    const rest = head.subarray(mark.length);
    const [salt, nonce] = [rest.subarray(0, saltBytes), rest.subarray(saltBytes + checkBytes)];
    return { salt, check: rest.subarray(saltBytes, saltBytes + checkBytes), nonce, tag, size };
  } finally {
    await file.close();
  }
}
