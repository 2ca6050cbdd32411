/** The logs of bots over all places where it ran: their lines in the order in which they came, with numbers of their own. */
import type { Engines, LogLine } from '../../contracts.js';

const limit = 500;

export class Journal {
  private lines: LogLine[] = [];
  private next = 1;
  private readonly listeners = new Set<(line: LogLine) => void>();

  all(): LogLine[] {
    return [...this.lines];
  }

  add(line: Omit<LogLine, 'number'>): void {
    const entry = { ...line, number: this.next };
    this.next += 1;
    this.lines.push(entry);
    if (this.lines.length > limit) this.lines.shift();
    for (const listener of this.listeners) listener(entry);
  }

  follow(listener: (line: LogLine) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

/** Those that were asked for, or to which nodes added; each begun with what the hub's own pool has, and fed by that from then on. */
export class Journals {
  private readonly kept = new Map<string, Journal>();

  constructor(private readonly pool: Pick<Engines, 'log' | 'follow'>) {}

  of(appId: string): Journal {
    const known = this.kept.get(appId);
    if (known) return known;
    const made = new Journal();
    this.kept.set(appId, made);
    for (const line of this.pool.log(appId)) made.add(line);
    this.pool.follow(appId, (line) => made.add(line));
    return made;
  }

  lines(appId: string): LogLine[] {
    return this.kept.get(appId)?.all() ?? this.pool.log(appId);
  }

  forget(appId: string): void {
    this.kept.delete(appId);
  }
}
