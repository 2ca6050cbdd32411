/** What is found about an FAQ or a project before it is trained. */
import { z } from 'zod';
import { language, remark, typed } from './fields.js';

const whole = z.boolean().meta({ description: 'false: the vectors of some questions are still being made; ask again' });
/** As the FAQ payload, but as unfinished as authors have it: that is what a linter is for. */
export const LintBody = z
  .array(
    z.object({
      Q: z.array(z.object({ q: typed(100_000) })).max(1000),
      A: z.unknown(),
      language: z.string().max(100).optional().catch(undefined),
    }),
  )
  .max(20_000)
  .meta({ id: 'LintRequest' });
export const LintPairBody = z
  .strictObject({
    id: z.string().max(200).optional().meta({ description: 'the pair that is edited; absent: a new one' }),
    Q: z.array(z.object({ q: typed(8000) })).max(1000),
    A: z.unknown(),
    language: language.optional(),
  })
  .meta({ id: 'LintPair' });
const LintFinding = remark([
  ...(['near_duplicate', 'alike', 'single_question', 'empty_answer', 'no_question'] as const),
  ...(['never_reached', 'other_language', 'broken_braces', 'broken_link'] as const),
])
  .extend({
    row: z.number(),
    other: z.number().optional().meta({
      description:
        'the other row of a near duplicate, by letters or by meaning (alike), or of an answer that is never reached',
    }),
  })
  .meta({ id: 'LintFinding' });
export const LintView = z.object({ items: z.array(LintFinding), next: z.null(), whole });
export const FindingView = z
  .object({
    severity: z.enum(['error', 'warning']).meta({ description: 'an error would fail the training' }),
    path: z.string().nullable().meta({ description: 'of the file; null: the project as a whole' }),
    line: z.number().nullable(),
    message: z.string(),
  })
  .meta({ id: 'ProjectFinding' });
export const FindingsView = z.array(FindingView).nullable().meta({
  description: "what Rasa's validator says of the project as it is now; null: it could not say in the time of a save",
});
export const FoundView = z
  .object({
    modelId: z.string().nullable().meta({ description: 'null: what a training would take now' }),
    pairs: z
      .array(
        LintFinding.extend({
          pairId: z.string(),
          question: z.string().meta({ description: 'the first of the pair' }),
          otherPairId: z.string().optional(),
          otherQuestion: z.string().optional(),
        }),
      )
      .meta({ description: 'what the linter finds, by row' }),
    notes: z
      .array(remark(['no_words', 'cut', 'asked_before', 'left_out', 'more']).meta({ id: 'TrainingNote' }))
      .meta({ description: 'what a training leaves out or changes' }),
    refused: z
      .object({ code: z.string(), message: z.string(), detail: z.string().optional() })
      .nullable()
      .meta({ description: 'why a training would not take these pairs' }),
    project: z.array(FindingView).nullable().meta({
      description: "what Rasa's validator says; null: the bot is not trained from its files, or there is no Rasa",
    }),
    whole,
  })
  .meta({ id: 'Findings' });
export const ProjectImportView = z
  .object({
    files: z.number().meta({ description: 'how many files the project has now' }),
    notes: z.array(z.string()).meta({ description: 'what was left out, moved or not set up, and what to do' }),
    findings: FindingsView,
  })
  .meta({ id: 'ProjectImport' });
export type ProjectImportWire = z.infer<typeof ProjectImportView>;
