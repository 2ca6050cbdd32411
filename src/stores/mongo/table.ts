/**
 * One collection as the sub-stores see it. Reads are declared questions (declare.ts). Every write is one document, carries a mark of its
 * own (`rev`) and may be repeated: when the answer of a write was lost, the mark tells whether it had happened.
 */
import { randomUUID } from 'node:crypto';
import type { Model } from 'mongoose';
import { HubError } from '../../errors.js';
import { fromColumn, toColumn } from '../text.js';
import { type Collection, type FieldType, indexOf, type Question, type Stored } from './declare.js';
import { isTaken, lateError, tooLargeError } from './failure.js';

/** A document ends at 16 MB; some of it is names and numbers. */
const mostBytes = 15_500_000;
/** How often a change is computed anew because the document changed meanwhile; a majority that lags behind looks the same. */
const mostTries = 50;

type Value = string | number | boolean;
/** One value per field that the question compares, or a list of which one must fit. */
export type Values = Readonly<Record<string, Value | readonly Value[]>>;
type Filter = Record<string, unknown>;
type Raw = Record<string, unknown>;
/** What becomes of a document: `set` names the fields to write; without it nothing is written. */
export interface Change<Doc, T> {
  set?: Partial<Omit<Doc, '_id' | 'rev'>>;
  answer: T;
}
export interface PageOf {
  /** The sort key after which the page begins. */
  after?: readonly Value[];
  limit: number;
}
export interface Line {
  model: Model<Raw>;
  /** Marks a filter operator as ours: any other is taken for a value, and refused. */
  trusted: (operator: Filter) => Filter;
  attempt: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Documents of one collection. Rejects with a HubError; `invalid` when a value has not the declared type. */
export class Table<Doc extends Stored, Name extends string = string> {
  constructor(
    private readonly collection: Collection<Doc, Name>,
    private readonly line: Line,
  ) {}

  byId(id: Doc['_id']): Promise<Doc | null> {
    return this.line.attempt(() => this.read(id));
  }

  async find(name: Name, values: Values, page: PageOf): Promise<Doc[]> {
    const question = this.collection.questions[name];
    const filter = this.filterOf(question, values, page.after);
    const documents = await this.line.attempt(() =>
      this.line.model.find(filter).sort(sortOf(question)).limit(page.limit).lean<Raw[]>().exec(),
    );
    return documents.map((document) => decoded(document) as Doc);
  }

  /** The first of what `find` would answer. */
  async first(name: Name, values: Values, after?: readonly Value[]): Promise<Doc | null> {
    return (await this.find(name, values, { limit: 1, ...(after && { after }) }))[0] ?? null;
  }

  async exists(name: Name, values: Values): Promise<boolean> {
    const filter = this.filterOf(this.collection.questions[name], values);
    return (await this.line.attempt(() => this.line.model.exists(filter).exec())) !== null;
  }

  async count(name: Name, values: Values): Promise<number> {
    const filter = this.filterOf(this.collection.questions[name], values);
    return await this.line.attempt(() => this.line.model.countDocuments(filter).exec());
  }

  /** As `find`, for a question about entries of a list: a document comes once per entry that fits, with that entry alone. */
  async unwound(name: Name, values: Values, page: PageOf): Promise<Doc[]> {
    const question: Question = this.collection.questions[name];
    const list = question.unwind ?? '';
    const match = { $match: this.filterOf(question, values, page.after) };
    const stages = [match, { $unwind: `$${list}` }, match, { $sort: sortOf(question) }, { $limit: page.limit }];
    const documents = await this.line.attempt(() => this.line.model.aggregate<Raw>(stages).exec());
    return documents.map((document) => decoded({ ...document, [list]: [document[list]] }) as Doc);
  }

  /** False when another document has its id, or its key in a unique index. */
  insert(document: Omit<Doc, 'rev'>): Promise<boolean> {
    const raw = this.encoded({ ...document, rev: randomUUID() });
    return this.line.attempt(async () => {
      try {
        await this.line.model.collection.insertOne(raw);
        return true;
      } catch (error) {
        if (!isTaken(error)) throw error;
        // Ours, when an earlier try had reached the server and only its answer was lost.
        return (await this.read(document._id))?.rev === raw['rev'];
      }
    });
  }

  /** Changes one document by what `compute` makes of it as it is, whoever else changes it meanwhile. Undefined: there is none. */
  change<T>(id: Doc['_id'], compute: (document: Doc) => Change<Doc, T>): Promise<T | undefined> {
    let mine: { on: string; rev: string; set: Raw; answer: T } | undefined;
    return this.line.attempt(async () => {
      for (let tries = 0; tries < mostTries; tries++) {
        const document = await this.read(id);
        if (!document) return undefined;
        if (mine?.rev === document.rev) return mine.answer;
        if (mine?.on !== document.rev) {
          const { set, answer } = compute(document);
          if (!set) return answer;
          mine = { on: document.rev, rev: randomUUID(), set: this.encoded(set), answer };
        }
        const filter = { _id: this.typed('_id', id), rev: mine.on };
        const { matchedCount } = await this.line.model
          .updateOne(filter, { $set: { ...mine.set, rev: mine.rev } })
          .exec();
        if (matchedCount === 1) return mine.answer;
      }
      throw lateError();
    });
  }

