/** Routes for operators: health, metrics, the machine. */
import { z } from 'zod';
import type { EngineName, PoolUsage, Store } from '../contracts.js';
import type { Machine } from '../machine.js';
import { PoolView } from '../wire.js';
import { type Route, route } from './route.js';

export interface OperationsOptions {
  store: Pick<Store, 'ping'>;
  /** With the kind of store in use, such as `sqlite`. */
  machine: () => Promise<Machine & { store: string }>;
  /** The memory of awake bots. */
  pool: () => PoolUsage;
  /** Whether Rasa can be had here, and in words why not. */
  engine: () => { engine: EngineName; reason: string | null };
  metrics: () => Promise<{ type: string; text: string }>;
}

const State = z.object({ status: z.string() });

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
      summary: 'The hub can store messages: it is in service.',
      access: 'public',
      answers: { 200: { description: 'In service.', schema: State } },
      handle: async () => {
        await options.store.ping();
        return { body: { status: 'ok' } };
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
      summary: 'Counters and timings for Prometheus.',
      access: 'public',
      answers: { 200: { description: 'Prometheus text.', type: 'text/plain' } },
      handle: async () => {
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
        'Cores, load, memory, disk and GPUs of this machine, what its bots use, sizes in bytes; and the store in use.',
      access: 'admin',
      answers: { 200: { description: 'The machine.', schema: z.looseObject({ pool: PoolView }) } },
      handle: async () => ({ body: { ...(await options.machine()), pool: options.pool() } }),
    }),
  ];
}
