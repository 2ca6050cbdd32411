/**
 * The log as people search it. No index is kept for it: a message would pay for them all. A search walks from the newest to the oldest
 * and ends after a while, full or not; the next page goes on where it ended.
 */
import type {
  Care,
  CareChange,
  Conversation,
  Listed,
  LogFilter,
  LoggedConversation,
  LoggedRequest,
  LogStore,
  Page,
  RequestFilter,
  StoredMessage,
  Transcript,
  TurnRecord,
} from '../contracts.js';
import { last, Pager } from './page.js';

/** A conversation with the place of its last message. */
export type TalkRow = Conversation & { lastSeq: number; care: Care };
/** A line of the request log with its place among its kind. */
export type RequestRow = LoggedRequest & { seq: number };
export type Place = [at: string, seq: number];
/** What a kind of store is asked for. */
export interface LogSource {
  /** Conversations whose last message has a place below `below` and not below `floor`, latest activity first. */
  talks(of: { appId: string; below: number; floor: number; waiting: boolean }, fetch: number): Promise<TalkRow[]>;
  /** The newest messages of a conversation from the time `from` on, newest first. */
  said(of: { appId: string; conversation: string; from: string }, fetch: number): Promise<StoredMessage[]>;
  /** Messages of all bots after a place and before the time `to`, oldest first. */
  onward(after: Place, to: string, fetch: number): Promise<{ turn: TurnRecord; place: Place }[]>;
  /** Does a message of the conversation fit? */
  matches(appId: string, conversation: string, filter: LogFilter): Promise<boolean>;
  /** Places of the first message from `from` on, and of the last one up to `to`; null when there is none. */
  firstFrom(from: string): Promise<number | null>;
  lastUpTo(to: string): Promise<number | null>;
  /** Messages, or parses, before a place and not before the time `from`, newest first. */
  messages(before: Place, from: string, fetch: number): Promise<RequestRow[]>;
  parses(before: Place, from: string, fetch: number): Promise<RequestRow[]>;
}

export const untouched: Care = {
  ...{ state: 'bot', since: null, returnAt: null, agent: null, assignee: null, review: 'unread', tags: [], notes: [] },
};
/** What a conversation's care is, when `body` is the JSON that was kept of it. */
export const careOf = (body: string | null): Care => ({
  ...untouched,
  ...(body === null ? {} : (JSON.parse(body) as Partial<Care>)),
});
const mostNotes = 500;
/** The care after a change. */
export function changedCare(care: Care, { note, ...change }: CareChange): Care {
  return { ...care, ...change, notes: note ? [...care.notes, note].slice(-mostNotes) : care.notes };
}
/** How long one search walks. With what it costs besides, a page comes within a tenth of a second. */
const defaultPatienceMs = 25;
const talksAtOnce = 50;
/** Of a conversation that never ends, the newest messages stand for all. */
const mostSaid = 200;
const requestsAtOnce = 200;
const nowhere = Number.MAX_SAFE_INTEGER;

/** A place in two lists that are read as one. */
type Both = { m: Place; p: Place };
type Sighted = RequestRow & { both: Both };

/**
 * `LogStore` over `source`. `patienceMs`: how long one search walks by the clock `now` (milliseconds); it always looks at one thing at
 * least.
 */
export function createLog(
  source: LogSource,
  patienceMs = defaultPatienceMs,
  now = (): number => performance.now(),
): LogStore {
  return new ScannedLog(source, patienceMs, now);
}

class ScannedLog implements LogStore {
  private readonly talks = new Pager<TalkRow>('log', [nowhere], (row) => [row.lastSeq]);
  private readonly said = new Pager<TalkRow>('transcripts', [nowhere], (row) => [row.lastSeq]);
  private readonly all = new Pager<{ place: Place }>('everything', ['', -1], ({ place }) => place);
  private readonly lines = new Pager<Sighted>('requests', [...last, ...last], ({ both: { m, p } }) => [...m, ...p]);

  constructor(
    private readonly source: LogSource,
    private readonly patienceMs: number,
    private readonly now: () => number,
  ) {}

  async conversations(appId: string, filter: LogFilter, page: Page): Promise<Listed<LoggedConversation>> {
    const { key } = this.talks.where(page);
    const span = await this.span(filter);
    const below = Math.min(Number(key[0]), span.below);
    const seen = this.talksBelow({ appId, below, floor: span.floor, waiting: filter.waiting === true });
    const fits = async (row: TalkRow): Promise<boolean> =>
      careFits(row, filter) && (!asksContent(filter) || (await this.source.matches(appId, row.id, filter)));
    const { found, end } = await this.walk(seen, fits, page.limit);
    return this.talks.part(found, end, ({ lastSeq: _, ...shown }) => shown);
  }

  async transcripts(appId: string, from: string | undefined, page: Page): Promise<Listed<Transcript>> {
    const { key } = this.said.where(page);
    const { floor } = await this.span({ from });
    const seen = this.talksBelow({ appId, below: Number(key[0]), floor, waiting: false });
    const read = new Map<string, StoredMessage[]>();
    const fits = async ({ id }: TalkRow): Promise<boolean> => {
      const messages = await this.source.said({ appId, conversation: id, from: from ?? '' }, mostSaid);
      return read.set(id, messages.reverse()).size > 0;
    };
    const { found, end } = await this.walk(seen, fits, page.limit);
    return this.said.part(found, end, ({ id, channel }) => {
      return { conversation: id, channel, messages: read.get(id) ?? [] };
    });
  }

