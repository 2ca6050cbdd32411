/** Where chat platforms call: the bytes go to the bot's connection, which verifies them and answers only once the message is stored. */
import { z } from 'zod';
import type { Connection } from '../contracts.js';
import { within } from '../deadline.js';
import { HubError } from '../errors.js';
import { param, type Route, route } from './route.js';

export interface WebhookOptions {
  /** The bot's open channel of this name, if it has one. */
  find: (address: { appId: string; channel: string }) => Connection | undefined;
}

/** Slack gives up after 3 s. A 503 in time makes a platform send the message again; the copy is recognised if this one was stored after all. */
const ackLimitMs = 1800;
const Query = z.record(z.string(), z.union([z.string(), z.array(z.string())]).optional());

export function webhookRoutes({ find }: WebhookOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: '/webhooks/{channel}/{appId}',
      summary: 'Events of a chat platform. 2xx means stored; anything else means: send it again.',
      access: 'public',
      query: Query,
      body: { schema: z.instanceof(Buffer), raw: true },
      answers: { 200: { description: 'Stored. The body is what the platform expects.' } },
      handle: async (asked) => {
        const connection = find({ appId: param(asked, 'appId'), channel: param(asked, 'channel') });
        if (!connection?.webhook) throw new HubError('not_found', 'No such channel of such a bot takes webhooks here.');
        const { query, headers, body } = asked;
        const response = await within(connection.webhook({ query, headers, body }), ackLimitMs);
        if (!response)
          throw new HubError('store_unavailable', 'The message could not be stored in time; send it again.');
        return { status: response.status, headers: response.headers ?? {}, text: response.body ?? '' };
      },
    }),
  ];
}
