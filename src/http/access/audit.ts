/** Routes of the audit log: who did what, by filters, and as a file. */
import { z } from 'zod';
import type { AuditEntry, AuditStore } from '../../contracts.js';
import { listOf, PageQuery } from '../../wire.js';
import { type Route, route, type Whose } from '../route.js';

const time = z.iso.datetime({ offset: true }).transform((given) => new Date(given).toISOString());
const Filter = z.object({
  appId: z.string().max(128).optional().meta({ description: 'of this bot; without it, of the whole hub' }),
  by: z.string().max(200).optional().meta({ description: 'the id of the user or key who did it' }),
  from: time.optional().meta({ description: 'ISO time' }),
  to: time.optional().meta({ description: 'ISO time' }),
});
const Query = PageQuery.extend(Filter.shape);
const ExportQuery = Filter.extend({ format: z.enum(['csv', 'jsonl']).default('csv') });
export const AuditView = z
  .object({
    id: z.string(),
    at: z.string(),
    by: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
    from: z.string().meta({ description: 'the address that the request came from' }),
    action: z.string(),
    target: z.string(),
    appId: z.string().nullable(),
    status: z.number(),
    before: z.unknown().meta({ description: 'the fields that changed, as they were; no secrets' }),
    after: z.unknown(),
  })
  .meta({ id: 'AuditEntry' });

const columns = ['at', 'by', 'byId', 'from', 'action', 'target', 'appId', 'status', 'before', 'after'];
/** A spreadsheet runs what begins like a formula. */
const cell = (value: unknown): string => {
  const text = value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
};
const row = ({ at, by, from, action, target, appId, status, before, after }: AuditEntry): string =>
  `${[at, by.name, by.id, from, action, target, appId, status, before, after].map(cell).join(',')}\r\n`;

export function auditRoutes({ audit }: { audit: Pick<AuditStore, 'list'> }): Route[] {
  const of: Whose = {
    bot: ({ query: { appId } }) => Promise.resolve(typeof appId === 'string' ? appId : null),
    missing: () => 'There is no such bot; without a role on the whole hub, name one of yours with ?appId=.',
  };
  return [
    route({
      method: 'GET',
      path: '/audit',
      summary:
        'Who changed what, from where, newest first: of one bot for its admins, of everything for those of the hub.',
      access: 'own',
      of,
      query: Query,
      answers: { 200: { description: 'A page of entries.', schema: listOf(AuditView) } },
      handle: async ({ query: { limit, cursor, ...filter } }) => ({
        body: await audit.list({ limit, cursor }, filter),
      }),
    }),
    route({
      method: 'GET',
      path: '/audit/export',
      summary: 'The same as a file: CSV, or one JSON object a line.',
      access: 'own',
      of,
      query: ExportQuery,
      answers: { 200: { description: 'The file.', type: ['text/csv', 'application/x-ndjson'] } },
      handle: ({ query: { format, ...filter } }) => {
        const csv = format === 'csv';
        async function* lines(): AsyncGenerator<string> {
          if (csv) yield `${columns.join(',')}\r\n`;
          for (let cursor: string | undefined, more = true; more;) {
            const { items, next } = await audit.list({ limit: 500, cursor }, filter);
            for (const entry of items) yield csv ? row(entry) : `${JSON.stringify(entry)}\n`;
            cursor = next ?? undefined;
            more = next !== null;
          }
        }
        const headers = {
          'content-type': csv ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
          'content-disposition': `attachment; filename="audit.${format}"`,
        };
        return Promise.resolve({ headers, stream: lines() });
      },
    }),
  ];
}
