/** What a bot's process has written for the hub to take. Its own Python may write there too, and the hub may read more than it may. */
import { lstat, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

/**
 * Answers the whole path of `path` when that is an ordinary file in the folder `home`, by no link of any kind; null otherwise: by a link the hub
 * would hand out a file of its own. Ask when the process has ended, or it may change meanwhile. Never rejects.
 */
export async function ownFile(home: string, path: string): Promise<string | null> {
  try {
    const [folder, real] = await Promise.all([realpath(home), realpath(path)]);
    const found = await lstat(path);
    return found.isFile() && found.nlink === 1 && real.startsWith(folder + sep) ? real : null;
  } catch {
    return null;
  }
}
