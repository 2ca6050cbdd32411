/** How often somebody may do something: a sliding window per key. */

/** True when `key` may act now, which then counts; false when it has to wait. */
export type RateLimit = (key: string) => boolean;

/** At most `count` acts per key in any `windowMs`; `now` in milliseconds. */
export function createRateLimit(count: number, windowMs: number, now: () => number): RateLimit {
  const acts = new Map<string, number[]>();
  let swept = now();

  const sweep = (time: number, start: number): void => {
    if (swept > start) return;
    swept = time;
    for (const [key, times] of acts) if ((times.at(-1) ?? 0) <= start) acts.delete(key);
  };
  return (key) => {
    const time = now();
    const start = time - windowMs;
    sweep(time, start);
    let recent = acts.get(key);
    if (!recent) acts.set(key, (recent = []));
    while ((recent[0] ?? Infinity) <= start) recent.shift();
    if (recent.length >= count) return false;
    recent.push(time);
    return true;
  };
}
