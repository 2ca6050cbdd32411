/**
 * Messages and the conversations they form. One document is both the dedupe key and the message. A conversation's own document only counts:
 * it is written after the message, in order, and counted anew where that was cut off.
 */
import type {
  Aftermath,
  Aged,
  Conversation,
  ConversationStore,
  IncomingMessage,
  Listed,
  MessageChange,
  OutboxEntry,
  Page,
  StoredMessage,
} from '../../contracts.js';
import { HubError } from '../../errors.js';
import { agedBefore, isAged, Pager } from '../page.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import { lateError, storeErrorOf } from './failure.js';
import { Lanes } from './lanes.js';
import {
  carrying,
  entryOf,
  type MessageDoc,
  messageOf,
  type MessageQuestions,
  messages,
  numberOf,
  received,
} from './messages.js';
import type { Table } from './table.js';
import type { MongoTrackers } from './trackers.js';

export interface TalkDoc extends Stored, Conversation {
  _id: string;
  appId: string;
  lastSeq: number;
}
export type TalkQuestions = 'byActivity' | 'ofBot';
export const conversations: Collection<TalkDoc, TalkQuestions> = {
  name: 'conversations',
  fields: {
    _id: 'string',
    appId: 'string',
    id: 'string',
    channel: 'string',
    messages: 'number',
    firstAt: 'string',
    lastAt: 'string',
    lastSeq: 'number',
  },
  indexes: { by_activity: { keys: ['appId', 'lastSeq'] } },
  questions: {
    byActivity: { index: 'by_activity', equal: ['appId'], sorted: ['lastSeq'], order: 'down' },
    ofBot: { index: 'by_activity', equal: ['appId'] },
  },
};
const recoverPage = 500;
/** Events of which it is not known whether they were stored; the oldest are forgotten beyond this. */
const mostUnsure = 100_000;

/** Forgets what people did about a conversation. */
interface CareForgetter {
  forget(appId: string, conversation: string): Promise<void>;
}
type Arrived = Omit<MessageDoc, 'rev'>;
/** Answers under which epoch this hub may write in a conversation; throws when it may not. */
export type EpochOf = (at: Pick<IncomingMessage, 'appId' | 'conversation'>) => number;
/** The only hub of a database has everything, under no epoch. */
export const noEpoch: EpochOf = () => Infinity;

/** What a write under this epoch adds to a message. Throws `stopping` when a later one has written to it. */
export function fenced(document: Pick<MessageDoc, 'appId' | 'conversation' | 'epoch'>, epochOf: EpochOf) {
  const epoch = epochOf(document);
  if ((document.epoch ?? 0) <= epoch) return epoch === Infinity ? {} : { epoch };
  throw new HubError('stopping', 'Another hub has this conversation by now; send the message again in a moment.');
}
const keyOf = ({ appId, conversation }: Pick<IncomingMessage, 'appId' | 'conversation'>): string =>
  JSON.stringify([appId, conversation]);
const eventOf = ({ appId, channel, eventId }: IncomingMessage): string => JSON.stringify([appId, channel, eventId]);

/** The messages of one database. `now` stamps what is received. */
export class MongoConversations implements ConversationStore {
  private readonly table: Table<MessageDoc, MessageQuestions>;
  private readonly talks: Table<TalkDoc, TalkQuestions>;
  private readonly lanes = new Lanes();
  /** Events that were refused because the server did not answer, and the number under which they may be stored all the same. */
  private readonly unsure = new Map<string, number>();
  private readonly pager = new Pager<MessageDoc>('messages', [0], (message) => [message.number]);
  private readonly unsettledPager = new Pager<MessageDoc>('unsettled', [0], (message) => [message._id]);
  private readonly agedPager = new Pager<MessageDoc>('expired', ['', 0], (message) => [
    message.receivedAt,
    message._id,
  ]);
  private readonly talkPager = new Pager<TalkDoc>('conversations', [Number.MAX_SAFE_INTEGER], (talk) => [talk.lastSeq]);

