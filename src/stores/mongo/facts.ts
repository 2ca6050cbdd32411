/** Small facts about the database itself, one document each: its owner, its schema version, the next number, the last ping. */
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Table } from './table.js';

export interface FactDoc extends Stored {
  _id: string;
  value: string;
}
export const facts: Collection<FactDoc> = {
  name: 'hub',
  fields: { _id: 'string', value: 'string' },
  indexes: {},
  questions: {},
};

/** So long after its writing failed a document may still appear: its server had it, and was slow. */
const lateMs = 10_000;
/** Numbers are reserved this many at a time; what is left of them at the end is a gap. */
const block = 1000;

/** Ascending numbers, never given twice, also over restarts: they order what arrives. */
export class Numbers {
  private readonly table: Table<FactDoc>;
  private following = 0;
  private end = 0;
  private reserving: Promise<void> | undefined;
  /** Numbers of documents that may not be visible yet. */
  private readonly placing = new Set<number>();

  constructor(mongo: Mongo) {
    this.table = mongo.table(facts);
  }

  async next(): Promise<number> {
    while (this.following >= this.end) await this.reserve();
    return this.following++;
  }

  /** Runs `insert` with a number under which others look for what is new: until it has ended, `settled` stays below that. */
  async placed<T>(insert: (number: number) => Promise<T>): Promise<T> {
    while (this.following >= this.end) await this.reserve();
    const number = this.following++;
    this.placing.add(number);
    try {
      const done = await insert(number);
      this.placing.delete(number);
      return done;
    } catch (error) {
      setTimeout(() => this.placing.delete(number), lateMs).unref();
      throw error;
    }
  }

  /** Below this number no document will appear any more that is placed by `placed`. */
  async settled(): Promise<number> {
    // Before the first number is reserved nobody knows where they go on.
    if (this.end === 0) await this.reserve();
    return Math.min(this.following, ...this.placing);
  }

  async take(count: number): Promise<number[]> {
    const taken: number[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** From here on all numbers are above `used`. */
  async beyond(used: number): Promise<void> {
    while (used >= this.following) {
      this.end = 0;
      await this.reserve(used + 1);
    }
  }

  private reserve(from = 0): Promise<void> {
    this.reserving ??= this.reserved(from).finally(() => (this.reserving = undefined));
    return this.reserving;
  }

  private async reserved(from: number): Promise<void> {
    await this.table.insert({ _id: 'numbers', value: '1' });
    const start = await this.table.change('numbers', ({ value }) => {
      const first = Math.max(Number(value), from);
      return { set: { value: String(first + block) }, answer: first };
    });
    this.following = start ?? 0;
    this.end = this.following + block;
  }
}
