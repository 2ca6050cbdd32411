/**
 * The linter while somebody edits: one pair against an FAQ of thousands within a blink. What of the FAQ can be known beforehand is kept, of the
 * bots that were edited last: its letters as an index, and its meaning as the encoder's vectors, which come in the background.
 */
import type { FaqPair, FaqStore } from '../../contracts.js';
import { folded } from '../content.js';
import { askThread } from '../thread.js';
import type { Vectors } from '../vectors.js';
import { type LintFinding, type LintPair, twins } from './finding.js';
import { alikeAmong, alikeTo, type Asked, askedIn } from './likeness.js';
import { alike, lintPair, pieces } from './lint.js';

export interface EditLint {
  /** Findings on one pair as it would be in place of the pair `id`, or at the end; `other` is the place of another pair in the FAQ. `version`: which the editor has; that of the store when absent. */
  pair(
    appId: string,
    edit: { id?: string | undefined; pair: LintPair; language: string },
    version?: number,
  ): Promise<{ findings: LintFinding[]; whole: boolean }>;
  /** What the stored FAQ has that means nearly the same, as far as its vectors are there; `whole`: all of them. Has the others made. */
  alikes(pairs: readonly LintPair[]): Promise<{ findings: LintFinding[]; whole: boolean }>;
}
export interface EditLintOptions {
  faq: Pick<FaqStore, 'get'>;
  vectors: Vectors;
  /** The answer of a pair as text. */
  wordsOf: (answer: FaqPair['answer']) => string;
}

/** The letters of one version of an FAQ. */
interface Index {
  version: number;
  ids: string[];
  pairs: LintPair[];
  /** By piece: the questions that have it. */
  holders: Map<string, number[]>;
  questions: { row: number; text: string; size: number }[];
  /** All its questions with their vectors, once those are all there. */
  asked: Asked[] | null;
}
const mostBots = 3;
const breath = 500;
/** So few are compared sooner than a thread starts. */
const fewQuestions = 300;
const limits = {
  timeoutMs: 60_000,
  tooLong: 'Comparing these questions takes too long: send a part of them at a time.',
};

export function createEditLint({ faq, vectors, wordsOf }: EditLintOptions): EditLint {
  const indexes = new Map<string, Index>();
  const coming = new Set<string>();
  /** Has what is missing made, once at a time; answers whether nothing is. */
  const warm = (appId: string, pairs: readonly LintPair[]): boolean => {
    const missing = pairs.flatMap(({ questions }) => questions).filter((text) => !vectors.known(text));
    if (missing.length > 0 && !coming.has(appId)) {
      coming.add(appId);
      const over = (): void => void coming.delete(appId);
      vectors.of(missing, { gently: true }).then(over, over);
    }
    return missing.length === 0;
  };
  const indexOf = async (appId: string, version: number | undefined): Promise<Index> => {
    const known = indexes.get(appId);
    if (known && known.version === version) return known;
    const { version: now, pairs } = await faq.get(appId);
    if (known?.version === now) return known;
    const index = await made(now, pairs, wordsOf);
    indexes.delete(appId);
    indexes.set(appId, index);
    const [oldest] = indexes.keys();
    if (indexes.size > mostBots && oldest !== undefined) indexes.delete(oldest);
    return index;
  };
  return {
    async pair(appId, { id, pair, language }, version) {
      const index = await indexOf(appId, version);
      const place = id === undefined ? -1 : index.ids.indexOf(id);
      const at = place < 0 ? index.pairs.length : place;
      const whole = index.asked !== null || warm(appId, index.pairs);
      const others = index.asked ?? askedIn(index.pairs, vectors);
      if (whole) index.asked = others;
      const made = await vectors.of(pair.questions);
      const mine = pair.questions.flatMap((text, n): Asked[] => {
        const vector = made?.[n];
        return vector ? [{ row: at + 1, text, answer: pair.answer, vector }] : [];
      });
      const meant = alikeTo(mine, others);
      const spelled = duplicatesOf(index, pair, at);
      const twice = new Set(spelled.map(({ other }) => other));
      const findings = [
        ...lintPair(pair, at + 1, language),
        ...spelled,
        ...meant.filter(({ other }) => !twice.has(other)),
      ];
      return { findings, whole };
    },
    async alikes(pairs) {
      const whole = warm('', pairs);
      return { findings: await alikesOf(askedIn(pairs, vectors)), whole };
    },
  };
}

async function alikesOf(asked: Asked[]): Promise<LintFinding[]> {
  if (asked.length <= fewQuestions) return alikeAmong(asked);
  return (await askThread(new URL('./likeness-entry.js', import.meta.url), asked, limits)) as LintFinding[];
}

async function made(version: number, stored: FaqPair[], wordsOf: EditLintOptions['wordsOf']): Promise<Index> {
  const pairs = stored.map(({ questions, answer }) => ({ questions, answer: wordsOf(answer) }));
  const index: Index = {
    version,
    ids: stored.map(({ id }) => id),
    pairs,
    holders: new Map(),
    questions: [],
    asked: null,
  };
  for (const [at, { questions }] of pairs.entries()) {
    for (const text of questions) {
      const own = new Set(pieces(folded(text)));
      const number = index.questions.push({ row: at + 1, text, size: own.size }) - 1;
      for (const piece of own) {
        const list = index.holders.get(piece);
        if (list) list.push(number);
        else index.holders.set(piece, [number]);
      }
    }
    if (at % breath === breath - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return index;
}

/** As `lintFaq` finds near duplicates, of this pair alone. */
function duplicatesOf({ holders, questions, pairs }: Index, pair: LintPair, at: number): LintFinding[] {
  const found = new Map<number, LintFinding>();
  for (const text of pair.questions) {
    const own = new Set(pieces(folded(text)));
    const shared = new Map<number, number>();
    for (const piece of own)
      for (const other of holders.get(piece) ?? []) shared.set(other, (shared.get(other) ?? 0) + 1);
    for (const [number, both] of shared) {
      const other = questions[number];
      if (!other || other.row === at + 1 || found.has(other.row)) continue;
      if (both / (own.size + other.size - both) < alike || pairs[other.row - 1]?.answer === pair.answer) continue;
      found.set(other.row, twins('near_duplicate', { row: at + 1, text }, other));
    }
  }
  return [...found.values()];
}
