/** Routes of a bot's models: its versions. */
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import type { Bot, Model, ModelShelf, Store, Training } from '../contracts.js';
import { HubError } from '../errors.js';
import { listOf, ModelChange, ModelView, PageQuery, VersionDiff } from '../wire.js';
import { botOf } from './bots.js';
import { presentModel } from './present.js';
import { type Asked, param, type Route, route } from './route.js';

export interface ModelRoutesOptions {
  store: Pick<Store, 'bots' | 'models'>;
  training: Pick<Training, 'activate' | 'rollBack' | 'remove'>;
  shelf: ModelShelf;
  /** `answers`: the two are asked too, which takes seconds. Rejects with `wake_failed` where there is no Rasa to ask. */
  diff: (asked: { bot: Bot; from: Model; to: Model; answers: boolean }, gone: AbortSignal) => Promise<unknown>;
  /** The project that a model was trained from, as a tar.gz. */
  project: (model: Model) => Promise<AsyncIterable<Buffer>>;
}

const DiffQuery = z.object({
  answers: z
    .enum(['true', 'false', '1', '0'])
    .optional()
    .meta({ description: 'ask both models the questions of both' }),
});
const nothingKnown = { by: null, rasa: null, label: null, scores: null };

export function modelRoutes(options: ModelRoutesOptions): Route[] {
  const { store, training, shelf, diff, project } = options;
  const modelOf = async (asked: Asked<unknown, unknown>, name = 'modelId') => {
    const bot = await botOf(store, asked);
    const model = await store.models.get(bot.appId, param(asked, name));
    if (!model) throw new HubError('not_found', `The bot has no model ${param(asked, name)}.`);
    return { bot, model };
  };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/models',
      summary: "The bot's models, newest first.",
      access: 'read',
      query: PageQuery,
      answers: { 200: { description: 'A page of models.', schema: listOf(ModelView) } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const { items, next } = await store.models.list(bot.appId, asked.query);
        return { body: { items: items.map((model) => presentModel(model, model.id === bot.activeModel)), next } };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/models/{modelId}/activate',
      summary: 'Go back (or forward) to a model; it takes over once it has come up.',
      access: 'edit',
      answers: { 200: { description: 'The model, now active.', schema: ModelView } },
      handle: async (asked) => {
        const { bot, model } = await modelOf(asked);
        return { body: presentModel(await training.activate(bot.appId, model.id), true) };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/rollback',
      summary: 'Go back to the model before the active one; it takes over once it has come up, and no message is lost.',
      access: 'edit',
      answers: { 200: { description: 'The model, now active.', schema: ModelView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: presentModel(await training.rollBack(appId), true) };
      },
    }),
    route({
      method: 'PATCH',
      path: '/bots/{appId}/models/{modelId}',
      summary:
        'Give a model a label, by which people know it; with one it is kept, however many follow. Null takes it away.',
      access: 'edit',
      body: { schema: ModelChange },
      answers: { 200: { description: 'The model.', schema: ModelView } },
      handle: async (asked) => {
        const { bot, model } = await modelOf(asked);
        const about = { ...(model.about ?? nothingKnown), label: asked.body.label };
        const noted = await store.models.note(bot.appId, model.id, about);
        return { body: presentModel(noted ?? model, model.id === bot.activeModel) };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/models/{a}/diff/{b}',
      summary:
        'What is different between two models: settings, pairs and project files that they were made from, and with answers=true what they answer otherwise.',
      access: 'read',
      query: DiffQuery,
      answers: { 200: { description: 'From a to b.', schema: VersionDiff } },
      handle: async (asked) => {
        const [{ bot, model: from }, { model: to }] = [await modelOf(asked, 'a'), await modelOf(asked, 'b')];
        const answers = asked.query.answers === 'true' || asked.query.answers === '1';
        return { body: await diff({ bot, from, to, answers }, asked.gone()) };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/models/{modelId}/project',
      summary: 'What the model was trained from, as a tar.gz of a Rasa project.',
      access: 'read',
      answers: { 200: { description: 'The archive.', type: 'application/gzip' } },
      handle: async (asked) => {
        const { bot, model } = await modelOf(asked);
        const headers = {
          'content-type': 'application/gzip',
          'content-disposition': `attachment; filename="${bot.appId}-${model.id}-project.tar.gz"`,
        };
        return { headers, stream: await project(model) };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/models/{modelId}/archive',
      summary: 'The Rasa model archive (tar.gz).',
      access: 'build',
      answers: { 200: { description: 'The file.', type: 'application/gzip' } },
      handle: async (asked) => {
        const { bot, model } = await modelOf(asked);
        if (model.archive === null)
          throw new HubError('not_found', 'The lite engine answers from the FAQ itself: this model has no archive.');
        const headers = {
          'content-type': 'application/gzip',
          'content-disposition': `attachment; filename="${bot.appId}-${model.id}.tar.gz"`,
        };
        return { headers, stream: createReadStream(await shelf.fetch(model.archive)) as AsyncIterable<Buffer> };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/models/{modelId}',
      summary: 'Delete a model that is not active.',
      access: 'build',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        const { bot, model } = await modelOf(asked);
        await training.remove(bot.appId, model.id);
        return { status: 204 };
      },
    }),
  ];
}
