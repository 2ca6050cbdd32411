/**
 * Trains with Rasa: content and template become a project in a private folder, a child process trains it, and the archive is handed over.
 * Whatever goes wrong is a TrainingFailure whose sentence a bot's author understands.
 */
import { randomBytes } from 'node:crypto';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { z } from 'zod';
import { startChild, type Child, type ChildExit, type ChildLog } from '../child.js';
import type { JobReport, Json, TrainingContent } from '../contracts.js';
import { TrainingFailure } from './failure.js';
import { contentIn, otherLanguages } from './languages.js';
import { ownFile } from './own-file.js';
import { projectOf, type Project } from './project.js';
import { templateOf, type Template } from './templates.js';

export interface RasaTraining {
  /** A Python that has Rasa. */
  python: string;
  /** The folder that holds `switchboard_rasa`. */
  packageDir: string;
  /** Where private folders and finished archives are put; it exists. */
  workDir: string;
  /** What the child inherits of our environment, chosen by name. Never a secret: Rasa expands `${NAME}` in bots' files. */
  env: Readonly<Record<string, string>>;
  /**
   * Threads that one process of a training may use, and there is one for each network that is trained beside another (decision 30); as many as the machine has
   * processors when absent, which is what Rasa takes.
   */
  threads?: number;
  log?: ChildLog;
  /** May projects bring components of their own (CUSTOM_CODE)? No when absent. */
  customCode?: boolean;
  /** How the child is started; absent: as a Python of its own. */
  start?: StartTraining;
}
/** What one training's child is started with; its spec names the project, where the archive goes and who it is for. */
export interface TrainingChild {
  command: 'train';
  runtime: string | null;
  light: boolean;
  home: string;
  spec: Json & { appId: string };
  threads: number;
  maxLine: number;
  onStdoutLine: (line: string) => void;
  onStderrLine: (line: string) => void;
}
/** Starts a training's child. Rejects with a HubError when there can be none. */
export type StartTraining = (child: TrainingChild) => Promise<Child>;
/** One training: what from, and who is told and may end it. */
export interface TrainingTask {
  content: TrainingContent;
  template: Template;
  report: JobReport;
  signal: AbortSignal;
  /** Archives of the bot's other languages, by language, which are laid into its own. */
  languages?: Readonly<Record<string, string>>;
}
/** The archive lies in `workDir` until its taker moves or removes it. */
export interface Trained {
  archivePath: string;
  seconds: number;
}

const message = z.union([
  z.object({ done: z.object({ model: z.string(), seconds: z.number() }) }),
  z.object({ error: z.object({ code: z.string(), message: z.string(), detail: z.string().nullish() }) }),
  z.object({ percent: z.number().optional(), stage: z.string().optional() }),
]);
type Outcome = { model: string; seconds: number } | TrainingFailure;

/** A `Trainer` (training.ts) that trains each bot with its template. */
export function createRasaTrainer(
  options: RasaTraining & { templates: readonly Template[] },
): (content: TrainingContent, report: JobReport, signal: AbortSignal) => Promise<Trained> {
  return (content, report, signal) => trainAll(options, { content, report, signal });
}

/** One model for each language, laid into that of the bot's own, which is trained last. */
async function trainAll(
  options: RasaTraining & { templates: readonly Template[] },
  { content, report, signal }: Omit<TrainingTask, 'template'>,
): Promise<Trained> {
  const others = otherLanguages(content);
  const parts = [...others.map((language) => contentIn(content, language)), contentIn(content, null)];
  const languages: Record<string, string> = {};
  let seconds = 0;
  try {
    for (const [at, part] of parts.entries()) {
      const { language } = part.bot;
      const told = parts.length === 1 ? report : partly(report, { at, of: parts.length, language });
      const task = { content: part, template: templateOf(options.templates, part.bot), report: told, signal };
      const trained = await trainWithRasa(options, at < others.length ? task : { ...task, languages });
      seconds += trained.seconds;
      if (at === others.length) return { ...trained, seconds };
      languages[language] = trained.archivePath;
    }
    throw new Error('a bot has a language');
  } finally {
    await Promise.all(Object.values(languages).map((path) => rm(path, { force: true })));
  }
}

/** How far one of several trainings is, as told of all. */
const partly =
  (report: JobReport, { at, of, language }: { at: number; of: number; language: string }): JobReport =>
  ({ percent, stage, ...more }) =>
    report({
      ...more,
      ...(percent === undefined ? {} : { percent: Math.round((100 * at + percent) / of) }),
      ...(stage === undefined ? {} : { stage: `${language}: ${stage}` }),
    });

/**
 * Trains once. An abort ends the child and rejects with the signal's reason.
 * @throws TrainingFailure: those of `projectOf`, those the child names, `training_died` when it ended without a word.
 */
