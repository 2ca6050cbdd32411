/** What is different between two versions of a bot: in what they were made from, and in what they answer. Pure. */
import type { AnswerPart, FaqPair, Json, ProjectFile, TrainingContent } from '../contracts.js';
import { topicsOf } from './content.js';
import { encodeQuestion } from './faq-project.js';
import { yamlDocument } from './yaml.js';

export interface ContentDiff {
  settings: Record<string, { from: unknown; to: unknown }>;
  pairs: { added: FaqPair[]; removed: FaqPair[]; changed: { id: string; from: FaqPair; to: FaqPair }[] };
  files: {
    added: string[];
    removed: string[];
    changed: { path: string; removed: string[]; added: string[] }[];
  };
}
export interface AnswerDiff {
  asked: number;
  changed: { question: string; from: string | null; to: string | null }[];
}

const mostQuestions = 1000;
/** Rasa looks at intents only when there are two of them: this is the other one. */
const probe = '\u2060?';
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

export function contentDiff(from: TrainingContent, to: TrainingContent): ContentDiff {
  return { settings: settingsDiff(from, to), pairs: pairsDiff(from.pairs, to.pairs), files: filesDiff(from, to) };
}

function settingsDiff(from: TrainingContent, to: TrainingContent): ContentDiff['settings'] {
  const [before, after] = [
    { ...from.bot, yaml: from.yaml },
    { ...to.bot, yaml: to.yaml },
  ] as Json[] as [Json, Json];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !same(before[name], after[name]),
  );
  return Object.fromEntries(names.map((name) => [name, { from: before[name] ?? null, to: after[name] ?? null }]));
}

function pairsDiff(from: FaqPair[], to: FaqPair[]): ContentDiff['pairs'] {
  const [before, after] = [byId(from), byId(to)];
  const changed = to.flatMap((pair) => {
    const old = before.get(pair.id);
    return old && !same(old, pair) ? [{ id: pair.id, from: old, to: pair }] : [];
  });
  return {
    added: to.filter(({ id }) => !before.has(id)),
    removed: from.filter(({ id }) => !after.has(id)),
    changed,
  };
}

const byId = (pairs: FaqPair[]): Map<string, FaqPair> => new Map(pairs.map((pair) => [pair.id, pair]));

function filesDiff({ files: from }: TrainingContent, { files: to }: TrainingContent): ContentDiff['files'] {
  const textIn = (files: ProjectFile[], path: string): string | undefined =>
    files.find((file) => file.path === path)?.content;
  return {
    added: to.filter(({ path }) => textIn(from, path) === undefined).map(({ path }) => path),
    removed: from.filter(({ path }) => textIn(to, path) === undefined).map(({ path }) => path),
    changed: to.flatMap(({ path, content }) => {
      const old = textIn(from, path);
      return old === undefined || old === content ? [] : [{ path, ...linesDiff(old, content) }];
    }),
  };
}

/** Lines that only one of two texts has, as often as it has them more often. */
function linesDiff(from: string, to: string): { removed: string[]; added: string[] } {
  const without = (lines: string[], others: string[]): string[] => {
    const left = new Map<string, number>();
    for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
    return lines.filter((line) => {
      const count = left.get(line) ?? 0;
      left.set(line, count - 1);
      return count <= 0;
    });
  };
  const [old, fresh] = [from.split('\n'), to.split('\n')];
  return { removed: without(old, fresh), added: without(fresh, old) };
}

/** The questions of both versions as Rasa's test reads them, each once; null when there are none. */
export function questionsOf(from: TrainingContent, to: TrainingContent): { yaml: string; asked: number } | null {
  const owners = new Map<string, string>();
  for (const { topics } of [topicsOf(to.pairs), topicsOf(from.pairs)])
    for (const { id, questions } of topics)
      for (const question of questions) if (!owners.has(question)) owners.set(question, id);
  const asked = [...owners].slice(0, mostQuestions);
  if (asked.length === 0) return null;
  const nlu = asked.map(([question, id]) => ({ intent: `faq/${id}`, examples: [{ text: encodeQuestion(question) }] }));
  const other = { intent: 'other', examples: [{ text: probe }] };
  return { yaml: yamlDocument({ version: '3.1', nlu: [...nlu, other] }), asked: asked.length };
}

/** What one model made of the questions: the answer of each, by Rasa's own report; null where it does not know. */
export function answersIn(report: Json | null, content: TrainingContent): Map<string, string | null> {
  const answers = new Map(topicsOf(content.pairs).topics.map(({ id, parts }) => [id, wordsOf(parts)]));
  const part = (name: string): Json[] => {
    const found = (report?.[name] as Json | undefined)?.['predictions'];
    return Array.isArray(found) ? (found as Json[]) : [];
  };
  const topicOf = (name: string | null): string | null =>
    answers.get(/^faq[/_](.+)$/.exec(name ?? '')?.[1] ?? '') ?? null;
  const understood = new Map<string, string | null>();
  const retrieved = new Set<string>();
  for (const { text, predicted } of part('intent_evaluation') as { text: string; predicted: string | null }[]) {
    understood.set(text, topicOf(predicted));
    // The name before the slash alone says nothing of the topic.
    if (predicted === 'faq') retrieved.add(text);
  }
  type Selected = { text: string; intent_response_key_prediction: string | null };
  for (const { text, intent_response_key_prediction: key } of part('response_selection_evaluation') as Selected[])
    if (retrieved.has(text)) understood.set(text, topicOf(key));
  understood.delete(probe);
  return understood;
}

/** The answer of a pair, in the words in which `answersIn` has it; null where it can't be given. */
export const answerOf = (pair: FaqPair): string | null =>
  topicsOf([pair]).topics.map(({ parts }) => wordsOf(parts))[0] ?? null;

const wordsOf = (parts: AnswerPart[]): string => parts.map(({ text, image }) => text ?? image ?? '').join('\n');

/** The questions to which two models answer otherwise. */
export function answerDiff(from: Map<string, string | null>, to: Map<string, string | null>): AnswerDiff['changed'] {
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((question) => {
    const [before, after] = [from.get(question) ?? null, to.get(question) ?? null];
    return before === after ? [] : [{ question, from: before, to: after }];
  });
}
