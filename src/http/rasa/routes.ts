/**
 * Rasa's own HTTP API for every bot: who speaks it moves here by changing the base URL. The bot's Rasa process answers nearly all of it
 * itself; the hub decides who may ask, keeps the order within a conversation, and does what touches models in its own way.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ApiResponse, Bot, Engines, Hub, RunningEngine } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { param, type Reply, type Route, route } from '../route.js';
import { answerLater, type CallbackOptions } from './callback.js';
import { admit, type CallerOptions } from './caller.js';
import { failureReply, notRasa, RasaErrorView } from './failure.js';
import { load, modelAt, type ModelOptions, train } from './model.js';
import { serveModel } from './model-server.js';
import { noted, type NotedOptions } from './noted.js';
import { conversationOf, queryOf, type RasaAsked, replyOf, requestFor } from './request.js';
import { eventsIn, messagesIn, speak } from './speaking.js';

export interface RasaRoutesOptions extends CallerOptions, ModelOptions, CallbackOptions, Pick<NotedOptions, 'note'> {
  engines: Pick<Engines, 'use' | 'apart'>;
  hub: Pick<Hub, 'hold' | 'say'>;
  /** Called with every text that was only to be understood, for the request log. */
  noteParse: (facts: { appId: string; ok: boolean; ms: number; node?: string | undefined }) => void;
}
type Does = (options: RasaRoutesOptions, bot: Bot, asked: RasaAsked) => Promise<Reply>;
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const bodyLimit = 64_000_000;
/** Rasa's own limit for an answer. */
const patienceMs = 3_600_000;

async function ask(
  running: RunningEngine,
  request: Parameters<NonNullable<RunningEngine['api']>>[0],
): Promise<ApiResponse> {
  if (!running.api) throw notRasa(running.engine);
  return running.api(request);
}

/** Asks the bot's process. */
const passes =
  (method: Method): Does =>
  async ({ engines }, { appId }, asked) =>
    replyOf(await engines.use(appId, (running) => ask(running, requestFor(asked, method))));

/** The same, for the request log to know. What is only to be understood may be asked twice. */
const parses: Does = async ({ engines, noteParse }, { appId }, asked) => {
  const started = Date.now();
  let [ok, node]: [boolean, string | undefined] = [false, undefined];
  const work = (running: RunningEngine): Promise<ApiResponse> => {
    node = running.node;
    return ask(running, requestFor(asked, 'POST'));
  };
  try {
    const reply = replyOf(await engines.use(appId, work, { repeatable: true }));
    ok = (reply.status ?? 200) === 200;
    return reply;
  } finally {
    noteParse({ appId, ok, ms: Date.now() - started, node });
  }
};

/** The same in a turn of the conversation: what changes it waits for what is under way in it. */
const turns =
  (method: Method): Does =>
  async ({ hub }, { appId }, asked) => {
    const conversation = conversationOf(asked) ?? '';
    return replyOf(await hub.hold({ appId, conversation }, (running) => ask(running, requestFor(asked, method))));
  };

/** A turn in which the bot may say something; `read` finds it in Rasa's answer. */
const speaks =
  (read: typeof messagesIn): Does =>
  async ({ hub }, bot, asked) => {
    const conversation = conversationOf(asked) ?? '';
    const answer = await hub.hold({ appId: bot.appId, conversation }, async (running) =>
      speak(hub, { bot, conversation, asked, read }, await ask(running, requestFor(asked, 'POST'))),
    );
    return replyOf(answer);
  };

/** A test computes for long: it gets a process of its own, with the model that it names. */
const tests: Does = async (options, bot, asked) => {
  const named = queryOf(asked, 'model');
  const model = named === undefined ? null : await modelAt(options, bot, named);
  const request = { ...requestFor(asked, 'POST', ['model', 'callback_url']), limitMs: patienceMs };
  const work = (): Promise<ApiResponse> =>
    options.engines.apart(bot.appId, model?.id ?? null, (running) => ask(running, request));
  const callback = queryOf(asked, 'callback_url');
  if (callback === undefined) return replyOf(await work());
  return answerLater(options, callback, async () => {
    const { headers, body } = await work();
    return { type: headers['content-type'] ?? 'application/json', body };
  });
};

const trains: Does = async (options, bot, asked) => {
  const callback = queryOf(asked, 'callback_url');
  const type = 'application/gzip';
  if (callback !== undefined)
    return answerLater(options, callback, async () => {
      const { archive } = await train(options, bot, asked);
      return { type, body: await readFile(archive) };
    });
  const { file, archive } = await train(options, bot, asked);
  const headers = { 'content-type': type, filename: file, 'content-disposition': `attachment; filename="${file}"` };
  return { headers, stream: createReadStream(archive) as AsyncIterable<Buffer> };
};

const loads: Does = async (options, bot, asked) => {
  await load(options, bot, asked);
  return { status: 204 };
};

const unloads: Does = async ({ unload }, { appId }) => {
  await unload(appId);
  return { status: 204 };
};

/** What the release that was read for this says of itself; of another one its process is asked. */
const known = '3.6.21';
/** Answered without a process where that is possible: whoever looks whether Rasa is there wakes nobody. */
const says =
  (reply: Reply): Does =>
  (options, bot, asked) =>
    bot.runtime === null && options.version === known ? Promise.resolve(reply) : passes('GET')(options, bot, asked);
