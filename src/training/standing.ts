/** Where a waiting job stands: how many go before it, and when its turn may come. Pure. */
import type { TrainingJob } from '../contracts.js';

export interface Standing {
  /** 1 is the next to be taken. */
  position: number;
  /** Seconds until it is taken, by how long trainings took of late; null when nobody trains, or none has ended yet. */
  startsIn: number | null;
}
/** All unfinished jobs, oldest first; how many are trained at once; how many seconds one takes. */
export interface Load {
  jobs: readonly TrainingJob[];
  slots: number;
  seconds: number | null;
}

/** Null for a job that does not wait. Bots take turns: a bot's second job waits for the first job of everybody else. */
export function standingOf(jobId: string, { jobs, slots, seconds }: Load): Standing | null {
  const turns = new Map<string, number>();
  const waiting = jobs
    .filter(({ state }) => state === 'queued')
    .map((job) => {
      const turn = turns.get(job.appId) ?? 0;
      turns.set(job.appId, turn + 1);
      return { id: job.id, turn };
    })
    .sort((a, b) => a.turn - b.turn);
  const place = waiting.findIndex(({ id }) => id === jobId);
  if (place < 0) return null;
  const running = jobs.length - waiting.length;
  const startsIn = slots === 0 || seconds === null ? null : Math.round(Math.floor((running + place) / slots) * seconds);
  return { position: place + 1, startsIn };
}
