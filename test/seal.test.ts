import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelRecord, Store } from '../src/contracts.js';
import { createSeal, openSeal, type SealSource } from '../src/seal.js';
import { newHub } from './support/hub.js';

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
    const source = (given: string | null, previous: string | null = null): SealSource => ({
      given,
      previous,
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
      const sealed = (await openSeal(source(null))).seal.seal('x', 'p');
      assert.equal((await openSeal(source(null))).seal.open(sealed, 'p'), 'x');
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
    it('changes from one key to another, by both, and by nothing else while that has not ended', async () => {
      const next = 'another key, long enough';
      const { seal } = await openSeal(source(key));
      const sealed = [seal.seal('one', 'p'), seal.seal('two', 'p')];
      await assert.rejects(openSeal(source(next, 'a third key, as long')), /is not the key this store was used with/);
      const begun = await openSeal(source(next, key));
      sealed[0] = begun.rotation?.renew(sealed[0]!, 'p') ?? '';
      // Cut short here: half is under the one key, half under the other.
      for (const wrong of [source(key), source('a third key, as long', key)])
        await assert.rejects(openSeal(wrong), /was begun and has not ended.*SECRET_KEY_PREVIOUS/);
      await assert.rejects(openSeal(source(next)), /is not the key this store was used with.*SECRET_KEY_PREVIOUS/);
      const again = await openSeal(source(next, key));
      assert.deepEqual(
        sealed.map((one) => again.seal.open(one, 'p')),
        ['one', 'two'],
      );
      const renewed = sealed.map((one) => again.rotation?.renew(one, 'p') ?? '');
      await again.rotation?.finish();
      const ended = await openSeal(source(next));
      assert.equal(ended.rotation, null);
      assert.deepEqual(
        renewed.map((one) => ended.seal.open(one, 'p')),
        ['one', 'two'],
      );
      assert.equal((await openSeal(source(next, key))).rotation, null, 'the former may stay for a while');
      await assert.rejects(openSeal(source(key)), /is not the key/);
    });
  });
});

describe('The key of the secrets of a hub', () => {
  it('is changed by a start with both keys, which may be cut short and begun again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sb-key-'));
    const next = 'the-next-key-of-this-hub';
    let left = Infinity;
    const start = (env: Record<string, string>) =>
      newHub({
        dataDir,
        env: { ADMIN_TOKEN: 'an-admin-token-of-this-test', ...env },
        standIns: {
          store: (store) => {
            const channels = Object.assign(Object.create(store.channels) as Store['channels'], {
              put: (record: ChannelRecord) =>
                (left -= 1) < 0 ? Promise.reject(new Error('cut short')) : store.channels.put(record),
            });
            return Object.assign(Object.create(store) as Store, { channels });
          },
        },
      });
    const secrets = { botToken: 'xoxb-of-this-bot', signingSecret: '0123456789abcdef0123456789abcdef' };
    try {
      const first = await start({});
      const made: string[] = [];
      for (let n = 0; n < 3; n += 1) {
        const remote = { engine: 'remote', remoteUrl: 'https://bots.example/', remoteAuth: `Bearer of-bot-${n}` };
        const { appId } = (await first.api('POST', '/bots', { name: 'x', ...remote })).body as { appId: string };
        assert.equal((await first.api('PUT', `/bots/${appId}/channels/slack`, secrets)).body.reason, null);
        made.push(appId);
      }
      await first.stop();
      const former = (await readFile(join(dataDir, 'secret-key'), 'utf8')).trim();
      left = 1;
      await assert.rejects(start({ SECRET_KEY: next, SECRET_KEY_PREVIOUS: former }), /cut short/);
      left = Infinity;
      await assert.rejects(start({}), /was begun and has not ended/);
      await assert.rejects(start({ SECRET_KEY: next }), /SECRET_KEY_PREVIOUS/);
      const again = await start({ SECRET_KEY: next, SECRET_KEY_PREVIOUS: former });
      const log = again.log.join('\n');
      assert.match(log, /"secrets":6/);
      assert.ok(!log.includes(former) && !log.includes(next));
      await again.stop();
      await rm(join(dataDir, 'secret-key'));
      const last = await start({ SECRET_KEY: next });
      for (const appId of made)
        assert.equal((await last.api('GET', `/bots/${appId}/channels/slack`)).body.reason, null);
      await last.stop();
      await assert.rejects(start({ SECRET_KEY: former }), /is not the key/);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }).timeout(30_000);
});
