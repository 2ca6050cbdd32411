/** What every model shelf must do. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelShelf } from '../../src/contracts.js';
import { rejects } from './store.js';

/** An empty shelf and a folder for the files of the test. */
export interface OpenShelf {
  shelf: ModelShelf;
  folder: string;
  /** The same shelf as another process would find it. */
  reopen(): Promise<ModelShelf>;
  dispose(): Promise<void>;
}

const text = '{"pairs":[]} 😀 \0';
const digestOf = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/** Runs the suite over the shelf that `open` makes; `open` is called for each test. */
export function shelfContract(name: string, open: () => Promise<OpenShelf>): void {
  describe(`The ${name} model shelf`, () => {
    let opened: OpenShelf;
    let shelf: ModelShelf;
    beforeEach(async () => {
      opened = await open();
      shelf = opened.shelf;
    });
    afterEach(() => opened.dispose());
    const file = async (content: string | Buffer): Promise<string> => {
      const path = join(opened.folder, 'model.tar.gz');
      await writeFile(path, content);
      return path;
    };

    it('answers the digest of a text and a path that holds it', async () => {
      assert.deepEqual(await shelf.putText(text), { digest: digestOf(text), bytes: Buffer.byteLength(text) });
      assert.equal(await readFile(await shelf.fetch(digestOf(text)), 'utf8'), text);
    });
    it('moves a file in', async () => {
      const content = Buffer.alloc(5_000_000, 'archive');
      const path = await file(content);
      assert.deepEqual(await shelf.putFile(path), { digest: digestOf(content), bytes: content.length });
      assert.equal(existsSync(path), false);
      assert.equal((await readFile(await shelf.fetch(digestOf(content)))).equals(content), true);
    });
    it('keeps the same content once, however often and at once it is put', async () => {
      const path = await file(text);
      const puts = await Promise.all([
        shelf.putText(text),
        shelf.putText(text),
        shelf.putFile(path),
        shelf.putText('other'),
      ]);
      assert.equal(new Set(puts.map(({ digest }) => digest)).size, 2);
      const [first] = puts;
      await shelf.remove(first.digest);
      await rejects(shelf.fetch(first.digest), 'model_missing');
      await shelf.fetch(digestOf('other'));
    });
    it('finds after a restart what was put before', async () => {
      const { digest } = await shelf.putText(text);
      const again = await opened.reopen();
      const paths = await Promise.all([again.fetch(digest), again.fetch(digest)]);
      assert.equal(await readFile(paths[0], 'utf8'), text);
    });
    it('has nothing under a digest that was never put, was removed, or is no digest', async () => {
      await rejects(shelf.fetch(digestOf('never')), 'model_missing');
      const { digest } = await shelf.putText(text);
      await shelf.remove(digest);
      await shelf.remove(digest);
      await rejects(shelf.fetch(digest), 'model_missing');
      for (const bad of ['', '../../etc/passwd', digest.toUpperCase(), `${digest.slice(0, 62)}/.`]) {
        await rejects(shelf.fetch(bad), 'model_missing');
        await shelf.remove(bad);
      }
    });
    it('takes only files, and leaves what it refused where it was', async () => {
      await mkdir(join(opened.folder, 'directory'));
      await rejects(shelf.putFile(join(opened.folder, 'directory')), 'invalid');
      const target = await file(text);
      await symlink(target, join(opened.folder, 'link'));
      await rejects(shelf.putFile(join(opened.folder, 'link')), 'invalid');
      assert.equal(await readFile(target, 'utf8'), text);
      await assert.rejects(shelf.putFile(join(opened.folder, 'nothing')), { name: 'HubError' });
    });
  });
}
