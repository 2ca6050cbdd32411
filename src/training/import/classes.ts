/** Where a YAML text of Rasa's names Python classes, which Rasa imports and calls. The one list of these places, for every door a text comes in by. */

/** Sections whose components have classes as `name` or, in a graph, as `uses`, however deep: a policy has featurizers, these have others. */
const ofComponents = ['pipeline', 'policies', 'importers', 'train_schema', 'predict_schema'];
/** Sections of endpoints.yml: their class is their `type`. */
const ofEndpoints = ['models', 'nlg', 'nlu', 'action_endpoint', 'tracker_store', 'event_broker', 'lock_store'];
const componentKeys = ['name', 'uses'];
const typeKeys = ['type', 'store_type'];

type Found = Set<string>;
const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

/** Names that lead to a class in a module: with a dot, or with what Rasa makes one of before it looks: `${VARIABLE}`, `\u002e`. */
export function namedClasses(content: unknown): Found {
  const found: Found = new Set();
  const add = (name: unknown): void => {
    if (typeof name === 'string' && /[.$\\]/.test(name)) found.add(name);
  };
  for (const [section, value] of entriesOf(content)) {
    // In credentials.yml a channel's own name may be one; elsewhere no section has a dot.
    add(section);
    if (ofComponents.includes(section)) componentsIn(value, add);
    if (section === 'slots') for (const [, slot] of entriesOf(value)) typesIn(slot, add);
    if (ofEndpoints.includes(section)) typesIn(value, add);
  }
  return found;
}

/** A key as it stands; one with an escape may be another to Rasa, and counts as a name itself. */
function plain(key: string, add: (name: unknown) => void): string {
  if (key.includes('\\')) add(key);
  return key;
}

function typesIn(value: unknown, add: (name: unknown) => void): void {
  for (const [key, type] of entriesOf(value)) if (typeKeys.includes(plain(key, add))) add(type);
}

/** Whatever is shared by references is looked at once. */
function componentsIn(root: unknown, add: (name: unknown) => void): void {
  const seen = new Set<unknown>();
  const open: unknown[] = [root];
  if (Array.isArray(root)) root.forEach(add);
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [key, inner] of entriesOf(value)) if (componentKeys.includes(plain(key, add))) add(inner);
    open.push(...(Object.values(value) as unknown[]));
  }
}
