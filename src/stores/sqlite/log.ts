/** What `stores/log.ts` reads of one SQLite file. */
import type { LogFilter, LogStore, MessageState, StoredMessage, TurnRecord } from '../../contracts.js';
import { careOf, createLog, type LogSource, type Place, type RequestRow, type TalkRow } from '../log.js';
import { messageOf, type MessageRow } from './conversations.js';
import type { Reader } from './database.js';

interface TalkColumns extends Omit<TalkRow, 'care'> {
  body: string | null;
}
interface TurnColumns extends Omit<TurnRecord, 'id' | 'calls'> {
  seq: number;
  calls: number;
}
interface RequestColumns {
  seq: number;
  appId: string;
  channel: string;
  conversation: string | null;
  node: string | null;
  status: MessageState;
  ms: number | null;
  at: string;
  trace: string | null;
}

const shown = `
  SELECT c.id, c.channel, c.messages, c.first_at AS firstAt, c.last_at AS lastAt, c.last_seq AS lastSeq, k.body`;
const onward = 'c.last_seq < @below AND c.last_seq >= @floor ORDER BY c.last_seq DESC LIMIT @fetch';
const talks = `${shown} FROM conversations c LEFT JOIN care k ON k.app_id = c.app_id AND k.conversation = c.id
  WHERE c.app_id = @appId AND ${onward}`;
const waiting = `${shown} FROM care k CROSS JOIN conversations c ON c.app_id = k.app_id AND c.id = k.conversation
  WHERE k.state <> 'bot' AND k.state = 'waiting' AND k.app_id = @appId AND ${onward}`;
const matches = `
  SELECT 1 FROM messages WHERE app_id = @appId AND conversation = @conversation
    AND (@intent IS NULL OR intent = @intent OR instr(intent, @intent || '/') = 1)
    AND (@min IS NULL OR confidence >= @min) AND (@max IS NULL OR confidence <= @max)
    AND (@text IS NULL OR text LIKE @text ESCAPE '!' OR replies LIKE @reply ESCAPE '!') LIMIT 1`;
const said = `
  SELECT * FROM messages WHERE app_id = @appId AND conversation = @conversation AND received_at >= @from ORDER BY number DESC LIMIT @fetch`;
const onwardOf = `
  SELECT seq, app_id AS appId, channel, conversation, state, intent, ms, received_at AS receivedAt, turn ->> '$.model' AS model,
    turn ->> '$.agent' AS agent, instr(coalesce(turn, ''), '"action_handoff"') > 0 OR instr(replies, '"handoff":true') > 0 AS calls
  FROM messages WHERE (received_at, seq) > (@at, @seq) AND received_at < @to ORDER BY received_at, seq LIMIT @fetch`;
const firstFrom = 'SELECT seq FROM messages WHERE received_at >= @from ORDER BY received_at, seq LIMIT 1';
const lastUpTo = 'SELECT seq FROM messages WHERE received_at <= @to ORDER BY received_at DESC, seq DESC LIMIT 1';
const messages = `
  SELECT seq, app_id AS appId, channel, conversation, turn ->> '$.node' AS node, state AS status, ms, received_at AS at,
    turn ->> '$.trace' AS trace
  FROM messages WHERE (received_at, seq) < (@at, @seq) AND received_at >= @from ORDER BY received_at DESC, seq DESC LIMIT @fetch`;
const parses = `
  SELECT seq, app_id AS appId, channel, NULL AS conversation, node, status, ms, at, NULL AS trace FROM parses
  WHERE (at, seq) < (@at, @seq) AND at >= @from ORDER BY at DESC, seq DESC LIMIT @fetch`;

class SqliteLogSource implements LogSource {
  private readonly each;
  private readonly queued;
  private readonly newestOf;
  private readonly onwards;
  private readonly fitting;
  private readonly first;
  private readonly newest;
  private readonly messagesBefore;
  private readonly parsesBefore;

  constructor(private readonly reader: Reader) {
    this.each = reader.query<TalkColumns>(talks);
    this.queued = reader.query<TalkColumns>(waiting);
    this.onwards = reader.query<TurnColumns>(onwardOf);
    this.newestOf = reader.query<MessageRow>(said);
    this.fitting = reader.query(matches);
    this.first = reader.query<{ seq: number }>(firstFrom);
    this.newest = reader.query<{ seq: number }>(lastUpTo);
    this.messagesBefore = reader.query<RequestColumns>(messages);
    this.parsesBefore = reader.query<RequestColumns>(parses);
  }

  talks({ waiting: alone, ...of }: Parameters<LogSource['talks']>[0], fetch: number): Promise<TalkRow[]> {
    return this.reader.read(() =>
      (alone ? this.queued : this.each)
        .all({ ...of, fetch })
        .map(({ body, ...row }) => ({ ...row, care: careOf(body) })),
    );
  }

  said(of: Parameters<LogSource['said']>[0], fetch: number): Promise<StoredMessage[]> {
    return this.reader.read(() => this.newestOf.all({ ...of, fetch }).map(messageOf));
  }

  onward([at, seq]: Place, to: string, fetch: number): ReturnType<LogSource['onward']> {
    return this.reader.read(() =>
      this.onwards.all({ at, seq, to, fetch }).map(({ seq: number, calls, ...turn }) => {
        return { turn: { ...turn, id: String(number), calls: calls === 1 }, place: [turn.receivedAt, number] };
      }),
    );
  }

  matches(appId: string, conversation: string, filter: LogFilter): Promise<boolean> {
    const { intent = null, minConfidence: min = null, maxConfidence: max = null, text } = filter;
    // Replies are kept as JSON, which writes some characters otherwise.
    const reply = text === undefined ? null : containing(JSON.stringify(text).slice(1, -1));
    const values = { appId, conversation, intent, min, max, text: text === undefined ? null : containing(text), reply };
    return this.reader.read(() => this.fitting.get(values) !== undefined);
  }

  firstFrom(from: string): Promise<number | null> {
    return this.reader.read(() => this.first.get({ from })?.seq ?? null);
  }

  lastUpTo(to: string): Promise<number | null> {
    return this.reader.read(() => this.newest.get({ to })?.seq ?? null);
  }

  messages([at, seq]: Place, from: string, fetch: number): Promise<RequestRow[]> {
    return this.reader.read(() => this.messagesBefore.all({ at, seq, from, fetch }).map(requestOf('message')));
  }

  parses([at, seq]: Place, from: string, fetch: number): Promise<RequestRow[]> {
    return this.reader.read(() => this.parsesBefore.all({ at, seq, from, fetch }).map(requestOf('parse')));
  }
}

const containing = (text: string): string => `%${text.replace(/[!%_]/g, '!$&')}%`;
const requestOf =
  (kind: RequestRow['kind']) =>
  (row: RequestColumns): RequestRow => ({ kind, ...row });

/** The log of one SQLite file. */
export const createSqliteLog = (reader: Reader, patienceMs?: number): LogStore =>
  createLog(new SqliteLogSource(reader), patienceMs);
