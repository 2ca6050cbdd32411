/** The HTTP side: Koa, the routes, and the one place where an error becomes a response. The only importer of koa and @koa/router. */
import { Readable } from 'node:stream';
import Router, { type RouterContext } from '@koa/router';
import Koa from 'koa';
import getRawBody from 'raw-body';
import type { z } from 'zod';
import type { Access, AuditEntry, RateLimits } from '../contracts.js';
import { type Fault, HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import { type Admission, createAdmission, type Knock } from './admission.js';
import { type Audited, createAudit } from './audit.js';
import { type Guarded, guarded } from './open-stream.js';
import type { Reply, Route } from './route.js';

export interface HttpOptions {
  /** Rows under /api/v1. */
  api: Route[];
  /** Rows at the root: pages, health, channels. */
  root: Route[];
  access: Access;
  limits: Pick<RateLimits, 'address' | 'caller'>;
  log: Log;
  /** How many proxies in front are believed about who called; none when absent. */
  trustProxy?: number;
  /** Keeps an entry of the audit log. */
  audit: (entry: AuditEntry) => Promise<void>;
  /** Called after every response, for metrics. */
  onResponse?: (facts: { method: string; route: string; status: number; ms: number }) => void;
}

const defaultLimit = 1_000_000;
const hungUp = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];

/** An error as a response. */
export function problem(error: HubError): Reply {
  const { code, status, title, message: detail } = error;
  const errors = error.options.errors ? { errors: error.options.errors } : {};
  const wait = error.retry && status !== 500 ? { 'retry-after': String(error.options.afterSeconds ?? 1) } : {};
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...wait },
    text: JSON.stringify({ type: `https://switchboard.dev/errors/${code}`, title, status, detail, code, ...errors }),
  };
}

/** All faults of a value, each with the path to it. Throws `invalid`. */
function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors: Fault[] = result.error.issues.slice(0, 100).map((issue) => ({
    pointer: issue.path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') || '/',
    detail: issue.message,
  }));
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  throw new HubError(
    'invalid',
    `The ${where} does not fit at ${first?.pointer ?? '/'}: ${first?.detail ?? ''}${more}.`,
    { errors },
  );
}

async function readBytes(ctx: RouterContext, limit: number): Promise<Buffer> {
  try {
    return await getRawBody(ctx.req, { limit, length: ctx.get('content-length') || null });
  } catch (error) {
    if ((error as { type?: string }).type === 'entity.too.large')
      throw new HubError(
        'too_large',
        `At most ${Math.floor(limit / 1_000_000)} MB are read here; send less at a time.`,
      );
    throw new HubError('bad_json', 'The body broke off before its end.', { cause: error });
  }
}

async function readBody(ctx: RouterContext, spec: NonNullable<Route['body']>): Promise<unknown> {
  if (spec.stream) return ctx.req;
  const bytes = await readBytes(ctx, spec.limit ?? defaultLimit);
  if (spec.raw) return bytes;
  const text = bytes.toString('utf8');
  if (text.trim() === '' && spec.optional) return undefined;
  const type = (ctx.get('content-type').split(';')[0] ?? '').trim().toLowerCase();
  if (spec.types?.includes(type)) return text;
  if (type !== 'application/json' && !type.endsWith('+json')) {
    throw new HubError(
      'unsupported_type',
      `Send ${['application/json', ...(spec.types ?? [])].join(' or ')} with a matching Content-Type header.`,
    );
  }
  return parseJson(text);
}

/** JSON without the three keys that reach an object's prototype in careless code downstream. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) => {
      if (key !== '__proto__' && key !== 'constructor' && key !== 'prototype') return value;
      throw new HubError('invalid', `The key ${JSON.stringify(key)} is not allowed anywhere in the body; rename it.`);
    }) as unknown;
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw new HubError('bad_json', `The body is not JSON: ${(error as Error).message}.`);
  }
}

/** `again`: whether the caller may still have it, asked while a stream is open; null: anybody may. */
function send(ctx: Koa.Context, reply: Reply, again: Guarded['again'] = null): void {
  ctx.status = reply.status ?? 200;
  for (const [name, value] of Object.entries(reply.headers ?? {})) ctx.set(name, value);
  if (reply.stream) ctx.body = guarded(readableOf(reply.stream), { response: ctx.res, again });
  else if (reply.text !== undefined) ctx.body = reply.text;
  else if (reply.body !== undefined) ctx.body = reply.body;
  else if (ctx.status === 200) ctx.status = 204;
}

/**
 * What Koa sends. A file is sent as it is: wrapped, it would be closed with an error that nobody hears. What goes wrong meanwhile comes to the
 * app's `error`; a reader who hangs up makes the file's stream say so once more, when it has closed, and unheard that would end the process.
 */
function readableOf(stream: AsyncIterable<string | Buffer>): Readable {
  const readable = stream instanceof Readable ? stream : Readable.from(stream, { objectMode: false });
  return readable.on('error', () => undefined);
}

