/** What a bot's author sets for Slack. */
import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';

/** Answers why a URL may not be called; null when it may. */
export type Refusal = (url: string) => string | null;

const secret = (where: string) =>
  z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]{8,300}$/, `copy it from ${where}: one word of at least 8 characters`);
const shape = (refusal: Refusal) =>
  z.strictObject({
    botToken: secret('OAuth & Permissions, Bot User OAuth Token').optional(),
    signingSecret: secret('Basic Information, Signing Secret').optional(),
    appToken: secret('Basic Information, App-Level Tokens').optional(),
    apiUrl: z
      .string()
      .max(500)
      .superRefine((url, context) => {
        const reason = refusal(url);
        if (reason) context.addIssue({ code: 'custom', message: reason });
      })
      .transform((url) => (url.endsWith('/') ? url : `${url}/`))
      .default('https://slack.com/api/'),
  });
export type SlackSettings = z.infer<ReturnType<typeof shape>> & { botToken: string; signingSecret: string };

/** The settings of Slack; URLs that `refusal` objects to are faults. */
export function slackSettings(refusal: Refusal): ChannelSettings {
  return {
    schema: shape(refusal),
    secrets: ['botToken', 'signingSecret', 'appToken'],
    destinations: ['apiUrl'],
    initial: null,
    off({ botToken, signingSecret }) {
      if (!botToken) return 'botToken is missing: copy the Bot User OAuth Token from OAuth & Permissions.';
      if (!signingSecret) return 'signingSecret is missing: copy the Signing Secret from Basic Information.';
      return null;
    },
  };
}
