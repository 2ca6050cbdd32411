/** The FAQ: topics as authors send them, as they are stored, and what came of a table of them. */
import { z } from 'zod';
import { httpUrl, language, nonBlank, remark } from './fields.js';

export const Button = z.strictObject({ title: nonBlank(200), payload: nonBlank(2000) }).meta({ id: 'Button' });
const AnswerPart = z
  .strictObject({
    text: nonBlank(20_000).optional(),
    image: httpUrl.optional(),
    buttons: z.array(Button).min(1).max(20).optional(),
  })
  .refine((part) => part.text !== undefined || part.image !== undefined, 'needs a text or an image')
  .meta({ id: 'AnswerPart' });
export const Answer = z
  .union([nonBlank(20_000), AnswerPart, z.array(AnswerPart).min(1).max(10)], {
    error: 'a non-empty text, {text, image, buttons}, or a list of those',
  })
  .meta({ id: 'Answer' });
export const Pair = z
  .strictObject({
    Q: z
      .array(z.strictObject({ q: nonBlank(8000) }))
      .min(1, 'needs at least one question')
      .max(1000),
    A: Answer,
    language: language.optional().meta({
      description: "what it is asked and answered in; absent: as it was, and of a new pair the bot's own language",
    }),
  })
  .meta({ id: 'Pair', description: 'A topic: the ways people ask, and the answer, which comes back byte for byte.' });
export type PairWire = z.infer<typeof Pair>;
/** The FAQ payload, exactly `[{"Q":[{"q":"…"}],"A":"…"}]`. */
export const FaqBody = z.array(Pair).max(20_000);
export const FaqTrainBody = z.array(Pair).min(1, 'the FAQ is empty: send at least one {Q, A}').max(20_000);
export const StoredPair = Pair.extend({ id: z.string() }).meta({ id: 'StoredPair' });
export const FaqImportView = z
  .object({
    pairs: z.number().meta({ description: 'how many topics came new' }),
    questions: z.number(),
    read: z
      .array(
        remark([
          ...(['text', 'commas', 'semicolons', 'tabs', 'bars', 'workbook', 'json'] as const),
          ...(['named_columns', 'two_columns', 'other_sheets', 'not_read'] as const),
        ]).meta({ id: 'TableReading' }),
      )
      .meta({ description: 'how the table was read (encoding, columns), and what of it was not' }),
    rows: z.array(
      z.object({
        row: z.number(),
        outcome: z.enum(['topic', 'joined', 'there already']),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'FaqImport' });
