/** A mailbox per conversation: work is done one piece at a time, in order; two conversations never wait on each other. */
import { HubError } from '../errors.js';

export interface Mailbox {
  /** Queues `work` behind whatever waits under `key`, however much that is: what was accepted gets its turn. Settles as `work` does. */
  post<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Throws `mailbox_full` when too much waits under `key`; asked before anything new is accepted. */
  check(key: string): void;
  /** Under which keys something waits or runs. */
  keys(): Iterable<string>;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

/** `capacity`: pieces of work that may wait or run under one key. */
export function createMailbox(capacity: number): Mailbox {
  const tails = new Map<string, { last: Promise<unknown>; size: number }>();

  const check = (key: string): void => {
    if ((tails.get(key)?.size ?? 0) < capacity) return;
    throw new HubError(
      'mailbox_full',
      `${capacity} messages of this conversation wait for their answers; send the next one later.`,
    );
  };
  return {
    check,
    async post(key, work) {
      const box = tails.get(key) ?? { last: Promise.resolve(), size: 0 };
      tails.set(key, box);
      box.size += 1;
      const mine = box.last.then(work);
      box.last = mine.catch(() => undefined);
      try {
        return await mine;
      } finally {
        box.size -= 1;
        if (box.size === 0) tails.delete(key);
      }
    },
    keys: () => tails.keys(),
    async idle() {
      while (tails.size > 0) await Promise.all([...tails.values()].map((box) => box.last));
    },
  };
}
