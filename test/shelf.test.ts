import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, readdir, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelShelf } from '../src/contracts.js';
import { openModelShelf } from '../src/training/models.js';
import { shelfContract } from './contract/shelf.js';
import { rejects } from './contract/store.js';

shelfContract('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-shelf-'));
  const directory = join(folder, 'deep', 'models');
  return {
    shelf: await openModelShelf(directory),
    folder,
    reopen: () => openModelShelf(directory),
    dispose: () => rm(folder, { recursive: true }),
  };
});

describe('The local model shelf on its disk', () => {
  let folder = '';
  let shelf: ModelShelf;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchboard-shelf-'));
    shelf = await openModelShelf(folder);
  });
  afterEach(() => rm(folder, { recursive: true }));
  const files = async (): Promise<string[]> => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };

  it('names a file by its digest and leaves no other behind', async () => {
    const { digest } = await shelf.putText('x');
    await shelf.putText('x');
    assert.deepEqual(await files(), [join(folder, digest.slice(0, 2), digest.slice(2))]);
  });
  it('refuses a file whose content changed, in this process and in the next', async () => {
    const { digest } = await shelf.putText('whole');
    const path = await shelf.fetch(digest);
    await appendFile(path, '!');
    await assert.rejects(shelf.fetch(digest), {
      code: 'model_missing',
      message: /damaged on disk; train the bot again/,
    });
    await writeFile(path, 'Whole');
    await utimes(path, 0, 0);
    await rejects(shelf.fetch(digest), 'model_missing');
    await rejects((await openModelShelf(folder)).fetch(digest), 'model_missing');
    await shelf.putText('whole');
    assert.equal(await readFile(await shelf.fetch(digest), 'utf8'), 'whole');
  });
  it('notices that a file it knew is gone', async () => {
    const { digest } = await shelf.putText('x');
    await unlink(await shelf.fetch(digest));
    await assert.rejects(shelf.fetch(digest), { code: 'model_missing', message: /are gone; train/ });
  });
  it('removes at open what dead processes left unfinished, and not what a living one writes', async () => {
    const left = ['4194999-dead', 'nonsense', `${process.pid}-earlier`].map((name) => join(folder, 'tmp', name));
    const growing = join(folder, 'tmp', `${process.ppid}-growing`);
    for (const path of [...left, growing]) await writeFile(path, 'half');
    const { digest } = await shelf.putText('x');
    const again = await openModelShelf(folder);
    assert.deepEqual(
      [...left, growing].map((path) => existsSync(path)),
      [false, false, false, true],
    );
    await again.fetch(digest);
  });
  it('takes a file from another file system', async function () {
    const other = await mkdtemp('/dev/shm/switchboard-shelf-').catch(() => null);
    if (other === null) return this.skip();
    await writeFile(join(other, 'model'), 'far');
    const { digest } = await shelf.putFile(join(other, 'model'));
    assert.equal(await readFile(await shelf.fetch(digest), 'utf8'), 'far');
    assert.deepEqual([existsSync(join(other, 'model')), (await files()).length], [false, 1]);
    await rm(other, { recursive: true });
  });
  it('says what to look at when its folder cannot be used', async () => {
    await writeFile(join(folder, 'plain'), '');
    await assert.rejects(openModelShelf(join(folder, 'plain', 'models')), {
      code: 'store_unavailable',
      message: /folder of the models cannot be used \(ENOTDIR\); look at its disk and its permissions/,
    });
  });
});
