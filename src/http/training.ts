/** Routes of training: jobs with their live events. The models they make are in models.ts. */
import { z } from 'zod';
import type { JobEvent, Store, Training, TrainingJob, TrainingQueue, TrainingRequest } from '../contracts.js';
import { HubError } from '../errors.js';
import { FaqTrainBody, JobView, listOf, PageQuery, type PairWire } from '../wire.js';
import { botOf } from './bots.js';
import { faqLimit, pairsOf } from './faq.js';
import { presentJob } from './present.js';
import { param, type Route, route, type Whose } from './route.js';

export interface TrainingRoutesOptions {
  store: Store;
  training: Training;
  queue: TrainingQueue;
}

const TrainQuery = z.object({
  wait: z.enum(['true', 'false', '1', '0']).optional().meta({ description: 'answer when the job has ended' }),
  force: z.enum(['true', 'false', '1', '0']).optional().meta({ description: 'train also when nothing has changed' }),
});
const truly = (word: string | undefined): boolean => word === 'true' || word === '1';
const over = (job: TrainingJob): boolean => job.endedAt !== null;
/** Proxies cut silent connections; a comment line now and then keeps an event stream open. */
const heartbeatMs = 15_000;

/** The job's events as server-sent events: its log so far, then each change until it ends or the reader goes. */
async function* eventsOf(options: TrainingRoutesOptions, jobId: string, signal: AbortSignal): AsyncGenerator<string> {
  const waiting: (JobEvent | null)[] = [];
  let wake: () => void = () => undefined;
  const push = (event: JobEvent | null): void => {
    waiting.push(event);
    wake();
  };
  const unwatch = options.queue.watch((event) => {
    if (event.job.id === jobId) push(event);
  });
  const heartbeat = setInterval(() => push(null), heartbeatMs);
  signal.addEventListener('abort', () => wake());
  const show = ({ job, lines }: JobEvent): string =>
    `event: job\ndata: ${JSON.stringify({ ...presentJob(job), lines })}\n\n`;
  try {
    const job = await jobOf(options.store, jobId);
    yield show({ job, lines: await options.store.jobs.log(jobId) });
    if (over(job)) return;
    while (!signal.aborted) {
      const next = waiting.shift();
      if (next) yield show(next);
      else if (next === null) yield ': still here\n\n';
      else await new Promise<void>((resolve) => (wake = resolve));
      if (next && over(next.job)) return;
    }
  } finally {
    clearInterval(heartbeat);
    unwatch();
  }
}

async function jobOf(store: Store, jobId: string): Promise<TrainingJob> {
  const job = await store.jobs.get(jobId);
  if (!job) throw new HubError('not_found', `There is no job ${jobId}.`);
  return job;
}

/** A body that is YAML text trains from it; a list is the FAQ; nothing trains what is stored. */
async function requestOf(store: Store, appId: string, body: string | PairWire[] | undefined): Promise<TrainingRequest> {
  if (body === undefined) return {};
  if (typeof body === 'string') return { yaml: body };
  return { pairs: pairsOf(body, (await store.faq.get(appId)).pairs) };
}

/** Jobs belong to bots. */
const ofJob = (store: Store): Whose => ({
  bot: async ({ params }) => (await store.jobs.get(param({ params }, 'jobId')))?.appId ?? null,
  missing: ({ jobId = '' }) => `There is no job ${jobId}.`,
});

export function trainingRoutes(options: TrainingRoutesOptions): Route[] {
  const { store, training, queue } = options;
  const of = ofJob(store);
  return [
    route({
      method: 'POST',
      path: '/bots/{appId}/train',
      summary: 'Train from what is stored, from an FAQ payload (which becomes the FAQ), or from one Rasa YAML text.',
      access: 'edit',
      query: TrainQuery,
      body: {
        schema: z.union([z.string(), FaqTrainBody]),
        optional: true,
        limit: faqLimit,
        types: ['application/yaml', 'application/x-yaml', 'text/yaml'],
      },
      answers: {
        202: { description: 'Queued.', schema: z.object({ jobId: z.string() }) },
        200: { description: 'With wait: the job as it ended; look at its state.', schema: JobView },
      },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const job = await training.request(appId, {
          ...(await requestOf(store, appId, asked.body)),
          ...(truly(asked.query.force) ? { force: true } : {}),
          by: asked.caller.principal?.name ?? '',
        });
        if (truly(asked.query.wait)) return { body: presentJob(await training.ended(job.id)) };
        return { status: 202, headers: { location: `/api/v1/jobs/${job.id}` }, body: { jobId: job.id } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/jobs',
      summary: "The bot's training jobs, newest first.",
      access: 'read',
      query: PageQuery,
      answers: { 200: { description: 'A page of jobs.', schema: listOf(JobView) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { items, next } = await store.jobs.list(appId, asked.query);
        return { body: { items: items.map((job) => presentJob(job)), next } };
      },
    }),
    route({
      method: 'GET',
      path: '/jobs/{jobId}',
      summary: 'One job: state, percent, seconds left, and in words why it failed.',
      access: 'read',
      of,
      answers: { 200: { description: 'The job.', schema: JobView } },
      handle: async (asked) => {
        const job = await jobOf(store, param(asked, 'jobId'));
        return { body: presentJob(job, await training.standing(job.id)) };
      },
    }),
    route({
      method: 'POST',
      path: '/jobs/{jobId}/cancel',
      summary: 'Cancel a waiting or running job.',
      access: 'edit',
      of,
      answers: { 200: { description: 'The cancelled job.', schema: JobView } },
      handle: async (asked) => {
        const job = await jobOf(store, param(asked, 'jobId'));
        if (!(await queue.cancel(job.id)))
          throw new HubError('job_ended', 'It has ended already; nothing is left to cancel.');
        return { body: presentJob(await training.ended(job.id)) };
      },
    }),
    route({
      method: 'GET',
      path: '/jobs/{jobId}/events',
      summary:
        'The job live, as server-sent events: `event: job`, data a Job with the new log `lines`; ends with the job.',
      access: 'read',
      of,
      answers: { 200: { description: 'An event stream.', type: 'text/event-stream' } },
      handle: async (asked) => {
        const job = await jobOf(store, param(asked, 'jobId'));
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
        return { headers, stream: eventsOf(options, job.id, asked.gone()) };
      },
    }),
  ];
}
