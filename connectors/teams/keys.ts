/**
 * Microsoft's signing keys, as its metadata names them. Kept as long as nothing newer comes, asked for again when a token names a key that is
 * not there, at most once a minute: a new key works within a minute, an outage changes nothing for the old ones, a flood costs one request.
 */
import { importJWK } from 'jose';
import { z } from 'zod';

export type VerifyKey = Awaited<ReturnType<typeof importJWK>>;
export interface SigningKey {
  key: VerifyKey;
  /** The channels this key speaks for. */
  endorsements: readonly string[];
}
export interface Keys {
  /** Undefined: there is no such key. Rejects when none is known at all and they cannot be had. */
  find(kid: string): Promise<SigningKey | undefined>;
}
export interface KeysOptions {
  /** Fetches JSON; rejects when there is none. */
  fetchJson(url: string): Promise<unknown>;
  metadataUrl: string;
  /** Milliseconds, of a clock that is not set. */
  now(): number;
}

const askEveryMs = 60_000;
const freshMs = 24 * 3_600_000;
const Metadata = z.looseObject({ jwks_uri: z.url() });
const KeySet = z.looseObject({
  keys: z
    .array(
      z.looseObject({
        kid: z.string(),
        kty: z.string(),
        n: z.string(),
        e: z.string(),
        endorsements: z.array(z.string()).optional(),
      }),
    )
    .max(200),
});

/** Nothing is fetched before the first token comes. */
export function createKeys({ fetchJson, metadataUrl, now }: KeysOptions): Keys {
  let keys = new Map<string, SigningKey>();
  let asked = -Infinity;
  let got = -Infinity;
  let asking: Promise<void> | null = null;

  const fetchAll = async (): Promise<void> => {
    const { jwks_uri } = Metadata.parse(await fetchJson(metadataUrl));
    const set = KeySet.parse(await fetchJson(jwks_uri));
    const fresh = new Map<string, SigningKey>();
    for (const { kid, kty, n, e, endorsements = [] } of set.keys) {
      if (kty !== 'RSA') continue;
      fresh.set(kid, { key: await importJWK({ kty, n, e }, 'RS256'), endorsements });
    }
    keys = fresh;
    got = now();
  };
  const ask = (): Promise<void> => {
    if (asking) return asking;
    asked = now();
    asking = fetchAll().finally(() => {
      asking = null;
    });
    return asking;
  };
  return {
    async find(kid) {
      const wanted = !keys.has(kid) || now() - got > freshMs;
      if (asking ?? (wanted && now() - asked >= askEveryMs)) {
        await ask().catch((error: unknown) => {
          if (keys.size === 0) throw error;
        });
      }
      if (keys.size === 0) throw new Error('no signing key is known');
      return keys.get(kid);
    },
  };
}
