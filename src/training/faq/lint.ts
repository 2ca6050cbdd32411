/** What is wrong with an FAQ before it is trained, in milliseconds. Pure. */
import { folded } from '../content.js';
import { findingOf, type LintFinding, type LintPair, twins } from './finding.js';
import { flawsOf } from './flaws.js';

/** How much of two questions must be the same letters in the same order, 0..1, for them to be asked alike. */
export const alike = 0.8;
const mostFindings = 2000;

/** `language`: of the bot; absent: whatever its questions are in. */
export function lintFaq(pairs: readonly LintPair[], language?: string): LintFinding[] {
  return [
    ...duplicatesIn(pairs),
    ...unreachedIn(pairs),
    ...pairs.flatMap((pair, at) => lintPair(pair, at + 1, language)),
  ]
    .sort((a, b) => a.row - b.row)
    .slice(0, mostFindings);
}

/** What is wrong with one pair by itself. */
export function lintPair(
  { questions, answer, language: own }: LintPair,
  row: number,
  language?: string,
): LintFinding[] {
  const asked = questions.filter((question) => question.trim() !== '');
  return [
    ...(asked.length === 0
      ? [findingOf({ kind: 'no_question', row }, [], () => 'Nobody can ask this: write a question.')]
      : []),
    ...(asked.length === 1
      ? [
          findingOf(
            { kind: 'single_question', row },
            asked,
            (only) => `Only one way to ask: ${only}. Two or three more make it surer.`,
          ),
        ]
      : []),
    ...(answer.trim() === '' ? [findingOf({ kind: 'empty_answer', row }, [], () => 'The answer is empty.')] : []),
    ...flawsOf({ questions: asked, answer }, row, language === undefined ? undefined : (own ?? language)),
  ];
}

/** Answers that nobody gets: each of their questions is asked in the same words above, and answered otherwise there. */
function unreachedIn(pairs: readonly LintPair[]): LintFinding[] {
  const first = new Map<string, number>();
  const found: LintFinding[] = [];
  for (const [at, { questions, answer }] of pairs.entries()) {
    const asked = questions.filter((text) => text.trim() !== '').map(folded);
    const others = asked.map((text) => first.get(text)).filter((other) => other !== undefined);
    const [other] = others;
    if (other !== undefined && others.length === asked.length && others.every((one) => pairs[one]?.answer !== answer)) {
      const above = other + 1;
      const say = (): string =>
        `Nobody gets this answer: all its questions are asked in row ${above} too, and answered otherwise there.`;
      found.push(findingOf({ kind: 'never_reached', row: at + 1, other: above }, [], say));
    }
    for (const text of asked) if (!first.has(text)) first.set(text, at);
  }
  return found;
}

interface Question {
  row: number;
  text: string;
  answer: string;
  /** Its pieces, rarest first. */
  grams: Int32Array;
}

/**
 * Questions of different answers that are nearly the same. Only questions that share one of their rarest pieces are compared, which misses
 * none (prefix filtering): two sets that overlap by the share t have one of the first n - ceil(t n) + 1 pieces of any common order in common.
 */
function duplicatesIn(pairs: readonly LintPair[]): LintFinding[] {
  const { questions, pieceCount } = gramsOf(pairs);
  const holders: number[][] = Array.from({ length: pieceCount }, () => []);
  // Which question has a piece, and which was compared, by the number of the question that was looked at last.
  const has = new Int32Array(pieceCount).fill(-1);
  const compared = new Int32Array(questions.length).fill(-1);
  const found = new Map<number, LintFinding>();
  for (const [at, question] of questions.entries()) {
    const { grams } = question;
    for (const gram of grams) has[gram] = at;
    for (const gram of grams.subarray(0, prefixOf(grams))) {
      const list = holders[gram] ?? [];
      for (const place of list) {
        const other = questions[place];
        if (!other || compared[place] === at) continue;
        compared[place] = at;
        const key = other.row * (pairs.length + 1) + question.row;
        if (found.has(key) || !fits(question, other) || overlap(other.grams, { has, at, size: grams.length }) < alike)
          continue;
        found.set(key, twins('near_duplicate', question, other));
        if (found.size >= mostFindings) return [...found.values()];
      }
      list.push(at);
    }
  }
  return [...found.values()];
}

const prefixOf = (grams: Int32Array): number => grams.length - Math.ceil(alike * grams.length) + 1;

/** May they be duplicates at all? */
const fits = (one: Question, other: Question): boolean =>
  one.row !== other.row &&
  Math.min(one.grams.length, other.grams.length) >= alike * Math.max(one.grams.length, other.grams.length) &&
  one.answer !== other.answer;

function gramsOf(pairs: readonly LintPair[]): { questions: Question[]; pieceCount: number } {
  const ids = new Map<string, number>();
  const counts: number[] = [];
  const questions = pairs.flatMap(({ questions: texts, answer }, at) =>
    texts
      .filter((text) => text.trim() !== '')
      .map((text) => {
        const grams = new Set<number>();
        for (const piece of pieces(folded(text))) {
          const id = ids.get(piece) ?? ids.size;
          ids.set(piece, id);
          grams.add(id);
        }
        for (const id of grams) counts[id] = (counts[id] ?? 0) + 1;
        return { row: at + 1, text, answer, grams: Int32Array.from(grams) };
      }),
  );
  for (const { grams } of questions) grams.sort((a, b) => (counts[a] ?? 0) - (counts[b] ?? 0) || a - b);
  return { questions, pieceCount: ids.size };
}

/** Pairs of characters for scripts that write words with one or two, threes for the others; the beginning counts as one. */
export function pieces(text: string): string[] {
  const characters = Array.from(`^${text}`);
  const length = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(text) ? 2 : 3;
  if (characters.length <= length) return [characters.join('')];
  return Array.from({ length: characters.length - length + 1 }, (_, at) => characters.slice(at, at + length).join(''));
}

/** Share of what both have in all that either has; `at` is the question whose pieces are marked in `has`. */
function overlap(grams: Int32Array, { has, at, size }: { has: Int32Array; at: number; size: number }): number {
  let both = 0;
  for (const gram of grams) if (has[gram] === at) both += 1;
  return both / (grams.length + size - both);
}
