/** Who changed what: notes each change that comes by a route, with what the route's own GET shows before and after it. */
import { createHash, randomUUID } from 'node:crypto';
import type { AuditEntry } from '../contracts.js';
import type { Log } from '../log.js';
import type { Asked, Reply, Route } from './route.js';

export interface NoteOptions {
  add: (entry: AuditEntry) => Promise<void>;
  log: Pick<Log, 'error'>;
}
export interface AuditOptions extends NoteOptions {
  /** All rows, with their full paths. */
  rows: Route[];
}
type Facts = Omit<AuditEntry, 'id' | 'at' | 'from' | 'action' | 'target'>;
type AnyAsked = Asked<unknown, unknown>;
/** Writes an entry for a request to this route. Never rejects. */
export type Note = (
  route: Pick<Route, 'method' | 'path'>,
  asked: Pick<AnyAsked, 'url' | 'caller'>,
  facts: Facts,
) => Promise<void>;
/** Does what the row does, and notes it. */
export type Audited = (row: Route, asked: AnyAsked, method: string) => Promise<Reply>;

const longest = 2000;
/** Told once to whoever asked, and nobody else's to read. */
const secret = /^(?:key|url|csrfToken|password|token)$|secret/i;

/** A value as the log keeps it: without secrets, and of what is long its digest. */
function kept(value: unknown): unknown {
  const text = JSON.stringify(value, (key, one: unknown) =>
    secret.test(key) && typeof one === 'string' ? '[secret]' : one,
  ) as string | undefined;
  if (text === undefined) return null;
  if (text.length <= longest) return JSON.parse(text) as unknown;
  return { sha256: createHash('sha256').update(text).digest('hex'), length: text.length };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What differs: of two records, the fields that do. */
export function difference(before: unknown, after: unknown): { before: unknown; after: unknown } {
  if (!isRecord(before) || !isRecord(after)) return { before: kept(before), after: kept(after) };
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const of = (record: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(changed.filter((name) => name in record).map((name) => [name, kept(record[name])]));
  return { before: of(before), after: of(after) };
}

/** What the thing at this path looks like now; null when it is not there, or cannot be shown in JSON. */
async function look(row: Route | undefined, asked: AnyAsked): Promise<unknown> {
  if (!row) return null;
  const query = row.query?.safeParse({}).data;
  try {
    const { body, text, stream } = await row.handle({ ...asked, body: undefined, query });
    // Never read: what is streamed is a file.
    if (stream) return { stream: true };
    return text === undefined ? (body ?? null) : { text };
  } catch {
    return null;
  }
}

/** Who asks; who signs in is known only by the answer. */
function byOf({ caller: { principal } }: AnyAsked, reply?: Reply): AuditEntry['by'] {
  if (principal) return { kind: principal.kind, id: principal.id, name: principal.name };
  return reply?.by ? { kind: 'user', ...reply.by } : { kind: 'nobody', id: 'nobody', name: 'nobody' };
}

export const createNote =
  ({ add, log }: NoteOptions): Note =>
  async ({ method, path }, { url, caller }, facts) => {
    const what = { action: `${method} ${path}`, target: url.split('?')[0] ?? '', from: caller.from };
    const entry = { id: randomUUID(), at: new Date().toISOString(), ...what, ...facts };
    // It is done, whether or not it could be written down; the log of the hub has the reason.
    await add(entry).catch((error: unknown) =>
      log.error({ err: error }, 'a change could not be noted in the audit log'),
    );
  };

export function createAudit({ rows, ...options }: AuditOptions): Audited {
  const shows = new Map(rows.filter(({ method }) => method === 'GET').map((row) => [row.path, row]));
  const note = createNote(options);
  return async (row, asked, method) => {
    const audited = row.audited ?? (row.access !== 'public' && row.asks === undefined && method !== 'GET');
    if (!audited) return row.handle(asked);
    const shown = ['PUT', 'PATCH', 'DELETE'].includes(method) ? shows.get(row.path) : undefined;
    const { params } = asked;
    // Before it: what is deleted belongs to nobody afterwards.
    const appId = params['appId'] ?? (row.of ? await row.of.bot({ params, query: {} }).catch(() => null) : null);
    const before = await look(shown, asked);
    let facts: Facts = { appId, status: 500, by: byOf(asked), before: null, after: null };
    try {
      const reply = await row.handle(asked);
      const after = shown ? await look(shown, asked) : (reply.body ?? null);
      const status = reply.status ?? (reply.body === undefined && reply.text === undefined ? 204 : 200);
      facts = { appId, status, by: byOf(asked, reply), ...difference(before, after) };
      return reply;
    } catch (error) {
      facts = { ...facts, status: (error as { status?: number }).status ?? 500 };
      throw error;
    } finally {
      await note(row, asked, facts);
    }
  };
}