interface Doors {
  admission: Admission;
  audited: Audited;
}

function mount(router: Router, row: Route, { admission, audited }: Doors): void {
  const path = row.path.replace(/\{(path|conversationId)\}/, '*$1').replaceAll(/\{(\w+)\}/g, ':$1');
  router.register(path, [row.method], async (ctx: RouterContext) => {
    const knock = knockOf(ctx);
    const caller = await admission.admit(row, knock);
    const query = row.query ? check(row.query, ctx.query, 'query') : undefined;
    const body = row.body ? checkedBody(row.body, await readBody(ctx, row.body)) : undefined;
    const gone = (): AbortSignal => goneOf(ctx);
    const asked = { params: ctx.params, query, body, headers: ctx.headers, url: ctx.url, caller, gone };
    const reply = await audited(row, asked, ctx.method);
    // Who may no longer have it does not go on reading what began before.
    const again = async (): Promise<void> => {
      // A stream asks what its reader may see as long as it lasts.
      Object.assign(caller, await admission.admit(row, { ...knock, method: 'GET' }));
    };
    send(ctx, reply, caller.principal ? again : null);
  });
}
const knockOf = ({ method, params, query, headers, ip }: RouterContext): Knock => ({
  method,
  params,
  query,
  headers,
  from: ip,
});
/** Made only for who asks: most requests end before anybody could hang up. */
function goneOf(ctx: RouterContext): AbortSignal {
  const gone = new AbortController();
  const look = (): void => {
    if (ctx.res.destroyed && !ctx.res.writableFinished) gone.abort();
  };
  ctx.res.once('close', look);
  look();
  return gone.signal;
}
const checkedBody = (spec: NonNullable<Route['body']>, value: unknown): unknown =>
  value === undefined && spec.optional ? undefined : check(spec.schema, value, 'body');

/** The rows by how their paths begin, so that a webhook is not held against every route of the API. */
function tablesOf(rows: Route[], doors: Doors) {
  const tables = ['/api/v1/', '/webhooks/', '/'].map((begins) => ({ begins, router: new Router() }));
  for (const row of rows) {
    const table = tables.find(({ begins }) => row.path.startsWith(begins));
    if (table) mount(table.router, row, doors);
  }
  return tables.map(({ begins, router }) => ({ begins, answer: tableOf(router) }));
}

/** A router's routes, and its answer to a method that none of them takes. */
function tableOf(router: Router): (ctx: RouterContext, next: Koa.Next) => unknown {
  const [find, methods] = [router.routes(), router.allowedMethods()];
  return (ctx, next) => find(ctx, async () => void (await methods(ctx, next))) as unknown;
}

/** Headers for every response: nothing here is ever to be sniffed or cached unless its route says so. */
function secure(ctx: Koa.Context): void {
  ctx.set({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    // A page of ours has its own; anything else that a browser is made to show runs nothing and is framed by nobody.
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    'cross-origin-opener-policy': 'same-origin',
  });
}

/** Builds the Koa application; the caller makes the server from `callback()`. */
export function createHttpApp(options: HttpOptions): Koa {
  const { log, limits, onResponse } = options;
  const trusted = options.trustProxy ?? 0;
  const app = new Koa({ proxy: trusted > 0, maxIpsCount: trusted });
  const rows = [...options.api.map((row) => ({ ...row, path: `/api/v1${row.path}` })), ...options.root];
  const audited = createAudit({ rows, add: options.audit, log });
  const tables = tablesOf(rows, { admission: createAdmission(options), audited });

  app.use(async (ctx, next) => {
    const started = performance.now();
    secure(ctx);
    try {
      await limits.address(ctx.ip);
      await next();
      if (ctx.status === 404 && !ctx.body)
        throw new HubError('not_found', `Nothing answers at ${ctx.path}. The routes are listed at /api/docs.`);
      // 501 is the router's word for a method that it never heard of, such as TRACE.
      if (ctx.status === 405 || (ctx.status === 501 && !ctx.body))
        throw new HubError(
          'method_not_allowed',
          `${ctx.method} does not apply here; try ${ctx.response.get('allow')}.`,
        );
    } catch (thrown) {
      const error = hubErrorOf(thrown);
      if (error.status >= 500)
        log.error({ err: error, cause: error.options.cause, path: ctx.path }, 'a request failed');
      send(ctx, problem(error));
    }
    const matched = (ctx as { _matchedRoute?: string })._matchedRoute ?? 'none';
    onResponse?.({ method: ctx.method, route: matched, status: ctx.status, ms: performance.now() - started });
  });
  app.use((ctx, next) => tables.find(({ begins }) => ctx.path.startsWith(begins))?.answer(ctx as RouterContext, next));
  app.on('error', (error: NodeJS.ErrnoException) => {
    // Readers may go whenever they like.
    if (hungUp.includes(error.code ?? '')) return;
    log.warn({ err: error }, 'a connection failed');
  });
  return app;
}
