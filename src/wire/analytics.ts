/** Figures of conversations, by day, channel and version. */
import { z } from 'zod';

const day = z.iso.date({ error: 'a day such as 2026-01-31' });
export const AnalyticsQuery = z.object({
  from: day.optional().meta({ description: 'the first day (UTC); 29 days before "to" when absent' }),
  to: day.optional().meta({ description: 'the last day (UTC); today when absent' }),
  channel: z.string().max(50).optional(),
  version: z.string().max(100).optional().meta({ description: 'a modelId' }),
  format: z.enum(['json', 'csv']).optional(),
});
const figures = {
  messages: z.number(),
  answered: z.number(),
  failed: z.number(),
  fallback: z.number().meta({ description: 'answers that were none: the bot said that it does not know' }),
  fallbackRate: z.number().nullable(),
  handovers: z.number().meta({ description: 'the bot called for a person' }),
  held: z.number().meta({ description: 'said while a colleague held the conversation' }),
  ms: z
    .object({ mean: z.number().nullable(), p50: z.number().nullable(), p95: z.number().nullable() })
    .meta({ description: 'time to answer; within which half and 95 of 100 were answered, rounded up to steps' }),
};
export const AnalyticsView = z
  .object({
    from: z.string(),
    to: z.string(),
    upTo: z.string().meta({ description: 'until when the log has been counted; empty: not yet' }),
    totals: z.object(figures),
    days: z.array(z.object({ day: z.string(), people: z.number(), ...figures })),
    channels: z.array(z.object({ channel: z.string(), ...figures })),
    versions: z.array(z.object({ version: z.string(), ...figures })),
    intents: z.array(z.object({ intent: z.string(), count: z.number() })),
  })
  .meta({ id: 'Analytics' });
