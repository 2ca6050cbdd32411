/** Calls to Microsoft: the transport beneath the Bot Framework SDK, which by itself repeats, waits and follows redirects. Ours does none of these. */
import { type Dispatcher, request } from 'undici';

import type { SendResult } from '../../src/contracts.js';

/** Microsoft answered, and not with a 2xx. It has no `code`: the SDK's pipeline repeats what has one. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly status: number,
    readonly retryAfterMs: number | undefined,
    readonly body: string,
  ) {
    super(`status ${status}`);
  }
}
/** No answer came. `unsent`: nothing had left. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  constructor(
    readonly reason: string,
    readonly unsent: boolean,
  ) {
    super(reason);
  }
}

const unsentCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EMFILE', 'UND_ERR_CONNECT_TIMEOUT'];
const mostBytes = 1_000_000;

export interface Call {
  url: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  headers: Record<string, string>;
  body?: string | undefined;
  limitMs: number;
}

/** Answers the text of a 2xx. Rejects with `Refused` or `Unanswered`. */
export async function call(
  dispatcher: Dispatcher,
  { url, method, headers, body, limitMs }: Call,
): Promise<{ status: number; text: string }> {
  try {
    const signal = AbortSignal.timeout(limitMs);
    const response = await request(url, { method, headers, body: body ?? null, dispatcher, signal });
    const length = Number(response.headers['content-length'] ?? 0);
    if (length > mostBytes) throw new Unanswered('the answer is too long', false);
    const text = (await response.body.text()).slice(0, mostBytes);
    const { statusCode: status } = response;
    if (status >= 200 && status < 300) return { status, text };
    const wait = Number(response.headers['retry-after'] ?? NaN);
    throw new Refused(status, Number.isFinite(wait) ? wait * 1000 : undefined, text.slice(0, 500));
  } catch (error) {
    if (error instanceof Refused || error instanceof Unanswered) throw error;
    const code = (error as { code?: string; name?: string }).code ?? (error as Error).name;
    throw new Unanswered(code, unsentCodes.includes(code));
  }
}

const passing = [408, 412, 429, 502, 503, 504];

/** What became of a post. Never throws. */
export function resultOf(thrown: unknown): SendResult {
  if (thrown instanceof Unanswered) {
    const reason = `Teams did not answer (${thrown.reason})`;
    return thrown.unsent ? { outcome: 'later', reason } : { outcome: 'unsure', reason };
  }
  if ((thrown as { code?: unknown } | null)?.code === 'TOO_LATE')
    return { outcome: 'later', reason: 'the time was over' };
  if (!(thrown instanceof Refused)) return { outcome: 'unsure', reason: 'the post failed in the SDK' };
  const { status, retryAfterMs } = thrown;
  if (passing.includes(status)) {
    const reason = status === 429 ? 'Teams asks to wait' : `Teams answered with status ${status}`;
    return {
      outcome: 'later',
      reason,
      ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs, scope: 'conversation' as const }),
    };
  }
  if (status >= 500) return { outcome: 'unsure', reason: `Teams answered with status ${status}` };
  return { outcome: 'refused', reason: remedyOf(thrown) };
}

/** What to do about a refusal, in a sentence. */
export function remedyOf({ status, body }: Refused): string {
  if (/AADSTS7000215|AADSTS7000222|invalid_client/.test(body)) {
    return 'Microsoft does not accept the password: make a new client secret and copy its value, not its id.';
  }
  if (/AADSTS700016|unauthorized_client/.test(body)) {
    return 'Microsoft does not know this app id in that tenant: for a single-tenant bot set microsoftAppTenantId.';
  }
  if (status === 401) return 'Teams does not accept the bot: check that the app id belongs to this Azure bot.';
  if (status === 403) return 'The person has blocked the bot, or it was removed from the conversation.';
  if (status === 404) return 'That conversation is gone, or the bot was removed from it.';
  return `Teams refused it with status ${status}.`;
}
