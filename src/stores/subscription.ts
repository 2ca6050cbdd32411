/** A subscription as one JSON text, as each store keeps it. */
import type { Subscription } from '../contracts.js';

/** One of before versions were counted has none. */
export function subscriptionOf({ body }: { body: string }): Subscription {
  return { version: 0, ...(JSON.parse(body) as Omit<Subscription, 'version'>) };
}

/** See `SubscriptionStore.update`; null: nothing is to be changed. */
export function changedSubscription(
  found: Subscription,
  change: Partial<Subscription>,
  asOf: number | undefined,
): Subscription | null {
  if (asOf !== undefined && asOf !== found.version) return null;
  return { ...found, ...change, version: asOf ?? found.version + 1 };
}