export async function trainWithRasa(options: RasaTraining, task: TrainingTask): Promise<Trained> {
  task.signal.throwIfAborted();
  const project = projectOf(task.content, task.template);
  for (const line of project.notes) task.report({ line });
  const id = randomBytes(6).toString('hex');
  const home = join(options.workDir, `train-${id}`);
  try {
    await writeProject(join(home, 'project'), project);
    const { model, seconds } = await runChild(options, task, home);
    const archivePath = join(options.workDir, `model-${id}.tar.gz`);
    const written = await ownFile(home, resolve(home, 'out', model));
    if (written === null)
      throw new TrainingFailure('training_died', 'The training ended without a model of its own; train again.');
    await rename(written, archivePath);
    // It may have been another user's until now.
    await chown(archivePath, process.getuid?.() ?? -1, process.getgid?.() ?? -1);
    return { archivePath, seconds };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Writes the project's files into `folder`, which is made. Rejects with `bad_path` for one that would lie outside. */
export async function writeProject(folder: string, { files }: Project): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { path, content } of files) {
    const target = resolve(folder, path);
    if (!target.startsWith(folder + sep)) {
      throw new TrainingFailure('bad_path', `The file ${path} lies outside the project. Rename it.`);
    }
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

async function runChild(
  options: RasaTraining,
  task: TrainingTask,
  home: string,
): Promise<{ model: string; seconds: number }> {
  await mkdir(join(home, 'out'));
  const heard: { outcome: Outcome | null } = { outcome: null };
  const { bot } = task.content;
  const child = await (options.start ?? plainly(options))({
    command: 'train',
    runtime: bot.runtime ?? null,
    light: bot.pipeline === 'semantic',
    home,
    spec: specOf(options, task, home),
    threads: threadsOf(options),
    maxLine: 1_000_000,
    onStdoutLine: (line) => (heard.outcome = hear(line, task.report) ?? heard.outcome),
    onStderrLine: (line) => task.report({ line }),
  });
  const exit = await untilEnded(child, task.signal);
  task.signal.throwIfAborted();
  const outcome = heard.outcome ?? died(exit, child.lines());
  if (outcome instanceof TrainingFailure) throw outcome;
  return outcome;
}

async function untilEnded(child: Child, signal: AbortSignal): Promise<ChildExit> {
  const abort = (): void => void child.stop();
  signal.addEventListener('abort', abort, { once: true });
  // The signal may have aborted while the project was written: then no event comes any more.
  if (signal.aborted) abort();
  try {
    return await child.exited;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** One line of the child: progress is passed on, an ending is answered, anything else belongs into the job's log. */
function hear(line: string, report: JobReport): Outcome | null {
  const heard = message.safeParse(parsed(line));
  if (!heard.success) {
    report({ line });
    return null;
  }
  const { data } = heard;
  if ('done' in data) return data.done;
  if ('error' in data) return new TrainingFailure(data.error.code, data.error.message, data.error.detail ?? undefined);
  report({
    ...(data.percent === undefined ? {} : { percent: data.percent }),
    ...(data.stage === undefined ? {} : { stage: data.stage }),
  });
  return null;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function died(exit: ChildExit, lines: string[]): TrainingFailure {
  const detail = lines.slice(-20).join('\n') || undefined;
  if (exit.reason !== null) {
    return new TrainingFailure(
      'training_died',
      'The training could not be started: ask the operator to check the Python with Rasa.',
      exit.reason,
    );
  }
  const how = exit.signal === null ? `with exit code ${exit.code ?? 'unknown'}` : `by ${exit.signal}`;
  const why =
    exit.signal === 'SIGKILL'
      ? ' The machine may have run out of memory: train when less is running, or with fewer questions.'
      : '';
  return new TrainingFailure(
    'training_died',
    `The training ended ${how} before it was done.${why || ' Its log has the last words; train again.'}`,
    detail,
  );
}

/** Has the project Python of its own, which its config.yml may name? */
export const bringsModules = ({ bot, files }: TrainingContent): boolean =>
  bot.pipeline === 'project' && files.some(({ path }) => path.endsWith('.py'));

const threadsOf = ({ threads }: RasaTraining): number => threads ?? availableParallelism();

/** Goes over a pipe: arguments can be read by everybody on the machine. */
function specOf(options: RasaTraining, { content, languages }: TrainingTask, home: string): Json & { appId: string } {
  const { customCode = false } = options;
  return {
    ...(languages && Object.keys(languages).length > 0 ? { languages } : {}),
    ...(customCode && bringsModules(content) ? { modules: join(home, 'project') } : {}),
    // What the hub made itself fits together; Rasa's own `/model/train` asks nobody.
    ...(content.bot.pipeline === 'project' && !content.apart ? { check: true } : {}),
    appId: content.bot.appId,
    language: content.bot.language,
    project: join(home, 'project'),
    out: join(home, 'out'),
    threads: threadsOf(options),
  };
}

/** A Python of its own for each training. */
function plainly(options: RasaTraining): StartTraining {
  return ({ home, spec, maxLine, onStdoutLine, onStderrLine }) =>
    Promise.resolve(
      startChild({
        command: options.python,
        args: ['-m', 'switchboard_rasa.child', 'train'],
        cwd: home,
        env: environment(options, home),
        stdinLine: JSON.stringify({ ...spec, parentPid: process.pid }),
        maxLine,
        onStdoutLine,
        onStderrLine,
        ...(options.log ? { log: options.log } : {}),
      }),
    );
}

/** Nothing of ours but what was allowed by name; everything the child writes stays in its folder. */
function environment(options: RasaTraining, home: string): Record<string, string> {
  const threads = String(threadsOf(options));
  return {
    ...options.env,
    HOME: home,
    TMPDIR: home,
    LANG: 'C.UTF-8',
    PYTHONPATH: options.packageDir,
    PYTHONUNBUFFERED: '1',
    // A training that has threads before its networks begin can't fork for them.
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    MALLOC_ARENA_MAX: '1',
    TF_NUM_INTRAOP_THREADS: threads,
    TF_NUM_INTEROP_THREADS: threads,
    TF_CPP_MIN_LOG_LEVEL: '3',
    RASA_TELEMETRY_ENABLED: 'false',
    NO_COLOR: '1',
  };
}
