/**
 * How well a bot would understand questions that nobody wrote down: a part of its FAQ's questions is held back, a model is trained from the
 * rest and asked them, as often as there are parts. The models go afterwards; the bot is as it was.
 */
import { rm } from 'node:fs/promises';
import type { FaqPair, Json, TrainingContent } from '../contracts.js';
import { HubError } from '../errors.js';
import { answerOf, answersIn, questionsOf } from './versions.js';

export interface CrossValidation {
  folds: number;
  /** Questions that were held back and asked; of a pair with one question none is. */
  asked: number;
  /** Those that got their own pair's answer, as a share of them. */
  accuracy: number;
  /** By pair, the worst first. */
  pairs: { id: string; asked: number; right: number }[];
  /** Those that did not, with what they got; null: the bot did not know. */
  wrong: { question: string; pair: string; got: string | null }[];
}
export interface CrossValidationParts {
  train: (content: TrainingContent, signal: AbortSignal) => Promise<{ archivePath: string }>;
  /** Rasa's report on the questions of a YAML text. */
  ask: (
    content: TrainingContent,
    asked: { archivePath: string; yaml: string },
    signal: AbortSignal,
  ) => Promise<Json | null>;
}
interface Told {
  question: string;
  pair: string;
  right: boolean;
  got: string | null;
}

/** Rejects with `invalid` for a bot whose FAQ has nothing to hold back. */
export async function crossValidate(
  parts: CrossValidationParts,
  { content, folds }: { content: TrainingContent; folds: number },
  signal: AbortSignal,
): Promise<CrossValidation> {
  const told: Told[] = [];
  for (let fold = 0; fold < folds; fold += 1) {
    const { kept, held } = split(content.pairs, { fold, folds });
    if (held.length === 0) continue;
    told.push(...(await askHeld(parts, { kept: { ...content, pairs: kept }, held }, signal)));
  }
  if (told.length === 0)
    throw new HubError(
      'invalid',
      'There is nothing to hold back: write two or more questions for some pairs of the FAQ.',
    );
  const right = told.filter((one) => one.right).length;
  const wrong = told.filter((one) => !one.right).map(({ question, pair, got }) => ({ question, pair, got }));
  return { folds, asked: told.length, accuracy: right / told.length, pairs: byPair(told), wrong };
}

/** The questions of one part, spread evenly over the pairs. What is asked in another language than the bot's stays as it is. */
export function split(
  pairs: readonly FaqPair[],
  { fold, folds }: { fold: number; folds: number },
): { kept: FaqPair[]; held: FaqPair[] } {
  const kept: FaqPair[] = [];
  const held: FaqPair[] = [];
  for (const [at, pair] of pairs.entries()) {
    const apart = (place: number): boolean =>
      pair.language === undefined && pair.questions.length > 1 && (at + place) % folds === fold;
    const [away, rest] = [true, false].map((is) => pair.questions.filter((_, place) => apart(place) === is));
    // A pair of which all would go keeps one.
    const left = rest?.length ? rest : pair.questions.slice(0, 1);
    const asked = (away ?? []).filter((question) => !left.includes(question));
    kept.push({ ...pair, questions: left });
    if (asked.length > 0) held.push({ ...pair, questions: asked });
  }
  return { kept, held };
}

async function askHeld(
  { train, ask }: CrossValidationParts,
  { kept, held }: { kept: TrainingContent; held: FaqPair[] },
  signal: AbortSignal,
): Promise<Told[]> {
  const { archivePath } = await train(kept, signal);
  try {
    const asked = { ...kept, pairs: held };
    const questions = questionsOf(asked, asked);
    if (!questions) return [];
    const answers = answersIn(await ask(kept, { archivePath, yaml: questions.yaml }, signal), kept);
    const own = new Map(held.flatMap((pair) => pair.questions.map((question) => [question, pair] as const)));
    return [...answers].flatMap(([question, got]) => {
      const pair = own.get(question);
      return pair ? [{ question, pair: pair.id, got, right: got !== null && got === answerOf(pair) }] : [];
    });
  } finally {
    await rm(archivePath, { force: true });
  }
}

function byPair(told: Told[]): CrossValidation['pairs'] {
  const pairs = new Map<string, { id: string; asked: number; right: number }>();
  for (const { pair: id, right } of told) {
    const one = pairs.get(id) ?? { id, asked: 0, right: 0 };
    pairs.set(id, { id, asked: one.asked + 1, right: one.right + (right ? 1 : 0) });
  }
  return [...pairs.values()].sort((a, b) => a.right / a.asked - b.right / b.asked);
}
