/** How often somebody may do something: a sliding window per key. */

/** True when `key` may act now, which then counts; false when it has to wait. */
export type RateLimit = (key: string) => boolean;

/** At most `count` acts per key in any `windowMs`; `now` in milliseconds. */
export function createRateLimit(count: number, windowMs: number, now: () => number): RateLimit {
  const acts = new Map<string, number[]>();
  let swept = now();

  const sweep = (start: number): void => {
    if (swept > start) return;
    swept = now();
    for (const [key, times] of acts) if ((times.at(-1) ?? 0) <= start) acts.delete(key);
  };
  return (key) => {
    const start = now() - windowMs;
    sweep(start);
    const recent = (acts.get(key) ?? []).filter((time) => time > start);
    const allowed = recent.length < count;
    acts.set(key, allowed ? [...recent, now()] : recent);
    return allowed;
  };
}
