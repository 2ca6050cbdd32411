/** What every list and every error looks like. */
import { z } from 'zod';

/** `cursor` is opaque: take it from `next`. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(500).optional(),
});
export const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() });
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string(),
          detail: z.string(),
          kind: z.string().optional().meta({ description: 'what it is, where another language can say it by that' }),
          quotes: z.array(z.string()).optional().meta({ description: 'what `detail` quotes, in its order' }),
        }),
      )
      .optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details; `code` is stable.' });
export type ProblemWire = z.infer<typeof Problem>;
