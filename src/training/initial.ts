/** An initial model: an archive that was trained elsewhere, which an admin names by its URL and digest. A model is code: nobody else may. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { download } from '../download.js';
import type { Egress } from '../egress.js';
import { HubError } from '../errors.js';

export interface InitialModelOptions {
  egress: Egress;
  /** Where downloads grow. */
  folder: string;
  /** Free bytes there, and how many must stay free. */
  freeDisk: () => Promise<number>;
  minFreeDisk: number;
  mostBytes?: number;
}
/** Fetches the archive to a file of its own, which the caller moves or removes; rejects as `download` does, or with `disk_full`. */
export type FetchModel = (source: { url: string; sha256: string }, signal: AbortSignal) => Promise<string>;

const defaultMostBytes = 2e9;
const limitMs = 10 * 60_000;

export function createFetchModel(options: InitialModelOptions): FetchModel {
  const { egress, folder, freeDisk, minFreeDisk, mostBytes = defaultMostBytes } = options;
  return async (source, signal) => {
    const room = (await freeDisk()) - minFreeDisk;
    if (room <= 0)
      throw new HubError('disk_full', 'Less disk space is free than MIN_FREE_DISK asks for; free some and try again.');
    const to = join(folder, `initial-${randomUUID()}.tar.gz`);
    await download(egress, { ...source, to, mostBytes: Math.min(mostBytes, room), limitMs, signal });
    return to;
  };
}
