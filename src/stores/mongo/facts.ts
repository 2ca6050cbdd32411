/** Small facts about the database itself, one document each: its owner, its schema version, whose conversations are whose, the last ping; and the next number. */
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

interface CounterDoc extends Stored {
  _id: string;
  value: number;
}
export const counters: Collection<CounterDoc> = {
  name: 'counters',
  fields: { _id: 'string', value: 'number' },
  indexes: {},
  questions: {},
};
/** The counter of `Numbers`: the next that is free. */
const counter = 'numbers';

/** Goes on where the fact `numbers` of older releases stood. */
export async function startCounting(mongo: Mongo): Promise<void> {
  const before = await mongo.table(facts).byId('numbers');
  await mongo.table(counters).insert({ _id: counter, value: Number(before?.value ?? 1) });
}

/** So long after its writing failed a document may still appear: its server had it, and was slow. */
const lateMs = 10_000;
/** Numbers are reserved this many at a time; what is left of them at the end is a gap. */
const block = 1000;

interface Waiting {
  count: number;
  resolve: (numbers: number[]) => void;
  reject: (error: unknown) => void;
}

/**
 * Ascending numbers, never given twice, also over restarts: they order what arrives. Of a database that several hubs share they are drawn
 * from the server whenever they are asked for, those that are asked for at once together: a number that is taken after another was
 * answered is higher than that, whichever hubs took them.
 */
export class Numbers {
  private readonly table: Table<CounterDoc>;
  private following = 0;
  private end = 0;
  private reserving: Promise<void> | undefined;
  /** Numbers of documents that may not be visible yet. */
  private readonly placing = new Set<number>();
  private waiting: Waiting[] = [];
  private drawing = false;
  /** Where the counter stood of late, by the clock of `performance`. */
  private stood: { at: number; value: number }[] = [];

  constructor(
    private readonly mongo: Mongo,
    private readonly shared = false,
  ) {
    this.table = mongo.table(counters);
  }

  async next(): Promise<number> {
    return (await this.take(1))[0] ?? 0;
  }

  async take(count: number): Promise<number[]> {
    if (this.shared) return count === 0 ? [] : this.drawn(count);
    const taken: number[] = [];
    while (taken.length < count) taken.push(await this.any());
    return taken;
  }

  /** A number that nobody else gets, in no order. */
  async any(): Promise<number> {
    while (this.following >= this.end) await this.reserve();
    return this.following++;
  }

  /** Runs `insert` with a number under which others look for what is new: until it has ended, `settled` stays below that. */
  async placed<T>(insert: (number: number) => Promise<T>): Promise<T> {
    const [drawn] = this.shared ? await this.drawn(1) : [];
    while (drawn === undefined && this.following >= this.end) await this.reserve();
    const number = drawn ?? this.following++;
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
    if (this.shared) return Math.min(await this.stoodBefore(), ...this.placing);
    // Before the first number is reserved nobody knows where they go on.
    if (this.end === 0) await this.reserve();
    return Math.min(this.following, ...this.placing);
  }

  /** Where the counter stood long enough ago that what other hubs placed below is there. */
  private async stoodBefore(): Promise<number> {
    const now = performance.now();
    const value = (await this.table.byId(counter))?.value ?? 0;
    this.stood.push({ at: now, value });
    const place = this.stood.findLastIndex(({ at }) => now - at >= lateMs);
    if (place > 0) this.stood = this.stood.slice(place);
    return place < 0 ? 0 : (this.stood[0]?.value ?? 0);
  }

  /** From here on all numbers are above `used`. */
  async beyond(used: number): Promise<void> {
    if (!this.shared && used < this.following) return;
    this.end = 0;
    await this.table.change(counter, ({ value }) =>
      value > used ? { answer: null } : { set: { value: used + 1 }, answer: null },
    );
  }

  private drawn(count: number): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ count, resolve, reject });
      if (!this.drawing) void this.draw();
    });
  }

  private async draw(): Promise<void> {
    this.drawing = true;
    while (this.waiting.length > 0) {
      const asked = this.waiting;
      this.waiting = [];
      try {
        // In nobody's time but its own: it is for several.
        let next = await this.mongo.unhurried(() => this.table.raise(counter, 'value', sumOf(asked)));
        for (const { count, resolve } of asked) {
          const first = next;
          resolve(Array.from({ length: count }, (_, place) => first + place));
          next += count;
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.drawing = false;
  }

  private reserve(): Promise<void> {
    this.reserving ??= this.reserved().finally(() => (this.reserving = undefined));
    return this.reserving;
  }

  private async reserved(): Promise<void> {
    this.following = await this.table.raise(counter, 'value', block);
    this.end = this.following + block;
  }
}

const sumOf = (asked: readonly Waiting[]): number => asked.reduce((sum, { count }) => sum + count, 0);
