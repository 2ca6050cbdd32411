/** Where REST clients talk to a bot, at the addresses of Rasa's own rest and callback channels: who moves here changes the base URL alone. */
import { z } from 'zod';
import type { Connection, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { BotMessageView, QueryOfAny } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

export interface RestRoutesOptions {
  store: Pick<Store, 'bots'>;
  /** The bot's open channel of this name, if it has one. */
  find: (address: { appId: string; channel: string }) => Connection | undefined;
}
const ways = {
  rest: {
    summary:
      "Say something to the bot and hold the line for its replies, as Rasa's rest channel; with `?stream=true` one JSON object a line.",
    answer: { description: 'The replies, in order.', schema: z.array(BotMessageView) },
  },
  callback: {
    summary:
      "Say something to the bot; each reply is posted to the bot's callbackUrl, as Rasa's callback channel does.",
    answer: { description: 'Stored: `success`.', type: 'text/plain' },
  },
};

export function restRoutes({ store, find }: RestRoutesOptions): Route[] {
  return Object.entries(ways).flatMap(([at, { summary, answer }]) => [
    route({
      method: 'GET',
      path: `/bots/{appId}/webhooks/${at}`,
      summary: `Is the ${at} channel there? As Rasa answers it.`,
      access: 'public',
      answers: { 200: { description: '`{"status": "ok"}`' } },
      handle: async (asked) => {
        await botOf(store, asked);
        return { headers: { 'content-type': 'application/json' }, text: JSON.stringify({ status: 'ok' }) };
      },
    }),
    route({
      method: 'POST',
      path: `/bots/{appId}/webhooks/${at}/webhook`,
      summary,
      access: 'public',
      query: QueryOfAny,
      body: { schema: z.instanceof(Buffer), raw: true },
      answers: { 200: answer },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const connection = find({ appId, channel: 'rest' });
        if (!connection?.webhook) {
          throw new HubError('channel_off', "The bot's REST channel is off: set enabled to true in its settings.");
        }
        const { query, headers, body, gone } = asked;
        const response = await connection.webhook({ query, headers, body, at, gone });
        return { status: response.status, headers: response.headers ?? {}, text: response.body ?? '' };
      },
    }),
  ]);
}
