/**
 * Topics in Rasa's words. A topic is a retrieval intent, `faq/<id>`, answered by `utter_faq/<id>`. Rasa answers a retrieval intent with
 * exactly one response (several under one name are alternatives, picked at random), and its rules know only the `faq` before the slash. So a
 * topic that is answered in several messages is an intent of its own, `faq_<id>`, with a rule that sends `utter_faq_<id>_1`, `_2` …
 */
import type { AnswerPart, Bot, Pipeline } from '../contracts.js';
import type { Topic } from './content.js';
import { TrainingFailure } from './failure.js';
import type { YamlMap } from './yaml.js';

/** Training data and domain of some topics, as values: `project.ts` merges and writes them. */
export interface Skeleton {
  /** Names before the slash that a response selector answers. */
  retrieval: Group['base'][];
  nlu: YamlMap[];
  intents: string[];
  responses: Record<string, YamlMap[]>;
  rules: YamlMap[];
}
/** Topics under one name before the slash. */
export interface Group {
  base: 'faq' | 'chitchat';
  topics: readonly Topic[];
}

/**
 * The skeleton of one group. `fewest`: how many retrieval topics the pipeline's response selector needs to learn anything; with fewer, each
 * becomes an intent of its own.
 */
export function skeletonOf(group: Group, fewest: number): Skeleton {
  const single = group.topics.filter((topic) => topic.parts.length === 1);
  const retrieved = new Set(single.length >= fewest ? single : []);
  const skeleton = emptySkeleton();
  if (retrieved.size > 0) {
    skeleton.retrieval.push(group.base);
    addIntent(skeleton, group.base, [`utter_${group.base}`]);
  }
  for (const topic of group.topics) {
    if (retrieved.has(topic)) addRetrieved(skeleton, `${group.base}/${topic.id}`, topic);
    else addOwnIntent(skeleton, `${group.base}_${topic.id}`, topic);
  }
  return skeleton;
}

/** What the bot says when it does not know, as Rasa's own two ways of not knowing ask for it. */
export function fallbackSkeleton(sentence: string): Skeleton {
  const skeleton = emptySkeleton();
  skeleton.responses['utter_default'] = [responseOf({ text: sentence })];
  addIntent(skeleton, 'nlu_fallback', ['utter_default']);
  return skeleton;
}

/** All skeletons in one. */
export function joined(skeletons: readonly Skeleton[]): Skeleton {
  return {
    retrieval: skeletons.flatMap((one) => one.retrieval),
    nlu: skeletons.flatMap((one) => one.nlu),
    intents: skeletons.flatMap((one) => one.intents),
    responses: Object.assign({}, ...skeletons.map((one) => one.responses)) as Skeleton['responses'],
    rules: skeletons.flatMap((one) => one.rules),
  };
}

const emptySkeleton = (): Skeleton => ({ retrieval: [], nlu: [], intents: [], responses: {}, rules: [] });

/** The config.yml of a bot that has none of its own; `retrieval` as in its skeleton. */
export function configOf(
  bot: Pick<Bot, 'appId' | 'language' | 'threshold'>,
  pipeline: Exclude<Pipeline, 'project'>,
  retrieval: Skeleton['retrieval'],
): YamlMap {
  return {
    recipe: 'default.v1',
    language: bot.language,
    assistant_id: bot.appId,
    importers: [{ name: 'switchboard_rasa.importer.ExactImporter' }],
    pipeline: pipeline === 'semantic' ? semantic(bot.threshold) : classic(bot, retrieval),
    policies: [{ name: 'RulePolicy' }],
  };
}

function semantic(threshold: number | null): YamlMap[] {
  return [{ name: 'switchboard_rasa.components.SemanticSelector', ...(threshold === null ? {} : { threshold }) }];
}

/** Where DIET and ResponseSelector answer as large a share of what they know as they decline of what they do not: two thirds (bench/answers, 20 pairs). */
const classicThreshold = 0.4;

/** Languages without blanks between words, for which Rasa has no tokenizer of its own. */
const noTokenizer = /^(?:ja|th|lo|km|my)\b/;

function classic(bot: Pick<Bot, 'language' | 'threshold'>, retrieval: Skeleton['retrieval']): YamlMap[] {
  if (noTokenizer.test(bot.language)) {
    throw new TrainingFailure(
      'no_tokenizer',
      `The pipeline "classic" cannot tell words apart in ${bot.language}. Choose "semantic", which needs no words, or a pipeline of your own (options).`,
    );
  }
  return [
    { name: bot.language.startsWith('zh') ? 'JiebaTokenizer' : 'WhitespaceTokenizer' },
    { name: 'RegexFeaturizer' },
    { name: 'LexicalSyntacticFeaturizer' },
    { name: 'CountVectorsFeaturizer' },
    { name: 'CountVectorsFeaturizer', analyzer: 'char_wb', min_ngram: 1, max_ngram: 4 },
    { name: 'DIETClassifier', epochs: 100, constrain_similarities: true },
    ...retrieval.map((base) => ({
      name: 'ResponseSelector',
      retrieval_intent: base,
      epochs: 100,
      constrain_similarities: true,
    })),
    { name: 'FallbackClassifier', threshold: 0.3, ambiguity_threshold: 0.1 },
    { name: 'switchboard_rasa.fallback.SelectorFallback', threshold: bot.threshold ?? classicThreshold },
  ];
}

function addRetrieved(skeleton: Skeleton, label: string, topic: Topic): void {
  skeleton.nlu.push(examplesOf(label, topic));
  skeleton.responses[`utter_${label}`] = topic.parts.map(responseOf);
}

function addOwnIntent(skeleton: Skeleton, intent: string, topic: Topic): void {
  const names = topic.parts.map((_, at) => `utter_${intent}_${at + 1}`);
  skeleton.nlu.push(examplesOf(intent, topic));
  topic.parts.forEach((part, at) => (skeleton.responses[names[at] ?? ''] = [responseOf(part)]));
  addIntent(skeleton, intent, names);
}

function addIntent(skeleton: Skeleton, intent: string, actions: string[]): void {
  skeleton.intents.push(intent);
  skeleton.rules.push({ rule: intent, steps: [{ intent }, ...actions.map((action) => ({ action }))] });
}

function examplesOf(intent: string, topic: Topic): YamlMap {
  return { intent, examples: topic.questions.map((question) => ({ text: encodeQuestion(question) })) };
}

/** A text is required by Rasa's schema; an empty one is not sent. */
function responseOf(part: AnswerPart): YamlMap {
  return {
    text: encodeAnswer(part.text ?? ''),
    ...(part.buttons && part.buttons.length > 0
      ? {
          buttons: part.buttons.map(({ title, payload }) => ({
            title: encodeAnswer(title),
            payload: encodeAnswer(payload),
          })),
        }
      : {}),
    ...(part.image === undefined ? {} : { image: encodeAnswer(part.image) }),
  };
}

/** Rasa passes answers through Python's `str.format`, where a brace is written twice. */
export function encodeAnswer(text: string): string {
  return text.replace(/[{}]/g, '$&$&');
}

/** Rasa reads `[text](entity)` in a question as an annotation and has no escape for it; ExactImporter takes the U+2060 out again. */
export function encodeQuestion(text: string): string {
  return text.replace(/\](\u2060*)([([{])/g, ']\u2060$1$2');
}
