import assert from 'node:assert/strict';
import { createLog, type LogSource, type RequestRow } from '../src/stores/log.js';

describe('a search of the log', () => {
  const total = 500;
  const time = (seq: number): string => new Date(1e12 + seq).toISOString();
  const rows = Array.from({ length: total }, (_, at): RequestRow => {
    const seq = total - at;
    const facts = { conversation: 'c', channel: 'rest', node: null, status: 'answered', ms: 1, trace: null } as const;
    return { kind: 'message', appId: 'a', ...facts, at: time(seq), seq };
  });
  let clock = 0;
  /** A database that takes its time for each question: here, nothing else takes any. */
  const slow = {
    messages([, before]: [string, number], _from: string, fetch: number) {
      clock += 30;
      return Promise.resolve(rows.filter(({ seq }) => seq < before).slice(0, fetch));
    },
    parses: () => Promise.resolve([]),
  } as Partial<LogSource> as LogSource;

  it('looks at all that a slow database gave at once, however little patience it has', async () => {
    const log = createLog(slow, 1, () => clock);
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined, more = true; more; pages += 1) {
      const { items, next } = await log.requests({}, { limit: 200, cursor });
      seen.push(...items.map(({ at }) => at));
      cursor = next ?? undefined;
      more = next !== null;
    }
    assert.deepEqual(
      seen,
      rows.map(({ at }) => at),
    );
    assert.ok(pages <= 5, `${pages} pages`);
  });
});
