/**
 * The memory that awake bots may use: what the engines hold for all of them, the bots' own, and what is promised to launches under way.
 * When a launch finds no room, idle bots are put to sleep, the one first whose memory is the poorest bargain.
 */
import type { Engine, Model } from '../../contracts.js';
import type { Instance } from './instance.js';
import type { Room } from './gate.js';

export interface BudgetOptions {
  /** Bytes for all awake bots together. */
  bytes: number;
  /** Launches wait while less memory (MIN_FREE_MEMORY) or disk is free on the machine. */
  floors: { memory: number; disk: number };
  freeMemory: () => number;
  freeDisk: () => Promise<number>;
  /** Puts an idle instance to sleep. */
  park: (instance: Instance) => void;
  /** Idle instances that are kept awake if possible: taken last. */
  keeps: (instance: Instance) => boolean;
  /** Has it a turn, or somebody who waits for it? */
  busy: (instance: Instance) => boolean;
}

/** A first guess at a Rasa process, before any was measured: a forked bot with TensorFlow and room to spare. */
const unknownRasaBytes = 256 * 2 ** 20;
const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

export class Budget {
  /** Every process that has not ended, also those on their way out. */
  readonly alive = new Set<Instance>();
  /** What each engine holds for all its bots. */
  private readonly shared = new Map<Engine, number>();
  /** What a bot of a kind needed last. */
  private readonly typical = new Map<string, number>();
  private promised = 0;

  constructor(private readonly options: BudgetOptions) {}

  get sharedBytes(): number {
    return sum(this.shared.values());
  }
  get used(): number {
    return this.sharedBytes + sum([...this.alive].map(({ bytes }) => bytes));
  }

  /** What a launch will probably need; `last` is what the same bot needed last. */
  estimate(engine: Engine, model: Model | null, last: number | null): number {
    return last ?? this.typical.get(kindOf(engine, model)) ?? (engine.name === 'rasa' ? unknownRasaBytes : 0);
  }

  learn(engine: Engine, model: Model | null, bytes: number): void {
    this.typical.set(kindOf(engine, model), bytes);
  }

  /** Looks again at what the engines hold. */
  async measureEngines(engines: Iterable<Engine>): Promise<void> {
    for (const engine of engines) if (engine.memory) this.shared.set(engine, await engine.memory());
  }

  /** Would `need` bytes fit without anybody going to sleep? */
  fits(need: number): boolean {
    return this.shortage(need) === null;
  }

  /** Promises `need` bytes; or puts idle bots to sleep, as many as that takes, and says what is missing until they have gone. */
  async room(need: number): Promise<Room> {
    const { floors } = this.options;
    // A disk that can't be asked is no reason to let people wait.
    const disk = await this.options.freeDisk().catch(() => Infinity);
    if (disk < floors.disk)
      return {
        reason: `Waits for disk space: ${megabytes(disk)} are free, ${megabytes(floors.disk)} must be (a quarter of MIN_FREE_DISK).`,
      };
    const short = this.shortage(need);
    if (!short) return { release: this.promise(need) };
    this.evict(short.bytes);
    return { reason: short.reason };
  }

  private promise(need: number): () => void {
    this.promised += need;
    return () => (this.promised -= need);
  }

  private shortage(need: number): { bytes: number; reason: string } | null {
    const { bytes: budget, floors, freeMemory } = this.options;
    const free = freeMemory();
    // A bot that is larger than the whole budget still gets its turn, alone.
    const alone = this.promised === 0 && ![...this.alive].some(({ bytes }) => bytes > 0);
    const overBudget = alone ? 0 : this.used + this.promised + need - budget;
    const underFloor = floors.memory + (alone ? 0 : this.promised + need) - free;
    if (overBudget > 0 && overBudget >= underFloor)
      return {
        bytes: overBudget,
        reason: `Waits for memory: the awake bots use ${megabytes(this.used + this.promised)} of ${megabytes(budget)} (MEMORY_BUDGET) and are busy.`,
      };
    if (underFloor > 0)
      return {
        bytes: underFloor,
        reason: `Waits for memory: ${megabytes(free)} are free on this machine, ${megabytes(floors.memory)} must stay free (MIN_FREE_MEMORY).`,
      };
    return null;
  }

  /** Puts idle bots to sleep until `bytes` will be free, those on their way out counted. */
  private evict(bytes: number): void {
    const { park, keeps, busy } = this.options;
    let missing = bytes - sum([...this.alive].filter(({ leaving }) => leaving).map((one) => one.bytes));
    const idle = [...this.alive].filter((one) => !one.leaving && one.bytes > 0 && !busy(one));
    const now = performance.now();
    const worth = (one: Instance): number => parkingWorth(one, now);
    idle.sort((a, b) => Number(keeps(a)) - Number(keeps(b)) || worth(b) - worth(a));
    for (const one of idle) {
      if (missing <= 0) return;
      missing -= one.bytes;
      park(one);
    }
  }
}

/** Idle time times size, by what it costs to have it back. */
export function parkingWorth(
  { idleSince, bytes, wakeMs }: Pick<Instance, 'idleSince' | 'bytes' | 'wakeMs'>,
  now: number,
) {
  return ((now - idleSince) * bytes) / Math.max(wakeMs, 1);
}

const kindOf = (engine: Engine, model: Model | null): string => `${engine.name} ${model?.pipeline ?? ''}`;
const sum = (figures: Iterable<number>): number => [...figures].reduce((all, one) => all + one, 0);
