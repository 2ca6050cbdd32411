/** The model shelf: files named by the sha256 of their content, in one folder (`ab/cdef...`). A name appears only when the file is whole. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ModelShelf } from '../contracts.js';
import { HubError, hubErrorOf } from '../errors.js';

/** Where files grow: inside the shelf, so that moving them to their name is one atomic rename. */
const growing = 'tmp';
const digestForm = /^[0-9a-f]{64}$/;

/**
 * Opens the shelf in `directory`, made when it is not there, and removes the unfinished files that dead processes left behind. Rejects
 * with `disk_full` or `store_unavailable`, and so do its methods.
 */
export async function openModelShelf(directory: string): Promise<ModelShelf> {
  const shelf = new Shelf(resolve(directory));
  await told(() => shelf.prepare());
  return shelf;
}

/** What a file looked like when its content was last known to be right. */
interface Seen {
  size: number;
  mtimeMs: number;
  ino: number;
}

class Shelf implements ModelShelf {
  private readonly seen = new Map<string, Seen>();
  private readonly checks = new Map<string, Promise<string>>();

  constructor(private readonly directory: string) {}

  async prepare(): Promise<void> {
    const folder = join(this.directory, growing);
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      if (!othersFile(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
  }

  putFile(path: string): Promise<{ digest: string; bytes: number }> {
    return told(async () => {
      if (!(await lstat(path)).isFile()) {
        throw new HubError('invalid', `${path} is no regular file; only files can be put on the shelf.`);
      }
      const taken = this.growingName();
      const copied = await moveOrCopy(path, taken);
      try {
        const put = await this.publish(taken);
        if (copied) await rm(path, { force: true });
        return put;
      } catch (error) {
        // The caller keeps what could not be shelved.
        await (copied ? rm(taken, { force: true }) : rename(taken, path)).catch(() => undefined);
        throw error;
      }
    });
  }

  putText(text: string): Promise<{ digest: string; bytes: number }> {
    return told(async () => {
      const name = this.growingName();
      try {
        const file = await open(name, 'wx');
        await file.writeFile(text).finally(() => file.close());
        return await this.publish(name);
      } catch (error) {
        await rm(name, { force: true });
        throw error;
      }
    });
  }

  fetch(digest: string): Promise<string> {
    // Two that fetch the same large archive read it once.
    const running = this.checks.get(digest) ?? told(() => this.check(digest)).finally(() => this.checks.delete(digest));
    this.checks.set(digest, running);
    return running;
  }

  remove(digest: string): Promise<void> {
    return told(async () => {
      if (!digestForm.test(digest)) return;
      this.seen.delete(digest);
      await rm(this.nameOf(digest), { force: true });
    });
  }

  private nameOf(digest: string): string {
    return join(this.directory, digest.slice(0, 2), digest.slice(2));
  }

  private growingName(): string {
    return join(this.directory, growing, `${process.pid}-${randomUUID()}`);
  }

  /** Gives the finished file `path` its name. It replaces one of the same name, which heals a corrupt one. */
  private async publish(path: string): Promise<{ digest: string; bytes: number }> {
    const { digest, bytes } = await digestOf(path);
    const name = this.nameOf(digest);
    await mkdir(dirname(name), { recursive: true });
    await sync(path);
    await rename(path, name);
    await sync(dirname(name));
    await sync(this.directory);
    this.seen.set(digest, await looks(name));
    return { digest, bytes };
  }

  private async check(digest: string): Promise<string> {
    if (!digestForm.test(digest)) throw missing();
    const name = this.nameOf(digest);
    const now = await looks(name).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? missing() : error;
    });
    const before = this.seen.get(digest);
    if (before?.size === now.size && before.mtimeMs === now.mtimeMs && before.ino === now.ino) return name;
    this.seen.delete(digest);
    if ((await digestOf(name)).digest !== digest) throw missing(' were damaged on disk');
    this.seen.set(digest, now);
    return name;
  }
}

function missing(what = ' are gone'): HubError {
  return new HubError('model_missing', `The files of that model${what}; train the bot again.`);
}

/** Moves `from` to `to`; true when it had to be copied because they lie on different file systems. */
async function moveOrCopy(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
  }
  try {
    await copyFile(from, to);
    return true;
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}

async function digestOf(path: string): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { digest: hash.digest('hex'), bytes };
}

async function looks(path: string): Promise<Seen> {
  const { size, mtimeMs, ino } = await stat(path);
  return { size, mtimeMs, ino };
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}

/** Is this unfinished file one that another living process is still writing? */
function othersFile(name: string): boolean {
  const pid = Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
  if (pid === 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Runs `work` and turns what the file system says into the hub's errors. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new HubError('disk_full', 'The disk that holds the models is full; free some space and try again.', {
        cause: error,
      });
    }
    if (syscall === undefined) throw hubErrorOf(error);
    throw new HubError(
      'store_unavailable',
      `The folder of the models cannot be used (${code ?? 'no code'}); look at its disk and its permissions.`,
      { cause: error },
    );
  }
}
