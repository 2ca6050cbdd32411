/** The route of a bot's figures. */
import type { Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { AnalyticsQuery, AnalyticsView } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

interface Span {
  from: string;
  to: string;
  channel?: string | undefined;
  version?: string | undefined;
}
type Column = (typeof columns)[number];
type Row = Record<Column, string | number> & {
  ms: { mean: number | null; p50: number | null; p95: number | null };
};
export interface AnalyticsRoutesOptions {
  store: Pick<Store, 'bots'>;
  analytics: {
    report: (appId: string, span: Span) => Promise<unknown>;
    rows: (appId: string, span: Span) => Promise<Row[]>;
  };
}

const dayMs = 86_400_000;
const usualDays = 30;
const mostDays = 3660;
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export function analyticsRoutes({ store, analytics }: AnalyticsRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/analytics',
      summary:
        'How a bot does: messages, people, answers, fallback rate, time to answer, handovers, by day (UTC), channel and version, and its intents. Counted from the log up to `upTo`.',
      access: 'read',
      query: AnalyticsQuery,
      answers: {
        200: {
          description: 'The figures; with format=csv a row for each day, channel and version.',
          schema: AnalyticsView,
        },
      },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { format, channel, version, ...given } = asked.query;
        const span = { ...spanOf(given), channel, version };
        if (format !== 'csv') return { body: await analytics.report(appId, span) };
        const headers = {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': `attachment; filename="${appId}-analytics.csv"`,
        };
        return { headers, text: csvOf(await analytics.rows(appId, span)) };
      },
    }),
  ];
}

function spanOf({ from, to = dayOf(Date.now()) }: { from?: string | undefined; to?: string | undefined }): Span {
  const first = from ?? dayOf(Date.parse(to) - (usualDays - 1) * dayMs);
  const days = (Date.parse(to) - Date.parse(first)) / dayMs;
  if (days < 0 || days > mostDays)
    throw new HubError(
      'invalid',
      `The days do not fit: "from" comes before "to", and at most ${mostDays} days lie between.`,
      {
        errors: [{ pointer: '/query/from', detail: 'a day before "to"' }],
      },
    );
  return { from: first, to };
}

const columns = [
  'day',
  'channel',
  'version',
  'messages',
  'answered',
  'failed',
  'fallback',
  'handovers',
  'held',
] as const;

function csvOf(rows: Row[]): string {
  const head = [...columns, 'ms_mean', 'ms_p50', 'ms_p95'];
  const lines = rows.map((row) => [...columns.map((name) => row[name]), row.ms.mean, row.ms.p50, row.ms.p95]);
  return [head, ...lines].map((line) => `${line.map(cellOf).join(',')}\r\n`).join('');
}

/** A cell that no spreadsheet takes for a formula. */
function cellOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value * 1000) / 1000);
  if (typeof value !== 'string') return '';
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
