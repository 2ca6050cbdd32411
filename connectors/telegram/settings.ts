/** What a bot's author sets for Telegram. */
import { createHmac } from 'node:crypto';

import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';

const shape = (refusal: (url: string) => string | null) =>
  z.strictObject({
    token: z
      .string()
      .trim()
      .regex(/^\d{1,20}:[\w-]{20,100}$/, 'copy the token from @BotFather: digits, a colon, letters')
      .optional(),
    secretToken: z
      .string()
      .regex(/^[\w-]{16,256}$/, '16 to 256 letters, digits, _ and -; leave it out and one is made')
      .optional(),
    apiRoot: z
      .string()
      .max(500)
      .superRefine((url, context) => {
        const reason = refusal(url);
        if (reason) context.addIssue({ code: 'custom', message: reason });
      })
      .transform((url) => (url.endsWith('/') ? url : `${url}/`))
      .default('https://api.telegram.org/'),
  });
export type TelegramSettings = z.infer<ReturnType<typeof shape>> & { token: string };

/** The settings of Telegram; URLs that `refusal` objects to are faults. */
export function telegramSettings(refusal: (url: string) => string | null): ChannelSettings {
  return {
    schema: shape(refusal),
    secrets: ['token', 'secretToken'],
    destinations: ['apiRoot'],
    initial: null,
    off: ({ token }) => (token ? null : 'token is missing: @BotFather gives one for /newbot or /token.'),
  };
}

/** The secret by which Telegram proves itself: the author's, or one that follows from the bot's token. */
export const webhookSecretOf = ({ token, secretToken }: TelegramSettings): string =>
  secretToken ?? createHmac('sha256', token).update('switchboard webhook secret').digest('base64url');
