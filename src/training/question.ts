/** One question to a process of Rasa that ends with its answer: how it is asked, and what it wrote beside. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Child } from '../child.js';
import type { Json, ProjectFinding } from '../contracts.js';
import { HubError } from '../errors.js';

/** One process of Rasa that answers one question. */
export interface QuestionChild {
  command: 'test' | 'validate';
  runtime: string | null;
  light: boolean;
  home: string;
  spec: Json & { appId: string };
  onStdoutLine: (line: string) => void;
}
/** Starts the process of a question. Rejects with a HubError when there can be none. */
export type StartQuestion = (child: QuestionChild) => Promise<Child>;

const verdict = z.object({
  valid: z.boolean(),
  findings: z.array(
    z.object({
      severity: z.enum(['error', 'warning']),
      path: z.string().nullable(),
      line: z.number().nullable(),
      message: z.string(),
      code: z.string().nullable(),
    }) satisfies z.ZodType<RaisedFinding>,
  ),
});
/** A finding, with the code of `words.py` where Rasa raised it. */
export type RaisedFinding = ProjectFinding & { code: string | null };
export type Verdict = z.infer<typeof verdict>;
const said = z.union([
  z.object({ done: z.union([z.literal(true), verdict]) }),
  z.object({ error: z.object({ code: z.string(), message: z.string(), detail: z.string().nullish() }) }),
]);
type Said = z.infer<typeof said>;

/** Questions one after the other, each with a private folder of its own: each takes as much memory as a bot, and the machine is not to be filled with them. */
export function inTurnWithin(workDir: string): <T>(work: (home: string) => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(() => inFolder(workDir, work));
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function inFolder<T>(workDir: string, work: (home: string) => Promise<T>): Promise<T> {
  const home = join(workDir, `ask-${randomBytes(6).toString('hex')}`);
  // A process that is asked within a folder of it goes through, as a user of its own; nobody else comes so far.
  await mkdir(home, { mode: 0o711 });
  try {
    return await work(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Starts the process and waits for its answer. Rejects with `wake_failed` when it ends without one, and with the signal's reason. */
export async function ask(
  start: StartQuestion,
  question: Omit<QuestionChild, 'onStdoutLine'>,
  signal: AbortSignal,
): Promise<Said> {
  signal.throwIfAborted();
  const heard: { answer: Said | null } = { answer: null };
  const child = await start({
    ...question,
    onStdoutLine: (line) => void (heard.answer = saidIn(line) ?? heard.answer),
  });
  const abort = (): void => void child.stop();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const exit = await child.exited;
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  if (heard.answer !== null) return heard.answer;
  const how = exit.reason ?? exit.signal ?? `code ${String(exit.code)}`;
  throw new HubError('wake_failed', `The process of Rasa ended without an answer (${how}); try again.`);
}

function saidIn(line: string): Said | null {
  try {
    return said.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
