/** What a new model has to pass before it goes live: tests, scores, and its rehearsal. */
import { z } from 'zod';
import { chance, nonBlank, typed } from './fields.js';

const percent = z.number().min(0).max(100);
export const GateBody = z
  .strictObject({
    closed: z
      .boolean()
      .default(false)
      .meta({ description: 'a new model rehearses before it goes live; false: it goes live as soon as it is trained' }),
    conversations: z
      .number()
      .int()
      .min(0)
      .max(500)
      .default(30)
      .meta({ description: 'how many of the newest conversations are replayed' }),
    maxChangedPercent: percent
      .nullable()
      .default(20)
      .meta({ description: 'more changed answers hold the model for a person; null: however many' }),
    minScore: chance
      .nullable()
      .default(null)
      .meta({ description: 'a lower share of right answers to the questions of the tests refuses it; null: whatever' }),
    rollBack: z
      .strictObject({
        errorPercent: percent,
        turns: z.number().int().min(1).max(100_000).default(50),
        minutes: z.number().min(1).max(10_080).default(60),
      })
      .nullable()
      .default(null)
      .meta({
        description:
          'goes back to the model before when, within so many minutes and after so many turns, more of them failed or were not understood',
      }),
  })
  .meta({
    id: 'Gate',
    description: 'Tests that fail and a low score refuse a model, many changes hold it for a person.',
  });
export const TestsBody = z
  .strictObject({
    conversations: z
      .array(
        z.strictObject({
          name: nonBlank(200),
          steps: z
            .array(
              z
                .strictObject({
                  user: nonBlank(8000),
                  payload: z.boolean().optional().meta({ description: 'the user presses a button with this payload' }),
                  bot: z.array(typed(20_000)).max(50).optional().meta({ description: 'all that the bot is to say' }),
                  intent: nonBlank(500)
                    .optional()
                    .meta({ description: 'what it is to understand: an intent, or a pairId' }),
                })
                .meta({ id: 'TestStep' }),
            )
            .min(1)
            .max(100),
        }),
      )
      .max(500)
      .default([]),
    questions: z
      .array(z.strictObject({ text: nonBlank(8000), intent: nonBlank(500) }))
      .max(5000)
      .default([])
      .meta({ description: 'questions that the bot is not taught, with the intent or the pairId that answers each' }),
  })
  .meta({ id: 'Tests' });
export const TestFrom = z
  .strictObject({ conversation: nonBlank(500), name: nonBlank(200).optional() })
  .meta({ id: 'TestFrom' });
const TestFailure = z
  .object({ name: z.string(), step: z.number(), user: z.string(), expected: z.string(), got: z.string() })
  .meta({ id: 'TestFailure' });
const Score = z
  .object({
    asked: z.number(),
    right: z.number(),
    confusions: z.array(
      z.object({ expected: z.string(), got: z.string(), times: z.number(), examples: z.array(z.string()) }),
    ),
  })
  .nullable()
  .meta({ id: 'Score', description: 'On the questions of the tests, with which topic was taken for which.' });
export const TestRunView = z
  .object({ modelId: z.string(), failed: z.array(TestFailure), score: Score })
  .meta({ id: 'TestRun' });
export const GateReportView = z
  .object({
    modelId: z.string(),
    against: z.string().nullable().meta({ description: 'the model that it was compared with' }),
    at: z.string(),
    verdict: z.enum(['promoted', 'held', 'refused']),
    reasons: z.array(z.string()),
    tests: z.object({ total: z.number(), failed: z.array(TestFailure) }),
    score: Score,
    replay: z.object({
      conversations: z.number(),
      turns: z.number(),
      changed: z.number(),
      changes: z.array(
        z.object({
          conversation: z.string(),
          number: z.number(),
          text: z.string(),
          from: z.string(),
          to: z.string(),
        }),
      ),
    }),
    rolledBack: z.string().nullable().meta({ description: 'why the bot went back from it by itself' }),
  })
  .meta({ id: 'GateReport' });
