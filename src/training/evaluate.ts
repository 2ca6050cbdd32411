/** Asks Rasa about a bot: what its model knows of questions and stories that it was not trained on, and whether its project fits together. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Child } from '../child.js';
import type { Bot, Json, ProjectFile, TrainingContent } from '../contracts.js';
import { HubError } from '../errors.js';
import { projectOf } from './project.js';
import { TrainingFailure } from './failure.js';
import { templateOf, type Template } from './templates.js';
import { bringsModules, writeProject } from './train.js';

/** One process of Rasa that answers one question. */
export interface QuestionChild {
  command: 'test' | 'validate';
  runtime: string | null;
  light: boolean;
  home: string;
  spec: Json & { appId: string };
  onStdoutLine: (line: string) => void;
  onStderrLine: (line: string) => void;
}
export interface EvaluatorOptions {
  /** Where private folders are made; it exists. */
  workDir: string;
  /** Rejects with a HubError when there can be no process. */
  start: (child: QuestionChild) => Promise<Child>;
  templates: readonly Template[];
  /** May projects bring components of their own (CUSTOM_CODE)? */
  customCode: boolean;
}
/** Rasa's own results, as its server answers them for `/model/test/intents` and `/model/test/stories`; null: the text had nothing for it. */
export interface Evaluation {
  nlu: Json | null;
  stories: Json | null;
}
export interface Held {
  bot: Pick<Bot, 'appId' | 'language' | 'pipeline' | 'runtime'>;
  /** Of the project that the model was trained from. */
  files: readonly ProjectFile[];
  archivePath: string;
  /** Rasa YAML with `nlu`, `stories` or both. */
  yaml: string;
  /** The stories have the users' words in them (`user:`), which are understood anew. */
  endToEnd: boolean;
}
export interface Evaluator {
  /** One at a time, others wait. Rejects with `invalid` for a text that Rasa can't read or that holds no test, with `wake_failed`. */
  evaluate(held: Held, signal: AbortSignal): Promise<Evaluation>;
  /** What Rasa's validator has to say; as `evaluate`. Content that makes no project is not valid, and the reason is its one line. */
  validate(content: TrainingContent, signal: AbortSignal): Promise<{ valid: boolean; lines: string[] }>;
}

const said = z.union([
  z.object({ done: z.union([z.literal(true), z.object({ valid: z.boolean() })]) }),
  z.object({ error: z.object({ code: z.string(), message: z.string(), detail: z.string().nullish() }) }),
]);
type Said = z.infer<typeof said>;
/** What the validator wrote. */
const wordOf = (line: string): string => line.replace(/^(?:WARNING|ERROR) [\w.]+ /, '');

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  // Each takes as much memory as a bot: the machine is not to be filled with them.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: (home: string) => Promise<T>): Promise<T> => {
    const mine = last.then(() => inFolder(options.workDir, work));
    last = mine.catch(() => undefined);
    return mine;
  };
  return {
    evaluate: (held, signal) => inTurn((home) => evaluate(options, { held, home, signal })),
    validate: (content, signal) => inTurn((home) => validate(options, { content, home, signal })),
  };
}

async function inFolder<T>(workDir: string, work: (home: string) => Promise<T>): Promise<T> {
  const home = join(workDir, `ask-${randomBytes(6).toString('hex')}`);
  await mkdir(home, { mode: 0o700 });
  try {
    return await work(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function evaluate(
  options: EvaluatorOptions,
  { held, home, signal }: { held: Held; home: string; signal: AbortSignal },
): Promise<Evaluation> {
  const { bot, files, archivePath, yaml, endToEnd } = held;
  const own = options.customCode && bot.pipeline === 'project' ? files.filter(({ path }) => path.endsWith('.py')) : [];
  const modules = join(home, 'modules');
  if (own.length > 0) await writeProject(modules, { files: [...own], notes: [] });
  // By its name Rasa knows a file with tests.
  const [data, out] = [join(home, 'test_data.yml'), join(home, 'result.json')];
  await writeFile(data, yaml);
  const spec = {
    appId: bot.appId,
    language: bot.language,
    model: archivePath,
    data,
    out,
    e2e: endToEnd,
    modules: own.length > 0 ? modules : null,
  };
  const light = bot.pipeline === 'semantic';
  const answer = await ask(options, { command: 'test', runtime: bot.runtime, light, home, spec }, signal);
  if (answer.error) throw new HubError('invalid', `The test could not be made: ${answer.error.message}`);
  const result = JSON.parse(await readFile(out, 'utf8')) as Evaluation;
  if (result.nlu || result.stories) return result;
  throw new HubError('invalid', 'The text holds no test: it needs questions under "nlu:", or steps under "stories:".');
}

async function validate(
  options: EvaluatorOptions,
  { content, home, signal }: { content: TrainingContent; home: string; signal: AbortSignal },
): Promise<{ valid: boolean; lines: string[] }> {
  const { bot } = content;
  const project = join(home, 'project');
  try {
    await writeProject(project, projectOf(content, templateOf(options.templates, bot)));
  } catch (error) {
    if (error instanceof TrainingFailure) return { valid: false, lines: [error.message] };
    throw error;
  }
  const modules = options.customCode && bringsModules(content) ? project : null;
  const spec = { appId: bot.appId, language: bot.language, project, modules };
  const light = bot.pipeline === 'semantic';
  const answer = await ask(options, { command: 'validate', runtime: bot.runtime ?? null, light, home, spec }, signal);
  if (answer.error) return { valid: false, lines: [answer.error.message] };
  return { valid: answer.valid, lines: answer.lines.map(wordOf) };
}

interface Answered {
  error: { message: string } | null;
  valid: boolean;
  /** What it wrote beside its answer. */
  lines: string[];
}

/** Starts the process and waits for its answer. Rejects with `wake_failed` when it ends without one, and with the signal's reason. */
async function ask(
  { start }: EvaluatorOptions,
  question: Omit<QuestionChild, 'onStdoutLine' | 'onStderrLine'>,
  signal: AbortSignal,
): Promise<Answered> {
  signal.throwIfAborted();
  const heard: { answer: Said | null; lines: string[] } = { answer: null, lines: [] };
  const child = await start({
    ...question,
    onStdoutLine: (line) => void (heard.answer = saidIn(line) ?? heard.answer),
    onStderrLine: (line) => void heard.lines.push(line),
  });
  const abort = (): void => void child.stop();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const exit = await child.exited;
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  const { answer, lines } = heard;
  if (answer === null) {
    const how = exit.reason ?? exit.signal ?? `code ${String(exit.code)}`;
    throw new HubError('wake_failed', `The process of Rasa ended without an answer (${how}); try again.`);
  }
  if ('error' in answer) return { error: answer.error, valid: false, lines };
  return { error: null, valid: answer.done === true || answer.done.valid, lines };
}

function saidIn(line: string): Said | null {
  try {
    return said.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
