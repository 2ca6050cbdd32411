/** Questions that mean nearly the same though their answers differ, by the sentence encoder's vectors. Pure. */
import { folded } from '../content.js';
import { apart, cosine, type Vector } from '../vectors.js';
import { type LintFinding, type LintPair, twins } from './finding.js';

/** So alike are two questions that a bot would take one for the other. */
const alike = 0.86;
/** Vectors that are alike differ in the sign of 87 of 512 dimensions or so; those with more than this are not worth a closer look. */
const mostApart = 140;
const mostFindings = 500;

/** A question with what it means. */
export interface Asked {
  row: number;
  text: string;
  answer: string;
  vector: Vector;
}

/** The questions of these pairs, as far as their vectors are there. */
export function askedIn(pairs: readonly LintPair[], vectors: { known: (text: string) => Vector | undefined }): Asked[] {
  return pairs.flatMap(({ questions, answer }, at): Asked[] =>
    questions.flatMap((text) => {
      const vector = vectors.known(text);
      return vector ? [{ row: at + 1, text, answer, vector }] : [];
    }),
  );
}

/** Each two pairs once, at the later one. */
export function alikeAmong(asked: readonly Asked[]): LintFinding[] {
  const found = new Map<number, LintFinding>();
  for (const [at, one] of asked.entries()) {
    if (found.size >= mostFindings) break;
    note(one, { others: asked, end: at, found });
  }
  return [...found.values()];
}

/** Of `mine`, the questions of one pair, with any of `others`. */
export function alikeTo(mine: readonly Asked[], others: readonly Asked[]): LintFinding[] {
  const found = new Map<number, LintFinding>();
  for (const one of mine) note(one, { others, end: others.length, found });
  return [...found.values()];
}

/** Notes what of the first `end` of `others` is like this question, each two pairs once. */
function note(
  one: Asked,
  { others, end, found }: { others: readonly Asked[]; end: number; found: Map<number, LintFinding> },
): void {
  for (let place = 0; place < end; place += 1) {
    const other = others[place] as Asked;
    if (other.row === one.row || apart(one.vector, other.vector) > mostApart) continue;
    const key = one.row * 100_000 + other.row;
    if (found.has(key) || !differs(one, other) || cosine(one.vector, other.vector) < alike) continue;
    found.set(key, twins('alike', one, other));
  }
}

const differs = (one: Asked, other: Asked): boolean =>
  one.answer !== other.answer && folded(one.text) !== folded(other.text);
