/**
 * The queue of launches: first come, first served, so many at once, each when there is room for it. A bot stands in it once, so none can
 * crowd out the others; the first that finds no room holds up those behind it, so a large bot is not overtaken for ever.
 */
import { HubError } from '../../errors.js';

export interface GateOptions {
  /** Launches at once. */
  parallel: number;
  /** Takes `need` bytes and answers how to give them back; or says why that has to wait. */
  room: (need: number) => Promise<Room>;
}
export type Room = { release: () => void } | { reason: string };
export interface Admission {
  /** Bytes that it needs, asked anew whenever it is looked at: a better guess may be known by then. */
  need: () => number;
  /** Told why it waits, and with null that it waits no more. */
  waits: (reason: string | null) => void;
}
interface Waiting extends Admission {
  admit: (done: () => void) => void;
  refuse: (error: Error) => void;
}

/** Room may appear unseen, such as memory that another program gives back. */
const lookAgainMs = 500;
const inLine = 'Waits for its turn: other bots are starting.';

export class Gate {
  private readonly queue: Waiting[] = [];
  private running = 0;
  private looking = false;
  private again = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;
  private reason = inLine;

  constructor(private readonly options: GateOptions) {}

  get waiting(): number {
    return this.queue.length;
  }
  /** Why the first in line waits; null when nobody does. */
  get waitsFor(): string | null {
    return this.queue.length > 0 ? this.reason : null;
  }
  get full(): boolean {
    return this.closed || this.queue.length > 0 || this.running >= this.options.parallel;
  }

  /** Resolves when the launch may begin, with what to call when it has ended. Rejects with `stopping`. */
  admit(admission: Admission): Promise<() => void> {
    if (this.closed) return Promise.reject(stoppingError());
    const admitted = new Promise<() => void>((admit, refuse) => this.queue.push({ ...admission, admit, refuse }));
    admission.waits(inLine);
    this.look();
    return admitted;
  }

  /** Something has changed: looks whether the first in line may begin. */
  look(): void {
    if (this.queue.length === 0) return;
    this.again = true;
    if (this.looking || this.closed) return;
    this.looking = true;
    void this.serve().finally(() => {
      this.looking = false;
      if (this.again) this.look();
    });
  }

  /** Refuses everybody who waits. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const { refuse } of this.queue.splice(0)) refuse(stoppingError());
  }

  private async serve(): Promise<void> {
    clearTimeout(this.timer);
    for (this.again = false; this.running < this.options.parallel; this.again = false) {
      const first = this.queue[0];
      if (!first) return;
      const room = await this.options.room(first.need());
      if (this.closed) {
        if ('release' in room) room.release();
        return;
      }
      if ('reason' in room) {
        this.reason = room.reason;
        first.waits(room.reason);
        this.timer = setTimeout(() => this.look(), lookAgainMs).unref();
        return;
      }
      this.queue.shift();
      this.begin(first, room.release);
    }
  }

  private begin({ admit, waits }: Waiting, release: () => void): void {
    this.running += 1;
    this.reason = inLine;
    waits(null);
    admit(() => {
      this.running -= 1;
      release();
      this.look();
    });
  }
}

export const stoppingError = (): HubError =>
  new HubError('stopping', 'The hub is shutting down; send the message again in a moment.');
