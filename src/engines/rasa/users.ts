/**
 * A user for each Rasa process alone (CHILD_UIDS): what the hub does for it. The rest, from the change of user on, is done by the process
 * itself (switchboard_rasa/users.py).
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Child } from '../../child.js';
import type { Json } from '../../contracts.js';
import type { RasaTask } from './task.js';

/** The range that user ids are taken from. `must`: a process that can't have its own isn't started; otherwise it runs as the hub's user. */
export interface ChildUids {
  first: number;
  last: number;
  must: boolean;
}

/** Why this hub, whatever the Python says, can give no process a user of its own; null when it may. */
export function sharedHere(uids: ChildUids | null): string | null {
  if (uids === null) return 'CHILD_UIDS is off';
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`;
  return process.geteuid?.() === 0 ? null : 'the hub does not run as root';
}

/** `task` with copies of the archives that it reads in its own folder: where they are kept, nobody but the hub may enter. */
export async function lend(task: RasaTask): Promise<RasaTask> {
  const { home, spec } = task;
  const copy = async (path: string, name: string): Promise<string> => {
    const lent = join(home, `lent-${name}`);
    await copyFile(path, lent, constants.COPYFILE_FICLONE);
    return lent;
  };
  const { model, languages } = spec as { model?: string; languages?: Record<string, string> };
  const more: Json = {};
  if (model !== undefined) Object.assign(more, { model: await copy(model, 'model'), lent: true });
  if (languages !== undefined) {
    const named = Object.entries(languages).map(async ([name, path]) => [name, await copy(path, name)] as const);
    more['languages'] = Object.fromEntries(await Promise.all(named));
  }
  return { ...task, spec: { ...spec, ...more } };
}

/** `child`, which has gone only when nothing of its user is left: what it started might else outlive it, and write where the hub reads. */
export function swept(child: Child, { first }: ChildUids): Child {
  const exited = child.exited.then(async (exit) => {
    if (child.pid !== null) await endAllOf(first + child.pid);
    return exit;
  });
  return {
    pid: child.pid,
    exited,
    stop: async (graceMs) => {
      await child.stop(graceMs);
      return exited;
    },
    lines: () => child.lines(),
  };
}

/** By the kernel, in one go: who forks faster than a list is read would escape one. */
async function endAllOf(uid: number): Promise<void> {
  const as = { uid, gid: uid, cwd: '/', env: {}, timeout: 5000 };
  await promisify(execFile)('/bin/sh', ['-c', 'kill -KILL -1'], as).catch(() => undefined);
}
