/** Routes of a bot's tests and of the gate that new models pass. */
import { z } from 'zod';
import type { Model, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { GateBody, GateReportView, ModelView, TestFrom, TestRunView, TestsBody } from '../wire.js';
import { botOf } from './bots.js';
import { presentModel } from './present.js';
import { param, type Route, route } from './route.js';

type Tests = z.infer<typeof TestsBody>;
export interface GateRoutesOptions {
  store: Pick<Store, 'bots' | 'models'>;
  gate: {
    settings: (appId: string) => Promise<unknown>;
    setSettings: (appId: string, settings: z.infer<typeof GateBody>) => Promise<void>;
    tests: (appId: string) => Promise<Tests>;
    setTests: (appId: string, tests: Tests) => Promise<void>;
    testOf: (appId: string, conversation: string, name: string | undefined) => Promise<Tests['conversations'][number]>;
    run: (appId: string, modelId: string, signal: AbortSignal) => Promise<object>;
    report: (appId: string, modelId: string) => Promise<unknown>;
    refuse: (appId: string, modelId: string, by: string) => Promise<Model>;
  };
}

const testsLimit = 5_000_000;
const most = 500;
const RunQuery = z.object({
  model: z.string().max(100).optional().meta({ description: 'a modelId; the active model when absent' }),
});
const shown = { 200: { description: 'The tests.', schema: TestsBody } };

export function gateRoutes(options: GateRoutesOptions): Route[] {
  return [...testRoutes(options), ...settingRoutes(options)];
}

function testRoutes({ store, gate }: GateRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/tests',
      summary: 'What the bot must go on doing: conversations, and questions that it is not taught.',
      access: 'read',
      answers: shown,
      handle: async (asked) => ({ body: await gate.tests((await botOf(store, asked)).appId) }),
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/tests',
      summary: 'Replace the tests.',
      access: 'edit',
      body: { schema: TestsBody, limit: testsLimit },
      answers: shown,
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        await gate.setTests(appId, asked.body);
        return { body: asked.body };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/tests',
      summary: 'Make a test of a conversation as it stands in the log: the bot is to say again what it said.',
      access: 'edit',
      body: { schema: TestFrom },
      answers: { 201: { description: 'The tests with the new one at the end.', schema: TestsBody } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const test = await gate.testOf(appId, asked.body.conversation, asked.body.name);
        const tests = await gate.tests(appId);
        if (tests.conversations.length >= most)
          throw new HubError(
            'invalid',
            `The bot has ${most} tests: take some away (PUT tests) before you add another.`,
          );
        const body = { ...tests, conversations: [...tests.conversations, test] };
        await gate.setTests(appId, body);
        return { status: 201, body };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/tests/run',
      summary: 'Run the tests on a model, in a process of its own that keeps nothing and runs no actions.',
      access: 'edit',
      audited: false,
      query: RunQuery,
      answers: { 200: { description: 'What failed, and the score.', schema: TestRunView } },
      handle: async (asked) => {
        const { appId, activeModel } = await botOf(store, asked);
        const modelId = asked.query.model ?? activeModel;
        if (modelId === null) throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
        return { body: { modelId, ...(await gate.run(appId, modelId, asked.gone())) } };
      },
    }),
  ];
}

function settingRoutes({ store, gate }: GateRoutesOptions): Route[] {
  const answers = { 200: { description: 'The gate.', schema: GateBody } };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/gate',
      summary: 'What a new model must pass before it goes live.',
      access: 'read',
      answers,
      handle: async (asked) => ({ body: await gate.settings((await botOf(store, asked)).appId) }),
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/gate',
      summary: 'Replace that. What is left out is as it was in the beginning.',
      access: 'edit',
      body: { schema: GateBody },
      answers,
      handle: async (asked) => {
        await gate.setSettings((await botOf(store, asked)).appId, asked.body);
        return { body: asked.body };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/models/{modelId}/gate',
      summary:
        'What the gate said of a model: failed tests, score, and every answer to real conversations that changes, old beside new. Of the newest five models.',
      access: 'read',
      answers: { 200: { description: 'The report.', schema: GateReportView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const model: Model | null = await store.models.get(appId, param(asked, 'modelId'));
        const report = model && (await gate.report(appId, model.id));
        if (!report) throw new HubError('not_found', 'The gate was not asked about this model, or it was long ago.');
        return { body: report };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/models/{modelId}/refuse',
      summary:
        'Say no to a model that the gate holds. It is kept, and going back passes it by; activating it says yes.',
      access: 'edit',
      answers: { 200: { description: 'The model.', schema: ModelView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const by = asked.caller.principal?.name ?? 'nobody';
        return { body: presentModel(await gate.refuse(appId, param(asked, 'modelId'), by), false) };
      },
    }),
  ];
}
