/** What nodes and hubs say to each other. Both ends are of the same release, or at least of the same `protocol`. */
import { z } from 'zod';

/** Rises with every change that an older end would misunderstand. */
export const protocol = 2;
export const linePath = '/api/v1/nodes/line';

/** Codes by which a hub says goodbye; those from 4400 on will not change by dialling again. */
export const goodbye = { stopping: 1001, twin: 4009, revoked: 4401, protocol: 4426, hello: 4422 } as const;

const word = z.string().max(300);
const bytes = z.number().nonnegative();

/** A node shows itself: the first thing said on a line. */
export const Hello = z.object({
  protocol: z.number(),
  version: word,
  /** The same after a restart. */
  id: z.string().regex(/^[\w.-]{1,100}$/),
  /** Another after a restart. */
  run: word,
  address: word,
  cores: z.number().positive(),
  memoryBudget: z.number().positive(),
  gpus: z.array(word).max(64),
  /** Version of its Rasa; null: it has none. */
  rasa: word.nullable(),
  /** Named Rasa installations beside the default one. */
  runtimes: z.array(word).max(1000),
});
export type Hello = z.infer<typeof Hello>;
/** What the hub answers. */
export const Welcome = z.object({
  /** The same for all hubs on one store. */
  installation: word,
});

const state = z.enum(['asleep', 'waking', 'awake', 'draining', 'quarantined']);
export const Status = z.object({
  state,
  engineInUse: z.enum(['rasa', 'lite', 'remote']).nullable(),
  pids: z.array(z.number()).max(1000),
  memory: z.number().nullable(),
  reason: z.string().max(5000).nullable(),
});
export const Usage = z.object({
  budget: bytes,
  used: bytes,
  shared: bytes,
  states: z.record(state, z.number()),
  waiting: z.number(),
  waitsFor: z.string().max(5000).nullable(),
});
/** What a node tells every now and then, and before it answers what was asked of a bot. */
export const News = z.object({
  /** Takes no new bots: it was asked to drain, or it stops. */
  draining: z.boolean().optional(),
  usage: Usage.optional(),
  /** Bots of which something has changed, with the ids of the models that they run. */
  bots: z.array(z.object({ appId: z.string(), status: Status, models: z.array(z.string()) })).optional(),
  lines: z
    .array(
      z.object({
        appId: z.string(),
        source: z.enum(['bot', 'hub']),
        pid: z.number().nullable(),
        at: z.string().nullable(),
        line: z.string(),
      }),
    )
    .optional(),
});
export type News = z.infer<typeof News>;

/** A turn's result as a node hands it over: what the hub reads of it is checked, the rest is passed on. */
export const Replied = z.looseObject({
  messages: z.array(z.looseObject({ recipient_id: z.string() })),
  parse: z.looseObject({ intent: z.looseObject({ confidence: z.number() }) }).nullable(),
});
export const Parsed = z.looseObject({
  text: z.string(),
  intent: z.looseObject({ name: z.string().nullable(), confidence: z.number() }),
  entities: z.array(z.unknown()),
});
export const Awake = z.object({
  engine: z.enum(['rasa', 'lite', 'remote']),
  pid: z.number().nullable(),
  /** Which of the optional methods of a running engine it has. */
  can: z.array(z.enum(['tracker', 'api'])),
});
export type Awake = z.infer<typeof Awake>;
/** A process of its own, by `Engines.apart`. */
export const Apart = Awake.extend({ lease: z.number() });
export type Apart = z.infer<typeof Apart>;
export const Answered = z.object({ status: z.number(), headers: z.record(z.string(), z.string()) });
export const Events = z.array(z.record(z.string(), z.unknown())).nullable();
