/** What Rasa's own validator says of a project: before it is trained, and each time that a part of it is saved. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectFile, ProjectFinding, TrainingContent } from '../contracts.js';
import { configFaults } from './components.js';
import { TrainingFailure } from './failure.js';
import { contentIn, folderOf, languageOfPath, otherLanguages } from './languages.js';
import { refusalOf, shown } from './import/file.js';
import { type Project, projectOf } from './project.js';
import { ask, inTurnWithin, type RaisedFinding, type StartQuestion, type Verdict } from './question.js';
import { templateOf, type Template } from './templates.js';
import { bringsModules, writeProject } from './train.js';

export interface ValidatorOptions {
  /** Where private folders are made; it exists. */
  workDir: string;
  start: StartQuestion;
  templates: readonly Template[];
  /** May projects bring code of their own (CUSTOM_CODE)? */
  customCode: boolean;
}
export interface Validation {
  /** No finding is an error. */
  valid: boolean;
  findings: ProjectFinding[];
  /** The findings in words. */
  lines: string[];
}
/** Files that are about to be kept for a bot. */
export interface Saving {
  /** What the bot would be trained from with them. */
  content: TrainingContent;
  saved: readonly ProjectFile[];
  /** Longer nobody waits for the validator. */
  limitMs: number;
}
export interface Validator {
  /** One at a time, others wait. Content that makes no project has that as its one finding. Rejects with `wake_failed`. */
  validate(content: TrainingContent, signal: AbortSignal): Promise<Validation>;
  /**
   * What is to be told about files that are saved; null: not known in time, or for a large project, and no reason not to keep them. Rejects with `invalid`, naming
   * file and line, when one of them is nothing that Rasa can read.
   */
  findings(saving: Saving, signal: AbortSignal): Promise<ProjectFinding[] | null>;
}

/** By `words.py`: the text of a file is not what Rasa reads. Everything else may be mended in another file. */
const unreadable = ['bad_yaml', 'bad_content'];
/** Characters of a project that is checked whole each time a part of it is saved; of a larger one, that part. */
const largest = 300_000;
const sizeOf = ({ files }: TrainingContent): number => files.reduce((sum, { content }) => sum + content.length, 0);
/** While a project has no config.yml yet, its other files can be checked all the same. */
const stopgap: ProjectFile = { path: 'config.yml', content: 'recipe: default.v1\nlanguage: en\n' };

export function createValidator(options: ValidatorOptions): Validator {
  // Who saves does not wait behind somebody's check of a whole project.
  const [checks, saves] = [inTurnWithin(options.workDir), inTurnWithin(options.workDir)];
  return {
    validate: async (content, signal) => {
      const languages = [null, ...otherLanguages(content)];
      const { valid, findings } = await checks((home) => verdictIn(options, languages, { content, home, signal }));
      return { valid, findings: findings.map(plain), lines: findings.map(wordsOf) };
    },
    async findings({ content, saved, limitMs }, gone) {
      const signal = AbortSignal.any([gone, AbortSignal.timeout(limitMs)]);
      const alone = saved.length < content.files.length && sizeOf(content) > largest ? saved : null;
      const [first, ...more] = saved;
      const languages =
        more.length > 0 ? [null, ...otherLanguages(content)] : [first ? languageOfPath(first.path) : null];
      const verdict = await saves((home) => verdictIn(options, languages, { content, home, alone, signal })).catch(
        () => null,
      );
      const broken = verdict?.findings.filter(
        ({ code, path }) => unreadable.includes(code ?? '') && saved.some((file) => file.path === path),
      );
      if (broken && broken.length > 0)
        throw refusalOf(broken.map(({ path, line, message }) => ({ path: path ?? '', line, words: message })));
      return alone ? null : (verdict?.findings.map(plain) ?? null);
    },
  };
}

const plain = ({ severity, path, line, message }: RaisedFinding): ProjectFinding => ({ severity, path, line, message });
const wordsOf = ({ path, line, message }: RaisedFinding): string =>
  path === null ? message : shown({ path, line, words: message });

interface Asked {
  content: TrainingContent;
  home: string;
  /** Of the project only these files. */
  alone?: readonly ProjectFile[] | null;
  signal: AbortSignal;
}

/** Of several languages (null: the bot's own) each has a project of its own; files are named as the bot has them. */
async function verdictIn(
  options: ValidatorOptions,
  languages: readonly (string | null)[],
  asked: Asked,
): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  for (const language of languages) {
    const place = language === null ? '' : folderOf(language);
    const alone = asked.alone?.map((file) => ({ ...file, path: file.path.slice(place.length) })) ?? null;
    const home = join(asked.home, language ?? 'own');
    await mkdir(home, { mode: 0o700 });
    const part = { ...asked, content: contentIn(asked.content, language), home, alone };
    const { valid, findings } = await verdictOf(options, part);
    verdicts.push({ valid, findings: findings.map((one) => ({ ...one, path: one.path && `${place}${one.path}` })) });
  }
  return { valid: verdicts.every(({ valid }) => valid), findings: verdicts.flatMap(({ findings }) => findings) };
}

async function verdictOf(options: ValidatorOptions, asked: Asked): Promise<Verdict> {
  const { content, home, alone, signal } = asked;
  signal.throwIfAborted();
  const { bot } = content;
  const { project, missing } = projectFor(content, templateOf(options.templates, bot));
  const folder = join(home, 'project');
  if (project) await writeProject(folder, project);
  else return { valid: false, findings: missing };
  const originals = join(home, 'originals');
  await writeProject(originals, { files: changedBy(project, content), notes: [] });
  const modules = options.customCode && bringsModules(content) ? folder : null;
  const spec = {
    appId: bot.appId,
    language: bot.language,
    project: folder,
    originals,
    modules,
    alone: alone?.map(({ path }) => path) ?? null,
  };
  const answer = await ask(
    options.start,
    { command: 'validate', runtime: bot.runtime ?? null, light: true, home, spec },
    signal,
  );
  if ('error' in answer) return { valid: false, findings: [failed(answer.error)] };
  if (answer.done === true) return { valid: true, findings: [] };
  const ours = [...missing, ...configFindings(project)];
  return { valid: answer.done.valid && ours.length === 0, findings: [...ours, ...answer.done.findings] };
}

/** The project of the content; without a config.yml, one by which the rest can be checked. */
function projectFor(
  content: TrainingContent,
  template: Template,
): { project: Project | null; missing: RaisedFinding[] } {
  try {
    return { project: projectOf(content, template), missing: [] };
  } catch (error) {
    if (!(error instanceof TrainingFailure)) throw error;
    const missing = [failed(error)];
    if (error.code !== 'no_config') return { project: null, missing };
    const { project } = projectFor({ ...content, files: [...content.files, stopgap] }, template);
    return { project, missing };
  }
}

const failed = ({ code, message }: { code: string; message: string }): RaisedFinding => ({
  severity: 'error',
  path: null,
  line: null,
  message,
  code,
});

/** What Rasa says of its components only when it has begun to train. */
function configFindings({ files }: Project): RaisedFinding[] {
  const config = files.find(({ path }) => path === 'config.yml');
  const faults = config ? configFaults(config.content) : [];
  return faults.map((fault) => ({ severity: 'error', path: 'config.yml', ...fault, code: null }));
}

/** The author's files that the project has otherwise: their lines are what an author knows. */
const changedBy = ({ files }: Project, content: TrainingContent): ProjectFile[] =>
  content.files.filter(({ path, content: text }) => files.some((file) => file.path === path && file.content !== text));
