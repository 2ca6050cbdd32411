/** Content and template -> a Rasa project, as a list of files. Pure: the same content gives the same bytes. */
import type { Pipeline, ProjectFile, TrainingContent } from '../contracts.js';
import { chitchatBeside, topicsOf, type Topic } from './content.js';
import { TrainingFailure } from './failure.js';
import { configOf, fallbackSkeleton, joined, skeletonOf, type Skeleton } from './faq-project.js';
import type { Template } from './templates.js';
import { isYamlList, isYamlMap, readYaml, yamlDocument, yamlLines, type YamlMap, type YamlValue } from './yaml.js';

/** A project, and a sentence for each thing of the content that did not get into it: they belong into the job's log. */
export interface Project {
  files: ProjectFile[];
  notes: string[];
}

/** What one YAML text of a training request brings, by where Rasa looks for it. */
interface Request {
  config: YamlMap;
  domain: YamlMap;
  data: ProjectFile[];
  notes: string[];
  /** It has a `pipeline`; an empty one, as `rasa init` writes it, means Rasa's default. */
  whole: boolean;
}

const version = '3.1';
const configKeys = ['recipe', 'language', 'assistant_id', 'importers', 'pipeline', 'policies'];
const domainKeys = [
  'intents',
  'entities',
  'slots',
  'responses',
  'actions',
  'e2e_actions',
  'forms',
  'session_config',
  'config',
];
const dataKeys = ['nlu', 'rules', 'stories'];

/**
 * The Rasa project that a bot is trained from: made of its FAQ and its template's chit-chat, or its own files when its pipeline is `project`;
 * the request's YAML is laid over either. A request that brings a `pipeline` is a whole project, as it is for Rasa's own `/model/train`.
 * @throws TrainingFailure `nothing_to_train`, `empty_topic`, `empty_answer`, `bad_yaml`, `no_config`; each sentence says what to do.
 */
export function projectOf(content: TrainingContent, template: Template): Project {
  const { topics, notes: left } = topicsOf(content.pairs);
  const request = requestOf(content.yaml);
  const notes = [...left.map(({ detail }) => detail), ...request.notes];
  const { pipeline } = content.bot;
  if (pipeline === 'project' || request.whole) {
    const own = ownProject(content, topics, request);
    return { files: own.files, notes: [...notes, ...own.notes] };
  }
  if (topics.length === 0 && isEmpty(request)) throw nothing();
  if (content.files.length > 0) {
    notes.push(
      `The bot's ${content.files.length} project files are not used: its pipeline is "${pipeline}", not "project".`,
    );
  }
  return { files: faqProject(content, { ...template, topics, pipeline }, request), notes };
}

/** The project of an FAQ bot. */
function faqProject(
  { bot }: TrainingContent,
  made: Pick<Template, 'chitchat' | 'fallback'> & { topics: Topic[]; pipeline: Exclude<Pipeline, 'project'> },
  request: Request,
): ProjectFile[] {
  const fewest = made.pipeline === 'classic' ? 2 : 1;
  const skeleton = joined([
    skeletonOf({ base: 'faq', topics: made.topics }, fewest),
    skeletonOf({ base: 'chitchat', topics: chitchatBeside(made.chitchat, made.topics) }, fewest),
    fallbackSkeleton(bot.options?.fallback ?? made.fallback),
  ]);
  return [
    {
      path: 'config.yml',
      content: yamlDocument({
        ...configOf(bot, made.pipeline, skeleton.retrieval),
        ...chosen(bot),
        ...request.config,
        assistant_id: bot.appId,
      }),
    },
    { path: 'domain.yml', content: yamlDocument(mergedDomain(domainOf(skeleton), request.domain)) },
    ...dataOf(skeleton, ''),
    ...request.data,
  ];
}

/** The bot's own files, the request over them, and its FAQ beside them. */
function ownProject(content: TrainingContent, topics: Topic[], request: Request): Project {
  const files = content.bot.pipeline === 'project' ? content.files : [];
  if (files.length === 0 && topics.length === 0 && isEmpty(request)) throw nothing();
  const config = ownConfig(content, files, request);
  const deaf = topics.length > 0 && !/ResponseSelector|SemanticSelector/.test(config.content);
  const skeleton = skeletonOf({ base: 'faq', topics }, 2);
  const { intents, responses } = skeleton;
  const domain = ownDomain(files, mergedDomain(topics.length > 0 ? { intents, responses } : {}, request.domain));
  const made = [config, ...domain, ...(topics.length > 0 ? dataOf(skeleton, 'switchboard_') : []), ...request.data];
  const paths = new Set(made.map((file) => file.path));
  return {
    files: [...files.filter((file) => !paths.has(file.path)), ...made],
    notes: deaf ? ['config.yml names no ResponseSelector, so the bot cannot answer the questions of its FAQ.'] : [],
  };
}

