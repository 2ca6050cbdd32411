/**
 * A lock between processes on one machine, for scripts that run before anything is compiled (src/engines/rasa/provision-lock.ts is its
 * grown-up sibling). It is a folder that appears whole, by a rename, and names its holder.
 */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Older than this, what nobody owns was left behind. */
const leftMs = 30_000;
/** What a rename onto a folder that is not empty fails with, by system. */
const taken = ['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'];

/**
 * Runs `work` while no other process holds the lock at `path`; `waiting(pid)` is called once when another one does. A holder that was
 * killed is noticed. Answers what `work` answers; rejects as it does, or with the file system's error.
 */
export async function withLock(path, waiting, work) {
  mkdirSync(dirname(path), { recursive: true });
  for (let told = false; !claim(path); await sleep(200)) {
    if (isStale(path)) breakLock(path);
    else if (!told) {
      waiting(ownerOf(path)?.pid ?? 'unknown');
      told = true;
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function claim(path) {
  const draft = mkdtempSync(`${path}.`);
  writeFileSync(join(draft, 'owner.json'), JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
  try {
    // Fails while the folder is there with something in it.
    renameSync(draft, path);
    return true;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (taken.includes(error.code)) return false;
    throw error;
  }
}

function ownerOf(path) {
  try {
    return JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8'));
  } catch {
    return null;
  }
}

/** Without an owner it was given back just now, or half removed by a holder that was killed. */
function isStale(path) {
  const owner = ownerOf(path);
  return owner ? startOf(owner.pid) !== owner.started : ageOf(path) > leftMs;
}

/** Removes a stale lock. One process at a time does so, and it looks again first: the lock may be somebody's new one by now. */
function breakLock(path) {
  const guard = `${path}.break`;
  try {
    mkdirSync(guard);
  } catch {
    if (ageOf(guard) > leftMs) rmSync(guard, { recursive: true, force: true });
    return;
  }
  if (isStale(path)) rmSync(path, { recursive: true, force: true });
  rmdirSync(guard);
}

function ageOf(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** When a living process started; empty where the system does not tell; null when there is no such process, or it waits to be reaped. */
function startOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return null;
  }
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = fields.slice(fields.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : rest[18];
  } catch {
    return '';
  }
}
