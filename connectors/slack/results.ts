/** What became of a post, read from what Slack's SDK throws. */
import { z } from 'zod';

import type { SendResult } from '../../src/contracts.js';

/** The faces of the SDK's errors (`code` of @slack/web-api), and of the network's beneath them. */
const Thrown = z.looseObject({
  code: z.string().optional(),
  message: z.string().optional(),
  retryAfter: z.number().optional(),
  statusCode: z.number().optional(),
  data: z.looseObject({ error: z.string() }).optional(),
  original: z.unknown().optional(),
  cause: z.unknown().optional(),
});

/** Nothing had left when a call failed with one of these. */
const unsent = ['TOO_LATE', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EMFILE', 'UND_ERR_CONNECT_TIMEOUT'];
/** Slack says of these that part of the work may have been done. */
const unknown = ['fatal_error', 'internal_error', 'request_timeout'];
const passing = ['ratelimited', 'rate_limited', 'service_unavailable', 'accesslimited'];
const remedies: Record<string, string> = {
  invalid_auth: 'Slack does not accept the bot token: copy it again from OAuth & Permissions.',
  not_authed: 'Slack does not accept the bot token: copy it again from OAuth & Permissions.',
  account_inactive: 'The app was removed from the workspace: install it again and copy the new bot token.',
  token_revoked: 'The bot token was revoked: install the app again and copy the new bot token.',
  token_expired: 'The bot token has expired: switch token rotation off and install the app again.',
  missing_scope: 'The app lacks the scope chat:write: add it under OAuth & Permissions and install the app again.',
  not_in_channel: 'The bot is not in that channel: type /invite and its name there.',
  channel_not_found: 'The bot cannot see that channel: it was deleted, or the bot is not in it.',
  is_archived: 'That channel is archived.',
  restricted_action: "The workspace's settings do not let apps post there.",
};

/** The remedy for one of Slack's error names, in a sentence. */
export const remedyOf = (error: string): string => remedies[error] ?? `Slack refused it: ${error.slice(0, 100)}.`;
/** Slack's name of the error; null when it was not Slack that refused. */
export function slackErrorOf(thrown: unknown): string | null {
  const parsed = Thrown.safeParse(thrown);
  return (parsed.success && parsed.data.data?.error) || null;
}

function networkCodeOf(thrown: unknown): string {
  const parsed = Thrown.safeParse(thrown);
  if (!parsed.success) return '';
  const { original, cause, code } = parsed.data;
  return networkCodeOf(original ?? cause) || (code ?? '');
}

/** Never throws. Slack does not say whose limit was reached; the channel's own, one post a second, is the one that is met. */
export function resultOf(thrown: unknown): SendResult {
  const parsed = Thrown.safeParse(thrown);
  const { retryAfter, statusCode, data, message = '' } = parsed.success ? parsed.data : {};
  if (retryAfter !== undefined) {
    return { outcome: 'later', reason: 'Slack asks to wait', afterMs: retryAfter * 1000, scope: 'conversation' };
  }
  if (data) {
    const { error } = data;
    if (passing.includes(error)) return { outcome: 'later', reason: `Slack says ${error}` };
    return { outcome: unknown.includes(error) ? 'unsure' : 'refused', reason: remedyOf(error) };
  }
  if (statusCode === 502 || statusCode === 503 || statusCode === 429 || message.startsWith('Retry header')) {
    return { outcome: 'later', reason: 'Slack is overloaded' };
  }
  if (statusCode !== undefined) return { outcome: 'unsure', reason: `Slack answered with status ${statusCode}` };
  const code = networkCodeOf(thrown);
  if (unsent.includes(code)) return { outcome: 'later', reason: `Slack cannot be reached (${code})` };
  return { outcome: 'unsure', reason: `Slack did not answer (${code || 'timeout'})` };
}
