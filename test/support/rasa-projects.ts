/** Whole Rasa projects for tests and benches: five of our own kinds beside the one that `rasa init` writes. */
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pipeline, ProjectFile } from '../../src/contracts.js';
import { projectOf } from '../../src/training/project.js';
import { loadTemplates, templateOf } from '../../src/training/templates.js';
import type { PairWire } from '../../src/wire.js';

export interface RasaProject {
  /** Also its `assistant_id`. */
  name: string;
  files: ProjectFile[];
  /** A folder whose Python modules the pipeline names; null for most. */
  modules: string | null;
  /** What its author taught it, in his words. */
  questions: string[];
}
/** How thoroughly a project's networks are trained: as its author says, or just enough to have weights worth comparing. */
export type Epochs = 'as written' | number;

const kept = join('test', 'support', 'projects');

async function filesUnder(folder: string): Promise<ProjectFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(yml|py)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => ({
      path: path.slice(folder.length + 1).replaceAll('\\', '/'),
      content: await readFile(path, 'utf8'),
    })),
  );
}

/** The questions of a project's training data, without annotations. */
function questionsOf(files: ProjectFile[]): string[] {
  const nlu = files.filter(({ path }) => /nlu/.test(path)).flatMap(({ content }) => content.split('\n'));
  const lines = nlu.map((line) => /^\s+- (?:text: )?(?!intent:|regex:|lookup:|synonym:)(.+)$/.exec(line)?.[1] ?? '');
  return lines
    .map((line) => (line.startsWith('"') ? (JSON.parse(line) as string) : line))
    .map((line) => line.replace(/\[([^\]]+)\](\([^)]*\)|\{[^}]*\})/g, '$1').trim())
    .filter((line) => line !== '');
}

function project(name: string, files: ProjectFile[], epochs: Epochs, modules: string | null = null): RasaProject {
  const rewritten = files.map(({ path, content }) => ({
    path,
    content: epochs === 'as written' ? content : content.replace(/(epochs"?: )\d+/g, `$1${epochs}`),
  }));
  return { name, files: rewritten, modules, questions: questionsOf(files) };
}

/** A project of `test/support/projects`: `forms`, `rules` or `custom`. */
export async function keptProject(name: 'forms' | 'rules' | 'custom', epochs: Epochs): Promise<RasaProject> {
  const folder = join(kept, name);
  return project(name, await filesUnder(folder), epochs, name === 'custom' ? join(process.cwd(), folder) : null);
}

/** The project that the hub itself makes of the first twenty pairs of a set of `bench/answers`. */
export async function faqProject(
  set: 'shop-20' | 'zh-telecom',
  pipeline: Exclude<Pipeline, 'project'>,
  epochs: Epochs,
): Promise<RasaProject> {
  const data = JSON.parse(await readFile(join('bench', 'answers', 'data', `${set}.json`), 'utf8')) as {
    language: string;
    pairs: PairWire[];
  };
  const name = `${set}-${pipeline}`;
  const { language } = data;
  const template = language === 'zh' ? 'faq-zh' : 'faq';
  const bot = { appId: name, name, language, template, pipeline, threshold: null };
  const pairs = data.pairs
    .slice(0, 20)
    .map(({ Q, A }, at) => ({ id: `p${at}`, questions: Q.map(({ q }) => q), answer: A as string }));
  const { files } = projectOf({ bot, pairs, files: [], yaml: null }, templateOf(await loadTemplates('templates'), bot));
  return project(name, files, epochs);
}

const defaults = (epochs: number): string => `recipe: default.v1
assistant_id: story
language: en
pipeline:
  - name: WhitespaceTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - {name: CountVectorsFeaturizer, analyzer: char_wb, min_ngram: 1, max_ngram: 4}
  - {name: DIETClassifier, epochs: ${epochs}, constrain_similarities: true}
  - name: EntitySynonymMapper
  - {name: ResponseSelector, epochs: ${epochs}, constrain_similarities: true}
  - {name: FallbackClassifier, threshold: 0.3, ambiguity_threshold: 0.1}
policies:
  - name: MemoizationPolicy
  - name: RulePolicy
  - {name: UnexpecTEDIntentPolicy, max_history: 5, epochs: ${epochs}}
  - {name: TEDPolicy, max_history: 5, epochs: ${epochs}, constrain_similarities: true}
`;

/** What `rasa init` writes. Its config names nothing and so means Rasa's defaults; with `epochs` they are written out. */
export async function storyProject(python: string, epochs: Epochs): Promise<RasaProject> {
  const library = join(dirname(python), '..', 'lib');
  const version = (await readdir(library)).find((name) => name.startsWith('python'));
  const files = await filesUnder(
    join(library, version ?? 'python3', 'site-packages', 'rasa', 'cli', 'initial_project'),
  );
  const used = files.filter(({ path }) => path.startsWith('data/') || /^(config|domain)\.yml$/.test(path));
  const config = epochs === 'as written' ? null : defaults(epochs);
  const changed = used.map(({ path, content }) => ({
    path,
    content: path === 'config.yml' ? (config ?? content.replace('placeholder_default', 'story')) : content,
  }));
  return project('story', changed, 'as written');
}
