/** Which pages may talk to a bot. CORS does not stop a WebSocket from a foreign page, so the server has to look itself. */
import type { IncomingHttpHeaders } from 'node:http';

/** Null for what is no web page, e.g. the `null` of a sandboxed frame. */
function originOf(url: string | undefined): string | null {
  const origin = url !== undefined && URL.canParse(url) ? new URL(url).origin : 'null';
  return origin === 'null' ? null : origin;
}

/** A browser leaves `Origin` out of a GET to the page's own host; then `Referer` may say which page it is. */
const pageOf = (headers: IncomingHttpHeaders): string | null =>
  headers.origin === undefined ? originOf(headers.referer) : originOf(headers.origin);

/**
 * May a page with these request headers connect? `allowed` is the bot's list, null for any page; the hub's own pages always may.
 * With a list, a request that names no page is refused.
 */
export function originFits(
  headers: IncomingHttpHeaders,
  allowed: readonly string[] | null,
  publicUrl?: string,
): boolean {
  if (allowed === null) return true;
  if (headers.origin === undefined && headers['sec-fetch-site'] === 'same-origin') return true;
  const page = pageOf(headers);
  if (page === null) return false;
  return allowed.includes(page) || new URL(page).host === headers.host || page === originOf(publicUrl);
}
