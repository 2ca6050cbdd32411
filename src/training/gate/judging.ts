/** What a rehearsal says of a model: tests that fail, a score on questions that it was not taught, answers that change. Pure. */
import { type Heard, type Line, wordsOf } from './rehearsal.js';

/** What the bot must go on doing. */
export interface BotTests {
  conversations: { name: string; steps: TestStep[] }[];
  /** Questions that the bot is not taught, with the intent or the pair that answers each. */
  questions: { text: string; intent: string }[];
}
export interface TestStep {
  user: string;
  /** It pressed a button. */
  payload?: boolean | undefined;
  /** All that the bot is to say, in order; absent: whatever. */
  bot?: string[] | undefined;
  /** What it is to understand; absent: whatever. */
  intent?: string | undefined;
}
export interface TestFailure {
  name: string;
  /** From 1. */
  step: number;
  user: string;
  expected: string;
  got: string;
}
export interface Score {
  asked: number;
  right: number;
  /** Which topic was taken for which, the most frequent first. */
  confusions: { expected: string; got: string; times: number; examples: string[] }[];
}
/** A turn of a real conversation. */
export interface Replayed extends Line {
  conversation: string;
  number: number;
}
export interface Change {
  conversation: string;
  number: number;
  from: string;
  to: string;
}

const mostExamples = 5;

export const noTests: BotTests = { conversations: [], questions: [] };

export function failuresOf({ conversations }: BotTests, heard: Heard[][]): TestFailure[] {
  return conversations.flatMap(({ name, steps }, talk) =>
    steps.flatMap((step, at) => {
      const answer = heard[talk]?.[at];
      if (!answer) return [];
      const wanted = expectedOf(step, answer);
      return wanted === null ? [] : [{ name, step: at + 1, user: step.user, ...wanted }];
    }),
  );
}

/** What was expected and what came; null where that is the same. */
function expectedOf({ bot, intent }: TestStep, heard: Heard): { expected: string; got: string } | null {
  if (intent !== undefined && !isIntent(heard.intent, intent))
    return { expected: `intent ${intent}`, got: `intent ${String(heard.intent)}` };
  const [expected, got] = [bot?.join('\n'), wordsOf(heard)];
  return expected === undefined || expected === got ? null : { expected, got };
}

/** An intent is also named by the id of its pair alone. */
const isIntent = (got: string | null, wanted: string): boolean =>
  got === wanted || got === `faq/${wanted}` || got === `faq_${wanted}`;

/** `heard`: of each question the one answer. Null where there are no questions. */
export function scoreOf({ questions }: BotTests, heard: Heard[][]): Score | null {
  if (questions.length === 0) return null;
  const wrong = new Map<string, Score['confusions'][number]>();
  for (const [at, { text, intent: expected }] of questions.entries()) {
    const got = heard[at]?.[0]?.intent ?? null;
    if (isIntent(got, expected)) continue;
    const key = JSON.stringify([expected, got]);
    const confusion = wrong.get(key) ?? { expected, got: String(got), times: 0, examples: [] };
    confusion.times += 1;
    if (confusion.examples.length < mostExamples) confusion.examples.push(text);
    wrong.set(key, confusion);
  }
  const confusions = [...wrong.values()].sort((one, other) => other.times - one.times);
  const missed = confusions.reduce((sum, { times }) => sum + times, 0);
  return { asked: questions.length, right: questions.length - missed, confusions };
}

export function changesOf(talks: Replayed[][], old: Heard[][], fresh: Heard[][]): Change[] {
  return talks.flatMap((talk, place) =>
    talk.flatMap(({ conversation, number }, at) => {
      const [before, after] = [old[place]?.[at], fresh[place]?.[at]];
      if (!before || !after || JSON.stringify(before.said) === JSON.stringify(after.said)) return [];
      return [{ conversation, number, from: wordsOf(before), to: wordsOf(after) }];
    }),
  );
}
