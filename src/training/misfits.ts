/**
 * Jobs in Redis whose trainer is not there. What would gain by a GPU goes to any trainer once none with a GPU is left, and the job says
 * so; a job that no trainer may take says what it waits for.
 */
import type { JobStore, TrainerStatus, TrainingJob } from '../contracts.js';
import type { Label, Line, Seen, Standings } from './line.js';
import { unmet } from './labels.js';

export interface MisfitsOptions {
  line: Line;
  jobs: Pick<JobStore, 'get' | 'update'>;
  /** Is it worked on in this process? Then it stays where it is. */
  busy: (jobId: string) => boolean;
  /** Puts a job that waited for a GPU into the line again, for the trainers that there are. */
  again: (job: TrainingJob) => Promise<void>;
  /** Called with each job that changed. */
  tell: (job: TrainingJob) => void;
  /** How long a trainer with a GPU may be away (it may only start anew). */
  graceMs: number;
}
const gpu: Label = 'gpu';

export class Misfits {
  private goneSince: number | null = null;

  constructor(private readonly options: MisfitsOptions) {}

  /** Compares what is in the line with the trainers that are there. */
  async look({ waiting, active }: Standings): Promise<void> {
    const trainers = await this.options.line.keys.trainers();
    const moved = new Set<string>();
    if (this.gpuIsGone(trainers)) {
      for (const seen of [...waiting, ...active]) if (await this.moved(seen)) moved.add(seen.id);
    }
    for (const seen of waiting) if (!moved.has(seen.id)) await this.name(seen, trainers);
  }

  private gpuIsGone(trainers: TrainerStatus[]): boolean {
    if (trainers.some(({ labels }) => labels.includes(gpu))) this.goneSince = null;
    else this.goneSince ??= performance.now();
    return this.goneSince !== null && performance.now() - this.goneSince >= this.options.graceMs;
  }

  /** Gives a job that waits for a GPU, or was lost with the trainer that has one, to all trainers. */
  private async moved({ id, label }: Seen): Promise<boolean> {
    const { line, jobs, busy, again } = this.options;
    if (label !== gpu || busy(id) || !(await line.removeIdle(id))) return false;
    const job = await jobs.get(id);
    if (!job || job.endedAt !== null) return false;
    await again(job);
    return true;
  }

  /** Has the job say what it waits for beside its turn. */
  private async name({ id, needs }: Seen, trainers: TrainerStatus[]): Promise<void> {
    const { jobs, tell } = this.options;
    const gaps = trainers.map(({ labels }) => unmet(needs, labels)).sort((a, b) => a.length - b.length);
    const stage = gaps[0]?.length ? `waiting for a trainer with ${gaps[0].join(', ')}` : 'waiting';
    const job = await jobs.get(id);
    if (job?.state !== 'queued' || job.stage === stage) return;
    const changed = await jobs.update(id, { stage }, ['queued']);
    if (changed) tell(changed);
  }
}
