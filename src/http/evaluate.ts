/** Routes that test a bot and check its project before it is trained. */
import { z } from 'zod';
import type { Bot, Json, Model, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { FindingView } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

export interface EvaluateRoutesOptions {
  store: Pick<Store, 'bots' | 'models'>;
  /** Null: there is no Rasa on this machine. */
  rasa: {
    evaluate: (
      asked: { bot: Bot; model: Model; yaml: string; endToEnd: boolean },
      gone: AbortSignal,
    ) => Promise<{ nlu: Json | null; stories: Json | null }>;
    /** Trains and asks as often as there are folds; one bot at a time. */
    crossValidate: (bot: Bot, folds: number, gone: AbortSignal) => Promise<unknown>;
    validate: (bot: Bot, gone: AbortSignal) => Promise<unknown>;
  } | null;
}

const dataLimit = 5_000_000;
const TestQuery = z.object({
  model: z.string().optional().meta({ description: 'a modelId; the active model when absent' }),
  e2e: z
    .enum(['true', 'false', '1', '0'])
    .optional()
    .meta({ description: 'the stories have the words of users in them' }),
  folds: z.coerce.number().int().min(2).max(10).optional().meta({
    description:
      "cross-validation of the bot's own FAQ, without a body: so many models are trained, each asked what it was not taught",
  }),
});
const Result = z.looseObject({}).nullable();
const CrossValidationView = z
  .object({
    folds: z.number(),
    asked: z.number().meta({ description: 'questions that were held back' }),
    accuracy: z.number().meta({ description: 'the share of them that got the answer of their own pair' }),
    pairs: z
      .array(z.object({ id: z.string(), asked: z.number(), right: z.number() }))
      .meta({ description: 'the worst first' }),
    wrong: z
      .array(z.object({ question: z.string(), pair: z.string(), got: z.string().nullable() }))
      .meta({ description: 'with the answer that came; null: the bot did not know' }),
  })
  .meta({ id: 'CrossValidation' });
const evaluation = {
  modelId: z.string().nullable().meta({ description: 'null for a cross-validation' }),
  ...{ nlu: Result, stories: Result },
};
const EvaluationView = z.object({ ...evaluation, crossValidation: CrossValidationView.optional() }).meta({
  id: 'Evaluation',
  description: "Rasa's own reports, as of POST /model/test/intents and /model/test/stories.",
});
const ValidationView = z
  .object({ valid: z.boolean(), findings: z.array(FindingView), lines: z.array(z.string()) })
  .meta({ id: 'Validation', description: '`lines`: the findings in words.' });

/** The figures of a test that a list of versions shows, each 0..1. */
function scoresOf({ nlu, stories }: { nlu: Json | null; stories: Json | null }): Json {
  const accuracy = (part: unknown): unknown => (part as Json | null | undefined)?.['accuracy'] ?? null;
  return {
    at: new Date().toISOString(),
    intents: accuracy(nlu?.['intent_evaluation']),
    answers: accuracy(nlu?.['response_selection_evaluation']),
    stories: accuracy(stories),
  };
}

export function evaluateRoutes({ store, rasa }: EvaluateRoutesOptions): Route[] {
  const needed = (): NonNullable<typeof rasa> => {
    if (rasa) return rasa;
    throw new HubError('wake_failed', 'There is no Rasa on this machine; GET /health/engine says why and what to do.');
  };
  const modelOf = async (bot: Bot, id: string | undefined): Promise<Model> => {
    const wanted = id ?? bot.activeModel;
    const model = wanted === null ? null : await store.models.get(bot.appId, wanted);
    if (!model && id !== undefined) throw new HubError('not_found', `The bot has no model ${id}.`);
    if (!model?.archive)
      throw new HubError('no_model', 'Only a model that Rasa trained can be tested: train the bot first.');
    return model;
  };
  return [
    route({
      method: 'POST',
      path: '/bots/{appId}/evaluate',
      summary:
        'Test a model with questions (nlu) and stories that it was not trained on, in one Rasa YAML text; or, with folds, the FAQ by cross-validation.',
      access: 'edit',
      audited: false,
      query: TestQuery,
      body: {
        schema: z.string().optional(),
        optional: true,
        limit: dataLimit,
        types: ['application/yaml', 'application/x-yaml', 'text/yaml'],
      },
      answers: { 200: { description: 'What came out; null for what the text does not test.', schema: EvaluationView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const { folds } = asked.query;
        if (folds !== undefined) {
          const crossValidation = await needed().crossValidate(bot, folds, asked.gone());
          return { body: { modelId: null, nlu: null, stories: null, crossValidation } };
        }
        if (!asked.body) throw new HubError('invalid', 'Send a Rasa YAML text with tests, or ask for ?folds=5.');
        const model = await modelOf(bot, asked.query.model);
        const endToEnd = asked.query.e2e === 'true' || asked.query.e2e === '1';
        const result = await needed().evaluate({ bot, model, yaml: asked.body, endToEnd }, asked.gone());
        const about = { by: null, rasa: null, label: null, ...model.about, scores: scoresOf(result) };
        await store.models.note(bot.appId, model.id, about);
        return { body: { modelId: model.id, ...result } };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/validate',
      summary:
        "Check what the bot would be trained from, as rasa data validate does: the validator's verdict, and each finding with its file and line.",
      access: 'edit',
      audited: false,
      answers: { 200: { description: 'The verdict.', schema: ValidationView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        return { body: await needed().validate(bot, asked.gone()) };
      },
    }),
  ];
}
