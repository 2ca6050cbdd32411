/** Wires the seal of secrets at rest, and changes its key when the operator has set another. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bot, Store } from '../contracts.js';
import { placeOf } from '../hub/channels.js';
import { keptSecret, openSeal, type Rotation, type Seal } from '../seal.js';
import { subscriptionPlace } from '../stream/subscriptions.js';
import { remotePlace } from './engines.js';
import type { Parts } from './parts.js';

type Settings = Pick<Store['settings'], 'get' | 'set'>;
const agreeMs = 500;

/** The key of the channels' secrets: SECRET_KEY, or one that is made once and kept in the data folder. */
export async function openSealOf(parts: Parts): Promise<Seal> {
  const { config, logs } = parts.options;
  const hidden = (key: string): string => {
    logs.hide(key);
    return key;
  };
  const { seal, rotation } = await openSeal({
    given: config.secretKey === null ? null : hidden(config.secretKey),
    previous: config.secretKeyPrevious === null ? null : hidden(config.secretKeyPrevious),
    kept: async () =>
      existsSync(join(config.dataDir, 'secret-key')) ? hidden(await keptSecret(config.dataDir, 'secret-key')) : null,
    make: async () => hidden(await keptSecret(config.dataDir, 'secret-key')),
    settings: parts.store.settings,
  });
  if (rotation) await rotate(parts, rotation);
  return seal;
}

/**
 * A secret of this hub: one that its data folder keeps, made on first use; where several hubs share a store, one that the store keeps, sealed.
 * Hidden from logs.
 */
export async function secretOf({ options, store, replicas }: Parts, seal: Seal, name: string): Promise<string> {
  const kept = await keptSecret(options.config.dataDir, name);
  const secret = replicas ? seal.open(await agreed(store.settings, name, () => seal.seal(kept, name)), name) : kept;
  options.logs.hide(secret);
  return secret;
}

/** A setting that the first hub of a store makes. Of two that start at once the later one's counts, for both. */
export async function agreed(settings: Settings, name: string, make: () => string): Promise<string> {
  if (!(await settings.get(name))) {
    await settings.set(name, make());
    await sleep(agreeMs);
  }
  return (await settings.get(name)) ?? make();
}

/** Puts everything that is sealed under the new key. Cut short, it is done again at the next start: what was renewed already opens as well. */
async function rotate({ store, log }: Parts, rotation: Rotation): Promise<void> {
  let renewed = 0;
  for (let cursor: string | undefined, more = true; more;) {
    const page = await store.bots.list({ limit: 500, cursor });
    for (const bot of page.items) renewed += await renewBot(store, rotation, bot);
    cursor = page.next ?? undefined;
    more = page.next !== null;
  }
  renewed += await renewSubscriptions(store, rotation);
  await rotation.finish();
  log.info({ secrets: renewed }, 'the secrets at rest are under the new SECRET_KEY; SECRET_KEY_PREVIOUS can go');
}

async function renewBot(store: Parts['store'], rotation: Rotation, { appId, remoteAuth }: Bot): Promise<number> {
  let renewed = 0;
  if (remoteAuth) {
    await store.bots.update(appId, { remoteAuth: rotation.renew(remoteAuth, remotePlace(appId)) });
    renewed += 1;
  }
  for (const record of await store.channels.list(appId)) {
    if (record.secrets === null) continue;
    await store.channels.put({ ...record, secrets: rotation.renew(record.secrets, placeOf(appId, record.channel)) });
    renewed += 1;
  }
  return renewed;
}

async function renewSubscriptions({ subscriptions }: Parts['store'], rotation: Rotation): Promise<number> {
  let renewed = 0;
  for (let cursor: string | undefined, more = true; more;) {
    const { items, next } = await subscriptions.list({ limit: 500, cursor });
    for (const { id, secret } of items) {
      if (secret === null) continue;
      await subscriptions.update(id, { secret: rotation.renew(secret, subscriptionPlace(id)) });
      renewed += 1;
    }
    cursor = next ?? undefined;
    more = next !== null;
  }
  return renewed;
}
