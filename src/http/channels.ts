/** Routes of a bot's channels: settings, health, and a check that asks the platform. */
import { z } from 'zod';
import type { Bot, ChannelCheck, Json, Store } from '../contracts.js';
import { ChannelCheckView, ChannelView, listOf } from '../wire.js';
import { botOf } from './bots.js';
import { param, type Route, route } from './route.js';

interface ChannelFacts {
  name: string;
}
export interface ChannelRoutesOptions {
  store: Pick<Store, 'bots'>;
  channels: {
    list(appId: string): Promise<ChannelFacts[]>;
    get(appId: string, name: string): Promise<ChannelFacts>;
    put(bot: Bot, name: string, given: Json): Promise<ChannelFacts>;
    remove(bot: Bot, name: string): Promise<void>;
    check(appId: string, name: string): Promise<ChannelCheck>;
  };
  publicUrl: () => string;
}

const Body = z.record(z.string(), z.unknown());

export function channelRoutes({ store, channels, publicUrl }: ChannelRoutesOptions): Route[] {
  const shown = (appId: string, channel: ChannelFacts): object => ({
    ...channel,
    webhookUrl: `${publicUrl()}${channel.name === 'rest' ? `/bots/${appId}/webhooks/rest/webhook` : `/webhooks/${channel.name}/${appId}`}`,
  });
  const answers = {
    200: { description: 'The channel. Secrets are never shown, only whether they are set.', schema: ChannelView },
  };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/channels',
      summary: 'The channels of a bot: settings, on or off and why, last event in, last error.',
      access: 'read',
      answers: { 200: { description: 'All channels there are.', schema: listOf(ChannelView) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: { items: (await channels.list(appId)).map((channel) => shown(appId, channel)), next: null } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/channels/{name}',
      summary: 'One channel.',
      access: 'read',
      answers,
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: shown(appId, await channels.get(appId, param(asked, 'name'))) };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/channels/{name}',
      summary:
        'Set a channel up; it is open with these settings at once. A secret left out stays as it is (unless a setting that says where it is sent changes), null removes it.',
      access: 'build',
      body: { schema: Body },
      answers,
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        return { body: shown(bot.appId, await channels.put(bot, param(asked, 'name'), asked.body)) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/channels/{name}',
      summary: 'Forget the settings of a channel, secrets included.',
      access: 'build',
      answers: { 204: { description: 'Forgotten.' } },
      handle: async (asked) => {
        await channels.remove(await botOf(store, asked), param(asked, 'name'));
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/channels/{name}/check',
      summary: 'Ask the platform whether the channel works, and say what to do if it does not.',
      access: 'build',
      audited: false,
      answers: { 200: { description: 'In one sentence.', schema: ChannelCheckView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: await channels.check(appId, param(asked, 'name')) };
      },
    }),
  ];
}
