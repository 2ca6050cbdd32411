/** Turns and replies that were given up, until somebody replays or discards them: entries inside their messages. */
import type { DeadLetter, DeadLetterStore, Listed, OutboxEntry, Page, StoredMessage } from '../../contracts.js';
import { Pager } from '../page.js';
import type { Mongo } from './database.js';
import type { Numbers } from './facts.js';
import {
  carrying,
  entryOf,
  letterOf,
  type LetterDoc,
  type MessageDoc,
  messageOf,
  type MessageQuestions,
  messages,
  numberOf,
} from './messages.js';
import type { Change, Table } from './table.js';

type Revived = { message: StoredMessage } | { entry: OutboxEntry };

/** The dead letters of one database. */
export class MongoDeadLetters implements DeadLetterStore {
  private readonly table: Table<MessageDoc, MessageQuestions>;
  private readonly pager = new Pager<MessageDoc>('dead letters', [Number.MAX_SAFE_INTEGER], ({ letters }) => [
    letters[0]?.seq ?? 0,
  ]);

  constructor(
    private readonly mongo: Mongo,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(messages);
  }

  list(page: Page, appId?: string): Promise<Listed<DeadLetter>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page);
      const of = { after: key, limit: fetch };
      const found =
        appId === undefined
          ? await this.table.unwound('letters', {}, of)
          : await this.table.unwound('lettersOfBot', { appId }, of);
      const { items, next } = this.pager.page(page, found, (message) => message);
      return { items: items.flatMap((message) => message.letters.map((letter) => letterOf(message, letter))), next };
    });
  }

  get(id: string): Promise<DeadLetter | null> {
    return this.mongo.run(async () => {
      const seq = numberOf(id);
      const message = await this.table.first('byLetter', { 'letters.seq': seq });
      const letter = message?.letters.find((one) => one.seq === seq);
      return message && letter ? letterOf(message, letter) : null;
    });
  }

  revive(id: string): Promise<Revived | null> {
    return this.mongo.run(async () => {
      const seq = await this.numbers.next();
      return this.change<Revived>(id, (message, letter, letters) => {
        if (letter.kind === 'turn') {
          const set = { ...carrying(message.outbox, letters), state: 'received', error: null } as const;
          return { set, answer: { message: messageOf({ ...message, ...set }) } };
        }
        const { part, maybeSent } = letter;
        const reply = letter.reply ?? '';
        const fresh = { attempts: 0, error: null, until: null, scope: null };
        const entry = { seq, part: part ?? 0, reply, maybeSent, ...fresh };
        return { set: carrying([...message.outbox, entry], letters), answer: { entry: entryOf(message, entry) } };
      });
    });
  }

  discard(id: string): Promise<boolean> {
    return this.mongo.run(async () => {
      const done = await this.change(id, ({ outbox }, _letter, letters) => {
        return { set: carrying(outbox, letters), answer: true };
      });
      return done ?? false;
    });
  }

  /** Puts a letter back as a backup has it. */
  async restore(letter: DeadLetter): Promise<void> {
    const { kind, part, error, attempts, maybeSent, at } = letter;
    const seq = numberOf(letter.id);
    const reply = letter.reply && JSON.stringify(letter.reply);
    await this.numbers.beyond(seq);
    await this.table.change(numberOf(letter.messageId), ({ outbox, letters }) => {
      const others = letters.filter((one) => one.seq !== seq);
      const back = { seq, kind, part, reply, error, attempts, maybeSent, at };
      return { set: carrying(outbox, [...others, back]), answer: null };
    });
  }

  /** Changes the message of a letter; `compute` gets the letter, and the others. Null: there is no such letter. */
  private async change<T>(
    id: string,
    compute: (message: MessageDoc, letter: LetterDoc, others: LetterDoc[]) => Change<MessageDoc, T>,
  ): Promise<T | null> {
    const seq = numberOf(id);
    const found = await this.table.first('byLetter', { 'letters.seq': seq });
    if (!found) return null;
    const answer = await this.table.change<T | null>(found._id, (message) => {
      const letter = message.letters.find((one) => one.seq === seq);
      const others = message.letters.filter((one) => one.seq !== seq);
      return letter ? compute(message, letter, others) : { answer: null };
    });
    return answer ?? null;
  }
}
