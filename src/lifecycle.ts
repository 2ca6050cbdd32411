/** Ordered start and stop: parts register in the order they start and are stopped in reverse, once, under one deadline. */
import { within } from './deadline.js';
import type { Log } from './log.js';

export interface Lifecycle {
  /** Registers what to do at the end; called right after the part was started. */
  onStop(name: string, stop: () => Promise<void>): void;
  /** Stops all parts, last first; the same promise however often it is called. Resolves false when the deadline cut it short. */
  stop(): Promise<boolean>;
}

/** `deadlineMs` bounds the whole stop: 10 s is what process supervisors grant. */
export function createLifecycle(log: Log, deadlineMs = 10_000): Lifecycle {
  const parts: { name: string; stop: () => Promise<void> }[] = [];
  let stopping: Promise<boolean> | null = null;

  const stopAll = async (): Promise<true> => {
    for (const part of parts.reverse()) {
      await part.stop().catch((error: unknown) => {
        log.error({ err: error, part: part.name }, 'a part failed to stop');
      });
    }
    return true;
  };
  const withDeadline = async (): Promise<boolean> => {
    const inTime = (await within(stopAll(), deadlineMs)) ?? false;
    if (!inTime) log.error({ deadlineMs }, 'the stop took too long and was cut short');
    return inTime;
  };
  return {
    onStop: (name, stop) => void parts.push({ name, stop }),
    stop: () => (stopping ??= withDeadline()),
  };
}
