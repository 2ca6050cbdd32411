/** Cursors: the sort key of the last row shown, so that rows added or removed meanwhile neither repeat nor hide others. */
import type { Aged, Listed, Page } from '../contracts.js';
import { HubError } from '../errors.js';

type Key = (string | number)[];

/** Where each list starts when there is no cursor: before or after every key there can be. */
export const first: Key = ['', 0];
export const last: Key = ['~', Number.MAX_SAFE_INTEGER];

/** One ordered list: `name` keeps a cursor of one list from being used in another. */
export class Pager<Row> {
  constructor(
    private readonly name: string,
    private readonly start: Key,
    private readonly keyOf: (row: Row) => Key,
  ) {}

  /** The key after which the page begins (`from` where there is no cursor), and how many rows to fetch: one more than asked for. Throws `invalid` for a foreign cursor. */
  where(page: Page, from: Key = this.start): { key: Key; fetch: number } {
    if (!Number.isSafeInteger(page.limit) || page.limit < 1) {
      throw new HubError('invalid', 'A page needs a limit of 1 or more.');
    }
    return { key: page.cursor === undefined ? from : this.parse(page.cursor), fetch: page.limit + 1 };
  }

  /** What was found before the list's end: the page goes on after `end`, or ends where that is null. */
  part<T>(rows: Row[], end: Row | null, present: (row: Row) => T): Listed<T> {
    return { items: rows.map(present), next: end === null ? null : this.cursor(end) };
  }

  /** The page out of the rows fetched. */
  page<T>(page: Page, rows: Row[], present: (row: Row) => T): Listed<T> {
    const shown = rows.slice(0, page.limit);
    const end = shown.at(-1);
    const more = rows.length > shown.length && end !== undefined;
    return { items: shown.map(present), next: more ? this.cursor(end) : null };
  }

  private cursor(row: Row): string {
    return Buffer.from(JSON.stringify([this.name, ...this.keyOf(row)])).toString('base64url');
  }

  private parse(cursor: string): Key {
    const parts = parsed(Buffer.from(cursor, 'base64url').toString());
    const [name, ...key] = Array.isArray(parts) ? (parts as unknown[]) : [];
    const fits =
      key.length === this.start.length && key.every((part, place) => typeof part === typeof this.start[place]);
    if (name === this.name && fits) return key as Key;
    throw new HubError('invalid', 'That cursor was not given by this list; leave it out to start from the beginning.');
  }
}

/** Of rows newest first, those at or after `from`: none of the older ones follows. */
export const since = <Row extends { at: string }>(rows: Row[], from: string | undefined): Row[] =>
  from === undefined ? rows : rows.filter(({ at }) => at >= from);
/** The latest time before which a message may be too old. */
export const agedBefore = ({ before, bots }: Aged): string =>
  [before ?? '', ...Object.values(bots)].sort().at(-1) ?? '';
/** Is a message of this bot too old? */
export function isAged({ before, bots }: Aged, appId: string, receivedAt: string): boolean {
  const limit = Object.hasOwn(bots, appId) ? bots[appId] : before;
  return typeof limit === 'string' && receivedAt < limit;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
