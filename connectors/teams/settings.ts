/** What a bot's author sets for Teams. */
import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';
import { trimmedUrl } from './token.js';

const id = (where: string) =>
  z
    .string()
    .trim()
    .regex(/^[\w.-]{1,100}$/, where);
function shape(refusal: (url: string) => string | null) {
  const url = z
    .string()
    .max(500)
    .superRefine((text, context) => {
      const reason = refusal(text);
      if (reason) context.addIssue({ code: 'custom', message: reason });
    });
  return z.strictObject({
    microsoftAppId: id('the Microsoft App ID from the Azure bot, e.g. 1a2b3c4d-…').optional(),
    microsoftAppPassword: z
      .string()
      .trim()
      .regex(/^[\x21-\x7e]{8,300}$/, 'the value of a client secret, not its id: one word of at least 8 characters')
      .optional(),
    microsoftAppTenantId: id('the tenant id of a single-tenant bot').optional(),
    openIdMetadataUrl: url.default('https://login.botframework.com/v1/.well-known/openidconfiguration'),
    tokenEndpoint: url.optional(),
    allowedServiceUrls: z.array(url).max(20).optional(),
  });
}
export type TeamsSettings = z.infer<ReturnType<typeof shape>> & {
  microsoftAppId: string;
  microsoftAppPassword: string;
};

/** The settings of Teams; URLs that `refusal` objects to are faults. */
export function teamsSettings(refusal: (url: string) => string | null): ChannelSettings {
  return {
    schema: shape(refusal),
    secrets: ['microsoftAppPassword'],
    destinations: ['tokenEndpoint', 'openIdMetadataUrl', 'allowedServiceUrls'],
    initial: null,
    off({ microsoftAppId, microsoftAppPassword }) {
      if (!microsoftAppId) return 'microsoftAppId is missing: copy it from the configuration of the Azure bot.';
      if (!microsoftAppPassword)
        return 'microsoftAppPassword is missing: make a client secret for the app and copy its value.';
      return null;
    },
  };
}

/** Hosts of Microsoft's own, the world's and the governments' clouds. */
const microsoft = [
  /^smba\.trafficmanager\.net$/,
  /^smba(?:\.[\w-]+)*\.teams\.microsoft\.(?:com|us)$/,
  /^(?:[\w-]+\.)*botframework\.(?:com|azure\.us|azure\.cn)$/,
];

/** Our bearer token goes to this address: may it? Only to Microsoft's hosts, and to what the author allows. */
export function isServiceUrl(text: string, allowed: readonly string[] = []): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username || url.password) return false;
  if (url.protocol === 'https:' && url.port === '' && microsoft.some((host) => host.test(url.hostname))) return true;
  return allowed.some(
    (one) => trimmedUrl(text) === trimmedUrl(one) || trimmedUrl(text).startsWith(`${trimmedUrl(one)}/`),
  );
}
/** Where tokens for the Bot Framework come from. */
export const tokenEndpointOf = ({ tokenEndpoint, microsoftAppTenantId }: TeamsSettings): string =>
  tokenEndpoint ?? `https://login.microsoftonline.com/${microsoftAppTenantId ?? 'botframework.com'}/oauth2/v2.0/token`;
