/** Those who want to hear of every change of any job. */
import type { JobEvent } from '../contracts.js';
import type { Log } from '../log.js';

export interface Watchers {
  /** Calls `listener` on every event from now on; answers the way to stop it. */
  watch(listener: (event: JobEvent) => void): () => void;
  /** Tells all of them. One that breaks is logged and keeps nobody from hearing. */
  tell(event: JobEvent): void;
}

/** Nobody listens yet. */
export function createWatchers(log: Log | undefined): Watchers {
  const listeners = new Set<(event: JobEvent) => void>();
  return {
    watch(listener) {
      const own = (event: JobEvent): void => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log?.error({ err: error, jobId: event.job.id }, 'a listener of the training queue broke');
        }
      }
    },
  };
}
