/** Training jobs and the hosts that do them. */
import { z } from 'zod';

export const JobView = z
  .object({
    jobId: z.string(),
    appId: z.string(),
    state: z.enum(['queued', 'running', 'evaluating', 'done', 'failed', 'cancelled', 'superseded']),
    percent: z.number(),
    stage: z.string(),
    eta: z.number().nullable().meta({ description: 'seconds left by the present pace' }),
    error: z.object({ code: z.string(), message: z.string(), detail: z.string().optional() }).nullable(),
    modelId: z.string().nullable(),
    position: z.number().nullable().meta({ description: 'place among the waiting jobs; 1 is next' }),
    startsIn: z
      .number()
      .nullable()
      .meta({ description: 'seconds until it is taken, by how long trainings took of late' }),
    attempts: z.number(),
    trainer: z.string().nullable().meta({ description: 'who has it, or had it last' }),
    device: z.string().nullable().meta({ description: 'on what it computes, with the reason where that is not a GPU' }),
    by: z.string().nullable().meta({ description: 'who asked for it' }),
    createdAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
  })
  .meta({ id: 'Job' });
export type JobWire = z.infer<typeof JobView>;
export const TrainerView = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.array(z.string()),
    cores: z.number(),
    memory: z.object({ total: z.number(), free: z.number() }),
    gpus: z.array(z.string()),
    device: z
      .string()
      .meta({ description: 'on what trainings compute there, with the reason where that is not a GPU' }),
    parallel: z.number().meta({ description: 'trainings at once' }),
    holding: z.string().nullable().meta({ description: 'why it takes no job at present' }),
    jobs: z.array(z.object({ jobId: z.string(), appId: z.string() })),
  })
  .meta({ id: 'Trainer' });
