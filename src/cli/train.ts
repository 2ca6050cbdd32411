/** `train` and `jobs`: a training from a terminal or a pipeline. */
import type { Client } from '../client.js';
import type { JobWire } from '../wire.js';
import { CliError, exitCodes, type Output } from './output.js';

interface Tools {
  client: Client;
  output: Output;
}
export interface TrainOptions {
  wait?: boolean;
  force?: boolean;
  /** Goes into the result. */
  facts?: object;
}

/** Begins a training; with `wait` shows how far it is, and ends with `failed` unless it is done. */
export async function trainAndWait({ client, output }: Tools, appId: string, options: TrainOptions): Promise<void> {
  const jobId = await client.train(appId, { force: options.force ?? false });
  if (!options.wait) {
    output.result(
      { appId, jobId, ...options.facts },
      `Queued as job ${jobId}; \`switchboard jobs ${appId}\` shows how far it is.`,
    );
    return;
  }
  const job = await followed({ client, output }, jobId);
  output.settled();
  const seconds = job.startedAt && job.endedAt ? (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000 : 0;
  output.result({ ...job, ...options.facts }, wordsOf(job, seconds));
  if (job.state !== 'done')
    throw new CliError(job.error?.message ?? `The training was ${job.state}.`, exitCodes.failed);
}

/** Shows the job until it has ended; a stream that breaks off is opened anew. */
async function followed({ client, output }: Tools, jobId: string): Promise<JobWire> {
  for (;;) {
    for await (const { lines: _lines, ...job } of client.watchJob(jobId)) {
      output.progress(job.percent, job.stage);
      if (job.endedAt !== null) return job;
    }
    const job = await client.job(jobId);
    if (job.endedAt !== null) return job;
  }
}

const wordsOf = (job: JobWire, seconds: number): string[] =>
  job.state === 'done'
    ? [`Trained in ${seconds.toFixed(1)} s; model ${job.modelId ?? ''} is in use.`]
    : [`Job ${job.jobId}: ${job.state}.`, ...(job.error?.detail ? [job.error.detail] : [])];

/** The bot's jobs, newest first. */
export async function listJobs({ client, output }: Tools, appId: string): Promise<void> {
  const jobs = await client.jobs(appId);
  const lines = jobs.map(({ jobId, state, percent, createdAt, error, stage }) =>
    [createdAt, jobId, state.padEnd(10), state === 'running' ? `${percent} % ${stage}` : (error?.message ?? '')]
      .join('  ')
      .trimEnd(),
  );
  output.result(jobs, lines.length > 0 ? lines : `There is no job of ${appId} yet.`);
}
