import assert from 'node:assert/strict';
import { createSeal, openSeal, type SealSource } from '../src/seal.js';

const key = 'a key of sixteen characters or more';

describe('the seal', () => {
  it('opens what it sealed, and two sealings of one text differ', () => {
    const seal = createSeal(key);
    for (const text of ['', 'xoxb-1', '{"a":"😀 \u0000"}', 'x'.repeat(100_000)]) {
      const [one, two] = [seal.seal(text, 'a'), seal.seal(text, 'a')];
      assert.notEqual(one, two);
      assert.equal(createSeal(key).open(one, 'a'), text);
      if (text) assert.ok(!one.includes(text) && !Buffer.from(one.slice(3), 'base64url').includes(text));
    }
  });

  it('opens nothing for another place or key, and nothing that was changed', () => {
    const seal = createSeal(key);
    const sealed = seal.seal('secret', '["bot-a","slack"]');
    assert.throws(() => seal.open(sealed, '["bot-b","slack"]'));
    assert.throws(() => createSeal(`${key}!`).open(sealed, '["bot-a","slack"]'));
    const bytes = Buffer.from(sealed.slice(3), 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ 1;
      assert.throws(() => seal.open(`v1.${changed.toString('base64url')}`, '["bot-a","slack"]'), `byte ${at}`);
    }
    for (const cut of ['', 'v1.', 'v1.AAAA', sealed.slice(0, 30), `v2${sealed.slice(2)}`]) {
      assert.throws(() => seal.open(cut, '["bot-a","slack"]'));
    }
  });

  describe('of a store', () => {
    const settings = new Map<string, string>();
    let file: string | null;
    const source = (given: string | null): SealSource => ({
      given,
      kept: () => Promise.resolve(file),
      make: () => Promise.resolve((file = 'a key that was made here')),
      settings: {
        get: (name) => Promise.resolve(settings.get(name) ?? null),
        set: (name, value) => Promise.resolve(void settings.set(name, value)),
      },
    });
    beforeEach(() => {
      settings.clear();
      file = null;
    });

    it('is made once and kept', async () => {
      const sealed = (await openSeal(source(null))).seal('x', 'p');
      assert.equal((await openSeal(source(null))).open(sealed, 'p'), 'x');
      assert.ok(![...settings.values()].some((value) => value.includes('made here')));
    });
    it('refuses another key, and a key that is gone, without making a new one', async () => {
      await openSeal(source(key));
      await assert.rejects(
        openSeal(source('another key, long enough')),
        /SECRET_KEY is not the key this store was used/,
      );
      await assert.rejects(openSeal(source(null)), /is missing: set SECRET_KEY/);
      assert.equal(file, null);
      file = 'a wrong key in the file';
      await assert.rejects(openSeal(source(null)), /The file secret-key in DATA_DIR is not the key/);
      await openSeal(source(key));
    });
  });
});
