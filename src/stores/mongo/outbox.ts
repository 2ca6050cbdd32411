/** Replies on their way out: entries inside their messages. */
import type { Listed, OutboxEntry, OutboxStore, Page } from '../../contracts.js';
import { Pager } from '../page.js';
import type { Mongo } from './database.js';
import { type EpochOf, fenced } from './conversations.js';
import type { Numbers } from './facts.js';
import {
  carrying,
  entryOf,
  type EntryDoc,
  type MessageDoc,
  type MessageQuestions,
  messages,
  numberOf,
} from './messages.js';
import type { Table } from './table.js';

/** The outbox of one database. `now` stamps what is given up. */
export class MongoOutbox implements OutboxStore {
  private readonly table: Table<MessageDoc, MessageQuestions>;
  private readonly pager = new Pager<MessageDoc>('outbox', [0], ({ outbox }) => [outbox[0]?.seq ?? 0]);

  constructor(
    private readonly mongo: Mongo,
    private readonly beside: { numbers: Numbers; epochOf: EpochOf },
    private readonly now: () => Date,
  ) {
    this.table = mongo.table(messages);
  }

  pending(page: Page): Promise<Listed<OutboxEntry>> {
    return this.mongo.run(
      async () => {
        const { key, fetch } = this.pager.where(page);
        const found = await this.table.unwound('pending', {}, { after: key, limit: fetch });
        const { items, next } = this.pager.page(page, found, (message) => message);
        return { items: items.flatMap((message) => message.outbox.map((entry) => entryOf(message, entry))), next };
      },
      { unhurried: true },
    );
  }

  of(messageId: string): Promise<OutboxEntry[]> {
    return this.mongo.run(async () => {
      const message = await this.table.byId(numberOf(messageId));
      return message?.outbox.map((entry) => entryOf(message, entry)) ?? [];
    });
  }

  sent(entry: OutboxEntry): Promise<void> {
    return this.leave(entry, ({ state, error, letters }, outbox) => {
      // A message whose answer did not go out, or is a dead letter, was not delivered, whatever of it was.
      const wentOut = state !== 'received' && !(state === 'answered' && error !== null);
      const whole = wentOut && outbox.length === 0 && letters.every(({ kind }) => kind !== 'reply');
      return { ...carrying(outbox, letters), ...(whole && { delivered: true }) };
    });
  }

  async retry(entry: OutboxEntry): Promise<void> {
    const { attempts, maybeSent, error, hold } = entry;
    const noted = { attempts, maybeSent, error, until: hold?.until ?? null, scope: hold?.scope ?? null };
    await this.mongo.run(() =>
      this.table.change(numberOf(entry.messageId), (message) => {
        const mark = fenced(message, this.beside.epochOf);
        const after = message.outbox.map((one) => (one.seq === numberOf(entry.id) ? { ...one, ...noted } : one));
        return { set: { ...carrying(after, message.letters), ...mark }, answer: null };
      }),
    );
  }

  async bury(entry: OutboxEntry): Promise<void> {
    const { part, attempts, maybeSent, error } = entry;
    const at = this.now().toISOString();
    const seq = await this.mongo.run(() => this.beside.numbers.next());
    const buried = { seq, kind: 'reply', part, reply: JSON.stringify(entry.reply), attempts, maybeSent, at } as const;
    await this.leave(entry, ({ letters }, outbox) => carrying(outbox, [...letters, { ...buried, error: error ?? '' }]));
  }

  /** Puts an entry back as a backup has it. */
  async restore(entry: OutboxEntry): Promise<void> {
    const { part, attempts, maybeSent, error, hold } = entry;
    const seq = numberOf(entry.id);
    const noted = { attempts, maybeSent, error, until: hold?.until ?? null, scope: hold?.scope ?? null };
    await this.beside.numbers.beyond(seq);
    await this.table.change(numberOf(entry.messageId), ({ outbox, letters }) => {
      const others = outbox.filter((one) => one.seq !== seq);
      const back = { seq, part, reply: JSON.stringify(entry.reply), ...noted };
      return { set: carrying([...others, back], letters), answer: null };
    });
  }

  /** Takes an entry out, unless it has left before, with what else becomes of its message. */
  private async leave(
    entry: OutboxEntry,
    set: (message: MessageDoc, outbox: EntryDoc[]) => Partial<MessageDoc>,
  ): Promise<void> {
    await this.mongo.run(() =>
      this.table.change(numberOf(entry.messageId), (message) => {
        const outbox = message.outbox.filter(({ seq }) => seq !== numberOf(entry.id));
        if (outbox.length === message.outbox.length) return { answer: null };
        const mark = fenced(message, this.beside.epochOf);
        const twice = entry.maybeSent ? { maybeTwice: true } : {};
        return { set: { ...set(message, outbox), ...twice, ...mark }, answer: null };
      }),
    );
  }
}
