/** Wires what is found in a version: by the linter, by the training, and by Rasa's validator. */
import type { FaqPair, JobError, TrainingContent } from '../contracts.js';
import { together, wordsOf } from '../http/faq-import.js';
import type { FindingsRoutesOptions } from '../http/findings.js';
import { type Note, topicsOf } from '../training/content.js';
import { jobErrorOf, TrainingFailure } from '../training/failure.js';
import type { EditLint } from '../training/faq/edits.js';
import type { LintFinding } from '../training/faq/finding.js';
import type { lintAside } from '../training/faq/lint-thread.js';
import { contentOf } from '../training/snapshot.js';
import type { Parts } from './parts.js';
import type { RasaChecks } from './training.js';
import { contentOfModel } from './versions.js';

interface Finders extends Pick<RasaChecks, 'check'> {
  lint: typeof lintAside;
  edits: Pick<EditLint, 'alikes'>;
}

export function foundOf(
  parts: Pick<Parts, 'shelf' | 'store'>,
  { lint, edits, check }: Finders,
): FindingsRoutesOptions['found'] {
  return async ({ bot, model }, gone) => {
    const content = model ? await contentOfModel(parts, model) : await contentOf(parts.store, bot, null);
    const { pairs } = content;
    const words = pairs.map((pair) => ({ ...pair, answer: wordsOf(pair.answer) }));
    const [spelled, meant] = [await lint(words, content.bot.language), await edits.alikes(words)];
    return {
      modelId: model?.id ?? null,
      pairs: together(spelled, meant.findings).map((finding) => named(finding, pairs)),
      ...heeded(pairs),
      project: content.bot.pipeline === 'project' && check ? await check(content, gone) : null,
      whole: meant.whole,
    };
  };
}

/** Rows are of this list; the pairs have names that stay. */
function named(finding: LintFinding, pairs: readonly FaqPair[]) {
  const [pair, other] = [finding.row, finding.other ?? 0].map((row) => pairs[row - 1]);
  return {
    ...finding,
    pairId: pair?.id ?? '',
    question: pair?.questions[0] ?? '',
    ...(other && { otherPairId: other.id, otherQuestion: other.questions[0] ?? '' }),
  };
}

/** What a training makes of the pairs. */
function heeded(pairs: TrainingContent['pairs']): { notes: Note[]; refused: JobError | null } {
  try {
    return { notes: topicsOf(pairs).notes, refused: null };
  } catch (error) {
    if (error instanceof TrainingFailure) return { notes: [], refused: jobErrorOf(error) };
    throw error;
  }
}
