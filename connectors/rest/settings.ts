/** What a bot's author sets for the REST channel. */
import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';

const shape = (refusal: (url: string) => string | null) =>
  z.strictObject({
    enabled: z.boolean().default(true),
    /** Absent: as the hub is reached, see `RestOptions.local`. */
    requireKey: z.boolean().optional(),
    /** Where the replies to messages of the callback way are posted. */
    callbackUrl: z
      .string()
      .max(2000)
      .superRefine((url, context) => {
        const reason = refusal(url);
        if (reason) context.addIssue({ code: 'custom', message: reason });
      })
      .optional(),
  });
export type RestSettings = z.infer<ReturnType<typeof shape>>;

/** The settings of the REST channel; a callback URL that `refusal` objects to is a fault. A new bot is reached at once. */
export function restSettings(refusal: (url: string) => string | null): ChannelSettings {
  return {
    schema: shape(refusal),
    secrets: [],
    destinations: [],
    initial: {},
    off: (settings) => (settings['enabled'] === false ? 'It is switched off: set enabled to true.' : null),
  };
}
