/** Routes for operators: health, metrics, the machine. */
import { z } from 'zod';
import type { EngineName, HubFacts, PoolUsage, Store, TrainingQueue } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Machine } from '../machine.js';
import { PoolView } from '../wire.js';
import { type Asked, type Route, route } from './route.js';

export interface OperationsOptions {
  store: Pick<Store, 'ping'>;
  queue: Pick<TrainingQueue, 'ping'>;
  /** With the store and the queue in use: what kind, and where; whose rights bots' processes have; and the hubs that live. */
  machine: () => Promise<Machine & { store: Place; queue: Place; childUids: ChildUsers; hubs: HubFacts[] }>;
  /** The memory of awake bots. */
  pool: () => PoolUsage;
  /** Whether Rasa can be had here, and in words why not. */
  engine: () => { engine: EngineName; reason: string | null };
  metrics: () => Promise<{ type: string; text: string }>;
  /** May this caller read them? */
  mayMeasure: (knock: Pick<Asked<unknown, unknown>, 'headers' | 'caller'>) => Promise<boolean>;
}

/** `at`: hosts or a path, never a password; null: in the hub itself. */
export interface Place {
  kind: string;
  at: string | null;
}
/** `reason`: why bots' processes run as the hub's user; null where each has a user id of its own, and where there is no Rasa. */
export interface ChildUsers {
  own: boolean;
  reason: string | null;
}
const ChildUsersView = z
  .object({ own: z.boolean(), reason: z.string().nullable() })
  .meta({ description: "Whether each bot's process has a user id of its own (CHILD_UIDS), and if not, why" });
const PlaceView = z.object({ kind: z.string(), at: z.string().nullable() });
const HubView = z.object({
  id: z.string(),
  url: z.string().nullable(),
  host: z.string(),
  pid: z.number(),
  since: z.string(),
});
const State = z.object({ status: z.string() });
const Ready = z.object({
  status: z.enum(['ok', 'limited']),
  store: z.literal('ok'),
  queue: z.string().meta({ description: '`ok`, or why no training can be asked for now' }),
});

/** What keeps the queue from taking a job, in words. Never rejects. */
function queueState(queue: OperationsOptions['queue']): Promise<string> {
  return queue.ping().then(
    () => 'ok',
    (error: unknown) =>
      error instanceof HubError ? error.message : 'The queue cannot be asked; the log has the reason.',
  );
}

export function healthRoutes(options: OperationsOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/health/live',
      summary: 'The process runs.',
      access: 'public',
      answers: { 200: { description: 'Alive.', schema: State } },
      handle: () => Promise.resolve({ body: { status: 'ok' } }),
    }),
    route({
      method: 'GET',
      path: '/health/ready',
      summary:
        'Can the hub store messages? Then it is in service, and this says whether the training queue is too: without it the chats go on.',
      access: 'public',
      answers: {
        200: { description: 'In service; `limited`: the queue is not ready.', schema: Ready },
        503: { description: 'The store is not ready.' },
      },
      handle: async () => {
        const [queue] = await Promise.all([queueState(options.queue), options.store.ping()]);
        return { body: { status: queue === 'ok' ? 'ok' : 'limited', store: 'ok', queue } };
      },
    }),
    route({
      method: 'GET',
      path: '/health/engine',
      summary: 'Which engine answers trained bots here, and if it is not Rasa, why and what to do.',
      access: 'public',
      answers: {
        200: { description: 'The engine.', schema: z.object({ engine: z.string(), reason: z.string().nullable() }) },
      },
      handle: () => Promise.resolve({ body: options.engine() }),
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary:
        'Counters and timings for Prometheus: for this machine, for METRICS_TOKEN as a bearer, and for whoever may see the hub.',
      access: 'public',
      answers: { 200: { description: 'Prometheus text.', type: 'text/plain' } },
      handle: async (asked) => {
        if (!(await options.mayMeasure(asked)))
          throw new HubError(
            'unauthorized',
            'Send Authorization: Bearer TOKEN: METRICS_TOKEN of the hub, or an API key.',
          );
        const { type, text } = await options.metrics();
        return { headers: { 'content-type': type }, text };
      },
    }),
  ];
}

export function machineRoutes(options: OperationsOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/machine',
      summary:
        'Cores, load, memory, disk and GPUs of this machine, what its bots use, sizes in bytes; the store and the queue in use; whether processes have users of their own; and the hubs that live on that store, this one among them, where several may.',
      access: 'watch',
      answers: {
        200: {
          description: 'The machine.',
          schema: z.looseObject({
            ...{ pool: PoolView, store: PlaceView, queue: PlaceView, childUids: ChildUsersView },
            hubs: z.array(HubView),
          }),
        },
      },
      handle: async () => ({ body: { ...(await options.machine()), pool: options.pool() } }),
    }),
  ];
}
