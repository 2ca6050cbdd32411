/** Fields that several shapes have: their limits, and what is said of a value that does not keep them. */
import { z } from 'zod';

/** Text that people typed: any characters, up to `max`. Lone surrogates are not text and cannot be stored or sent. */
export const typed = (max: number) =>
  z
    .string()
    .max(max, `at most ${max} characters`)
    .refine((text) => text.isWellFormed(), 'half of a character pair (a lone surrogate): send whole characters');
export const nonBlank = (max: number) => typed(max).refine((text) => text.trim() !== '', 'must not be empty');
export const httpUrl = z.url({ protocol: /^https?$/, error: 'an http:// or https:// URL' }).max(2000);
export const language = z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en or zh');
export const pipeline = z.enum(['semantic', 'classic', 'project']);
export const when = z.iso
  .datetime({ offset: true, error: 'a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => new Date(text).toISOString());
/** A sentence in English, by its kind and with what it quotes, so that another language can say it too. */
export const remark = <const Kinds extends readonly string[]>(kinds: Kinds) =>
  z.object({
    kind: z.enum(kinds),
    detail: z.string(),
    quotes: z.array(z.string()).meta({ description: 'what `detail` quotes, in its order' }),
  });
export const chance = z.coerce.number().min(0).max(1);
export const review = z.enum(['unread', 'reviewed', 'saved_for_later']);
export const yes = z.enum(['true', 'false']).transform((word) => word === 'true');
