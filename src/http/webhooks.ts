/** Where chat platforms call: the bytes go to the bot's connection, which verifies them and answers only once the message is stored. */
import { z } from 'zod';
import type { Connection, Store } from '../contracts.js';
import { within } from '../deadline.js';
import { HubError } from '../errors.js';
import { QueryOfAny } from '../wire.js';
import { param, type Route, route } from './route.js';

export interface WebhookOptions {
  store: Pick<Store, 'bots'>;
  /** The bot's open channel of this name, if it has one. */
  find: (address: { appId: string; channel: string }) => Connection | undefined;
  /** Is there such a channel at all? */
  knows: (channel: string) => boolean;
}

/** Slack gives up after 3 s. A 503 in time makes a platform send the message again; the copy is recognised if this one was stored after all. */
const ackLimitMs = 1800;

export function webhookRoutes({ store, find, knows }: WebhookOptions): Route[] {
  const absence = async (appId: string, channel: string): Promise<HubError> => {
    const off = knows(channel) && !find({ appId, channel }) && (await store.bots.get(appId)) !== null;
    if (!off) return new HubError('not_found', 'No such channel of such a bot takes webhooks here.');
    return new HubError('channel_off', "This channel is off; the bot's channel page says why.");
  };
  return [
    route({
      method: 'POST',
      path: '/webhooks/{channel}/{appId}',
      summary: 'Events of a chat platform. 2xx means stored; anything else means: send it again.',
      access: 'public',
      query: QueryOfAny,
      body: { schema: z.instanceof(Buffer), raw: true },
      answers: { 200: { description: 'Stored. The body is what the platform expects.' } },
      handle: async (asked) => {
        const [appId, channel] = [param(asked, 'appId'), param(asked, 'channel')];
        const connection = find({ appId, channel });
        if (!connection?.webhook) throw await absence(appId, channel);
        const { query, headers, body } = asked;
        const response = await within(connection.webhook({ query, headers, body }), ackLimitMs);
        if (!response)
          throw new HubError('store_unavailable', 'The message could not be stored in time; send it again.');
        return { status: response.status, headers: response.headers ?? {}, text: response.body ?? '' };
      },
    }),
  ];
}
