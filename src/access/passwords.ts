/** Passwords: argon2id, as the OWASP password storage page recommends it. The only importer of argon2. */
import { hash, verify } from '@node-rs/argon2';
import PQueue from 'p-queue';
import { HubError } from '../errors.js';

export interface Passwords {
  /** Argon2's text of it. Throws `invalid` when it is too easy to guess; `pointer` says which field it was. */
  seal(password: string, about: { login: string; pointer: string }): Promise<string>;
  /** Is it the password? With null it takes as long, and is not. */
  fits(password: string, sealed: string | null): Promise<boolean>;
}

const shortest = 10;
const longest = 200;
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each needs 19 MB and a processor: a flood of sign-ins must not take them from the bots. */
const atOnce = 2;
/** The first ones of every list. */
const common = [
  '1234567890',
  '12345678910',
  'password123',
  'qwertyuiop',
  'administrator',
  'switchboard',
  'iloveyou123',
];

export function createPasswords(): Passwords {
  const queue = new PQueue({ concurrency: atOnce });
  let decoy: Promise<string> | undefined;
  return {
    seal(password, { login, pointer }) {
      const fault = faultOf(password, login);
      if (fault) return Promise.reject(new HubError('invalid', fault, { errors: [{ pointer, detail: fault }] }));
      return queue.add(() => hash(password, cost));
    },
    fits: (password, sealed) =>
      queue.add(async () => {
        if (password.length > longest) return false;
        if (sealed !== null) return verify(sealed, password);
        // A name that nobody has answers no faster than one that somebody has.
        await verify(await (decoy ??= hash('nobody', cost)), password);
        return false;
      }),
  };
}

function faultOf(password: string, login: string): string | null {
  if (password.length < shortest)
    return `A password needs at least ${shortest} characters; a few words are easy to keep.`;
  if (password.length > longest) return `A password has at most ${longest} characters.`;
  const plain = password.toLowerCase();
  const guessed = common.includes(plain) || plain === login || new Set(plain).size < 4;
  return guessed ? 'That password is among the first that are tried; choose another.' : null;
}