function ownConfig({ bot }: TrainingContent, files: readonly ProjectFile[], request: Request): ProjectFile {
  const file = files.find(({ path }) => path === 'config.yml') ?? files.find(({ path }) => path === 'config.yaml');
  if (!file && !request.whole) {
    throw new TrainingFailure(
      'no_config',
      'The project has no config.yml. Add one, or choose the pipeline "semantic", which needs none.',
    );
  }
  const { sections, sectioned } = readYaml(file?.content ?? '', 'The file config.yml');
  const stamp = { assistant_id: bot.appId };
  const over = { ...chosen(bot), ...request.config };
  if (!file || !sectioned || Object.keys(over).length > 0) {
    return { path: 'config.yml', content: yamlDocument({ ...stamp, ...sections, ...over }) };
  }
  return {
    path: 'config.yml',
    content: 'assistant_id' in sections ? file.content : `${file.content}\n${yamlLines(stamp)}`,
  };
}

/** What the bot's author chose in place of the pipeline and the policies. */
function chosen({ options }: TrainingContent['bot']): YamlMap {
  const { pipeline, policies } = options ?? {};
  return { ...(pipeline && { pipeline: pipeline as YamlMap[] }), ...(policies && { policies: policies as YamlMap[] }) };
}

/** The project's domain with `more` in it: untouched without; a file more where the domain is a folder. */
function ownDomain(files: readonly ProjectFile[], more: YamlMap): ProjectFile[] {
  const file = files.find(({ path }) => path === 'domain.yml');
  if (Object.keys(more).length === 0) return file ? [file] : [];
  if (!file && files.some(({ path }) => path.startsWith('domain/'))) {
    return [{ path: 'domain/switchboard.yml', content: yamlDocument({ version, ...more }) }];
  }
  const { sections } = readYaml(file?.content ?? '', 'The file domain.yml');
  return [{ path: 'domain.yml', content: yamlDocument(mergedDomain({ version, ...sections }, more)) }];
}

function domainOf(skeleton: Skeleton): YamlMap {
  return {
    version,
    intents: skeleton.intents,
    responses: skeleton.responses,
    session_config: { session_expiration_time: 60, carry_over_slots_to_new_session: true },
  };
}

function dataOf(skeleton: Skeleton, prefix: string): ProjectFile[] {
  return [
    { path: `data/${prefix}nlu.yml`, content: yamlDocument({ version, nlu: skeleton.nlu }) },
    { path: `data/${prefix}rules.yml`, content: yamlDocument({ version, rules: skeleton.rules }) },
  ];
}

/** `over` laid over `under`: lists are joined, mappings merged by key, `over` wins. */
function mergedDomain(under: YamlMap, over: YamlMap): YamlMap {
  const merged: Record<string, YamlValue | undefined> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (isYamlList(before) && isYamlList(value)) {
      merged[key] = [...before, ...value.filter((item) => !before.includes(item))];
    } else merged[key] = isYamlMap(before) && isYamlMap(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function requestOf(yaml: string | null): Request {
  const { sections, sectioned } = readYaml(yaml ?? '', 'The YAML sent with the training request');
  const only = (keys: string[]): YamlMap =>
    Object.fromEntries(keys.filter((key) => sections[key] != null).map((key) => [key, sections[key]]));
  const unknown = Object.keys(sections).filter(
    (key) => ![...configKeys, ...domainKeys, ...dataKeys, 'version'].includes(key),
  );
  const notes =
    unknown.length === 0 ? [] : [`The request's YAML has sections that no training reads: ${unknown.join(', ')}.`];
  // As it was sent, where that is possible: Rasa's messages name its lines.
  const text = sectioned ? (yaml ?? '') : yamlDocument(sections);
  const data = Object.keys(only(dataKeys)).length > 0 ? [{ path: 'data/request.yml', content: text }] : [];
  return { config: only(configKeys), domain: only(domainKeys), data, notes, whole: 'pipeline' in sections };
}

const isEmpty = (request: Request): boolean => request.data.length === 0 && Object.keys(request.domain).length === 0;

function nothing(): TrainingFailure {
  return new TrainingFailure(
    'nothing_to_train',
    'There is nothing to train from: give the bot at least one question with its answer, or a Rasa project.',
  );
}
