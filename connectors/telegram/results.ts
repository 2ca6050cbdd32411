/** What became of a call, read from what Telegram's SDK throws. */
import { z } from 'zod';

import type { SendResult } from '../../src/contracts.js';

/** The faces of a TelegramError, and of a failed fetch. */
const Thrown = z.looseObject({
  response: z
    .looseObject({
      error_code: z.number(),
      description: z.string().optional(),
      parameters: z
        .looseObject({ retry_after: z.number().optional(), migrate_to_chat_id: z.number().optional() })
        .optional(),
    })
    .optional(),
  code: z.union([z.string(), z.number()]).optional(),
  name: z.string().optional(),
});
export interface TelegramFault {
  code: number;
  description: string;
  /** The group lives on under this id. */
  movedTo: number | undefined;
  retryAfter: number | undefined;
}

/** Telegram's own refusal; null when it was not Telegram that refused. */
export function faultOf(thrown: unknown): TelegramFault | null {
  const parsed = Thrown.safeParse(thrown);
  const response = parsed.success ? parsed.data.response : undefined;
  if (!response) return null;
  const { error_code: code, description = '', parameters } = response;
  return { code, description, movedTo: parameters?.migrate_to_chat_id, retryAfter: parameters?.retry_after };
}

/** Telegram fetches pictures and files itself; these are its words for one it does not get. */
export const isUnfetched = ({ code, description }: TelegramFault): boolean =>
  code === 400 && /HTTP URL|web ?page content|file identifier|WEBPAGE|IMAGE_PROCESS|PHOTO_INVALID/i.test(description);

/** What to do about a refusal, in a sentence. */
export function remedyOf({ code, description }: TelegramFault): string {
  if (code === 401 || code === 404) return 'Telegram does not know this token: copy it again from @BotFather.';
  if (code === 403) return 'The person has blocked the bot, or it was removed from the group.';
  if (code === 409)
    return 'Another program reads the updates of this bot: stop it, or give this bot a token of its own.';
  return `Telegram refused it: ${description.slice(0, 200)}.`;
}

/** Nothing had left when a call failed with one of these. */
const unsent = ['TOO_LATE', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EMFILE'];

/** Never throws. */
export function resultOf(thrown: unknown): SendResult {
  const fault = faultOf(thrown);
  if (fault) {
    const { code, retryAfter } = fault;
    if (code === 429) {
      return {
        outcome: 'later',
        reason: 'Telegram asks to wait',
        afterMs: (retryAfter ?? 1) * 1000,
        scope: 'conversation',
      };
    }
    if (code === 500) return { outcome: 'unsure', reason: 'Telegram answered with status 500' };
    if (code > 500) return { outcome: 'later', reason: `Telegram answered with status ${code}` };
    return { outcome: 'refused', reason: remedyOf(fault) };
  }
  const parsed = Thrown.safeParse(thrown);
  const code = parsed.success ? String(parsed.data.code ?? parsed.data.name ?? '') : '';
  if (unsent.includes(code)) return { outcome: 'later', reason: `Telegram cannot be reached (${code})` };
  return { outcome: 'unsure', reason: `Telegram did not answer (${code || 'no reason given'})` };
}
