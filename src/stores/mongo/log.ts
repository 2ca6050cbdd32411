/** What `stores/log.ts` reads of one database. */
import type { LogFilter, LogStore, StoredMessage, TurnRecord } from '../../contracts.js';
import { careOf, createLog, type LogSource, type Place, type RequestRow, type TalkRow } from '../log.js';
import { type CareDoc, type CareQuestions, cares } from './care.js';
import { conversations, type TalkDoc, type TalkQuestions } from './conversations.js';
import type { Mongo } from './database.js';
import { type MessageDoc, messageOf, type MessageQuestions, messages } from './messages.js';
import { type ParseDoc, type ParseQuestions, parses } from './parses.js';
import type { Table } from './table.js';

/** Messages of one conversation that are looked at in one go. */
const atOnce = 200;
const mostWaiting = 100_000;

class MongoLogSource implements LogSource {
  private readonly all: Table<TalkDoc, TalkQuestions>;
  private readonly care: Table<CareDoc, CareQuestions>;
  private readonly messageTable: Table<MessageDoc, MessageQuestions>;
  private readonly parsed: Table<ParseDoc, ParseQuestions>;

  constructor(private readonly mongo: Mongo) {
    this.all = mongo.table(conversations);
    this.care = mongo.table(cares);
    this.messageTable = mongo.table(messages);
    this.parsed = mongo.table(parses);
  }

  talks({ appId, below, floor, waiting }: Parameters<LogSource['talks']>[0], fetch: number): Promise<TalkRow[]> {
    return this.mongo.run(async () => {
      const found = waiting
        ? await this.waiting(appId, below)
        : await this.all.find('byActivity', { appId }, { after: [below], limit: fetch });
      const wanted = found.filter(({ lastSeq }) => lastSeq >= floor).slice(0, fetch);
      const care = await this.care.find('several', { _id: wanted.map(({ _id }) => _id) }, { limit: fetch });
      const bodies = new Map(care.map(({ _id, body }) => [_id, body]));
      return wanted.map(({ _id, id, channel, messages: count, firstAt, lastAt, lastSeq }) => {
        return { id, channel, messages: count, firstAt, lastAt, lastSeq, care: careOf(bodies.get(_id) ?? null) };
      });
    });
  }

  said(of: Parameters<LogSource['said']>[0], fetch: number): Promise<StoredMessage[]> {
    const { from, ...where } = of;
    return this.mongo.run(async () =>
      (await this.messageTable.find('newest', where, { limit: fetch }))
        .filter(({ receivedAt }) => receivedAt >= from)
        .map(messageOf),
    );
  }

  onward(after: Place, to: string, fetch: number): ReturnType<LogSource['onward']> {
    return this.mongo.run(async () =>
      (await this.messageTable.find('byAge', {}, { after, limit: fetch }))
        .filter(({ receivedAt }) => receivedAt < to)
        .map((document) => ({ turn: turnOf(document), place: [document.receivedAt, document._id] })),
    );
  }

  matches(appId: string, conversation: string, filter: LogFilter): Promise<boolean> {
    return this.mongo.run(async () => {
      const of = { appId, conversation };
      let after: [number] | undefined;
      let found: MessageDoc[];
      do {
        found = await this.messageTable.find('newest', of, { limit: atOnce, ...(after && { after }) });
        if (found.some((message) => fits(message, filter))) return true;
        after = [found.at(-1)?.number ?? 0];
      } while (found.length === atOnce);
      return false;
    });
  }

  firstFrom(from: string): Promise<number | null> {
    // A time compares below every place of that time.
    return this.mongo.run(async () => (await this.messageTable.first('byAge', {}, [from, -1]))?._id ?? null);
  }

  lastUpTo(to: string): Promise<number | null> {
    return this.mongo.run(
      async () => (await this.messageTable.first('newestOfAll', {}, [to, Number.MAX_SAFE_INTEGER]))?._id ?? null,
    );
  }

  messages(before: Place, from: string, fetch: number): Promise<RequestRow[]> {
    return this.mongo.run(async () => {
      const found = await this.messageTable.find('newestOfAll', {}, { after: before, limit: fetch });
      return found
        .filter(({ receivedAt }) => receivedAt >= from)
        .map((document) => {
          const { appId, channel, conversation, state: status, ms, receivedAt: at, turn } = messageOf(document);
          const { node = null, trace = null } = turn ?? {};
          return { kind: 'message', seq: document._id, appId, channel, conversation, node, status, ms, at, trace };
        });
    });
  }

  parses(before: Place, from: string, fetch: number): Promise<RequestRow[]> {
    return this.mongo.run(async () => {
      const found = await this.parsed.find('newest', {}, { after: before, limit: fetch });
      return found
        .filter(({ at }) => at >= from)
        .map(({ _id: seq, rev: _rev, ...record }) => ({
          kind: 'parse',
          seq,
          conversation: null,
          trace: null,
          ...record,
        }));
    });
  }

  private async waiting(appId: string, below: number): Promise<TalkDoc[]> {
    const care = await this.care.find('ofState', { state: 'waiting' }, { limit: mostWaiting });
    const talks: TalkDoc[] = [];
    for (const { _id } of care.filter((one) => one.appId === appId)) {
      const talk = await this.all.byId(_id);
      if (talk && talk.lastSeq < below) talks.push(talk);
    }
    return talks.sort((one, other) => other.lastSeq - one.lastSeq);
  }
}

function fits(document: MessageDoc, { intent, minConfidence, maxConfidence, text }: LogFilter): boolean {
  const { confidence } = document;
  const low = text?.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const holds = (where: string): boolean =>
    low !== undefined && where.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).includes(low);
  const unfit =
    (intent !== undefined && document.intent !== intent && !document.intent?.startsWith(`${intent}/`)) ||
    (minConfidence !== undefined && (confidence === null || confidence < minConfidence)) ||
    (maxConfidence !== undefined && (confidence === null || confidence > maxConfidence)) ||
    (text !== undefined &&
      !holds(document.text) &&
      !messageOf(document).replies.some(({ text: said }) => said !== undefined && holds(said)));
  return !unfit;
}

function turnOf(document: MessageDoc): TurnRecord {
  const { id, appId, channel, conversation, state, intent, ms, receivedAt, turn } = messageOf(document);
  const calls = (document.turn ?? '').includes('"action_handoff"') || document.replies.includes('"handoff":true');
  const { model = null, agent = null } = turn ?? {};
  return { id, appId, channel, conversation, state, intent, ms, receivedAt, model, agent, calls };
}

/** The log of one database. */
export const createMongoLog = (mongo: Mongo, patienceMs?: number): LogStore =>
  createLog(new MongoLogSource(mongo), patienceMs);
