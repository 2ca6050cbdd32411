/** Routes that talk to a bot: parse a text, send a message. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Hub, Model, Store, StoredMessage } from '../contracts.js';
import { HubError, hubErrorFrom } from '../errors.js';
import { BotMessageView, MessageBody, ParseBody, ParseView, TryBody, TryView } from '../wire.js';
import { botOf } from './bots.js';
import { param, type Route, route, traceparentIn } from './route.js';

/** Names the engine in a header: the body stays as Rasa's REST channel gives it. */
const engineHeader = (engine: string | undefined): Record<string, string> =>
  engine ? { 'x-switchboard-engine': engine } : {};

/** Did the bot offer a button with this payload in these messages? */
const offers = (messages: StoredMessage[], payload: string): boolean =>
  messages.some(({ replies }) => replies.some(({ buttons = [] }) => buttons.some((one) => one.payload === payload)));

/** Ids of other channels begin with the channel's name; a REST sender must not pass for one of them. */
const foreign = /^(?:web|slack|telegram|teams):/;

export interface TalkRoutesOptions {
  store: Store;
  hub: Hub;
  /** Talks to one version of a bot. Rejects as `Engines.apart` does. */
  tried: (
    model: Model,
    talk: { texts: readonly string[]; language?: string | undefined },
  ) => Promise<z.infer<typeof TryView>>;
}

export function talkRoutes({ store, hub, tried }: TalkRoutesOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: '/bots/{appId}/models/{modelId}/try',
      summary:
        'Say something to any version of the bot, in a process of its own that keeps nothing and runs no actions of its own; answers what it says and understands.',
      access: 'converse',
      audited: false,
      body: { schema: TryBody },
      answers: { 200: { description: 'The answer to the last text.', schema: TryView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const model = await store.models.get(bot.appId, param(asked, 'modelId'));
        if (!model) throw new HubError('not_found', `The bot has no model ${param(asked, 'modelId')}.`);
        return { body: await tried(model, asked.body) };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/parse',
      summary: "What the bot understands: Rasa's parse object.",
      access: 'converse',
      audited: false,
      body: { schema: ParseBody },
      answers: { 200: { description: 'The parse. X-Switchboard-Engine names the engine.', schema: ParseView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { parse, engine } = await hub.parse(appId, asked.body.text, asked.body.language);
        return { headers: engineHeader(engine), body: parse };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/messages',
      summary:
        "Say something to the bot; answers what it says, as Rasa's REST channel. Waits for a sleeping bot and for its first training.",
      access: 'converse',
      audited: false,
      body: { schema: MessageBody },
      answers: {
        200: {
          description: 'The replies, in order. X-Switchboard-Engine names the engine.',
          schema: z.array(BotMessageView),
        },
      },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { sender, message: text, metadata = {} } = asked.body;
        if (foreign.test(sender)) {
          throw new HubError('invalid', 'That sender belongs to another channel.', {
            errors: [{ pointer: '/sender', detail: 'must not begin with a channel name and a colon' }],
          });
        }
        const key = asked.headers['idempotency-key'];
        const eventId = typeof key === 'string' ? `${sender} ${key}` : randomUUID();
        const payload = text.startsWith('/') && offers(await store.conversations.latest(appId, sender, 100), text);
        const said = {
          appId,
          channel: 'rest',
          conversation: sender,
          eventId,
          text,
          payload,
          to: sender,
          metadata,
          trace: traceparentIn(asked),
        };
        const message = await hub.ask(said, asked.gone());
        if (message.state === 'failed') throw hubErrorFrom(message.error);
        return { headers: engineHeader(message.replies[0]?.metadata?.engine), body: message.replies };
      },
    }),
  ];
}
