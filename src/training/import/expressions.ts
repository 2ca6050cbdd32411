/** Where a project's regular expressions stand, and what JSON of Rasa 1 may say beside them. */

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Rasa makes expressions of the examples of intents for this component: they stand in its expression as they are. */
export const keywords = /\bKeywordIntentClassifier\b/;
const repeats = /[*+}]/;

/** Every expression that Rasa makes of this content, with the text that it stands in. `keyed`: is there a component that takes examples for expressions? */
export function patternsIn(content: unknown, keyed = false): { pattern: string; text: string }[] {
  const sections = recordOf(content);
  const nlu = listOf(sections['nlu']);
  const found = [...ofExamples(nlu, 'regex'), ...underKeys(sections['pipeline'], ['token_pattern'])];
  if (keyed) found.push(...ofExamples(nlu, 'intent').filter(({ pattern }) => repeats.test(pattern)));
  // JSON of Rasa 1 and of other services, in files of whatever name.
  return [...found, ...underKeys(content, ['pattern', 'regexPattern'])];
}

/** `- regex: name` with one expression a line. */
function ofExamples(items: unknown[], key: 'regex' | 'intent'): { pattern: string; text: string }[] {
  return items.map(recordOf).flatMap(({ [key]: named, examples }) => {
    if (named === undefined || typeof examples !== 'string') return [];
    const lines = examples.split('\n').map((line) => line.replace(/^\s*-?\s?/, '').trim());
    return lines.filter(Boolean).map((pattern) => ({ pattern, text: examples }));
  });
}

function underKeys(root: unknown, keys: readonly string[]): { pattern: string; text: string }[] {
  const found: { pattern: string; text: string }[] = [];
  const seen = new Set<unknown>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (keys.includes(key) && typeof inner === 'string') found.push({ pattern: inner, text: inner });
      open.push(inner);
    }
  }
  return found;
}

/** A lookup table that is the name of a file: Rasa would read it from wherever it is, and keep its lines in the model. */
export function lookupFile(content: unknown): string | null {
  const tables = listOf(recordOf(recordOf(content)['rasa_nlu_data'])['lookup_tables']);
  const named = tables.map(recordOf).find(({ elements }) => elements !== undefined && !Array.isArray(elements));
  return named ? 'a lookup table has a list of its elements, and not the name of a file' : null;
}
