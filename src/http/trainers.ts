/** Routes of trainers: what they fetch and hand over for a job they took, and the view of who trains what. */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Training, TrainingQueue } from '../contracts.js';
import { HubError } from '../errors.js';
import { JobView, TrainerView } from '../wire.js';
import { presentJob } from './present.js';
import { type Asked, param, type Route, route } from './route.js';

export interface TrainerRoutesOptions {
  training: Training;
  queue: Pick<TrainingQueue, 'trainers'>;
  /** Is it the token of this job? */
  tokenFits: (jobId: string, token: unknown) => boolean;
  /** Where uploads grow. */
  folder: string;
}
const digestForm = /^[0-9a-f]{64}$/;

/** The job in the path, whose token the caller must have. */
function heldJob(options: TrainerRoutesOptions, asked: Pick<Asked<unknown, unknown>, 'params' | 'headers'>): string {
  const jobId = param(asked, 'jobId');
  if (options.tokenFits(jobId, asked.headers['x-job-token'])) return jobId;
  throw new HubError(
    'stale_result',
    'The header X-Job-Token is not the token of this job: take the job from the queue first.',
  );
}

function numberIn(asked: Pick<Asked<unknown, unknown>, 'headers'>, header: string): number {
  const value = Number(asked.headers[header]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new HubError('invalid', `The header ${header} must be a number.`);
}

/** Writes the upload to `path`; rejects with `invalid` when it is not what its sender says. */
async function received(body: Readable, sha256: unknown, path: string): Promise<void> {
  if (typeof sha256 !== 'string' || !digestForm.test(sha256)) {
    throw new HubError('invalid', 'The header X-SHA256 must be the sha256 of the archive, in lower case hex.');
  }
  const hash = createHash('sha256');
  const through = new Transform({
    highWaterMark: 1 << 20,
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, through, createWriteStream(path, { mode: 0o600, flags: 'wx', highWaterMark: 1 << 20 }));
  if (hash.digest('hex') === sha256) return;
  throw new HubError('invalid', 'The archive that arrived does not have the sha256 of X-SHA256: send it again.');
}

function handOver(options: TrainerRoutesOptions): Route {
  return route({
    method: 'PUT',
    path: '/jobs/{jobId}/model',
    summary:
      'For trainers: the archive of a job they took, once. Headers: X-Job-Token and X-Job-Fence of the taking, X-SHA256, X-Train-Seconds.',
    access: 'train',
    body: { schema: z.instanceof(Readable), stream: true },
    answers: {
      200: { description: 'The job as it ended.', schema: JobView },
      409: { description: 'Not wanted (any more).' },
    },
    handle: async (asked) => {
      const jobId = heldJob(options, asked);
      const [fence, seconds] = [numberIn(asked, 'x-job-fence'), numberIn(asked, 'x-train-seconds')];
      const archivePath = join(options.folder, `upload-${randomUUID()}.tar.gz`);
      try {
        await received(asked.body, asked.headers['x-sha256'], archivePath);
        return { body: presentJob(await options.training.deliver({ jobId, fence, archivePath, seconds })) };
      } finally {
        await rm(archivePath, { force: true });
      }
    },
  });
}

export function trainerRoutes(options: TrainerRoutesOptions): Route[] {
  const { training, queue } = options;
  return [
    handOver(options),
    route({
      method: 'GET',
      path: '/jobs/{jobId}/project',
      summary: 'For trainers: what a job they took is trained from. Header: X-Job-Token of the taking.',
      access: 'train',
      answers: { 200: { description: 'The content snapshot.' }, 409: { description: 'Not wanted any more.' } },
      handle: async (asked) => ({
        headers: { 'content-type': 'application/json' },
        text: await training.content(heldJob(options, asked)),
      }),
    }),
    route({
      method: 'GET',
      path: '/jobs',
      summary: 'All jobs that have not ended, of all bots, oldest first, with their places in the queue.',
      access: 'watch',
      answers: { 200: { description: 'The jobs.', schema: z.object({ items: z.array(JobView) }) } },
      handle: async () => {
        const jobs = await training.unfinished();
        const items = await Promise.all(jobs.map(async (job) => presentJob(job, await training.standing(job.id))));
        return { body: { items } };
      },
    }),
    route({
      method: 'GET',
      path: '/trainers',
      summary: 'Who trains: hosts, on what they compute, and what they are at.',
      access: 'watch',
      answers: { 200: { description: 'The trainers.', schema: z.object({ items: z.array(TrainerView) }) } },
      handle: async () => ({ body: { items: await queue.trainers() } }),
    }),
  ];
}
