/** A caller's request as the bot's own Rasa shall see it: same path and query, without the hub's prefix and without the key. */
import type { ApiRequest, ApiResponse } from '../../contracts.js';
import type { Asked, Reply } from '../route.js';

export type RasaAsked = Asked<Buffer | undefined, undefined>;

/** Beside these nothing of a caller's headers means anything to Rasa's API, or to what it calls. */
const passed = ['accept', 'content-type', 'content-encoding', 'traceparent'];
/** What belongs to the line between the hub and the process. */
const ownOfLine = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date', 'server'];

const [prefix, conversation] = [
  /^\/bots\/[^/?]+/,
  /^\/conversations\/(.+)\/(?:tracker|tracker\/events|story|messages|predict|trigger_intent|execute)\/?$/,
];

/** The query without what the hub itself has read, as it was written. */
function queryWithout(query: string, names: readonly string[]): string {
  const kept = query.split('&').filter((part) => part !== '' && !names.includes(nameIn(part)));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}
function nameIn(part: string): string {
  try {
    return decodeURIComponent((part.split('=')[0] ?? '').replaceAll('+', ' '));
  } catch {
    return part;
  }
}

/** Path and query, apart. */
function split(url: string): { path: string; query: string } {
  const [path = '', ...rest] = url.split('?');
  return { path: path.replace(prefix, '') || '/', query: rest.join('?') };
}

/** `without`: parameters that Rasa is not to see, beside the key. */
export function requestFor(
  { url, headers, body }: RasaAsked,
  method: string,
  without: readonly string[] = [],
): ApiRequest {
  const { path, query } = split(url);
  const kept = passed.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]] as const] : []));
  return {
    method,
    path: `${path}${queryWithout(query, ['token', ...without])}`,
    headers: Object.fromEntries(kept),
    body: body ?? Buffer.alloc(0),
  };
}

/** One parameter of the query: the first, as Rasa takes it; an empty one is none. */
export function queryOf({ url }: Pick<RasaAsked, 'url'>, name: string): string | undefined {
  return new URLSearchParams(split(url).query).getAll(name).find((value) => value !== '');
}

/** The conversation's id, which Rasa takes as it stands in the path: not decoded. Null for a path without one. */
export function conversationOf({ url }: Pick<RasaAsked, 'url'>): string | null {
  return conversation.exec(split(url).path)?.[1] ?? null;
}

export function replyOf({ status, headers, body }: ApiResponse): Reply {
  const kept = Object.entries(headers).filter(([name]) => !ownOfLine.includes(name));
  // Rasa shows errors as HTML to who prefers that: nothing of it may run beside the console.
  const guarded = { ...Object.fromEntries(kept), 'content-security-policy': "default-src 'none'; sandbox" };
  return { status, headers: guarded, ...(body.length === 0 ? {} : { text: body.toString('utf8') }) };
}
