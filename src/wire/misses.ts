/** What people asked in vain, and what became of answers to it. */
import { z } from 'zod';
import { Answer } from './faq.js';
import { nonBlank, when } from './fields.js';

export const MissesQuery = z.object({
  from: when.optional().meta({ description: 'since when; a month ago when absent' }),
});
export const MissView = z
  .object({
    clusterId: z.string(),
    question: z.string().meta({ description: 'the text that is most like the others' }),
    people: z.number().meta({ description: 'conversations in which it was asked' }),
    turns: z.number(),
    reasons: z.record(z.string(), z.number()).meta({
      description:
        'how often the bot said it does not know (fallback), was little sure (unsure), got a thumb down (disliked), or was asked nearly the same right after (again)',
    }),
    texts: z.array(z.object({ text: z.string(), times: z.number() })),
    conversations: z.array(z.string()),
    firstAt: z.string(),
    lastAt: z.string(),
    nearest: z
      .object({ pairId: z.string(), question: z.string(), similarity: z.number() })
      .nullable()
      .meta({ description: 'the question of the present FAQ that is most like it' }),
  })
  .meta({ id: 'Miss', description: 'Turns that asked the same in vain.' });
export const MissReportView = z
  .object({
    clusterId: z.string(),
    pairId: z.string(),
    state: z.enum(['given', 'waiting', 'training', 'asking', 'done', 'failed', 'interrupted']),
    jobId: z.string().nullable(),
    at: z.string(),
    turns: z.number().meta({ description: 'turns that were missed, and how they are answered when asked again' }),
    answered: z.number().meta({ description: 'by the pair' }),
    elsewhere: z.number().meta({ description: 'by another one' }),
    unanswered: z.number(),
    error: z.string().nullable(),
  })
  .meta({ id: 'MissReport', description: 'What became of an answer to misses.' });
export const MissesView = z
  .object({
    items: z.array(MissView),
    next: z.null(),
    looked: z
      .object({ from: z.string(), turns: z.number(), missed: z.number(), whole: z.boolean() })
      .meta({ description: 'what was looked at; whole: all of it' }),
    reports: z.array(MissReportView).meta({ description: 'what became of answers, newest first' }),
  })
  .meta({ id: 'Misses' });
export const MissAnswerBody = z
  .strictObject({
    answer: Answer.optional().meta({ description: 'makes a new pair' }),
    pairId: z.string().max(200).optional().meta({ description: 'adds the questions to this pair' }),
    questions: z
      .array(nonBlank(8000))
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'those of the pair; the most central texts of the cluster when absent' }),
    train: z.boolean().default(true).meta({ description: 'train soon, together with other answers, and ask again' }),
  })
  .refine(({ answer, pairId }) => (answer === undefined) !== (pairId === undefined), {
    path: ['answer'],
    error: 'needs either an answer, for a new pair, or the pairId of a pair that answers it',
  })
  .meta({ id: 'MissAnswer' });
