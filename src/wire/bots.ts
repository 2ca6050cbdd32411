/** A bot: how it is made, changed and shown, and the log of its processes. */
import { z } from 'zod';
import { httpUrl, language, nonBlank, pipeline } from './fields.js';
import { JobView } from './training.js';

/** The value of an Authorization header. */
const authorization = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .regex(/^[\x20-\x7e]+$/, 'printable ASCII characters, such as "Bearer KEY"')
  .meta({ description: 'with which Authorization header the remote server is called; never shown again' });
const threshold = z.number().min(0).max(1).nullable();
const runtime = z
  .string()
  .max(100)
  .nullable()
  .meta({ description: 'a Rasa installation that RASA_RUNTIMES names; null: the default one' });
const lateAnswers = z
  .enum(['send', 'drop'])
  .meta({ description: 'what becomes of an answer that comes after the user was told that it takes longer' });
const instances = z
  .strictObject({ min: z.number().int().min(0).max(32), max: z.number().int().min(1).max(32) })
  .refine(({ min, max }) => min <= max, { path: ['min'], error: 'at most max' })
  .meta({
    id: 'Instances',
    description: 'Processes that the bot has at least, however idle, and may have at most, when its turns queue up.',
  });
const Component = z.looseObject({ name: nonBlank(200) });
const Options = z
  .strictObject({
    pipeline: z.array(Component).min(1).max(50).optional(),
    policies: z.array(Component).min(1).max(20).optional(),
    fallback: nonBlank(20_000).optional(),
  })
  .meta({
    id: 'BotOptions',
    description:
      "Choices of the author: Rasa components and policies as config.yml has them, in place of the bot's, and what it says when it does not know. They count from the next training on; what is left out is as the pipeline has it.",
  });
const InitialModel = z
  .strictObject({ url: httpUrl, sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a sha256 in lower case hex') })
  .meta({
    id: 'InitialModel',
    description:
      'A Rasa model archive, trained elsewhere, with which the bot answers from the start. Admins only: a model is code.',
  });
export const BotCreate = z
  .strictObject({
    name: nonBlank(200),
    language: language.optional(),
    template: z.string().max(100).optional(),
    pipeline: pipeline.optional(),
    engine: z.enum(['rasa', 'lite', 'remote']).optional(),
    remoteUrl: httpUrl.optional(),
    remoteAuth: authorization.optional(),
    threshold: threshold.optional(),
    runtime: runtime.optional(),
    options: Options.optional(),
    lateAnswers: lateAnswers.optional(),
    initialModel: InitialModel.optional(),
  })
  .refine((bot) => (bot.engine === 'remote') === (bot.remoteUrl !== undefined), {
    path: ['remoteUrl'],
    error: 'goes with engine "remote", and only with it',
  })
  .refine((bot) => bot.engine === 'remote' || bot.remoteAuth === undefined, {
    path: ['remoteAuth'],
    error: 'only for engine "remote"',
  })
  .meta({ id: 'BotCreate' });
export const BotChange = z
  .strictObject({
    name: nonBlank(200),
    language,
    pipeline,
    threshold,
    runtime,
    options: Options,
    remoteUrl: httpUrl,
    remoteAuth: authorization.nullable(),
    lateAnswers,
    instances,
  })
  .partial()
  .meta({ id: 'BotChange' });
export const BotView = z
  .object({
    appId: z.string(),
    name: z.string(),
    language: z.string(),
    template: z.string(),
    pipeline,
    threshold,
    engine: z.enum(['rasa', 'lite', 'remote']),
    remoteUrl: z.string().nullable(),
    remoteAuth: z.boolean().meta({ description: 'is the remote server called with an Authorization header?' }),
    lateAnswers,
    runtime: z.string().nullable(),
    options: Options,
    instances,
    state: z.enum(['asleep', 'waking', 'awake', 'draining', 'quarantined']),
    reason: z.string().nullable().meta({ description: 'why it is quarantined, or what its wake waits for' }),
    pids: z.array(z.number()).meta({ description: 'its processes, oldest first' }),
    memory: z.number().nullable().meta({ description: 'bytes that are its own; null while asleep' }),
    engineInUse: z
      .enum(['rasa', 'lite', 'remote'])
      .nullable()
      .meta({ description: 'what answers now; null while asleep' }),
    activeModel: z.string().nullable(),
    trainingJob: JobView.nullable(),
    chatUrl: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Bot' });
export type BotWire = z.infer<typeof BotView>;
export const LogLineView = z
  .object({
    number: z.number(),
    source: z
      .enum(['bot', 'hub'])
      .meta({ description: "the bot's process wrote it, or the hub did something with it" }),
    pid: z.number().nullable(),
    at: z.string().nullable().meta({ description: "null for the process's lines, which carry their own time" }),
    line: z.string(),
  })
  .meta({ id: 'LogLine' });
export type LogLineWire = z.infer<typeof LogLineView>;
