/** The log of one bot over all places where it ran: their lines in the order in which they came, with numbers of their own. */
import type { LogLine } from '../../contracts.js';

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
