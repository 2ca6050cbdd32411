/** Asks Rasa what a bot's model knows of questions and stories that it was not trained on. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bot, Json, ProjectFile } from '../contracts.js';
import { HubError } from '../errors.js';
import { ownFile } from './own-file.js';
import { ask, inTurnWithin, type StartQuestion } from './question.js';
import { writeProject } from './train.js';

export interface EvaluatorOptions {
  /** Where private folders are made; it exists. */
  workDir: string;
  start: StartQuestion;
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
}

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const inTurn = inTurnWithin(options.workDir);
  return { evaluate: (held, signal) => inTurn((home) => evaluate(options, { held, home, signal })) };
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
  const answer = await ask(options.start, { command: 'test', runtime: bot.runtime, light, home, spec }, signal);
  if ('error' in answer) throw new HubError('invalid', `The test could not be made: ${answer.error.message}`);
  const written = await ownFile(home, out);
  if (written === null) throw new HubError('wake_failed', 'The test ended without a result of its own; try again.');
  const result = JSON.parse(await readFile(written, 'utf8')) as Evaluation;
  if (result.nlu || result.stories) return result;
  throw new HubError('invalid', 'The text holds no test: it needs questions under "nlu:", or steps under "stories:".');
}
