import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelCache, openModelCache } from '../src/engines/cluster/cache.js';
import { openModelShelf } from '../src/training/models.js';

const minutes = 60_000;
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the models that a node keeps', () => {
  let folder = '';
  let now = 0;
  let fetched: string[] = [];
  const open = async (bytes = 1000): Promise<ModelCache> =>
    openModelCache({ shelf: await openModelShelf(folder), folder, bytes, now: () => now });
  /** Comes in two pieces. */
  const get = (cache: ModelCache, text: string, comes = text): Promise<string> =>
    cache.fetch(digestOf(text), async function* () {
      fetched.push(text);
      await Promise.resolve();
      yield Buffer.from(comes.slice(0, 3));
      yield Buffer.from(comes.slice(3));
    });
  const files = async (): Promise<number> =>
    (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-cache-'));
    [now, fetched] = [0, []];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('fetches each once, however many ask, and has it after a restart', async () => {
    const cache = await open();
    const paths = await Promise.all([get(cache, 'a model'), get(cache, 'a model')]);
    assert.equal(await readFile(paths[0], 'utf8'), 'a model');
    assert.equal(await get(await open(), 'a model'), paths[1]);
    assert.deepEqual(fetched, ['a model']);
  });

  it('refuses what is not what its name says, and keeps nothing of it', async () => {
    const cache = await open();
    await assert.rejects(get(cache, 'a model', 'another model'), { code: 'model_missing', message: /other content/ });
    assert.equal(await files(), 0);
    assert.equal(await readFile(await get(cache, 'a model'), 'utf8'), 'a model');
  });

  it('lets those go that were not needed for longest, when they are too many, and none that was needed just now', async () => {
    const cache = await open(25);
    for (const name of ['model one', 'model two']) {
      await get(cache, name);
      now += 10 * minutes;
    }
    await get(cache, 'model one');
    now += 10 * minutes;
    await get(cache, 'model three');
    assert.equal(await files(), 2);
    await get(cache, 'model one');
    assert.deepEqual(fetched, ['model one', 'model two', 'model three']);
    await get(cache, 'model four');
    await get(cache, 'model five');
    assert.equal(await files(), 4, 'a process may be about to open them');
  });
});
