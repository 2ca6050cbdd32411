/** Whose credentials a request shows. What was looked up is kept for a second, so that a busy key is not read from the store each time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Access, Credentials, Principal } from '../contracts.js';
import { may } from './policy.js';

/** Finds whom credentials of one kind belong to; null: nobody. */
export type Finder = (secret: string) => Promise<Principal | null>;

export interface AccessOptions {
  adminToken: string;
  /** Null where trainers show the admin token. */
  trainerToken: string | null;
  /** Null where nodes show the admin token. */
  nodeToken?: string | null;
  /** By API key; absent: there are none. */
  keys?: Finder;
  /** By session cookie; absent: there are none. */
  sessions?: Finder;
  /** Milliseconds; the machine's clock when absent. */
  now?: () => number;
}

/** How long an answer of the store stands. With the two seconds between two looks at an open stream, what was taken away is gone within five. */
const keptMs = 1000;
/** So that made-up tokens do not fill the memory. */
const mostKept = 10_000;

export interface CachedAccess extends Access {
  /** Forgets what it looked up: called after every change to users, keys and sessions of this hub. */
  forget(): void;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const admin: Principal = { kind: 'token', id: 'token', name: 'admin', role: 'admin', bots: {} };
const trainer: Principal = { kind: 'trainer', id: 'trainer', name: 'trainer token', role: 'trainer', bots: {} };
const node: Principal = { kind: 'node', id: 'node', name: 'node token', role: 'node', bots: {} };

export function createAccess(options: AccessOptions): CachedAccess {
  const { keys, sessions, now = Date.now } = options;
  const adminDigest = digest(options.adminToken);
  const trainerDigest = options.trainerToken === null ? null : digest(options.trainerToken);
  const nodeDigest = options.nodeToken ? digest(options.nodeToken) : null;
  const kept = new Map<string, { until: number; found: Promise<Principal | null> }>();

  const lookedUp = (kind: string, secret: string, find: Finder | undefined): Promise<Principal | null> => {
    if (!find || secret.length > 1000) return Promise.resolve(null);
    const id = `${kind} ${digest(secret).toString('base64url')}`;
    const known = kept.get(id);
    if (known && known.until > now()) return known.found;
    if (kept.size >= mostKept) kept.clear();
    const found = find(secret);
    kept.set(id, { until: now() + keptMs, found });
    // A store that did not answer is asked again by the next request.
    found.catch(() => kept.delete(id));
    return found;
  };

  return {
    may,
    forget: () => kept.clear(),
    identify({ token, session }: Credentials) {
      if (token === undefined)
        return session === undefined ? Promise.resolve(null) : lookedUp('session', session, sessions);
      const given = digest(token);
      if (timingSafeEqual(given, adminDigest)) return Promise.resolve(admin);
      if (trainerDigest && timingSafeEqual(given, trainerDigest)) return Promise.resolve(trainer);
      if (nodeDigest && timingSafeEqual(given, nodeDigest)) return Promise.resolve(node);
      return lookedUp('key', token, keys);
    },
  };
}
