/** Tells the people who wait for one bot how far it is: asks while somebody waits, and falls silent once the bot is ready. */
import type { BotProgress } from '../../src/contracts.js';
import type { Progress } from './protocol.js';

export interface ProgressOptions {
  ask: () => Promise<BotProgress>;
  /** Tells everybody who is connected. */
  tell: (progress: Progress) => void;
  /** Is anybody connected? */
  audience: () => boolean;
  failed: (error: unknown) => void;
}
export interface ProgressWatch {
  /** Tells one newcomer; goes on watching if the bot is not ready. */
  greet(tell: (progress: Progress) => void): Promise<void>;
  /** A message `key` waits for its answer: if that takes long, everybody is told why. */
  waiting(key: string): void;
  answered(key: string): void;
  close(): void;
}

const everyMs = 1000;
const slowMs = 2000;

class Watch implements ProgressWatch {
  private readonly slow = new Map<string, NodeJS.Timeout>();
  private asked: Promise<BotProgress> | null = null;
  private last: BotProgress | null = null;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(private readonly options: ProgressOptions) {}

  async greet(tell: (progress: Progress) => void): Promise<void> {
    const progress = await this.ask();
    if (progress) tell(progress);
    if (!progress?.ready) this.later();
  }

  waiting(key: string): void {
    if (this.closed || this.slow.has(key)) return;
    const timer = setTimeout(() => {
      this.slow.delete(key);
      void this.look();
    }, slowMs);
    this.slow.set(key, timer.unref());
  }

  answered(key: string): void {
    clearTimeout(this.slow.get(key));
    this.slow.delete(key);
    // A bot that slept has woken by now, and what answers is known.
    if (this.last?.engineInUse == null || !this.last.ready) void this.look();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer ?? undefined);
    for (const timer of this.slow.values()) clearTimeout(timer);
    this.slow.clear();
  }

  /** One question at a time, however many clients come back at once. Never rejects: null when there was no answer. */
  private ask(): Promise<BotProgress | null> {
    this.asked ??= this.options.ask().finally(() => {
      this.asked = null;
    });
    return this.asked.catch((error: unknown) => {
      this.options.failed(error);
      return null;
    });
  }

  private async look(): Promise<void> {
    const progress = await this.ask();
    if (this.closed) return;
    if (progress && JSON.stringify(progress) !== JSON.stringify(this.last)) this.options.tell(progress);
    this.last = progress ?? this.last;
    if (!progress?.ready) this.later();
  }

  private later(): void {
    if (this.closed || this.timer || !this.options.audience()) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.look();
    }, everyMs);
    this.timer.unref();
  }
}

/** Watches nothing until somebody comes. */
export const createProgressWatch = (options: ProgressOptions): ProgressWatch => new Watch(options);
