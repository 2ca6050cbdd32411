/** Order inside this process: one thing at a time where two would disturb each other. */

const ignore = (): void => undefined;

/** Work under one key runs one after the other, in the order asked for; keys do not wait for each other. */
export class Lanes {
  private readonly tails = new Map<string, Promise<unknown>>();

  /** Answers and rejects as `work` does. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.tails.get(key) ?? Promise.resolve()).then(work);
    const tail = mine.catch(ignore).finally(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
    this.tails.set(key, tail);
    return mine;
  }
}

/** A door per key: many may be inside together, and who shuts it is alone. */
export class Doors {
  private readonly inside = new Map<string, Set<Promise<unknown>>>();
  private readonly shut = new Map<string, Promise<unknown>>();

  /** Runs `work` inside, after whoever has shut the door now. */
  async enter<T>(key: string, work: () => Promise<T>): Promise<T> {
    while (this.shut.has(key)) await this.shut.get(key);
    const running = work();
    const beside = this.inside.get(key) ?? new Set();
    this.inside.set(key, beside.add(running));
    try {
      return await running;
    } finally {
      beside.delete(running);
      if (beside.size === 0 && this.inside.get(key) === beside) this.inside.delete(key);
    }
  }

  /** Runs `work` alone: those who are inside end first, those who come wait. */
  async close<T>(key: string, work: () => Promise<T>): Promise<T> {
    while (this.shut.has(key)) await this.shut.get(key);
    const alone = Promise.allSettled([...(this.inside.get(key) ?? [])]).then(work);
    this.shut.set(key, alone.catch(ignore));
    try {
      return await alone;
    } finally {
      this.shut.delete(key);
    }
  }
}
