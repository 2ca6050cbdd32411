/** What happens to bots when the hub starts and when one is made. */
import type { Bot, Engines, Store, Training } from '../contracts.js';
import { HubError } from '../errors.js';
import { newBot } from '../http/bots.js';
import type { Channels } from '../hub/channels.js';
import type { Parts } from './parts.js';
import { openTemplates } from './templates.js';

interface BotParts {
  channels: Channels;
  engines: Engines;
}

/** A new bot gets its template's pairs, open channels and its place in the pool. */
export async function welcome(parts: Parts, { channels, engines }: BotParts, bot: Bot): Promise<void> {
  const { store } = parts;
  const { pairs = [] } = (await openTemplates(parts).find(bot.template)) ?? {};
  if (pairs.length > 0) await store.faq.put(bot.appId, pairs);
  await channels.open(bot);
  engines.register(bot.appId, bot.instances);
}

export async function openAllBots(store: Store, { channels, engines }: BotParts): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await store.bots.list({ limit: 500, cursor });
    for (const bot of page.items) {
      await channels.open(bot);
      engines.register(bot.appId, bot.instances);
    }
    cursor = page.next ?? undefined;
  } while (cursor);
}

/** The first start on an empty store makes a bot to talk to; answers its APP_ID while it exists. */
export async function demoBot(parts: Parts, made: BotParts & { training: Training }): Promise<string | null> {
  const { store, templates } = parts;
  const appId = 'demo';
  if (await store.settings.get('demo')) return (await store.bots.get(appId)) ? appId : null;
  const template = templates.find(({ name }) => name === 'demo');
  if (!template) return null;
  const engine = 'python' in parts.options.rasa ? 'rasa' : 'lite';
  const bot = newBot(template, { appId, name: template.title.en, engine });
  if (!(await store.bots.get(appId))) {
    try {
      await store.bots.create(bot, template.files);
    } catch (error) {
      // Another hub on the same store was faster.
      if (error instanceof HubError && error.code === 'bot_exists') return appId;
      throw error;
    }
  }
  await welcome(parts, made, bot);
  try {
    await made.training.request(appId, {});
    await store.settings.set('demo', appId);
  } catch (error) {
    // A hub whose queue is away starts all the same; the next start asks again.
    parts.log.warn({ err: error, appId }, 'the demo bot cannot be trained now');
  }
  return appId;
}
