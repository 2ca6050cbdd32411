/** What clients send, checked before anything reads into it. A payload that does not fit becomes a sentence for its sender. */
import { z } from 'zod';

import { HubError } from '../../src/errors.js';

const longest = 8000;
const deepest = 32;
const forbidden = ['__proto__', 'constructor', 'prototype'];

const id = z.string().regex(/^[\w.-]{1,64}$/, 'id: 1 to 64 letters, digits, _ . or -');
const token = z.string().max(512).nullish();
const metadata = z.record(z.string(), z.unknown()).nullish();
const wellFormed = z.string().refine((text) => text.isWellFormed(), 'message: half of a character pair');

const SessionRequest = z.object({ session_id: token.catch(undefined), last: id.optional().catch(undefined) });
const UserUttered = z.object({
  message: wellFormed.max(longest, `message: at most ${longest} characters`).nullish(),
  session_id: token.catch(undefined),
  id: id.optional(),
  payload: z.boolean().optional(),
  metadata,
  customData: metadata,
});

export type AskedSession = z.infer<typeof SessionRequest>;
export type Uttered = z.infer<typeof UserUttered>;

/** Does the value hold a key that would reach a prototype in careless code downstream, or nest deeper than a store can write? */
function isHostile(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > deepest) return true;
  return (
    forbidden.some((key) => Object.hasOwn(value, key)) ||
    Object.values(value).some((part) => isHostile(part, depth + 1))
  );
}

function checked<T>(schema: z.ZodType<T>, payload: unknown): T {
  if (isHostile(payload)) throw new HubError('invalid', 'The payload has a forbidden key or is nested too deep.');
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  throw new HubError('invalid', result.error.issues[0]?.message ?? 'The payload does not fit.');
}

/** A `session_request`: anything but an object counts as an empty one, because Rasa's clients send none. Throws `invalid`. */
export const sessionRequestOf = (payload: unknown): AskedSession =>
  checked(SessionRequest, typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : {});

/** A `user_uttered`. Throws `invalid` with the first fault. */
export const userUtteredOf = (payload: unknown): Uttered => checked(UserUttered, payload);
