/** Files of npm packages that no test is to be built with: old clients, and web chats with a page of dependencies. Fetched once, by npm. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configOf } from '../../src/config.js';

const run = promisify(execFile);

/** The text of `path` in a package at exactly this version; `sha256` is that of the file. */
export async function packedFile(
  name: string,
  version: string,
  { path, sha256 }: { path: string; sha256: string },
): Promise<string> {
  const folder = join(configOf(process.env).cacheDir, 'test-packages', `${name}-${version}`);
  const there = await readFile(join(folder, path), 'utf8').catch(() => null);
  const text = there ?? (await fetched(`${name}@${version}`, folder, path));
  const found = createHash('sha256').update(text).digest('hex');
  if (found !== sha256) throw new Error(`${name}@${version} ${path} has the sha256 ${found}`);
  return text;
}

async function fetched(spec: string, folder: string, path: string): Promise<string> {
  await mkdir(join(folder, '..'), { recursive: true });
  const draft = await mkdtemp(`${folder}.`);
  try {
    const { stdout } = await run('npm', ['pack', spec, '--silent', '--pack-destination', draft]);
    await run('tar', ['-xzf', join(draft, stdout.trim()), '-C', draft, '--strip-components=1']);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return readFile(join(folder, path), 'utf8');
}
