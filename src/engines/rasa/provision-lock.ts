/**
 * A lock between processes: a folder that appears whole, by a rename, and names its holder. A holder that was killed is noticed by its
 * process id and start time; one on another machine or in another container by a folder it no longer touches.
 */
import { mkdir, mkdtemp, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Who is told that there is a wait, and what ends it. */
export interface Waiting {
  say: (words: string) => void;
  signal?: AbortSignal | undefined;
}
interface Owner {
  pid: number;
  /** Clock ticks since boot at its start where the system tells, so that a reused process id is told apart. */
  started: string;
  host: string;
}

const touchMs = 5000;
const silentMs = 60_000;
const breakMs = 30_000;
/** What a rename onto a folder that is not empty fails with, by system. */
const taken = ['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'];

/**
 * Waits until the lock is ours and answers what gives it back. The folder `path` lies in must exist. Rejects with the signal's reason, or
 * with the file system's error. Not re-entrant.
 */
export async function takeLock(path: string, { say, signal }: Waiting): Promise<() => Promise<void>> {
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    if (await claim(path)) return held(path);
    const owner = await ownerOf(path);
    if (await isStale(path, owner)) await breakLock(path);
    else {
      if (!told && owner) say(`Waiting for process ${owner.pid}, which is preparing Rasa already`);
      told = true;
      await sleep(300);
    }
  }
}

function held(path: string): () => Promise<void> {
  const touch = (): void => void utimes(path, new Date(), new Date()).catch(() => undefined);
  const timer = setInterval(touch, touchMs).unref();
  return () => {
    clearInterval(timer);
    return rm(path, { recursive: true, force: true });
  };
}

async function claim(path: string): Promise<boolean> {
  if (await modified(path)) return false;
  const draft = await mkdtemp(`${path}.`);
  const owner: Owner = { pid: process.pid, started: (await startOf(process.pid)) ?? '', host: hostname() };
  await writeFile(join(draft, 'owner.json'), JSON.stringify(owner));
  try {
    await rename(draft, path);
    return true;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (taken.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function ownerOf(path: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(join(path, 'owner.json'), 'utf8')) as Owner;
  } catch {
    return null;
  }
}

/** Null means given back in the meantime, or half removed by a holder that was killed while giving it back. */
async function isStale(path: string, owner: Owner | null): Promise<boolean> {
  const at = await modified(path);
  const silent = at !== null && Date.now() - at > silentMs;
  if (owner?.host !== hostname()) return silent;
  return (await startOf(owner.pid)) !== owner.started;
}

/** Removes a stale lock. Only one process does so at a time, and it looks again first: the lock may be somebody's new one by now. */
async function breakLock(path: string): Promise<void> {
  const guard = `${path}.break`;
  try {
    await mkdir(guard);
  } catch {
    const at = await modified(guard);
    if (at !== null && Date.now() - at > breakMs) await rmdir(guard).catch(() => undefined);
    await sleep(50);
    return;
  }
  try {
    if (await isStale(path, await ownerOf(path))) await rm(path, { recursive: true, force: true });
  } finally {
    await rmdir(guard);
  }
}

async function modified(path: string): Promise<number | null> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => null,
  );
}

/** When a living process started; empty where the system does not tell; null when there is no such process, or it waits to be reaped. */
async function startOf(pid: number): Promise<string | null> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null;
  }
  const fields = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, ...rest] = fields.slice(fields.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? null : (rest[18] ?? '');
}
