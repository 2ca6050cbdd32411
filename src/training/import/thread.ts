/**
 * Reads what strangers wrote in a thread of its own: an archive or a text that takes long to read, or never ends, keeps nobody waiting
 * but its sender, and ends with its thread.
 */
import type { ProjectFile } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { askThread, type ThreadLimits } from '../thread.js';
import { keywords } from './expressions.js';
import { faultsIn, pathFault, codeRefusal, refusalOf, textOf } from './file.js';
import type { Allowed } from './reach.js';
import type { ProjectDraft } from './read.js';

/** What crosses to the thread. */
export type Question = { allowed: Allowed } & ({ archive: Uint8Array } | { files: readonly ProjectFile[] });
export interface ProjectReader {
  /** Rejects with `invalid`, as `readProject` does; also when reading takes too long. */
  read(archive: Buffer): Promise<ProjectDraft>;
  /** One file for a bot's project. Rejects with `invalid` when its name or its text does not fit. */
  file(path: string, bytes: Buffer): Promise<ProjectFile>;
  /** What a training is about to begin from. Rejects with `invalid`, naming every fault. */
  judge(files: readonly ProjectFile[]): Promise<void>;
}

const limitMs = 30_000;
const tooLong = 'Reading this takes too long or too much memory: send a smaller project, in plainer files.';
/** A text this short is read faster than a thread starts, unless there are expressions to be tried. */
const shortText = 50_000;
const expressions = /regex|pattern|keyword/i;

export function createProjectReader(allowed: Allowed, { timeoutMs = limitMs } = {}): ProjectReader {
  const ask = (question: Question, more: Partial<ThreadLimits> = {}): Promise<unknown> =>
    askThread(new URL('./thread-entry.js', import.meta.url), question, { timeoutMs, tooLong, ...more });
  const judge = async (files: readonly ProjectFile[]): Promise<void> => {
    const length = files.reduce((sum, { content }) => sum + content.length, 0);
    const aside = length > shortText || files.some(({ content }) => expressions.test(content));
    if (aside) await ask({ allowed, files });
    else judgeFiles(files, allowed);
  };
  return {
    read: async (archive) => {
      // A copy: what crosses leaves this side.
      const bytes = Uint8Array.from(archive);
      return (await ask({ allowed, archive: bytes }, { transfer: [bytes.buffer] })) as ProjectDraft;
    },
    file: async (path, bytes) => {
      const file = namedFile(path, bytes, allowed.customCode);
      await judge([file]);
      return file;
    },
    judge,
  };
}

/** Throws `invalid` for files whose text Rasa cannot read, or that name what is closed to them. */
export function judgeFiles(files: readonly ProjectFile[], allowed: Allowed): void {
  const keyed = files.some(({ content }) => keywords.test(content));
  const faults = files.flatMap((file) => faultsIn(file, allowed, keyed).faults);
  if (faults.length > 0) throw refusalOf(faults);
}

function namedFile(path: string, bytes: Buffer, customCode: boolean): ProjectFile {
  const refuse = (pointer: string, detail: string): HubError =>
    new HubError('invalid', detail, { errors: [{ pointer, detail }] });
  const fault = pathFault(path);
  if (fault) throw refuse('/path', `The file's path does not fit: ${fault}.`);
  if (path.endsWith('.py') && !customCode) throw refuse('/path', codeRefusal(path));
  const content = textOf(bytes);
  if (content === null) throw refuse('/', `${path} is not text in UTF-8: save it as UTF-8 and send it again.`);
  return { path, content };
}