const greets = says({
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  text: `Hello from Rasa: ${known}`,
});
const tellsVersion = says({
  headers: { 'content-type': 'application/json' },
  text: JSON.stringify({ version: known, minimum_compatible_version: known }),
});

interface Row {
  method: Method;
  path: string;
  summary: string;
  does: Does;
  access: Route['access'];
  /** Whether the audit log has it: what changes the model, or what was said. */
  changes?: boolean;
  answers?: Route['answers'];
}
const inConversation = '/conversations/{conversationId}';
const table: Row[] = [
  { method: 'GET', path: '/', summary: "Rasa's greeting.", does: greets, access: 'public' },
  { method: 'GET', path: '/version', summary: "The bot's Rasa version.", does: tellsVersion, access: 'public' },
  { method: 'GET', path: '/status', summary: 'The model in use.', does: passes('GET'), access: 'read' },
  {
    method: 'GET',
    path: '/domain',
    summary: 'The domain, as JSON or YAML by `Accept`.',
    does: passes('GET'),
    access: 'read',
  },
  { method: 'POST', path: '/model/parse', summary: 'Understand a text.', does: parses, access: 'converse' },
  {
    method: 'POST',
    path: '/model/predict',
    summary: 'The next action after these events.',
    does: passes('POST'),
    access: 'converse',
  },
  {
    method: 'POST',
    path: '/model/train',
    summary:
      'Train a model from one YAML text; it is queued, kept among the models of the bot, and put into use by PUT /model.',
    does: trains,
    access: 'edit',
    changes: true,
  },
  {
    method: 'POST',
    path: '/model/test/intents',
    summary: 'Test how the bot understands.',
    does: tests,
    access: 'edit',
  },
  { method: 'POST', path: '/model/test/stories', summary: 'Test how the bot acts.', does: tests, access: 'edit' },
  {
    method: 'GET',
    path: '/model',
    summary:
      'The archive of the model in use, for a Rasa elsewhere whose endpoints.yml names this address under `models`. Not an address of Rasa itself.',
    does: serveModel,
    access: 'build',
    answers: {
      200: { description: 'The archive, with ETag and `filename`.', type: 'application/gzip' },
      204: { description: 'The bot has no model yet.' },
      304: { description: 'It is the one that If-None-Match names.' },
    },
  },
  {
    method: 'PUT',
    path: '/model',
    summary: 'Put one of the models of the bot into use.',
    does: loads,
    access: 'build',
    changes: true,
  },
  {
    method: 'DELETE',
    path: '/model',
    summary: 'Take the model out of use.',
    does: unloads,
    access: 'build',
    changes: true,
  },
  { method: 'GET', path: `${inConversation}/tracker`, summary: 'A conversation.', does: passes('GET'), access: 'read' },
  {
    method: 'GET',
    path: `${inConversation}/story`,
    summary: 'A conversation as a test story.',
    does: passes('GET'),
    access: 'read',
  },
  {
    method: 'POST',
    path: `${inConversation}/tracker/events`,
    summary: 'Append events.',
    does: speaks(eventsIn),
    access: 'converse',
    changes: true,
  },
  {
    method: 'PUT',
    path: `${inConversation}/tracker/events`,
    summary: 'Replace all events.',
    does: turns('PUT'),
    access: 'converse',
    changes: true,
  },
  {
    method: 'POST',
    path: `${inConversation}/messages`,
    summary: 'Add a message; nothing is answered.',
    does: turns('POST'),
    access: 'converse',
  },
  {
    method: 'POST',
    path: `${inConversation}/predict`,
    summary: 'The next action.',
    does: turns('POST'),
    access: 'converse',
  },
  {
    method: 'POST',
    path: `${inConversation}/trigger_intent`,
    summary: 'Act as if an intent had been heard.',
    does: speaks(messagesIn),
    access: 'converse',
  },
  {
    method: 'POST',
    path: `${inConversation}/execute`,
    summary: 'Run an action.',
    does: speaks(messagesIn),
    access: 'converse',
  },
];

async function answered(options: RasaRoutesOptions, row: Row, asked: RasaAsked): Promise<Reply> {
  const appId = param(asked, 'appId');
  try {
    const by = row.access === 'public' ? null : await admit(options, { appId, right: row.access }, asked);
    const bot = await options.store.bots.get(appId);
    if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
    const work = () => row.does(options, bot, asked);
    if (!row.changes || by === null) return await work();
    const change = { method: row.method, path: `/bots/{appId}${row.path}`, asked, bot, by };
    return await noted(options, change, work);
  } catch (error) {
    options.log.debug({ err: error, appId }, 'a request of the Rasa API was refused');
    return failureReply(error, options.version);
  }
}

const asRasa = { 200: { description: 'As Rasa 3.6 answers.' } };
const failure = { description: 'An error as Rasa words it.', schema: RasaErrorView };

export function rasaRoutes(options: RasaRoutesOptions): Route[] {
  return table.map((row) => {
    const { method, path, summary, access, answers = asRasa } = row;
    const raw = { schema: z.instanceof(Buffer), raw: true, limit: bodyLimit };
    return route<Buffer | undefined>({
      method,
      path: `/bots/{appId}${path}`,
      summary: `Rasa's API: ${summary}`,
      access,
      ...(access === 'public' ? {} : { asks: 'rasa' as const }),
      ...(method === 'GET' ? {} : { body: raw }),
      answers,
      otherwise: failure,
      handle: (asked) => answered(options, row, asked),
    });
  });
}
