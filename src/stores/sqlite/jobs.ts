/** Training jobs and their logs. */
import type { JobError, JobState, JobStore, Listed, Page, TrainingJob } from '../../contracts.js';
import type { Sqlite } from './database.js';
import { Pager, last } from '../page.js';

interface JobRow {
  seq: number;
  id: string;
  app_id: string;
  content: string;
  state: JobState;
  percent: number;
  stage: string;
  eta: number | null;
  error: string | null;
  model_id: string | null;
  attempts: number;
  fence: number;
  trainer: string | null;
  device: string | null;
  by_whom: string | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

const insert = `
  INSERT INTO jobs (id, app_id, content, state, percent, stage, eta, error, model_id, attempts, fence, trainer, device, by_whom, created_at, started_at, ended_at)
  VALUES (@id, @appId, @content, @state, @percent, @stage, @eta, @error, @modelId, @attempts, @fence, @trainer, @device, @by, @createdAt, @startedAt, @endedAt)`;
const update = `
  UPDATE jobs SET state = @state, percent = @percent, stage = @stage, eta = @eta, error = @error, model_id = @modelId,
    attempts = @attempts, fence = @fence, trainer = @trainer, device = @device, started_at = @startedAt, ended_at = @endedAt
  WHERE id = @id`;
const page = `
  SELECT * FROM jobs WHERE app_id = @appId AND (created_at, seq) < (@at, @seq) ORDER BY created_at DESC, seq DESC LIMIT @fetch`;
const open = "SELECT * FROM jobs WHERE state IN ('queued', 'running', 'evaluating') ORDER BY created_at, seq";

/** The training jobs of one SQLite file. */
export class SqliteJobs implements JobStore {
  private readonly insert;
  private readonly change;
  private readonly byId;
  private readonly before;
  private readonly open;
  private readonly addLine;
  private readonly lines;
  private readonly pager = new Pager<JobRow>('jobs', last, (row) => [row.created_at, row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.change = sqlite.query(update);
    this.byId = sqlite.query<JobRow>('SELECT * FROM jobs WHERE id = @id');
    this.before = sqlite.query<JobRow>(page);
    this.open = sqlite.query<JobRow>(open);
    this.addLine = sqlite.query('INSERT INTO job_log (job_id, line) VALUES (@id, @line)');
    this.lines = sqlite.query<{ line: string }>('SELECT line FROM job_log WHERE job_id = @id ORDER BY seq');
  }

  create(job: TrainingJob): Promise<void> {
    const values = valuesOf(job);
    return this.sqlite.write(() => void this.insert.run(values));
  }

  get(id: string): Promise<TrainingJob | null> {
    return this.sqlite.read(() => this.find(id));
  }

  list(appId: string, page: Page): Promise<Listed<TrainingJob>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.before.all({ appId, at: key[0] ?? '', seq: key[1] ?? 0, fetch }), jobOf);
    });
  }

  update(id: string, change: Partial<TrainingJob>, from?: JobState[]): Promise<TrainingJob | null> {
    return this.sqlite.write(() => {
      const job = this.find(id);
      if (!job || (from && !from.includes(job.state)) || (change.fence ?? job.fence) < job.fence) return null;
      const { appId, content, createdAt } = job;
      const changed = { ...job, ...change, id, appId, content, createdAt };
      this.change.run(valuesOf(changed));
      return changed;
    });
  }

  unfinished(): Promise<TrainingJob[]> {
    return this.sqlite.read(() => this.open.all().map(jobOf));
  }

  appendLog(id: string, lines: string[]): Promise<void> {
    return this.sqlite.write(() => {
      for (const line of lines) this.addLine.run({ id, line });
    });
  }

  log(id: string): Promise<string[]> {
    return this.sqlite.read(() => this.lines.all({ id }).map((row) => row.line));
  }

  private find(id: string): TrainingJob | null {
    const row = this.byId.get({ id });
    return row ? jobOf(row) : null;
  }
}

function valuesOf(job: TrainingJob): Omit<TrainingJob, 'error' | 'by'> & { error: string | null; by: string | null } {
  return { ...job, by: job.by ?? null, error: job.error && JSON.stringify(job.error) };
}

function jobOf(row: JobRow): TrainingJob {
  return {
    id: row.id,
    appId: row.app_id,
    content: row.content,
    state: row.state,
    percent: row.percent,
    stage: row.stage,
    eta: row.eta,
    error: row.error === null ? null : (JSON.parse(row.error) as JobError),
    modelId: row.model_id,
    attempts: row.attempts,
    fence: row.fence,
    trainer: row.trainer,
    device: row.device,
    ...(row.by_whom === null ? {} : { by: row.by_whom }),
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}
