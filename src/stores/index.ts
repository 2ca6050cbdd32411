/** The stores: the one list. A URL's scheme chooses. Adding one: a folder beside `sqlite/` and a line in `storeMembers`. */
import { join } from 'node:path';
import type { Store } from '../contracts.js';
import { migrateSqlite } from './sqlite/index.js';
import { openSqliteThread } from './sqlite/thread.js';

export interface StoreOptions {
  /** The clock that stamps messages; the machine's when absent. */
  now?: (() => Date) | undefined;
  /** Other hubs may have it open as well, where the kind of store allows that. */
  shared?: boolean | undefined;
  /** How long a call waits for a server that is slow or away before it is refused with `store_unavailable`; 1,200 ms when absent. A file has none. */
  patienceMs?: number | undefined;
}
/** What `migrateStore` did: from which schema version to which, and the names of the steps; none when it was up to date. */
export interface Migration {
  from: number;
  to: number;
  steps: string[];
}
/** One kind of store. */
export interface StoreMember {
  /** The part of the URL before the first colon, and before a `+`: mongodb+srv is mongodb. */
  readonly scheme: string;
  /** What a URL of it looks like, for error messages. */
  readonly form: string;
  /** A URL of a store inside the folder `directory`; absent for stores that are a server of their own. */
  localUrl?(directory: string): string;
  /** Opens the store, making or migrating its schema. Rejects with `store_unavailable`, or with an Error when the URL makes no sense. */
  open(url: string, options: StoreOptions): Promise<Store>;
  /** Brings the schema up to date. Rejects as `open` does. */
  migrate(url: string): Promise<Migration>;
}

/** Loaded only where it is used: its driver takes a fifth of a second and 20 MB. */
const loadMongo = () => import('./mongo/index.js');

/** Every kind of store; the conformance suite (test/contract/store.ts) runs over it. */
export const storeMembers: readonly StoreMember[] = [
  {
    scheme: 'sqlite',
    form: 'sqlite:PATH',
    localUrl: (directory) => `sqlite:${join(directory, 'switchboard.db')}`,
    open: async (url, options) => openSqliteThread(sqlitePath(url), options),
    migrate: async (url) => migrateSqlite(sqlitePath(url)),
  },
  {
    scheme: 'mongodb',
    form: 'mongodb://USER:PASSWORD@HOST:27017/switchboard',
    open: async (url, options) => (await loadMongo()).openMongoStore(url, options),
    migrate: async (url) => (await loadMongo()).migrateMongo(url),
  },
];

/**
 * Opens the store that `url` names and brings its schema up to date. Rejects with an Error that names what is possible for an unknown
 * scheme, and with `store_unavailable` when it is in use by another hub, written by a newer release, or out of reach.
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  return memberOf(url).open(url, options);
}

/** Brings the schema of the store at `url` up to date (for `switchboard migrate`); answers what it did. Rejects as `openStore` does. */
export async function migrateStore(url: string): Promise<Migration> {
  return memberOf(url).migrate(url);
}

/** What kind of store `url` names, and where: its file, or its hosts and database without user and password. Throws as `openStore` rejects. */
export function storePlaceOf(url: string): { kind: string; at: string } {
  const { scheme, localUrl } = memberOf(url);
  const place = url.slice(url.indexOf(':') + 1);
  // A password may hold an @ of its own: what stands before the last one is left out.
  return { kind: scheme, at: localUrl ? place : place.replace(/^\/\/(?:.*@)?/, '').replace(/\?.*$/s, '') };
}

function memberOf(url: string): StoreMember {
  const member = storeMembers.find(({ scheme }) => url.replace(/\+\w+:/, ':').startsWith(`${scheme}:`));
  if (member) return member;
  // The URL may hold a password: only its scheme is repeated.
  const scheme = /^[a-z0-9+.-]+(?=:)/i.exec(url)?.[0] ?? 'no';
  const possible = storeMembers.map(({ form }) => form).join(' or ');
  throw new Error(`There is no store for ${scheme} URLs; write DATABASE_URL as ${possible}.`);
}

/** `sqlite:///x` is an absolute path as in other programs; `sqlite://x` would be a host, and `:memory:` would outlive nothing. */
function sqlitePath(url: string): string {
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  if (path !== '' && path !== ':memory:' && !path.startsWith('//')) return path;
  throw new Error(
    'That names no file; write DATABASE_URL as sqlite:data/switchboard.db or sqlite:/var/lib/switchboard.db.',
  );
}
