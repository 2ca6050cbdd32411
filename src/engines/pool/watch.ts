/** Looks at the memory of awake bots, as often as it could have become too much and no oftener: a look costs the kernel milliseconds. */
import type { Instance } from './instance.js';

export interface WatchOptions {
  instances: Iterable<Instance>;
  /** Bytes that one process may have. */
  cap: number;
  /** It nears the cap, and has grown since its launch: a fresh one could take its place. */
  onNear: (instance: Instance) => void;
  /** It has reached the cap. */
  onOver: (instance: Instance) => void;
}

/** From this share of the cap on a process is replaced while it still answers. */
const nearShare = 0.9;
/** What has grown less since the launch is the bot's own size: a fresh process would be as large. */
const grownShare = 1.1;
/** No process is expected to grow faster. */
const bytesPerMs = 100_000;
const tickMs = 250;
const mostMs = 10_000;
/** A bot without turns does not grow. */
const idleMs = 60_000;

export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;
  private readonly looking = new Set<Instance>();

  constructor(private readonly options: WatchOptions) {
    this.timer = setInterval(() => this.tick(), tickMs).unref();
  }

  /** The first look, when it was launched. `expected` stands where its memory can't be read. */
  async begin(instance: Instance, expected: number): Promise<void> {
    if (!instance.running.memory) return;
    instance.bytes = (await instance.running.memory()) ?? expected;
    instance.firstBytes = instance.bytes;
    instance.lookAt = performance.now() + this.pace(instance);
  }

  /** It gets a turn: it may grow again. */
  touched(instance: Instance): void {
    instance.lookAt = Math.min(instance.lookAt, performance.now() + this.pace(instance));
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = performance.now();
    for (const instance of this.options.instances)
      if (instance.running.memory && instance.lookAt <= now && !this.looking.has(instance)) void this.look(instance);
  }

  private async look(instance: Instance): Promise<void> {
    this.looking.add(instance);
    const before = instance.bytes;
    instance.bytes = (await instance.running.memory?.()) ?? before;
    this.looking.delete(instance);
    const quiet = instance.leases === 0 && instance.bytes <= before * 1.01;
    instance.lookAt = performance.now() + (quiet ? idleMs : this.pace(instance));
    this.judge(instance);
  }

  private judge(instance: Instance): void {
    const { cap, onNear, onOver } = this.options;
    const { bytes, firstBytes } = instance;
    if (bytes >= cap) onOver(instance);
    else if (bytes >= cap * nearShare && bytes >= firstBytes * grownShare) onNear(instance);
  }

  /** The time in which it could come near the cap. */
  private pace({ bytes }: Instance): number {
    const left = this.options.cap * nearShare - bytes;
    return Math.min(Math.max(left / bytesPerMs, tickMs), mostMs);
  }
}