  /** Adds to a number of a document that is there; answers it as it was. Done twice, where an answer was lost, it leaves a gap. */
  async raise(id: Doc['_id'], field: keyof Doc & string, by: number): Promise<number> {
    const found = await this.line.attempt(() =>
      this.line.model
        .findOneAndUpdate({ _id: this.typed('_id', id) }, { $inc: { [field]: by } }, { returnDocument: 'before' })
        .lean<Raw>()
        .exec(),
    );
    if (typeof found?.[field] !== 'number') throw lateError();
    return found[field];
  }

  /** Writes the document, whether it is there or not. */
  async put(document: Omit<Doc, 'rev'>): Promise<void> {
    const { _id: id, ...fields } = document;
    const change = (): Change<Doc, true> => ({
      set: fields as unknown as Partial<Omit<Doc, '_id' | 'rev'>>,
      answer: true,
    });
    while (!(await this.change(id, change)) && !(await this.insert(document)));
  }

  /** Removes what the question finds, but for the ids in `except`; answers how many. */
  async remove(name: Name, values: Values, except: readonly Value[] = []): Promise<number> {
    const filter = this.filterOf(this.collection.questions[name], values);
    if (except.length > 0) filter['_id'] = this.line.trusted({ $nin: except.map((id) => this.typed('_id', id)) });
    return this.line.attempt(async () => (await this.line.model.deleteMany(filter).exec()).deletedCount);
  }

  /** Removes one; true when it was there, also when that is known only by its absence now. */
  async removeOne(id: Doc['_id']): Promise<boolean> {
    if (!(await this.byId(id))) return false;
    await this.line.attempt(() => this.line.model.deleteOne({ _id: this.typed('_id', id) }).exec());
    return true;
  }

  /** Removes the document unless somebody has changed it since it was read; true when it went. */
  async removeAsRead({ _id: id, rev }: Doc): Promise<boolean> {
    const filter = { _id: this.typed('_id', id), rev };
    return this.line.attempt(async () => (await this.line.model.deleteOne(filter).exec()).deletedCount === 1);
  }

  /** Makes the declared indexes that are not there yet. */
  async prepare(): Promise<void> {
    for (const [name, { keys, unique, only }] of Object.entries(this.collection.indexes)) {
      const options = { name, ...(unique && { unique }), ...(only && { partialFilterExpression: only }) };
      const fields = Object.fromEntries(keys.map((key) => [key, 1 as const]));
      await this.line.attempt(() => this.line.model.collection.createIndex(fields, options, {}));
    }
  }

  private async read(id: Doc['_id']): Promise<Doc | null> {
    const document = await this.line.model
      .findOne({ _id: this.typed('_id', id) })
      .lean<Raw>()
      .exec();
    return document ? (decoded(document) as Doc) : null;
  }

  private filterOf(question: Question, values: Values, after?: readonly Value[]): Filter {
    const { only = {} } = indexOf(this.collection, question);
    const filter: Filter = { ...only };
    for (const field of question.equal) {
      const value = values[field];
      filter[field] = Array.isArray(value)
        ? this.line.trusted({ $in: value.map((one: unknown) => this.typed(field, one)) })
        : this.typed(field, value);
    }
    return after ? { ...filter, ...this.past(question, after) } : filter;
  }

  /** What comes after the sort key `after`. */
  private past({ sorted = [], order = 'up' }: Question, after: readonly Value[]): Filter {
    const [first, second] = sorted;
    const beyond = order === 'up' ? '$gt' : '$lt';
    const key = sorted.map((field, place) => this.typed(field, after[place]));
    if (first === undefined) return {};
    if (second === undefined) return { [first]: this.line.trusted({ [beyond]: key[0] }) };
    const bound = { [first]: this.line.trusted({ [`${beyond}e`]: key[0] }) };
    const either = [
      { [first]: this.line.trusted({ [beyond]: key[0] }) },
      { [second]: this.line.trusted({ [beyond]: key[1] }) },
    ];
    return { ...bound, $or: either };
  }

  /** The value as the server gets it. Throws `invalid` unless it has the field's type: an operator in its place would be obeyed. */
  private typed(field: string, value: unknown): Value {
    const type = (this.collection.fields as Record<string, FieldType>)[field] ?? this.collection.inner?.[field];
    const fits = typeof value === type && (type !== 'number' || Number.isFinite(value));
    if (!fits)
      throw new HubError('invalid', `${this.collection.name}: ${field} must be a ${type ?? 'declared field'}.`);
    return typeof value === 'string' ? toColumn(value) : (value as Value);
  }

  /** A document, or fields of one, as the server gets them. Throws `invalid` for a field of the wrong type. */
  private encoded(fields: object): Raw {
    const raw: Raw = {};
    const texts = Object.values(fields).filter((value): value is string => typeof value === 'string');
    if (texts.reduce((size, text) => size + Buffer.byteLength(text), 0) > mostBytes) throw tooLargeError();
    for (const [field, value] of Object.entries(fields)) {
      const list = (this.collection.fields as Record<string, FieldType>)[field] === 'list';
      if (value === null || field === 'rev') raw[field] = value;
      else raw[field] = list ? mapped(value, toColumn) : this.typed(field, value);
    }
    return raw;
  }
}

const sortOf = ({ sorted = [], order }: Question): Record<string, 1 | -1> =>
  Object.fromEntries(sorted.map((field) => [field, order === 'down' ? -1 : 1]));

function decoded(document: Raw): unknown {
  return mapped(document, fromColumn);
}

/** Every string in `value`, changed by `change`. */
function mapped(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one) => mapped(one, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, mapped(one, change)]));
}
