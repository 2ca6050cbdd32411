/** Secrets that the hub hands out: made here, told once, and known afterwards by their digest alone. */
import { createHash, randomBytes } from 'node:crypto';

/** 256 bits that nobody guesses, as text. `mark` says what it is to whoever finds it somewhere. */
export const newSecret = (mark: string): string => `${mark}${randomBytes(32).toString('base64url')}`;

/** How a secret is kept. It is random enough that a plain digest tells nothing of it. */
export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export const newId = (): string => randomBytes(9).toString('base64url');
