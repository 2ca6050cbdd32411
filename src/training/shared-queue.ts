/** The training queue of a hub beside others: whoever watches it hears what happens to jobs at every hub of the store. */
import type { JobEvent, JobStore, Json, TrainingQueue } from '../contracts.js';
import type { Log } from '../log.js';
import { createWatchers } from './watchers.js';

export interface SharedQueueOptions {
  /** The way to the other hubs. */
  bus: {
    tell(to: string | null, topic: string, body: Json): void;
    on(topic: string, listener: (body: Json) => void): void;
  };
  jobs: Pick<JobStore, 'get' | 'unfinished'>;
  log: Log;
  lookMs?: number;
}

/** Over `queue`. What other hubs could not tell is found by a look at the jobs that have not ended. */
export function sharedQueue(
  queue: TrainingQueue,
  { bus, jobs, log, lookMs = 5000 }: SharedQueueOptions,
): TrainingQueue {
  const watchers = createWatchers(log);
  queue.watch((event) => {
    watchers.tell(event);
    bus.tell(null, 'job', { id: event.job.id, lines: event.lines });
  });
  const retell = async (id: string, lines: string[] = []): Promise<void> => {
    const job = await jobs.get(id);
    if (job) watchers.tell({ job, lines });
  };
  bus.on('job', ({ id, lines }) => {
    void retell(String(id), Array.isArray(lines) ? lines.map(String) : []).catch(() => undefined);
  });
  let before = new Set<string>();
  const look = async (): Promise<void> => {
    const now = new Set((await jobs.unfinished()).map(({ id }) => id));
    const ended = [...before].filter((id) => !now.has(id));
    before = now;
    for (const id of ended) await retell(id);
  };
  const timer = setInterval(() => void look().catch(() => undefined), lookMs).unref();
  const { deliver } = queue;
  return {
    submit: (job) => queue.submit(job),
    cancel: (jobId) => queue.cancel(jobId),
    watch: (listener: (event: JobEvent) => void) => watchers.watch(listener),
    work: (handler, parallel) => queue.work(handler, parallel),
    ...(deliver && { deliver: (result, handler) => deliver.call(queue, result, handler) }),
    trainers: () => queue.trainers(),
    ping: () => queue.ping(),
    close() {
      clearInterval(timer);
      return queue.close();
    },
  };
}
