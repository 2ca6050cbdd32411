/** Where a hub has gone: a fact that stays behind in the old store, which from then on has no hub but one that says so. */
import type { Store } from '../contracts.js';

/** The setting; never in a backup, or the new hub would refuse too. */
export const movedSetting = 'moved';

/** The address of the hub in whose favour this store was deactivated; null for one in use. */
export async function movedTo({ settings }: Pick<Store, 'settings'>): Promise<string | null> {
  return (await settings.get(movedSetting)) || null;
}

/**
 * Deactivates the hub of this store, which must not run, in favour of the one at `url`. Answers the address as it is kept. Rejects with an Error
 * in words when `url` is no address of a hub, or this hub's own one.
 */
export async function deactivate(
  { settings }: Pick<Store, 'settings'>,
  url: string,
  own: string | null,
): Promise<string> {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isPlain = parsed && /^https?:$/.test(parsed.protocol) && parsed.username + parsed.search + parsed.hash === '';
  if (!isPlain || parsed.pathname !== '/')
    throw new Error(`${url} is no address of a hub: give one such as https://bots.example.com, without path or user.`);
  if (own !== null && parsed.origin === new URL(own).origin)
    throw new Error(`${parsed.origin} is this hub's own PUBLIC_URL; give the address of the hub that takes over.`);
  await settings.set(movedSetting, parsed.origin);
  return parsed.origin;
}

/** Takes it back. Answers the address that was given; null when this hub was in use. */
export async function activate(store: Pick<Store, 'settings'>): Promise<string | null> {
  const url = await movedTo(store);
  if (url !== null) await store.settings.set(movedSetting, '');
  return url;
}
