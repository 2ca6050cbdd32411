/** A bot's log: what its processes wrote, and between their lines what the pool did with them. It outlives the processes. */
import type { LogLine } from '../../contracts.js';
import type { Instance } from './instance.js';

const limit = 500;
/** What is kept of a bot that sleeps: there may be thousands. */
const asleepLimit = 20;
/** How often the processes' lines are fetched while somebody follows. */
const followMs = 500;

export class Diary {
  private entries: LogLine[] = [];
  private next = 1;
  private readonly seen = new Map<Instance, string[]>();
  private readonly listeners = new Set<(line: LogLine) => void>();
  private timer: NodeJS.Timeout | undefined;

  /** Fetches what the processes wrote since the last call. */
  lines(): LogLine[] {
    for (const instance of this.seen.keys()) this.fetch(instance);
    return [...this.entries];
  }

  /** Notes what the pool did. */
  note(line: string, pid: number | null = null): void {
    this.lines();
    this.add({ source: 'hub', pid, at: new Date().toISOString(), line });
  }

  begin(instance: Instance): void {
    this.seen.set(instance, []);
    this.fetch(instance);
  }

  /** Fetches the last lines of a process that has ended. */
  end(instance: Instance): void {
    if (!this.seen.has(instance)) return;
    this.fetch(instance);
    this.seen.delete(instance);
  }

  /** The bot sleeps: keeps the last lines alone. */
  shorten(): void {
    if (this.seen.size === 0) this.entries = this.entries.slice(-asleepLimit);
  }

  /** Calls `listener` with each new line; answers what ends that. */
  follow(listener: (line: LogLine) => void): () => void {
    this.lines();
    this.listeners.add(listener);
    this.timer ??= setInterval(() => this.lines(), followMs).unref();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  }

  private fetch(instance: Instance): void {
    const now = instance.running.log();
    const { pid } = instance.running;
    for (const line of newLines(this.seen.get(instance) ?? [], now)) this.add({ source: 'bot', pid, at: null, line });
    this.seen.set(instance, now);
  }

  private add(line: Omit<LogLine, 'number'>): void {
    const entry = { number: this.next, ...line };
    this.next += 1;
    this.entries.push(entry);
    if (this.entries.length > limit) this.entries.shift();
    for (const listener of this.listeners) listener(entry);
  }
}

/** What `now` has beyond `before`, where both show the newest lines of one output and the oldest may have been dropped since. */
export function newLines(before: string[], now: string[]): string[] {
  for (let dropped = 0; dropped < before.length; dropped += 1) {
    const kept = before.length - dropped;
    if (kept <= now.length && before.slice(dropped).every((line, i) => line === now[i])) return now.slice(kept);
  }
  return now;
}
