/**
 * Reads what strangers wrote in a thread of its own: an archive or a text that takes long to read, or never ends, keeps nobody waiting
 * but its sender, and ends with its thread.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ProjectFile } from '../../contracts.js';
import { type ErrorCode, type Fault, HubError } from '../../errors.js';
import { faultsIn, pathFault, codeRefusal, refusalOf, textOf } from './file.js';
import type { ProjectDraft } from './read.js';

/** What crosses to the thread. */
export type Question = { customCode: boolean } & ({ archive: Uint8Array } | { file: ProjectFile });
/** What comes back. */
export type Answer =
  | { value: unknown }
  | { refused: { code: ErrorCode; message: string; errors: Fault[] | undefined; cause: string | undefined } };

export interface ProjectReader {
  /** Rejects with `invalid`, as `readProject` does; also when reading takes too long. */
  read(archive: Buffer): Promise<ProjectDraft>;
  /** One file for a bot's project. Rejects with `invalid` when its name or its text does not fit. */
  file(path: string, bytes: Buffer): Promise<ProjectFile>;
}

const limitMs = 30_000;
const memoryMb = 512;
/** A text this short is read faster than a thread starts. */
const shortText = 50_000;

/** `customCode`: may projects bring Python (CUSTOM_CODE)? */
export function createProjectReader(customCode: boolean, { timeoutMs = limitMs } = {}): ProjectReader {
  return {
    read: async (archive) => {
      // A copy: what crosses leaves this side.
      const bytes = Uint8Array.from(archive);
      return (await ask({ customCode, archive: bytes }, timeoutMs)) as ProjectDraft;
    },
    file: async (path, bytes) => {
      const file = namedFile(path, bytes, customCode);
      if (file.content.length > shortText) await ask({ customCode, file }, timeoutMs);
      else judgeFile(file, customCode);
      return file;
    },
  };
}

/** Throws `invalid` for a file whose text Rasa cannot read. */
export function judgeFile(file: ProjectFile, customCode: boolean): void {
  const { faults } = faultsIn(file, customCode);
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

async function ask(question: Question, timeoutMs: number): Promise<unknown> {
  const worker = new Worker(new URL('./thread-entry.js', import.meta.url), {
    workerData: question,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    ...('archive' in question ? { transferList: [question.archive.buffer as ArrayBuffer] } : {}),
  });
  const timer = setTimeout(() => void worker.terminate(), timeoutMs);
  try {
    const answer = await Promise.race([
      once(worker, 'message').then(([message]) => message as Answer),
      once(worker, 'exit').then(() => null),
    ]);
    if (answer === null) throw tooLong();
    if ('value' in answer) return answer.value;
    const { code, message, errors, cause } = answer.refused;
    throw new HubError(code, message, { ...(errors && { errors }), ...(cause && { cause }) });
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw (error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooLong() : error;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const tooLong = (): HubError =>
  new HubError('invalid', 'Reading this takes too long or too much memory: send a smaller project, in plainer files.');
