/** The models that a node has fetched: files named by their content, of which those that were not needed for longest go when they are too many. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ModelShelf } from '../../contracts.js';
import { HubError } from '../../errors.js';

export interface CacheOptions {
  /** Where they are kept, by their digests. */
  shelf: ModelShelf;
  /** The folder of the shelf: what an earlier run has left there is used. */
  folder: string;
  /** How much is kept. What was needed a moment ago stays all the same. */
  bytes: number;
  /** Milliseconds; a clock that is never set. */
  now?: () => number;
}
export interface ModelCache {
  /** A path with this content; else it is fetched by `download`. Rejects with `model_missing` when what comes is something else. */
  fetch(digest: string, download: () => AsyncIterable<Buffer>): Promise<string>;
}

/** A process that is starting may be about to open it. */
const freshMs = 5 * 60_000;

export async function openModelCache(options: CacheOptions): Promise<ModelCache> {
  const { shelf, folder, bytes: most, now = () => performance.now() } = options;
  const kept = new Map(await sizesIn(folder));
  const used = new Map<string, number>();
  const downloads = new Map<string, Promise<string>>();

  const near = (digest: string): Promise<string | null> =>
    shelf.fetch(digest).catch((error: unknown) => {
      if (error instanceof HubError && error.code === 'model_missing') return null;
      throw error;
    });

  const load = async (digest: string, download: () => AsyncIterable<Buffer>): Promise<string> => {
    const path = join(folder, 'tmp', `${process.pid}-${randomUUID()}`);
    try {
      await mkdir(join(folder, 'tmp'), { recursive: true });
      await pipeline(Readable.from(download()), createWriteStream(path, { mode: 0o600 }));
      const put = await shelf.putFile(path);
      if (put.digest !== digest) {
        await shelf.remove(put.digest);
        throw new HubError(
          'model_missing',
          'The files of that model arrived with other content than they were named by.',
        );
      }
      kept.set(digest, put.bytes);
      return await shelf.fetch(digest);
    } finally {
      await rm(path, { force: true });
    }
  };

  const tidy = async (): Promise<void> => {
    let sum = [...kept.values()].reduce((all, one) => all + one, 0);
    const age = (digest: string): number => used.get(digest) ?? -Infinity;
    for (const digest of [...kept.keys()].sort((a, b) => age(a) - age(b))) {
      if (sum <= most || now() - age(digest) < freshMs) return;
      sum -= kept.get(digest) ?? 0;
      kept.delete(digest);
      used.delete(digest);
      await shelf.remove(digest);
    }
  };

  return {
    async fetch(digest, download) {
      used.set(digest, now());
      const here = await near(digest);
      if (here !== null) return here;
      const running = downloads.get(digest) ?? load(digest, download).finally(() => downloads.delete(digest));
      downloads.set(digest, running);
      const path = await running;
      await tidy();
      return path;
    },
  };
}

/** What lies there: `ab/cdef…` is the file of the digest `abcdef…`. */
async function sizesIn(folder: string): Promise<[digest: string, bytes: number][]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = files.flatMap((file) => {
    const digest = `${file.parentPath.slice(-2)}${file.name}`;
    return file.isFile() && /^[0-9a-f]{64}$/.test(digest) ? [{ digest, path: join(file.parentPath, file.name) }] : [];
  });
  return Promise.all(found.map(async ({ digest, path }) => [digest, (await stat(path)).size] as [string, number]));
}
