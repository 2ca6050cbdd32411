/**
 * Templates: what a new bot starts from. Each is a folder with a `template.yml`, which the schema below describes, and, where its pipeline is
 * `project`, the files of a Rasa project beside it.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Bot, FaqPair, ProjectFile } from '../contracts.js';

const text = z.string().refine((value) => value.trim() !== '', 'must not be empty');
const words = z.strictObject({ en: text, zh: text });
const part = z.strictObject({
  text: text.optional(),
  image: z.url().optional(),
  buttons: z
    .array(z.strictObject({ title: text, payload: text }))
    .min(1)
    .optional(),
});
const answer = z.union([text, part, z.array(part).min(1)]);
const template = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'lower-case letters, digits and "-"'),
  title: words,
  description: words,
  /** What somebody who tries it sees of Rasa and of the hub. */
  shows: words,
  language: z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en or zh'),
  pipeline: z.enum(['semantic', 'classic', 'project']),
  /** What the bot says when it does not know. */
  fallback: text,
  /** Topics every bot of this template knows beside its own FAQ; those of the language's first template when absent. */
  chitchat: z
    .array(z.strictObject({ id: z.string().regex(/^[a-z][a-z0-9_]*$/), questions: z.array(text).min(1), answer }))
    .refine((topics) => new Set(topics.map(({ id }) => id)).size === topics.length, 'two topics have the same id')
    .default([]),
  /** The FAQ a new bot of this template starts with, as the API takes it. */
  pairs: z.array(z.strictObject({ Q: z.array(z.strictObject({ q: text })).min(1), A: answer })).default([]),
});

/** A checked template. Its chit-chat and pairs have the shape of a stored FAQ. */
export type Template = Omit<z.infer<typeof template>, 'chitchat' | 'pairs'> & {
  chitchat: FaqPair[];
  pairs: FaqPair[];
  /** Of its Rasa project; none but for the pipeline `project`. */
  files: ProjectFile[];
};

/**
 * Reads all templates of a folder, sorted by name.
 * @throws Error that names every file and field that does not fit, and why.
 */
export async function loadTemplates(dir: string): Promise<Template[]> {
  const folders = (await readdir(dir, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const read = await Promise.all(folders.sort().map((folder) => readTemplate(join(dir, folder), folder)));
  const faults = read.flatMap((one) => one.faults);
  if (faults.length > 0) throw new Error(`Templates that cannot be used:\n${faults.join('\n')}`);
  return read.flatMap((one) => one.template ?? []);
}

/**
 * The template a bot is trained with: its own one, speaking the bot's language. What its own does not say in that language (chit-chat, the
 * sentence that admits not knowing) comes from a template of that language, from the English `faq` where there is none.
 * @throws Error when neither the bot's template nor `faq` is among `templates`.
 */
export function templateOf(templates: readonly Template[], bot: Pick<Bot, 'template' | 'language'>): Template {
  const english = templates.find(({ name }) => name === 'faq');
  const own = templates.find(({ name }) => name === bot.template) ?? english;
  if (!own) throw new Error(`There is no template "${bot.template}", and no template "faq" to stand in for it.`);
  const speaks = (one: Template): boolean => primary(one.language) === primary(bot.language);
  if (speaks(own) && own.chitchat.length > 0) return own;
  const speaker = templates.find((one) => speaks(one) && one.chitchat.length > 0) ?? english ?? own;
  return { ...own, chitchat: speaker.chitchat, fallback: speaks(own) ? own.fallback : speaker.fallback };
}

/** The topics every bot of this template and language knows: greeting, thanks, goodbye. Throws as `templateOf`. */
export function chitchatOf(templates: readonly Template[], bot: Pick<Bot, 'template' | 'language'>): FaqPair[] {
  return templateOf(templates, bot).chitchat;
}

/** What a bot of this template and language says when it does not know. Throws as `templateOf`. */
export function fallbackOf(templates: readonly Template[], bot: Pick<Bot, 'template' | 'language'>): string {
  return templateOf(templates, bot).fallback;
}

async function readTemplate(home: string, folder: string): Promise<{ template?: Template; faults: string[] }> {
  const path = join(home, 'template.yml');
  const source = await readFile(path, 'utf8').catch(() => null);
  if (source === null) return { faults: [`${path}: cannot be read`] };
  const document = parseDocument(source);
  const broken = document.errors[0];
  if (broken) return { faults: [`${path}: ${broken.message}`] };
  const checked = template.safeParse(document.toJS());
  if (!checked.success) {
    return {
      faults: checked.error.issues.map((issue) => `${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`),
    };
  }
  if (checked.data.name !== folder) return { faults: [`${path}: name: must be the name of its folder, ${folder}`] };
  const pairs = checked.data.pairs.map(({ Q, A }) => ({
    id: idOf(Q[0]?.q ?? ''),
    questions: Q.map(({ q }) => q),
    answer: A,
  }));
  const files = await filesOf(home);
  const own = checked.data.pipeline === 'project';
  if (own !== files.some((file) => file.path === 'config.yml'))
    return { faults: [`${path}: pipeline: "project" goes with a config.yml in the folder, and only with it`] };
  return { template: { ...checked.data, pairs, files }, faults: [] };
}

/** The files of the template's Rasa project, by path. */
async function filesOf(home: string): Promise<ProjectFile[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yml'))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(home.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((path) => path !== 'template.yml');
  return Promise.all(paths.sort().map(async (path) => ({ path, content: await readFile(join(home, path), 'utf8') })));
}

/** The same pair has the same id in every bot made from the template. */
const idOf = (question: string): string => createHash('sha256').update(question).digest('hex').slice(0, 12);

const primary = (language: string): string => language.split('-')[0] ?? language;
