import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { storeErrorOf } from '../src/stores/mongo/failure.js';

/** The names that the driver gives its errors, from its own source: a new release may bring more. */
function namesOfDriver(): string[] {
  const lib = dirname(createRequire(import.meta.url).resolve('mongodb'));
  const files = (readdirSync(lib, { recursive: true }) as string[]).filter((file) => file.endsWith('.js'));
  const text = files.map((file) => readFileSync(join(lib, file), 'utf8')).join('\n');
  return [...new Set([...text.matchAll(/get name\(\) \{\s*return '(\w+)'/g)].map((match) => match[1] ?? ''))];
}
const thrown = (name: string): Error => Object.defineProperty(new Error('as it says'), 'name', { value: name });

describe('what MongoDB’s driver throws', () => {
  it('is a store that is away, whatever the driver calls it, so that nothing is given up for it', () => {
    const names = namesOfDriver().filter((name) => name.endsWith('Error'));
    assert.ok(names.length > 20 && names.includes('PoolClearedOnNetworkError'), names.join(' '));
    const fatal = names.filter((name) => storeErrorOf(thrown(name)).code !== 'store_unavailable');
    // What the server itself refuses; its code says whether it is away.
    assert.deepEqual(fatal.sort(), ['MongoBulkWriteError', 'MongoServerError']);
  });
});
