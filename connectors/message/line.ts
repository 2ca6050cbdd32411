/** A line to a platform that we open ourselves, kept open: opened again whenever it breaks, with growing pauses, until it is closed. */
import type { Duty } from '../../src/contracts.js';

export interface LineOptions {
  /** Resolves when the line is open; `broken` is called once when it breaks. Rejects when it cannot be opened. Answers the way to close it. */
  open(broken: () => void): Promise<() => Promise<void>>;
  /** Told in words each time it cannot be opened. */
  failed(error: unknown): void;
  /** Pause before the n-th attempt in a row, the first is 1. */
  pauseMs?: (attempt: number) => number;
}
export interface Line {
  readonly isOpen: boolean;
  /** Another hub of the store keeps it. */
  readonly elsewhere: boolean;
  close(): Promise<void>;
}

const growing = (attempt: number): number => Math.min(1000 * 2 ** (attempt - 1), 60_000) * (0.8 + Math.random() * 0.4);
/** A line that held so long was a good one: the pauses begin anew. */
const goodMs = 30_000;

class KeptLine implements Line {
  readonly elsewhere = false;
  private shut: (() => Promise<void>) | null = null;
  private timer: NodeJS.Timeout | undefined;
  private attempts = 0;
  private ended = false;

  constructor(private readonly options: LineOptions) {
    void this.open();
  }

  get isOpen(): boolean {
    return this.shut !== null;
  }

  async close(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    const { shut } = this;
    this.shut = null;
    await shut?.();
  }

  private async open(): Promise<void> {
    const opened = performance.now();
    const state = { broken: false };
    try {
      const shut = await this.options.open(() => {
        if (state.broken) return;
        state.broken = true;
        this.shut = null;
        if (performance.now() - opened > goodMs) this.attempts = 0;
        this.again();
      });
      // Closed meanwhile: nobody waits for a platform that takes its time.
      if (this.ended) await shut();
      else if (!state.broken) this.shut = shut;
    } catch (error) {
      if (this.ended) return;
      this.options.failed(error);
      if (!state.broken) this.again();
      state.broken = true;
    }
  }

  private again(): void {
    if (this.ended) return;
    this.attempts += 1;
    this.timer = setTimeout(() => void this.open(), (this.options.pauseMs ?? growing)(this.attempts));
  }
}

/** Keeps it while it falls to this hub. */
class DutyLine implements Line {
  private line: Line | null = null;
  private readonly end: () => void;

  constructor(options: LineOptions, duty: Duty) {
    this.end = duty.watch((mine) => {
      if (mine) this.line ??= new KeptLine(options);
      else void this.drop();
    });
  }

  get isOpen(): boolean {
    return this.line?.isOpen ?? false;
  }

  get elsewhere(): boolean {
    return this.line === null;
  }

  close(): Promise<void> {
    this.end();
    return this.drop();
  }

  private async drop(): Promise<void> {
    const { line } = this;
    this.line = null;
    await line?.close();
  }
}

/** Begins to open the line at once. `duty`: only while it falls to this hub. */
export const keepOpen = (options: LineOptions, duty?: Duty): Line =>
  duty ? new DutyLine(options, duty) : new KeptLine(options);