  constructor(
    private readonly mongo: Mongo,
    private readonly beside: {
      bots: MongoBots;
      numbers: Numbers;
      trackers: MongoTrackers;
      care: CareForgetter;
      epochOf: EpochOf;
    },
    private readonly now: () => Date,
  ) {
    this.table = mongo.table(messages);
    this.talks = mongo.table(conversations);
    beside.bots.onDelete(
      (appId) => this.table.remove('ofBot', { appId }),
      (appId) => this.talks.remove('ofBot', { appId }),
    );
  }

  receive(message: IncomingMessage): ReturnType<ConversationStore['receive']> {
    return this.mongo.run(() =>
      this.lanes.run(keyOf(message), () => this.beside.bots.within(message.appId, () => this.take(message))),
    );
  }

  settle(id: string, change: MessageChange, then: Aftermath = {}): Promise<OutboxEntry[]> {
    const { send = [], bury } = then;
    const first = (change.replies?.length ?? 0) - send.length;
    const at = this.now().toISOString();
    return this.mongo.run(async () => {
      const numbers = await this.beside.numbers.take(send.length + 1);
      const fresh = { attempts: 0, maybeSent: false, error: null, until: null, scope: null };
      const entries = await this.table.change(numberOf(id), (document) => {
        const mark = fenced(document, this.beside.epochOf);
        // A settlement whose answer was lost comes again: its replies are there already.
        const there = (part: number) => document.outbox.find((entry) => entry.part === part);
        const put = send.map(
          (reply, place) =>
            there(first + place) ?? {
              ...{ seq: numbers[place] ?? 0, part: first + place, reply: JSON.stringify(reply) },
              ...fresh,
            },
        );
        const outbox = [...document.outbox.filter((entry) => !put.includes(entry)), ...put];
        const given = {
          seq: numbers.at(-1) ?? 0,
          kind: 'turn',
          part: null,
          reply: null,
          maybeSent: false,
          at,
        } as const;
        const letter = { ...given, error: change.error ?? '', attempts: bury?.attempts ?? 0 };
        const buried = document.letters.some(({ kind }) => kind === 'turn');
        const letters = bury && !buried ? [...document.letters, letter] : document.letters;
        const set = { ...fieldsOf(change), ...carrying(outbox, letters), ...mark };
        return { set, answer: put.map((entry) => entryOf(document, entry)) };
      });
      if (entries) return entries;
      throw new HubError('not_found', 'That message is not there (any more): its bot was deleted.');
    });
  }

  unsettled(page: Page): Promise<Listed<StoredMessage>> {
    return this.mongo.run(
      async () => {
        const { key, fetch } = this.unsettledPager.where(page);
        const found = await this.table.find('unsettled', {}, { after: key, limit: fetch });
        return this.unsettledPager.page(page, found, messageOf);
      },
      { unhurried: true },
    );
  }

  waiting(appId: string, conversation: string): Promise<StoredMessage[]> {
    return this.mongo.run(async () =>
      (await this.table.find('waiting', { appId, conversation }, { limit: recoverPage })).map(messageOf),
    );
  }

