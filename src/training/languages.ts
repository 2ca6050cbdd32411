/** The languages of one bot: which its content has, and what of it belongs to each. Pure. */
import type { ProjectFile, TrainingContent } from '../contracts.js';
import { type Project, projectOf } from './project.js';
import { type Template, templateOf } from './templates.js';

/** `languages/zh/domain.yml`: a file of the project for another language. */
const folder = /^languages\/([a-z]{2,3}(?:-[a-z0-9]{2,8})*)\//i;

/** Where the files for a language lie; its own ones: at the top. */
export const folderOf = (language: string): string => `languages/${language}/`;

/** The language of a file by its place; null: the bot's own. */
export const languageOfPath = (path: string): string | null => folder.exec(path)?.[1]?.toLowerCase() ?? null;

/** The languages beside the bot's own that something of the content says it is in, in alphabetical order. */
export function otherLanguages({ bot, pairs, files }: TrainingContent): string[] {
  const named = [
    ...pairs.map(({ language }) => language?.toLowerCase()),
    ...(bot.pipeline === 'project' ? files.map(({ path }) => languageOfPath(path)) : []),
  ];
  const own = bot.language.toLowerCase();
  return [...new Set(named)].filter((one): one is string => typeof one === 'string' && one !== own).sort();
}

/** What of the content belongs to one language; null: to the bot's own, with what came with the request. */
export function contentIn(content: TrainingContent, language: string | null): TrainingContent {
  const { bot, pairs, files, yaml, ...more } = content;
  const own = bot.language.toLowerCase();
  const wanted = language ?? own;
  const theirs = pairs.filter((pair) => (pair.language?.toLowerCase() ?? own) === wanted);
  if (language === null)
    return { ...more, bot, pairs: theirs, files: files.filter(({ path }) => languageOfPath(path) === null), yaml };
  // The sentence that admits not knowing is the template's in that language; its author wrote one in the bot's own.
  const { fallback: _own, ...options } = bot.options ?? {};
  return { ...more, bot: { ...bot, language, options }, pairs: theirs, files: filesIn(files, language), yaml: null };
}

/** The project for a language, as if it were a bot's: its own folder, and the code that is everybody's. */
function filesIn(files: readonly ProjectFile[], language: string): ProjectFile[] {
  const its = files
    .filter(({ path }) => languageOfPath(path) === language)
    .map(({ path, content }) => ({ path: path.slice(folderOf(language).length), content }));
  const shared = files.filter(({ path }) => path.endsWith('.py') && languageOfPath(path) === null);
  return [...shared.filter(({ path }) => !its.some((file) => file.path === path)), ...its];
}

/**
 * The projects of all languages as one: that of the bot's own, and the others in folders of it.
 * @throws TrainingFailure as `projectOf`.
 */
export function wholeProjectOf(content: TrainingContent, templates: readonly Template[]): Project {
  const own = projectOf(contentIn(content, null), templateOf(templates, content.bot));
  const others = otherLanguages(content).map((language) => {
    const part = contentIn(content, language);
    const { files, notes } = projectOf(part, templateOf(templates, part.bot));
    const placed = files.map((file) => ({ ...file, path: `${folderOf(language)}${file.path}` }));
    return { files: placed, notes: notes.map((note) => `${language}: ${note}`) };
  });
  return {
    files: [own, ...others].flatMap(({ files }) => files),
    notes: [own, ...others].flatMap(({ notes }) => notes),
  };
}
