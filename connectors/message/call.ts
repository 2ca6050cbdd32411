/** HTTP calls that are made once: nothing here repeats, waits or follows a redirect; that is the hub's business. */
import { setMaxListeners } from 'node:events';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, request } from 'undici';

import type { SendResult } from '../../src/contracts.js';

/** Where a connector may call; `egress` of the app. */
export interface Guard {
  /** Why this URL is not called, in words for its author; null when it may be. */
  refusal(url: string): string | null;
  lookup: LookupFunction;
}
/** Connections to what the guard allows and to nothing else. */
export const guardedAgent = ({ lookup }: Guard): Agent => new Agent({ connect: { lookup } });

/** The other side answered, and not with a 2xx. It has no `code`: the Bot Framework SDK's pipeline repeats what has one. */
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
    const { status, text, retryAfter } = await timed(limitMs, async (signal) => {
      const response = await request(url, { method, headers, body: body ?? null, dispatcher, signal });
      const length = Number(response.headers['content-length'] ?? 0);
      if (length > mostBytes) throw new Unanswered('the answer is too long', false);
      const read = (await response.body.text()).slice(0, mostBytes);
      return { status: response.statusCode, text: read, retryAfter: response.headers['retry-after'] };
    });
    if (status >= 200 && status < 300) return { status, text };
    const wait = Number(retryAfter ?? NaN);
    throw new Refused(status, Number.isFinite(wait) ? wait * 1000 : undefined, text.slice(0, 500));
  } catch (error) {
    if (error instanceof Refused || error instanceof Unanswered) throw error;
    const code = (error as { code?: string; name?: string }).code ?? (error as Error).name;
    throw new Unanswered(code, unsentCodes.includes(code));
  }
}

/** How a platform's answers are to be read. */
export interface Reading {
  /** Who answers, as a sentence begins with it. */
  who: string;
  /** Is it worth another try after this status? A 5xx that is not may have been taken all the same. */
  passes(status: number): boolean;
  remedy(refused: Refused): string;
}

/** What became of a post that was made by `call`, from what it threw. Never throws. */
export function outcomeOf(thrown: unknown, { who, passes, remedy }: Reading): SendResult {
  if (thrown instanceof Unanswered) {
    const reason = `${who} did not answer (${thrown.reason})`;
    return thrown.unsent ? { outcome: 'later', reason } : { outcome: 'unsure', reason };
  }
  if ((thrown as { code?: unknown } | null)?.code === 'TOO_LATE')
    return { outcome: 'later', reason: 'the time was over' };
  if (!(thrown instanceof Refused)) return { outcome: 'unsure', reason: 'the post failed in the SDK' };
  const { status, retryAfterMs } = thrown;
  const reason = status === 429 ? `${who} asks to wait` : `${who} answered with status ${status}`;
  if (passes(status)) {
    return {
      outcome: 'later',
      reason,
      ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs, scope: 'conversation' as const }),
    };
  }
  return status >= 500 ? { outcome: 'unsure', reason } : { outcome: 'refused', reason: remedy(thrown) };
}

/** Runs `work` with a signal that aborts after `ms`, unless it has ended: an AbortSignal.timeout would lie about until then. */
export async function timed<T>(ms: number, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new DOMException('The time was over.', 'TimeoutError')), ms);
  try {
    return await work(over.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs `work` with a signal that aborts as `signal` does or after `ms`. Made by hand: Node 20 collects an AbortSignal.timeout that only
 * AbortSignal.any knows, and it never comes then.
 */
export async function limited<T>(
  signal: AbortSignal,
  ms: number,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const abort = (): void => over.abort();
  const timer = setTimeout(abort, ms);
  // As many listen as calls are under way: Node would take more than ten for a leak, and say so.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await work(over.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
