/** What models have understood of texts: the same model understands the same text the same way, so nobody need ask it twice. */
import type { Parse } from '../../contracts.js';

export interface ParseCache {
  /** What `model` made of exactly this text; else asks `understand`, which answers that and its size in bytes. */
  of(model: string, text: string, understand: () => Promise<{ parse: Parse; bytes: number }>): Promise<Parse>;
}

/** What an entry takes beside its texts. */
const overhead = 200;

/** Keeps at most `bytes` of parses, those that were asked for last; 0: none. The values are shared: nobody may change them. */
export function createParseCache(bytes: number): ParseCache {
  const kept = new Map<string, { parse: Parse; size: number }>();
  let used = 0;
  const keep = (key: string, entry: { parse: Parse; size: number }): void => {
    if (entry.size > bytes) return;
    used += entry.size - (kept.get(key)?.size ?? 0);
    kept.delete(key);
    kept.set(key, entry);
    for (const [oldest, { size }] of kept) {
      if (used <= bytes) return;
      kept.delete(oldest);
      used -= size;
    }
  };
  return {
    async of(model, text, understand) {
      const key = `${model} ${text}`;
      const known = kept.get(key);
      if (known) {
        // Last in line again.
        kept.delete(key);
        kept.set(key, known);
        return known.parse;
      }
      const { parse, bytes: length } = await understand();
      keep(key, { parse, size: 2 * (length + key.length) + overhead });
      return parse;
    },
  };
}
