/** Training jobs and their logs. */
import type { JobError, JobState, JobStore, Listed, Page, TrainingJob } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { last, Pager } from '../page.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface JobDoc extends Stored, Omit<TrainingJob, 'id' | 'error'> {
  _id: string;
  seq: number;
  /** As JSON. */
  error: string | null;
}
type Questions = 'ofBot' | 'allOfBot' | 'unfinished' | 'byContent';
export const jobs: Collection<JobDoc, Questions> = {
  name: 'jobs',
  fields: {
    _id: 'string',
    seq: 'number',
    appId: 'string',
    content: 'string',
    state: 'string',
    percent: 'number',
    stage: 'string',
    eta: 'number',
    error: 'string',
    modelId: 'string',
    attempts: 'number',
    fence: 'number',
    trainer: 'string',
    device: 'string',
    by: 'string',
    createdAt: 'string',
    startedAt: 'string',
    endedAt: 'string',
  },
  indexes: {
    of_bot: { keys: ['appId', 'createdAt', 'seq'] },
    by_state: { keys: ['state', 'createdAt', 'seq'] },
    by_content: { keys: ['content'] },
  },
  questions: {
    ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['createdAt', 'seq'], order: 'down' },
    allOfBot: { index: 'of_bot', equal: ['appId'] },
    unfinished: { index: 'by_state', equal: ['state'], sorted: ['createdAt', 'seq'] },
    byContent: { index: 'by_content', equal: ['content'] },
  },
};
const open: readonly JobState[] = ['queued', 'running', 'evaluating'];

interface LinesDoc extends Stored {
  _id: number;
  appId: string;
  job: string;
  lines: string[];
}
export const jobLines: Collection<LinesDoc, 'ofJob' | 'ofBot'> = {
  name: 'job_lines',
  fields: { _id: 'number', appId: 'string', job: 'string', lines: 'list' },
  indexes: { of_job: { keys: ['job', '_id'] }, of_bot: { keys: ['appId'] } },
  questions: {
    ofJob: { index: 'of_job', equal: ['job'], sorted: ['_id'] },
    ofBot: { index: 'of_bot', equal: ['appId'] },
  },
};
const most = 1_000_000;

/** The training jobs of one database. */
export class MongoJobs implements JobStore {
  private readonly table: Table<JobDoc, Questions>;
  private readonly logs: Table<LinesDoc, 'ofJob' | 'ofBot'>;
  private readonly lanes = new Lanes();
  private readonly pager = new Pager<JobDoc>('jobs', last, (job) => [job.createdAt, job.seq]);

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(jobs);
    this.logs = mongo.table(jobLines);
    bots.onDelete(
      (appId) => this.logs.remove('ofBot', { appId }),
      (appId) => this.table.remove('allOfBot', { appId }),
    );
  }

  create(job: TrainingJob): Promise<void> {
    return this.mongo.run(() =>
      this.bots.within(job.appId, async () => {
        const seq = await this.numbers.next();
        if (await this.table.insert({ _id: job.id, seq, ...fieldsOf(job) })) return;
        throw new Error(`There is a job ${job.id} already.`);
      }),
    );
  }

  get(id: string): Promise<TrainingJob | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(id);
      return document && jobOf(document);
    });
  }

  list(appId: string, page: Page): Promise<Listed<TrainingJob>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, await this.table.find('ofBot', { appId }, { after: key, limit: fetch }), jobOf);
    });
  }

  update(id: string, change: Partial<TrainingJob>, from?: JobState[]): Promise<TrainingJob | null> {
    return this.mongo.run(() =>
      this.lanes.run(id, async () => {
        const changed = await this.table.change(id, (document) => {
          const job = jobOf(document);
          const late = (change.fence ?? job.fence) < job.fence;
          if (late || (from && !from.includes(job.state))) return { answer: null };
          const { appId, content, createdAt } = job;
          const after = { ...job, ...change, id, appId, content, createdAt };
          return { set: fieldsOf(after), answer: after };
        });
        return changed ?? null;
      }),
    );
  }

  unfinished(): Promise<TrainingJob[]> {
    return this.mongo.run(async () =>
      (await this.table.find('unfinished', { state: open }, { limit: most })).map(jobOf),
    );
  }

  appendLog(id: string, lines: string[]): Promise<void> {
    return this.mongo.run(async () => {
      if (lines.length === 0) return;
      const _id = await this.numbers.next();
      const job = await this.table.byId(id);
      if (!job) throw new HubError('not_found', 'The job this belongs to is not there (any more); create it first.');
      await this.bots.within(job.appId, () => this.logs.insert({ _id, appId: job.appId, job: id, lines }));
    });
  }

  log(id: string): Promise<string[]> {
    return this.mongo.run(async () =>
      (await this.logs.find('ofJob', { job: id }, { limit: most })).flatMap(({ lines }) => lines),
    );
  }

  /** Does any job name this content? */
  names(digest: string): Promise<boolean> {
    return this.table.exists('byContent', { content: digest });
  }
}

function fieldsOf({ id: _, ...job }: TrainingJob): Omit<JobDoc, '_id' | 'rev' | 'seq'> {
  return { ...job, error: job.error && JSON.stringify(job.error) };
}

function jobOf({ _id: id, rev: _rev, seq: _seq, error, ...job }: JobDoc): TrainingJob {
  return { id, ...job, error: error === null ? null : (JSON.parse(error) as JobError) };
}
