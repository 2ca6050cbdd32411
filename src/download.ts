/**
 * Fetches a file from a URL that somebody named: streamed, no longer than allowed, with the digest that was promised, and from nowhere that
 * the hub may not call, wherever redirects lead.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Egress } from './egress.js';
import { HubError } from './errors.js';

export interface Download {
  url: string;
  /** Of the file, in lower case hex. */
  sha256: string;
  /** Where it is written; nothing may be there yet. */
  to: string;
  mostBytes: number;
  /** For the whole of it. */
  limitMs: number;
  signal: AbortSignal;
}
const mostRedirects = 5;
const idleMs = 30_000;

/**
 * Resolves when the whole file is at `to` and has the digest; leaves nothing there otherwise. Rejects with `invalid` (a URL that is not
 * called, another digest), `too_large`, or `fetch_failed`; no message repeats more of a URL than its host.
 */
export async function download(egress: Egress, wanted: Download): Promise<void> {
  const limits = { headersTimeout: idleMs, bodyTimeout: idleMs };
  const dispatcher = new Agent({ ...limits, connect: { lookup: egress.lookup, timeout: 10_000 } });
  const over = new AbortController();
  const abort = (): void => over.abort();
  // Held by us: Node 20 collects an AbortSignal.timeout that only AbortSignal.any knows, and it never comes then.
  const timer = setTimeout(abort, wanted.limitMs);
  wanted.signal.addEventListener('abort', abort);
  if (wanted.signal.aborted) abort();
  const { signal } = over;
  try {
    const body = await opened({ egress, dispatcher, signal }, wanted);
    await received(body, wanted, signal);
  } catch (error) {
    await rm(wanted.to, { force: true });
    throw error instanceof HubError ? error : failed(wanted.url, error);
  } finally {
    clearTimeout(timer);
    wanted.signal.removeEventListener('abort', abort);
    await dispatcher.destroy();
  }
}

interface Line {
  egress: Egress;
  dispatcher: Dispatcher;
  signal: AbortSignal;
}

/** The body of the file, at the end of all redirects. */
async function opened({ egress, dispatcher, signal }: Line, { url: first, mostBytes }: Download): Promise<Readable> {
  let url = first;
  for (let hops = 0; hops <= mostRedirects; hops += 1) {
    const refusal = egress.refusal(url);
    if (refusal !== null)
      throw new HubError('invalid', hops === 0 ? refusal : `The URL redirects elsewhere. ${refusal}`);
    const { statusCode, headers, body } = await request(url, { dispatcher, signal });
    const { location } = headers;
    if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
      await body.dump({ limit: 65_536 });
      url = new URL(location, url).href;
    } else if (statusCode !== 200) {
      await body.dump({ limit: 65_536 });
      throw new HubError('fetch_failed', `${hostOf(url)} answered with status ${statusCode}; look at the URL.`);
    } else if (Number(headers['content-length'] ?? 0) > mostBytes) {
      body.destroy();
      throw tooLarge(mostBytes);
    } else return body;
  }
  throw new HubError('invalid', `The URL redirects more than ${mostRedirects} times; name the file's own.`);
}

async function received(body: Readable, { sha256, to, mostBytes }: Download, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > mostBytes) return void done(tooLarge(mostBytes));
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, meter, createWriteStream(to, { mode: 0o600, flags: 'wx' }), { signal });
  if (hash.digest('hex') === sha256) return;
  throw new HubError(
    'invalid',
    'The file at the URL does not have that sha256: name the right one, or the right file.',
  );
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'the host');

function tooLarge(mostBytes: number): HubError {
  return new HubError('too_large', `The file at the URL is larger than ${Math.floor(mostBytes / 1e6)} MB.`);
}

function failed(url: string, cause: unknown): HubError {
  // The refusal of a name that means a private address comes out of the lookup, in words for its author.
  const words = cause instanceof Error ? cause.message : '';
  if (words.includes('EGRESS_ALLOW')) return new HubError('invalid', words, { cause });
  return new HubError(
    'fetch_failed',
    `The file could not be fetched from ${hostOf(url)}; try again, or look at the URL.`,
    {
      cause,
    },
  );
}