  get(id: string): Promise<StoredMessage | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(numberOf(id));
      return document && messageOf(document);
    });
  }

  list(appId: string, page: Page): Promise<Listed<Conversation>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.talkPager.where(page);
      const found = await this.talks.find('byActivity', { appId }, { after: key, limit: fetch });
      return this.talkPager.page(page, found, ({ id, channel, messages: count, firstAt, lastAt }) => {
        return { id, channel, messages: count, firstAt, lastAt };
      });
    });
  }

  messages(appId: string, conversation: string, page: Page): Promise<Listed<StoredMessage>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page);
      const found = await this.table.find('ofConversation', { appId, conversation }, { after: key, limit: fetch });
      return this.pager.page(page, found, messageOf);
    });
  }

  expire(aged: Aged, page: Page): Promise<{ removed: number; next: string | null }> {
    return this.mongo.run(
      async () => {
        const { key, fetch } = this.agedPager.where(page);
        const found = await this.table.find('byAge', {}, { after: key, limit: fetch });
        const before = agedBefore(aged);
        const old = found.filter(({ receivedAt }) => receivedAt < before);
        const { items, next } = this.agedPager.page(page, old, (message) => message);
        const gone = items.filter(({ appId, receivedAt }) => isAged(aged, appId, receivedAt));
        const groups = new Map<string, MessageDoc[]>();
        for (const message of gone.filter(({ state, pending }) => state !== 'received' && !pending)) {
          groups.set(keyOf(message), [...(groups.get(keyOf(message)) ?? []), message]);
        }
        let removed = 0;
        for (const [talk, group] of groups) removed += await this.lanes.run(talk, () => this.drop(talk, group));
        return { removed, next };
      },
      { unhurried: true },
    );
  }

  erase(appId: string, conversation: string): Promise<boolean> {
    const of = { appId, conversation };
    return this.mongo.run(
      () =>
        this.lanes.run(keyOf(of), async () => {
          this.beside.epochOf(of);
          // The messages last: what is cut off is found by them when it is asked again.
          const tracker = await this.beside.trackers.forget(appId, conversation);
          await this.beside.care.forget(appId, conversation);
          const talk = await this.talks.removeOne(keyOf(of));
          return (await this.table.remove('ofConversation', of)) > 0 || talk || tracker;
        }),
      { unhurried: true },
    );
  }

  latest(appId: string, conversation: string, count: number): Promise<StoredMessage[]> {
    return this.mongo.run(async () => {
      const found = await this.table.find('newest', { appId, conversation }, { limit: count });
      return found.map(messageOf).reverse();
    });
  }

  /** Puts a message back as a backup has it; those of a conversation come in their order. */
  async restore(message: StoredMessage): Promise<void> {
    const { id, metadata, replies, turn, ...fields } = message;
    const texts = { metadata: JSON.stringify(metadata), replies: JSON.stringify(replies) };
    const json = { ...texts, ...(turn && { turn: JSON.stringify(turn) }) };
    const document = { _id: numberOf(id), ...fields, ...json, ...carrying([], []) };
    await this.lanes.run(keyOf(message), () =>
      this.beside.bots.within(message.appId, async () => {
        await this.beside.numbers.beyond(Math.max(document._id, message.number));
        await this.table.insert(document);
        await this.count(document);
      }),
    );
  }

  /** Counts the messages that a crash kept from being counted: they have no outcome yet. */
  async recover(): Promise<void> {
    let found: MessageDoc[];
    let after = [0];
    do {
      found = await this.table.find('unsettled', {}, { after, limit: recoverPage });
      for (const message of found) {
        const talk = await this.talks.byId(keyOf(message));
        if (!talk || talk.lastSeq < message._id) await this.countAnew(message);
        after = [message._id];
      }
    } while (found.length === recoverPage);
  }

  /** Writes the epoch of their new owner into messages that are under way: who had them before writes there no more. Counts those that nobody has counted. */
  async claim(mine: (at: Pick<IncomingMessage, 'appId' | 'conversation'>) => boolean, epochOf: EpochOf): Promise<void> {
    const stamp = async (message: MessageDoc): Promise<void> => {
      if (!mine(message)) return;
      const epoch = epochOf(message);
      await this.table.change(message._id, (document) =>
        (document.epoch ?? 0) < epoch ? { set: { epoch }, answer: null } : { answer: null },
      );
    };
    for (let after = [0], more = true; more;) {
      const found = await this.table.find('unsettled', {}, { after, limit: recoverPage });
      for (const message of found) await stamp(message);
      after = [found.at(-1)?._id ?? 0];
      more = found.length === recoverPage;
    }
    for (let after = [0], more = true; more;) {
      const found = await this.table.unwound('pending', {}, { after, limit: recoverPage });
      for (const message of found) await stamp(message);
      after = [found.at(-1)?.outbox[0]?.seq ?? 0];
      more = found.length === recoverPage;
    }
  }

  private async take(message: IncomingMessage): ReturnType<ConversationStore['receive']> {
    const event = eventOf(message);
    const doubtful = this.unsure.get(event);
    const seq = doubtful ?? (await this.beside.numbers.next());
    let document: Arrived = received(message, seq, this.now().toISOString());
    try {
      if (!(await this.table.insert(document))) {
        const present = await this.table.first('byEvent', {
          ...{ appId: message.appId, channel: message.channel, eventId: message.eventId },
        });
        if (!present) throw lateError();
        if (present._id !== doubtful) return { message: messageOf(present), duplicate: true };
        // Its sender was told that it is not stored, so nobody works on it: it is new. Unless another hub has found it meanwhile.
        if (present.state !== 'received') return { message: messageOf(present), duplicate: true };
        document = present;
      }
      await (doubtful === undefined ? this.count(document) : this.countAnew(document));
    } catch (error) {
      if (!['invalid', 'too_large'].includes(storeErrorOf(error).code)) this.remember(event, seq);
      throw error;
    }
    this.unsure.delete(event);
    return { message: messageOf(document), duplicate: false, doubtful: doubtful !== undefined };
  }

  /** Removes messages of one conversation; with the last ones the conversation first, so that what is cut off is done the next time. */
  private async drop(talk: string, group: MessageDoc[]): Promise<number> {
    const [{ appId, conversation } = { appId: '', conversation: '' }] = group;
    const of = { appId, conversation };
    if ((await this.table.count('ofConversation', of)) === group.length) {
      await this.beside.trackers.forget(appId, conversation);
      await this.beside.care.forget(appId, conversation);
      await this.talks.removeOne(talk);
    }
    let removed = 0;
    for (const message of group) if (await this.table.removeAsRead(message)) removed += 1;
    const left = await this.table.first('newest', of);
    if (left) await this.countAnew(left);
    return removed;
  }

  private remember(event: string, seq: number): void {
    this.unsure.set(event, seq);
    const [oldest] = this.unsure.keys();
    if (this.unsure.size > mostUnsure && oldest !== undefined) this.unsure.delete(oldest);
  }

  /** Counts a message once, however often it is asked to. */
  private async count(message: Arrived): Promise<void> {
    const { _id: lastSeq, appId, conversation: id, channel, receivedAt: lastAt } = message;
    const key = keyOf(message);
    const counted = (): Promise<boolean | undefined> =>
      this.talks.change(key, (talk) => {
        // Of two that came at once by two hubs the later may be counted first.
        if (talk.lastSeq > lastSeq) return { answer: false };
        if (talk.lastSeq === lastSeq) return { answer: true };
        return { set: { messages: talk.messages + 1, lastAt, lastSeq }, answer: true };
      });
    const first = { _id: key, appId, id, channel, messages: 1, firstAt: lastAt, lastAt, lastSeq };
    const done = (await counted()) ?? ((await this.talks.insert(first)) || (await counted()));
    if (!done) await this.countAnew(message);
  }

  private async countAnew(message: Arrived): Promise<void> {
    const { appId, conversation, channel } = message;
    const of = { appId, conversation };
    for (let written = false; !written;) {
      const before = await this.talks.byId(keyOf(message));
      const [oldest, newest] = [await this.table.first('ofConversation', of), await this.table.first('newest', of)];
      const count = await this.table.count('ofConversation', of);
      const fields = {
        ...{ appId, id: conversation, channel, messages: Math.max(1, count) },
        firstAt: (oldest ?? message).receivedAt,
        lastAt: (newest ?? message).receivedAt,
        lastSeq: (newest ?? message)._id,
      };
      // Counted again when somebody else counted meanwhile.
      written = before
        ? (await this.talks.change(before._id, ({ rev }) =>
            rev === before.rev ? { set: fields, answer: true } : { answer: false },
          )) === true
        : await this.talks.insert({ _id: keyOf(message), ...fields });
    }
  }
}

/** The fields that `change` names, and no others. */
function fieldsOf({ replies, turn, ...change }: MessageChange): Partial<MessageDoc> {
  const named = Object.fromEntries(Object.entries<unknown>(change).filter(([, value]) => value !== undefined));
  return {
    ...named,
    ...(replies && { replies: JSON.stringify(replies) }),
    ...(turn && { turn: JSON.stringify(turn) }),
  };
}
