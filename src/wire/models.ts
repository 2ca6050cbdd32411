/** Models of a bot, and how two versions differ. */
import { z } from 'zod';
import { Answer } from './faq.js';
import { nonBlank, pipeline } from './fields.js';

export const ModelView = z
  .object({
    modelId: z.string(),
    appId: z.string(),
    jobId: z.string(),
    active: z.boolean(),
    engine: z.enum(['rasa', 'lite', 'remote']),
    pipeline,
    bytes: z.number(),
    trainSeconds: z.number(),
    createdAt: z.string(),
    by: z.string().nullable().meta({ description: 'who asked for it' }),
    rasa: z
      .string()
      .nullable()
      .meta({ description: 'the version of Rasa that trained it, or the installation by name' }),
    label: z.string().nullable().meta({ description: 'what its author calls it; such a model is kept' }),
    scores: z.record(z.string(), z.unknown()).nullable().meta({ description: 'of its newest test by POST evaluate' }),
    gate: z
      .enum(['promoted', 'held', 'refused'])
      .optional()
      .meta({ description: "what the bot's gate said of it; absent: it was not asked" }),
  })
  .meta({ id: 'Model' });
export type ModelWire = z.infer<typeof ModelView>;
export const ModelChange = z.strictObject({ label: nonBlank(200).nullable() }).meta({ id: 'ModelChange' });
const PairOf = z.object({ id: z.string(), questions: z.array(z.string()), answer: Answer });
export const VersionDiff = z
  .object({
    settings: z
      .record(z.string(), z.object({ from: z.unknown(), to: z.unknown() }))
      .meta({ description: "the bot's settings that differ" }),
    pairs: z.object({
      added: z.array(PairOf),
      removed: z.array(PairOf),
      changed: z.array(z.object({ id: z.string(), from: PairOf, to: PairOf })),
    }),
    files: z.object({
      added: z.array(z.string()),
      removed: z.array(z.string()),
      changed: z.array(
        z.object({ path: z.string(), removed: z.array(z.string()), added: z.array(z.string()) }).meta({
          id: 'FileDiff',
          description: 'Lines that only one of the two has.',
        }),
      ),
    }),
    answers: z
      .object({
        asked: z.number(),
        changed: z.array(z.object({ question: z.string(), from: z.string().nullable(), to: z.string().nullable() })),
      })
      .nullable()
      .meta({
        description:
          'with answers=true: what the two models answer otherwise to the questions of both; null: not asked',
      }),
  })
  .meta({ id: 'VersionDiff' });