  async requests(filter: RequestFilter, page: Page): Promise<Listed<LoggedRequest>> {
    const [mAt, mSeq, pAt, pSeq] = this.lines.where(page).key as [string, number, string, number];
    const from: Both = { m: bounded([mAt, mSeq], filter.to), p: bounded([pAt, pSeq], filter.to) };
    const seen = this.requestsBefore(from, filter.from ?? '');
    const { found, end } = await this.walk(seen, (row) => Promise.resolve(requestFits(row, filter)), page.limit);
    return this.lines.part(found, end, ({ seq: _seq, both: _both, ...shown }) => shown);
  }

  async everything(span: { from: string; to: string }, page: Page): Promise<Listed<TurnRecord>> {
    const { key, fetch } = this.all.where(page, [span.from, -1]);
    const rows = await this.source.onward(key as Place, span.to, fetch);
    return this.all.page(page, rows, (row) => (row as (typeof rows)[number]).turn);
  }

  /** The first rows that fit; `end`: the last one that was looked at, null when there are no more. */
  private async walk<Row>(
    rows: AsyncGenerator<Row>,
    fits: (row: Row) => Promise<boolean>,
    limit: number,
  ): Promise<{ found: Row[]; end: Row | null }> {
    let until = Infinity;
    const found: Row[] = [];
    let before: Row | null = null;
    for await (const row of rows) {
      // However long a database takes for the first rows: those that came along with them are looked at.
      if (!before) until = this.now() + this.patienceMs;
      const fit = await fits(row);
      // The row after a full page only tells that there is one.
      if (fit && found.length === limit) return { found, end: before };
      if (fit) found.push(row);
      before = row;
      if (this.now() >= until) return { found, end: row };
    }
    return { found, end: null };
  }

  private async span({ from, to }: LogFilter): Promise<{ below: number; floor: number }> {
    const floor = from === undefined ? 0 : ((await this.source.firstFrom(from)) ?? nowhere);
    const top = to === undefined ? nowhere - 1 : ((await this.source.lastUpTo(to)) ?? -1);
    return { below: top + 1, floor };
  }

  private async *talksBelow(of: Parameters<LogSource['talks']>[0]): AsyncGenerator<TalkRow> {
    let { below } = of;
    let rows: TalkRow[];
    do {
      rows = await this.source.talks({ ...of, below }, talksAtOnce);
      yield* rows;
      below = rows.at(-1)?.lastSeq ?? 0;
    } while (rows.length === talksAtOnce);
  }

  /** Messages and parses as one list, newest first. */
  private async *requestsBefore(start: Both, from: string): AsyncGenerator<Sighted> {
    let both = start;
    const messages = pieces(start.m, (before) => this.source.messages(before, from, requestsAtOnce));
    const parses = pieces(start.p, (before) => this.source.parses(before, from, requestsAtOnce));
    let [m, p] = [await messages.next(), await parses.next()];
    while (!m.done || !p.done) {
      if (!m.done && (p.done || m.value.at >= p.value.at)) {
        both = { ...both, m: [m.value.at, m.value.seq] };
        yield { ...m.value, both };
        m = await messages.next();
      } else if (!p.done) {
        both = { ...both, p: [p.value.at, p.value.seq] };
        yield { ...p.value, both };
        p = await parses.next();
      }
    }
  }
}

async function* pieces(start: Place, read: (before: Place) => Promise<RequestRow[]>): AsyncGenerator<RequestRow, null> {
  let before = start;
  let rows: RequestRow[];
  do {
    rows = await read(before);
    yield* rows;
    const end = rows.at(-1);
    if (end) before = [end.at, end.seq];
  } while (rows.length === requestsAtOnce);
  return null;
}

/** The place, or the one after all of the time `to` where that comes earlier. */
const bounded = (place: Place, to: string | undefined): Place =>
  to === undefined || place[0] <= to ? place : [to, nowhere];

const asksContent = ({ intent, minConfidence, maxConfidence, text }: LogFilter): boolean =>
  [intent, minConfidence, maxConfidence, text].some((asked) => asked !== undefined);

function careFits(row: TalkRow, { channel, from, to, review, tag, waiting, agent }: LogFilter): boolean {
  const { care } = row;
  const unfit =
    (channel !== undefined && row.channel !== channel) ||
    (from !== undefined && row.lastAt < from) ||
    (to !== undefined && row.lastAt > to) ||
    (review !== undefined && care.review !== review) ||
    (tag !== undefined && !care.tags.includes(tag)) ||
    (waiting !== undefined && (care.state === 'waiting') !== waiting) ||
    (agent !== undefined && care.agent !== agent);
  return !unfit;
}

function requestFits(row: RequestRow, { appId, channel, node, status, trace }: RequestFilter): boolean {
  const wanted = { appId, channel, node, status, trace };
  return Object.entries(wanted).every(([name, value]) => value === undefined || row[name as 'appId'] === value);
}
