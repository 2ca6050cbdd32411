/** `push` and `pull`: a Rasa project folder to a bot and back, byte for byte. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../client.js';
import type { ProjectImportWire } from '../wire.js';
import type { Output } from './output.js';
import { archiveOf, type LocalFile, pathsIn, readProject, writeProject } from './project.js';
import { trainAndWait } from './train.js';

export interface PushOptions {
  train?: boolean;
  wait?: boolean;
  force?: boolean;
}

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

const wordsOf = ({ severity, path, line, message }: NonNullable<ProjectImportWire['findings']>[number]): string =>
  `${severity}: ${path === null ? '' : `${path}${line === null ? '' : ` line ${line}`}: `}${message}`;

interface Changes {
  written: string[];
  removed: string[];
  notes: string[];
}

/** Makes the bot's files those of the folder, all at once. Answers what changed. */
async function upload(client: Client, appId: string, files: LocalFile[]): Promise<Changes> {
  const there = await client.files(appId);
  const written: string[] = [];
  for (const { path, content } of files)
    if (!there.includes(path) || !same(await client.readFile(appId, path), content)) written.push(path);
  const removed = there.filter((path) => !files.some((file) => file.path === path));
  if (written.length + removed.length === 0) return { written, removed, notes: [] };
  const { notes, findings } = await client.replaceProject(appId, await archiveOf(files));
  return { written, removed, notes: [...notes, ...(findings ?? []).map(wordsOf)] };
}

/** Sends the folder, and trains from it where that is wanted. */
export async function push(
  { client, output }: { client: Client; output: Output },
  { appId, folder }: { appId: string; folder: string },
  options: PushOptions,
): Promise<void> {
  const files = await readProject(folder);
  const bot = await client.bot(appId);
  const changed = await upload(client, appId, files);
  // Its files count for a bot of this pipeline alone.
  if (bot.pipeline !== 'project') await client.changeBot(appId, { pipeline: 'project' });
  const words = `${files.length} files, ${changed.written.length} changed, ${changed.removed.length} removed.`;
  if (!options.train && !options.wait) {
    output.result({ appId, files: files.length, ...changed }, [words, ...changed.notes]);
    return;
  }
  output.say(words);
  for (const note of changed.notes) output.say(note);
  await trainAndWait({ client, output }, appId, { ...options, facts: { files: files.length, ...changed } });
}

/** Writes the bot's files into the folder; what else is there stays, and is named. */
export async function pull(
  { client, output }: { client: Client; output: Output },
  { appId, folder }: { appId: string; folder: string },
): Promise<void> {
  const paths = await client.files(appId);
  const files: LocalFile[] = [];
  for (const path of paths) files.push({ path, content: await client.readFile(appId, path) });
  const before = await pathsIn(folder).catch((): string[] => []);
  const written: string[] = [];
  for (const file of files) {
    const old = before.includes(file.path) ? await readFile(join(folder, file.path)) : null;
    if (old === null || !same(old, file.content)) written.push(file.path);
  }
  await writeProject(
    folder,
    files.filter(({ path }) => written.includes(path)),
  );
  const foreign = before.filter((path) => !paths.includes(path));
  const words = [`${files.length} files, ${written.length} changed.`];
  if (foreign.length > 0) words.push(`Not of the bot, and left as they are: ${foreign.join(', ')}`);
  output.result({ appId, files: files.length, written, foreign }, words);
}
