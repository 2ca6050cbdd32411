/** The channels of a bot, as its settings show them. */
import { z } from 'zod';

export const ChannelView = z
  .object({
    name: z.string(),
    on: z.boolean().meta({ description: 'it takes messages and sends answers' }),
    reason: z.string().nullable().meta({ description: 'why it is off, and what to do' }),
    settings: z.record(z.string(), z.unknown()),
    secrets: z.record(z.string(), z.boolean()).meta({ description: 'which secrets are set; they are never shown' }),
    webhookUrl: z.string().meta({ description: 'where the platform calls' }),
    lastEventAt: z.string().nullable(),
    lastErrorAt: z.string().nullable(),
    lastError: z.string().nullable(),
  })
  .meta({ id: 'Channel' });
export const ChannelCheckView = z.object({ ok: z.boolean(), detail: z.string() }).meta({ id: 'ChannelCheck' });
