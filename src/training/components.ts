/** The components and policies that a bot's own pipeline may name, and what is wrong with one that names others. Pure. */
import type { BotOptions, Component } from '../contracts.js';

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

/** `customCode`: may they name classes of their own? */
export function optionFaults({ pipeline, policies: chosen }: BotOptions, customCode: boolean): OptionFault[] {
  const known = { customCode };
  return [
    ...listFaults('/pipeline', pipeline, { ...known, names: components }),
    ...listFaults('/policies', chosen, { ...known, names: policies }),
    ...tokenizerFault(pipeline),
  ];
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
