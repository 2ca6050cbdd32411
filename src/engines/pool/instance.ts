/** One running engine of a bot: how many turns hold it and how much memory it has. */
import type { RunningEngine } from '../../contracts.js';
import { within } from '../../deadline.js';

/** A turn that outlives this no longer keeps an old process alive. */
const drainLimitMs = 30_000;

export class Instance {
  /** Turns that hold it: it is stopped only when none does. */
  leases = 0;
  /** When its last turn ended, by the clock that is never set. */
  idleSince = performance.now();
  /** Its own memory when it was last looked at; 0 where the engine has no process of ours. */
  bytes = 0;
  /** The same just after its launch. */
  firstBytes = 0;
  /** On its way out: it gets no more turns, and its memory will be free. */
  leaving = false;
  /** A fresh process is on its way to take its place. */
  replacing = false;
  /** Why it is being ended, when the pool does that: it has reached the memory cap. */
  fault: string | null = null;
  /** When its memory is to be looked at next. */
  lookAt = 0;
  readonly wakeMs: number;
  readonly model: string | null;
  private readonly whenFree: (() => void)[] = [];

  /** `wakeMs`: how long its launch took; `model`: id of what it was launched from. */
  constructor(
    readonly appId: string,
    readonly running: RunningEngine,
    { wakeMs, model }: { wakeMs: number; model: string | null },
  ) {
    this.wakeMs = wakeMs;
    this.model = model;
  }

  /** Lends it for `work`; `freed` is called when nobody holds it any more. */
  async lend<T>(work: (running: RunningEngine) => Promise<T>, freed: () => void): Promise<T> {
    this.leases += 1;
    try {
      return await work(this.running);
    } finally {
      this.leases -= 1;
      this.idleSince = performance.now();
      if (this.leases === 0) {
        for (const free of this.whenFree.splice(0)) free();
        freed();
      }
    }
  }

  /** Stops it, after its running turns. Never rejects. */
  async drain(): Promise<void> {
    this.leaving = true;
    if (this.leases > 0) {
      const free = new Promise<void>((resolve) => void this.whenFree.push(resolve));
      await within(free, drainLimitMs);
    }
    await this.running.stop();
  }
}
