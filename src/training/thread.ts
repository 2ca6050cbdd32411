/** One question to a thread of its own: work that takes long, or never ends, keeps nobody waiting but who asked, and ends with its thread. */
import { once } from 'node:events';
import { type MessagePort, parentPort, type Transferable, Worker, workerData } from 'node:worker_threads';
import { type ErrorCode, type Fault, HubError, hubErrorOf } from '../errors.js';

/** What comes back. */
type Answer =
  | { value: unknown }
  | { refused: { code: ErrorCode; message: string; errors: Fault[] | undefined; cause: string | undefined } };

export interface ThreadLimits {
  timeoutMs: number;
  /** What is said of work that takes longer, or more memory than a thread has. */
  tooLong: string;
  /** Parts of the question that leave this side. */
  transfer?: Transferable[];
}
const memoryMb = 512;

/** What the module `entry`, which calls `answerOnce`, answers to `question`. Rejects with the HubError that it rejects with, or `invalid` in the words of `tooLong`. */
export async function askThread(
  entry: URL,
  question: unknown,
  { timeoutMs, tooLong, transfer = [] }: ThreadLimits,
): Promise<unknown> {
  const worker = new Worker(entry, {
    workerData: question,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    transferList: transfer,
  });
  const timer = setTimeout(() => void worker.terminate(), timeoutMs);
  try {
    const answer = await Promise.race([
      once(worker, 'message').then(([message]) => message as Answer),
      once(worker, 'exit').then(() => null),
    ]);
    if (answer === null) throw new HubError('invalid', tooLong);
    if ('value' in answer) return answer.value;
    const { code, message, errors, cause } = answer.refused;
    throw new HubError(code, message, { ...(errors && { errors }), ...(cause && { cause }) });
  } catch (error) {
    if (error instanceof HubError) throw error;
    const full = (error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY';
    throw full ? new HubError('invalid', tooLong) : error;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** The far end: answers the question that this thread was started with. */
export function answerOnce(answer: (question: unknown) => unknown): void {
  // There always is one in a thread.
  const port = parentPort as MessagePort;
  const work = new Promise((resolve) => resolve(answer(workerData)));
  work.then(
    (value) => port.postMessage({ value } satisfies Answer),
    (thrown: unknown) => {
      const { code, message, options } = hubErrorOf(thrown);
      const { errors, cause } = options;
      const why = cause instanceof Error ? cause.stack : undefined;
      port.postMessage({ refused: { code, message, errors, cause: why } } satisfies Answer);
    },
  );
}
