/** Java programs for tests: their jars, fetched once per user with Maven. */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configOf } from '../../src/config.js';

export interface Jars {
  /** The folder of the cache; named after what the pom asks for. */
  name: string;
  /** The pom.xml that names them. */
  pom: string;
  /** What to install where Java or Maven is missing. */
  remedy: string;
  /** Hears what is fetched, when it is. */
  say?: ((line: string) => void) | undefined;
}

/** Answers the folder of the jars, fetched now if need be. Rejects with an Error that says what to install. */
export async function provideJars({ name, pom, remedy, say }: Jars): Promise<string> {
  const cache = configOf(process.env).cacheDir;
  const folder = join(cache, name);
  if (await exists(folder)) return folder;
  say?.(`Fetching ${name} with Maven`);
  await mkdir(cache, { recursive: true });
  const growing = await mkdtemp(join(cache, `${name}-`));
  try {
    const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${growing}`];
    await promisify(execFile)('mvn', args, { timeout: 300_000 }).catch((error: unknown) => {
      throw new Error(`${remedy} Maven said: ${String(error).slice(0, 500)}`);
    });
    // Another process may have been faster.
    await rename(growing, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(growing, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
