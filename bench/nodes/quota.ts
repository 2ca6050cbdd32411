/**
 * Holds a process and all that it starts to a part of one core, as a quota of the kernel does where there is one: whoever has used up their
 * part stands still (SIGSTOP) until they have earned more. Rasa processes are in groups of their own, so each process is signalled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, processorOf } from '../rasa/memory.js';

export interface Quota {
  /** Processor milliseconds that they have used so far. */
  used(): number;
  /** Lets them go on without it. */
  release(): Promise<void>;
}
const lookMs = 10;
const treeMs = 500;
/** What was not used is kept for so long: more would be a burst at full speed. */
const periodMs = 100;

/** Holds `root` and its descendants to `share` of a core, from now until it is released or this process ends. */
export function hold(root: number, share: number): Quota {
  return new SignalQuota(root, share);
}

class SignalQuota implements Quota {
  /** Processor milliseconds by process; of those that have ended, too. */
  private readonly seen = new Map<number, number>();
  private pids: number[] = [];
  private still = false;
  private released = false;
  private readonly running: Promise<void>;
  private readonly onExit = (): void => this.signal('SIGCONT');

  constructor(
    private readonly root: number,
    private readonly share: number,
  ) {
    process.once('exit', this.onExit);
    this.running = this.run();
  }

  used(): number {
    let sum = 0;
    for (const ms of this.seen.values()) sum += ms;
    return sum;
  }

  async release(): Promise<void> {
    this.released = true;
    await this.running;
    process.off('exit', this.onExit);
  }

  private async run(): Promise<void> {
    await this.look();
    let [credit, before, at, treeAt] = [0, this.used(), performance.now(), performance.now()];
    while (!this.released) {
      await sleep(lookMs);
      const now = performance.now();
      if (now - treeAt > treeMs) [this.pids, treeAt] = [[], now];
      await this.look();
      const used = this.used();
      credit = Math.min(credit + (now - at) * this.share, periodMs * this.share) - (used - before);
      [before, at] = [used, now];
      this.stand(credit < 0);
    }
    this.stand(false);
  }

  private async look(): Promise<void> {
    if (this.pids.length === 0) this.pids = [this.root, ...(await descendants(this.root))];
    const note = async (pid: number): Promise<void> => {
      this.seen.set(pid, Math.max(this.seen.get(pid) ?? 0, await processorOf(pid)));
    };
    await Promise.all(this.pids.map(note));
  }

  private stand(still: boolean): void {
    if (still !== this.still) this.signal(still ? 'SIGSTOP' : 'SIGCONT');
    this.still = still;
  }

  private signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const pid of this.pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
  }
}
