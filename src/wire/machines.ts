/** Memory of awake bots, and the machines that they run on. */
import { z } from 'zod';

export const PoolView = z
  .object({
    budget: z.number(),
    used: z.number(),
    shared: z.number().meta({ description: 'what engines hold for all bots together; part of used' }),
    states: z.record(z.string(), z.number()),
    waiting: z.number().meta({ description: 'wakes that wait' }),
    waitsFor: z.string().nullable(),
  })
  .meta({ id: 'Pool', description: 'Memory of awake bots, in bytes.' });
export const NodeView = z
  .object({
    id: z.string(),
    address: z.string().meta({ description: 'as the request log has it' }),
    local: z.boolean().meta({ description: 'the hub itself' }),
    state: z.enum(['ready', 'draining']),
    from: z.string().nullable().meta({ description: 'the address that it calls from; null: the hub itself' }),
    version: z.string(),
    rasa: z.string().nullable().meta({ description: 'version of its Rasa; null: none, or the hub itself' }),
    runtimes: z.array(z.string()).meta({ description: 'named Rasa installations beside the default one' }),
    cores: z.number(),
    gpus: z.array(z.string()),
    scope: z.string().nullable().meta({ description: 'the bots that its token is for; null: all' }),
    usage: PoolView.nullable().meta({ description: 'what its bots use, sizes in bytes; null: not told yet' }),
    outstanding: z.number().meta({ description: 'turns and the like that this hub has it do now' }),
    since: z.string().nullable(),
  })
  .meta({ id: 'Node' });
export const NodeDrain = z.strictObject({ on: z.boolean() });
