/** The components and policies that a bot's own pipeline may name, and what is wrong with one that names others. Pure. */
import type { BotOptions, Component } from '../contracts.js';
import { patternsIn } from './import/expressions.js';
import { patternFault } from './import/patterns.js';
import { type Allowed, reachOf } from './import/reach.js';
import { readYaml } from './yaml.js';

const components = [
  ...['MitieNLP', 'SpacyNLP', 'MitieTokenizer', 'JiebaTokenizer', 'SpacyTokenizer', 'WhitespaceTokenizer'],
  ...['MitieFeaturizer', 'SpacyFeaturizer', 'LanguageModelFeaturizer', 'RegexFeaturizer', 'CountVectorsFeaturizer'],
  ...['LexicalSyntacticFeaturizer', 'MitieIntentClassifier', 'LogisticRegressionClassifier', 'SklearnIntentClassifier'],
  ...[
    'KeywordIntentClassifier',
    'DIETClassifier',
    'FallbackClassifier',
    'MitieEntityExtractor',
    'SpacyEntityExtractor',
  ],
  ...[
    'CRFEntityExtractor',
    'DucklingEntityExtractor',
    'RegexEntityExtractor',
    'EntitySynonymMapper',
    'ResponseSelector',
  ],
  'switchboard_rasa.components.SemanticSelector',
  'switchboard_rasa.fallback.SelectorFallback',
];
const policies = [
  'TEDPolicy',
  'UnexpecTEDIntentPolicy',
  'MemoizationPolicy',
  'AugmentedMemoizationPolicy',
  'RulePolicy',
];

/** A fault of the options, by JSON pointer into them. */
export interface OptionFault {
  pointer: string;
  detail: string;
}

export function optionFaults({ pipeline, policies: chosen }: BotOptions, allowed: Allowed): OptionFault[] {
  const known = { customCode: allowed.customCode };
  return [
    ...listFaults('/pipeline', pipeline, { ...known, names: components }),
    ...listFaults('/policies', chosen, { ...known, names: policies }),
    ...tokenizerFault(pipeline),
    ...settingFaults('/pipeline', pipeline, allowed),
    ...settingFaults('/policies', chosen, allowed),
  ];
}

/** What is wrong with the components and policies of a config.yml, with the lines that name them. */
export function configFaults(content: string): { line: number | null; message: string }[] {
  const lists = configLists(content);
  // Whether classes by their full names may be there is seen elsewhere, with what else may name one.
  return optionFaults(lists, { customCode: true, hosts: [] }).map(({ pointer, detail }) => {
    const [, list, at] = pointer.split('/');
    const name = lists[list as 'pipeline' | 'policies']?.[Number(at)]?.name ?? '';
    const line = content.split('\n').findIndex((text) => text.includes('name') && text.includes(name)) + 1;
    return { line: line || null, message: `${detail[0]?.toUpperCase() ?? ''}${detail.slice(1)}.` };
  });
}

function configLists(content: string): Pick<BotOptions, 'pipeline' | 'policies'> {
  const named = (list: unknown): Component[] =>
    (Array.isArray(list) ? list : []).flatMap((one: unknown) => {
      const name: unknown = typeof one === 'object' && one !== null && 'name' in one ? one.name : null;
      return typeof name === 'string' ? [{ name }] : [];
    });
  const { sections } = readYaml(content, 'The file config.yml');
  return { pipeline: named(sections['pipeline']), policies: named(sections['policies']) };
}

function listFaults(
  pointer: string,
  list: Component[] | undefined,
  { names, customCode }: { names: readonly string[]; customCode: boolean },
): OptionFault[] {
  return (list ?? []).flatMap(({ name }, at) => {
    if (names.includes(name)) return [];
    const own = name.includes('.');
    if (own && customCode) return [];
    const detail = own
      ? `${name} is a class of the project's own, which this hub does not load (CUSTOM_CODE=on)`
      : `there is no ${name}; ${nearest(name, names)}`;
    return [{ pointer: `${pointer}/${at}/name`, detail }];
  });
}

/** What the settings reach beside the project, and expressions that never end. */
const settingFaults = (pointer: string, list: Component[] | undefined, allowed: Allowed): OptionFault[] =>
  (list ?? []).flatMap((one, at) => [
    ...reachOf(one, allowed).map(({ words }) => ({ pointer: `${pointer}/${at}`, detail: words })),
    ...patternsIn({ pipeline: [one] }).flatMap(({ pattern }) => {
      const detail = patternFault(pattern);
      return detail === null ? [] : [{ pointer: `${pointer}/${at}`, detail }];
    }),
  ]);

function nearest(name: string, names: readonly string[]): string {
  const stem = name.toLowerCase().slice(0, 4);
  const like = names.filter((one) => one.toLowerCase().startsWith(stem));
  return `${like.length > 0 ? 'like it there are' : 'there are'}: ${(like.length > 0 ? like : names).join(', ')}`;
}

/** What Rasa would say only after the training has begun. */
function tokenizerFault(pipeline: Component[] | undefined): OptionFault[] {
  const names = (pipeline ?? []).map(({ name }) => name);
  const needs = names.findIndex((name) => /Featurizer$|^DIETClassifier$|^CRFEntityExtractor$/.test(name));
  if (needs < 0 || names.slice(0, needs).some((name) => /Tokenizer$/.test(name) || name.includes('.'))) return [];
  return [{ pointer: `/pipeline/${needs}`, detail: `${names[needs] ?? ''} needs a tokenizer before it` }];
}
