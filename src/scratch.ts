/** The hub's short-lived folder for sockets and work in progress, and the removal of those that a killed hub left behind. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/**
 * Makes a folder `sb-PID-…` in `parent` that only this user can enter. Its path is short: socket paths in it must stay under 63 bytes. Folders of
 * this kind whose process has gone are removed; one that belongs to another user is left.
 */
export async function openScratch(parent: string): Promise<string> {
  for (const name of await readdir(parent)) {
    const pid = /^sb-(\d+)-\w{6}$/.exec(name)?.[1];
    if (pid === undefined || alive(Number(pid))) continue;
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
  return mkdtemp(join(parent, `sb-${process.pid}-`));
}
