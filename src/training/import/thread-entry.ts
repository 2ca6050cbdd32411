/** The far end of thread.ts: answers one question and ends. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { hubErrorOf } from '../../errors.js';
import { readProject } from './read.js';
import { type Answer, judgeFile, type Question } from './thread.js';

// There always is one in a thread.
const port = parentPort as MessagePort;
const question = workerData as Question;

async function answerOf(): Promise<unknown> {
  if ('file' in question) return void judgeFile(question.file, question.customCode);
  return readProject(Buffer.from(question.archive), question.customCode);
}

answerOf().then(
  (value) => port.postMessage({ value } satisfies Answer),
  (thrown: unknown) => {
    const { code, message, options } = hubErrorOf(thrown);
    const { errors, cause } = options;
    const why = cause instanceof Error ? cause.stack : undefined;
    port.postMessage({ refused: { code, message, errors, cause: why } } satisfies Answer);
  },
);
