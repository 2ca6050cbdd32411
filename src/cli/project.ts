/** A Rasa project in a folder: what of it belongs to a bot, read and written. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeTar } from '../training/import/tar.js';
import { CliError, exitCodes } from './output.js';

export interface LocalFile {
  /** Relative, with `/`. */
  path: string;
  content: Uint8Array;
}

const kinds = /\.(ya?ml|json|md|txt|csv|py)$/;
/** Models, caches and results are made from a project; credentials are what the hub's channels have instead. */
const skippedFolders = /^(?:\..*|models|results|node_modules|__pycache__|venv)$/;
const skippedFiles = /^(?:\..*|credentials\.ya?ml)$/;

/** The paths of the project's files, sorted. Throws `CliError` when there is no such folder. */
export async function pathsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (under: string): Promise<void> => {
    for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
      const path = under === '' ? entry.name : `${under}/${entry.name}`;
      if (entry.isDirectory() && !skippedFolders.test(entry.name)) await visit(path);
      if (entry.isFile() && kinds.test(entry.name) && !skippedFiles.test(entry.name)) found.push(path);
    }
  };
  try {
    await visit('');
  } catch (error) {
    throw new CliError(`${folder} cannot be read: ${(error as Error).message}.`, exitCodes.usage);
  }
  return found.sort();
}

export async function readProject(folder: string): Promise<LocalFile[]> {
  const paths = await pathsIn(folder);
  if (paths.length === 0)
    throw new CliError(`${folder} has no file of a Rasa project: domain.yml, config.yml, data/…`, exitCodes.usage);
  return Promise.all(paths.map(async (path) => ({ path, content: await readFile(join(folder, path)) })));
}

/** Writes each file whole or not at all. */
export async function writeProject(folder: string, files: LocalFile[]): Promise<void> {
  for (const { path, content } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(`${target}.part`, content);
    await rename(`${target}.part`, target);
  }
}

/** The files as a tar.gz. */
export async function archiveOf(files: LocalFile[]): Promise<Buffer> {
  const packed = files.map(({ path, content }) => ({ path, bytes: Buffer.from(content) }));
  const pieces: Buffer[] = [];
  for await (const piece of writeTar(packed)) pieces.push(piece);
  return Buffer.concat(pieces);
}
