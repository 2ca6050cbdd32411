import assert from 'node:assert/strict';
import { createParseCache } from '../src/engines/rasa/parse-cache.js';
import { parseOf } from './support/engines.js';

describe('the cache of parses', () => {
  /** Asks, and says whether the model was asked. */
  const asker = (bytes: number) => {
    const cache = createParseCache(bytes);
    return async (model: string, text: string, size = 100): Promise<boolean> => {
      let asked = false;
      const parse = await cache.of(model, text, () => {
        asked = true;
        return Promise.resolve({ parse: parseOf(`${model}:${text}`), bytes: size });
      });
      assert.equal(parse.text, `${model}:${text}`);
      return asked;
    };
  };

  it('answers exactly the same text to exactly the same model', async () => {
    const asked = asker(1e6);
    assert.equal(await asked('m1', 'hi'), true);
    assert.equal(await asked('m1', 'hi'), false);
    for (const text of ['hi ', 'Hi', 'h\u0069\u0301', 'hí']) assert.equal(await asked('m1', text), true, text);
    assert.equal(await asked('m2', 'hi'), true);
  });

  it('keeps no more than it may, and what was asked for last', async () => {
    const asked = asker(2 * 1000);
    for (const text of ['a', 'b', 'c', 'd']) await asked('m', text, 200);
    assert.equal(await asked('m', 'a', 200), true, 'the oldest went');
    await asked('m', 'c', 200);
    await asked('m', 'e', 200);
    assert.equal(await asked('m', 'c', 200), false);
    assert.equal(await asked('m', 'large', 5000), true);
    assert.equal(await asked('m', 'large', 5000), true, 'what is larger than all of it is not kept');
    assert.equal(await asked('m', 'c', 200), false, 'and drives nothing out');
  });

  it('keeps nothing when it is switched off, and no failure', async () => {
    const asked = asker(0);
    await asked('m', 'a');
    assert.equal(await asked('m', 'a'), true);
    const cache = createParseCache(1e6);
    await assert.rejects(cache.of('m', 'a', () => Promise.reject(new Error('broken'))));
    assert.equal((await cache.of('m', 'a', () => Promise.resolve({ parse: parseOf('a'), bytes: 1 }))).text, 'a');
  });
});
