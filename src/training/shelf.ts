/** The model shelf where MODEL_STORAGE says: a folder, or cloud storage with a folder of this machine as its cache. */
import { rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ModelShelf } from '../contracts.js';
import { HubError } from '../errors.js';
import { openModelShelf } from './models.js';
import { openStorage, type Storage } from './storage.js';

/**
 * Opens the shelf. `folder` holds the copies of this machine when the files themselves are elsewhere. Rejects with `store_unavailable`
 * when the place cannot be used.
 */
export async function openShelf(url: string, folder: string): Promise<ModelShelf> {
  if (url.startsWith('file:')) return openModelShelf(url.slice('file:'.length).replace(/^\/\/(?=\/)/, ''));
  const storage = openStorage(url);
  await storage.size('is-it-there');
  return new RemoteShelf(storage, await openModelShelf(folder), folder);
}

class RemoteShelf implements ModelShelf {
  private readonly downloads = new Map<string, Promise<string>>();

  constructor(
    private readonly storage: Storage,
    private readonly cache: ModelShelf,
    private readonly folder: string,
  ) {}

  async putFile(path: string): Promise<{ digest: string; bytes: number }> {
    return this.published(await this.cache.putFile(path));
  }

  async putText(text: string): Promise<{ digest: string; bytes: number }> {
    return this.published(await this.cache.putText(text));
  }

  async fetch(digest: string): Promise<string> {
    const near = await this.near(digest);
    if (near !== null) return near;
    const running = this.downloads.get(digest) ?? this.download(digest).finally(() => this.downloads.delete(digest));
    this.downloads.set(digest, running);
    return running;
  }

  async remove(digest: string): Promise<void> {
    await this.cache.remove(digest);
    if (digestForm.test(digest)) await this.storage.remove(nameOf(digest));
  }

  private async published(put: { digest: string; bytes: number }): Promise<{ digest: string; bytes: number }> {
    const name = nameOf(put.digest);
    if ((await this.storage.size(name)) === put.bytes) return put;
    await this.storage.upload(await this.cache.fetch(put.digest), name);
    return put;
  }

  /** The copy on this machine, if it has one that is whole. */
  private async near(digest: string): Promise<string | null> {
    return this.cache.fetch(digest).catch((error: unknown) => {
      if (error instanceof HubError && error.code === 'model_missing') return null;
      throw error;
    });
  }

  private async download(digest: string): Promise<string> {
    if (!digestForm.test(digest) || (await this.storage.size(nameOf(digest))) === null) throw missing(' are gone');
    const path = join(this.folder, 'tmp', `${process.pid}-${randomUUID()}`);
    try {
      await this.storage.download(nameOf(digest), path);
      const put = await this.cache.putFile(path);
      if (put.digest === digest) return await this.cache.fetch(digest);
      await this.cache.remove(put.digest);
      throw missing(' were changed where they are kept');
    } finally {
      await rm(path, { force: true });
    }
  }
}

const digestForm = /^[0-9a-f]{64}$/;
const nameOf = (digest: string): string => `${digest.slice(0, 2)}/${digest.slice(2)}`;

function missing(what: string): HubError {
  return new HubError('model_missing', `The files of that model${what}; train the bot again.`);
}
