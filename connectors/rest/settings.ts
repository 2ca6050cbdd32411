/** What a bot's author sets for the REST channel. */
import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';

const shape = (refusal: (url: string) => string | null) =>
  z.strictObject({
    enabled: z.boolean().default(true),
    /** Absent: as the hub is reached, see `RestOptions.local`. */
    requireKey: z.boolean().optional(),
    /** Signs the JSON Web Tokens that Rasa's HTTP API takes for this bot: a secret, or a public key in PEM. Absent: it takes none. */
    jwtKey: z.string().min(1).max(10_000).optional(),
    /** The algorithm of the tokens; HS256 when absent. */
    jwtMethod: z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'PS256']).optional(),
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
    secrets: ['jwtKey'],
    destinations: [],
    initial: {},
    off: (settings) => (settings['enabled'] === false ? 'It is switched off: set enabled to true.' : null),
  };
}
