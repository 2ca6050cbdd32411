/** What is wrong with a version of a bot, or with what a training would take now: all that is known, in one answer. */
import { z } from 'zod';
import type { Bot, Model, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { FoundView } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

export interface FindingsRoutesOptions {
  store: Pick<Store, 'bots' | 'models'>;
  /** `model` null: what is kept for the bot now. */
  found: (asked: { bot: Bot; model: Model | null }, gone: AbortSignal) => Promise<z.input<typeof FoundView>>;
}

const FindingsQuery = z.object({
  model: z.string().optional().meta({ description: 'a modelId; what a training would take now when absent' }),
});

export function findingsRoutes({ store, found }: FindingsRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/findings',
      summary:
        'What is wrong with a version, or with what a training would take now: the linter on its pairs, what the training leaves out of them, and what the validator says of its project.',
      access: 'edit',
      query: FindingsQuery,
      answers: { 200: { description: 'The findings; none: it is fine.', schema: FoundView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const { model: id } = asked.query;
        const model = id === undefined ? null : await store.models.get(bot.appId, id);
        if (id !== undefined && !model) throw new HubError('not_found', `The bot has no model ${id}.`);
        return { body: await found({ bot, model }, asked.gone()) };
      },
    }),
  ];
}
