/** Routes of bots: make, list, change, delete. Those of their processes are in processes.ts. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type {
  Bot,
  BotOptions,
  EngineName,
  Engines,
  FaqPair,
  Listed,
  Page,
  Pipeline,
  ProjectFile,
  Store,
  Training,
} from '../contracts.js';
import { type Fault, HubError } from '../errors.js';
import { BotChange, BotCreate, BotView, listOf, PageQuery } from '../wire.js';
import { presentBot } from './present.js';
import { type Asked, param, type Route, route } from './route.js';

/** A template: what a new bot is made from, and starts with. */
export interface TemplateFacts {
  name: string;
  language: string;
  pipeline: Pipeline;
  title: Record<string, string>;
  description: Record<string, string>;
  pairs: FaqPair[];
  files: ProjectFile[];
  /** A part of the hub, which nobody changes. */
  shipped: boolean;
}
export interface Templates {
  /** By name. */
  list(): Promise<TemplateFacts[]>;
  find(name: string): Promise<TemplateFacts | null>;
}
export interface BotRoutesOptions {
  store: Store;
  engines: Engines;
  training: Pick<Training, 'current' | 'discard' | 'adopt'>;
  /** Fetches an initial model to a file; null where no Rasa could start it. */
  fetchModel: ((source: { url: string; sha256: string }, signal: AbortSignal) => Promise<string>) | null;
  templates: Templates;
  defaultEngine: () => EngineName;
  /** Why this URL of a remote bot is not called; null when it is. */
  refusal: (url: string) => string | null;
  /** Seals what a remote bot is called with. */
  sealAuth: (appId: string, authorization: string) => string;
  /** What is wrong with these options, by pointer into them; none: nothing. */
  optionFaults: (options: BotOptions) => Fault[];
  /** Names of the Rasa installations that a bot may ask for. */
  runtimes: string[];
  publicUrl: () => string;
  /** Called when a bot was made, to open its channels and fill it from its template; and when one is gone. */
  onCreated: (bot: Bot) => Promise<void>;
  onDeleted: (appId: string) => Promise<void>;
}

/** APP_IDs are made by the hub: short, lower-case, safe in paths, process titles and file names, and not to be guessed. */
const newAppId = (): string => `bot-${randomBytes(6).toString('hex')}`;

/** The bot named in the path; rejects with `not_found`. */
export async function botOf(store: Pick<Store, 'bots'>, asked: Pick<Asked<unknown, unknown>, 'params'>): Promise<Bot> {
  const appId = param(asked, 'appId');
  const bot = await store.bots.get(appId);
  if (!bot) throw new HubError('not_found', `There is no bot ${appId}.`);
  return bot;
}

async function templateOf(
  { templates }: BotRoutesOptions,
  name: string | undefined,
  language: string | undefined,
): Promise<TemplateFacts> {
  const wanted = name ?? (language?.startsWith('zh') ? 'faq-zh' : 'faq');
  const found = await templates.find(wanted);
  if (found) return found;
  const names = (await templates.list()).map((template) => template.name).join(', ');
  throw new HubError('invalid', `There is no template ${JSON.stringify(wanted)}; there are: ${names}.`, {
    errors: [{ pointer: '/template', detail: `one of ${names}` }],
  });
}

/** Rejects with `invalid`, naming the known ones, when the request names a Rasa installation that nobody set up. */
function checkRuntime({ runtimes }: BotRoutesOptions, name: string | null | undefined): void {
  if (name === undefined || name === null || runtimes.includes(name)) return;
  const known = runtimes.length > 0 ? `one of ${runtimes.join(', ')}` : 'none is set up';
  throw new HubError(
    'invalid',
    `There is no Rasa installation ${JSON.stringify(name)}; ${known} (setting RASA_RUNTIMES).`,
    {
      errors: [{ pointer: '/runtime', detail: known }],
    },
  );
}

/** Rejects with `invalid` for a URL that only the hub could reach. */
function checkRemoteUrl({ refusal }: BotRoutesOptions, url: string | undefined): void {
  const detail = url === undefined ? null : refusal(url);
  if (detail) throw new HubError('invalid', detail, { errors: [{ pointer: '/remoteUrl', detail }] });
}

/** What a change of a bot means for its remote server. Rejects with `invalid` for what would lead a stored secret elsewhere. */
function checkRemote(
  options: BotRoutesOptions,
  bot: Bot,
  change: { remoteUrl?: string | undefined; remoteAuth?: string | null | undefined },
): void {
  checkRemoteUrl(options, change.remoteUrl);
  const fault = (name: string, detail: string): HubError =>
    new HubError('invalid', `${name}: ${detail}.`, { errors: [{ pointer: `/${name}`, detail }] });
  for (const name of ['remoteUrl', 'remoteAuth'] as const)
    if (change[name] !== undefined && bot.engine !== 'remote') throw fault(name, 'only for engine "remote"');
  const elsewhere = change.remoteUrl !== undefined && change.remoteUrl !== bot.remoteUrl;
  if (elsewhere && bot.remoteAuth && change.remoteAuth === undefined)
    throw fault('remoteAuth', 'give it anew with another remoteUrl, or null to call without');
}

/** Rejects with `invalid`, naming every component that cannot be. */
function checkOptions({ optionFaults }: BotRoutesOptions, options: BotOptions | undefined): void {
  const errors = optionFaults(options ?? {}).map(({ pointer, detail }) => ({ pointer: `/options${pointer}`, detail }));
  const [first] = errors;
  if (first) throw new HubError('invalid', `The options do not fit at ${first.pointer}: ${first.detail}.`, { errors });
}

/** A new bot from a checked request; the template fills what was left out. */
export function newBot(
  template: Pick<TemplateFacts, 'name' | 'language' | 'pipeline'>,
  asked: Partial<Bot> & { name: string },
): Bot {
  const now = new Date().toISOString();
  return {
    appId: asked.appId ?? newAppId(),
    name: asked.name,
    language: asked.language ?? template.language,
    template: template.name,
    pipeline: asked.pipeline ?? template.pipeline,
    engine: asked.engine ?? 'rasa',
    remoteUrl: asked.remoteUrl ?? null,
    threshold: asked.threshold ?? null,
    lateAnswers: asked.lateAnswers ?? 'send',
    instances: asked.instances ?? { min: 0, max: 1 },
    activeModel: null,
    runtime: asked.runtime ?? null,
    ...(asked.options && { options: asked.options }),
    createdAt: now,
    updatedAt: now,
  };
}

/** How the API shows a bot. */
export function botPresenter({
  engines,
  training,
  publicUrl,
}: Pick<BotRoutesOptions, 'engines' | 'training' | 'publicUrl'>) {
  return async (bot: Bot): Promise<unknown> => {
    const job = await training.current(bot.appId);
    return presentBot(bot, { status: engines.status(bot.appId), job, publicUrl: publicUrl() });
  };
}

/** How routes that make bots do it. */
export function botMaker(options: BotRoutesOptions) {
  const { store, training, onCreated, onDeleted } = options;
  return {
    present: botPresenter(options),
    /** A bot as asked for, its template chosen by its language where none is named. */
    newBot: async (asked: Partial<Bot> & { name: string }): Promise<Bot> =>
      newBot(await templateOf(options, asked.template, asked.language), { engine: options.defaultEngine(), ...asked }),
    /**
     * Keeps the bot with the files of its project, those of its template when none are given, and gives it what `fill` brings; when that
     * fails there is no such bot.
     */
    async create<T>(bot: Bot, fill: () => Promise<T>, files?: readonly ProjectFile[]): Promise<T> {
      await store.bots.create(bot, files ?? (await options.templates.find(bot.template))?.files ?? []);
      try {
        await onCreated(bot);
        return await fill();
      } catch (error) {
        await training.discard(bot.appId);
        await onDeleted(bot.appId);
        throw error;
      }
    },
  };
}

/** Makes the bot with an initial model, or nothing at all. */
async function createWithModel(
  options: BotRoutesOptions,
  bot: Bot,
  { url, sha256, gone }: { url: string; sha256: string; gone: AbortSignal },
): Promise<void> {
  const { fetchModel, training } = options;
  if (!fetchModel || bot.engine !== 'rasa') {
    const detail = fetchModel ? 'only for engine "rasa"' : 'no Rasa can be had here, see /health/engine';
    throw new HubError('invalid', `An initial model needs Rasa: ${detail}.`, {
      errors: [{ pointer: '/initialModel', detail }],
    });
  }
  const path = await fetchModel({ url, sha256 }, gone);
  try {
    await botMaker(options).create(bot, () => training.adopt(bot.appId, path));
  } finally {
    await rm(path, { force: true });
  }
}

/** The bots with these APP_IDs, a page at a time, the cursor being the last one shown. */
async function ownBots(
  store: Pick<Store, 'bots'>,
  appIds: string[],
  { limit, cursor = '' }: Page,
): Promise<Listed<Bot>> {
  const after = appIds.filter((appId) => appId > cursor).sort();
  const shown = after.slice(0, limit);
  const found = await Promise.all(shown.map((appId) => store.bots.get(appId)));
  const next = after.length > shown.length ? (shown.at(-1) ?? null) : null;
  return { items: found.filter((bot) => bot !== null), next };
}

export function botRoutes(options: BotRoutesOptions): Route[] {
  const { store, engines } = options;
  const maker = botMaker(options);
  const { present } = maker;
  return [
    route({
      method: 'POST',
      path: '/bots',
      summary: 'Make a bot; the answer has its APP_ID.',
      access: 'create',
      body: { schema: BotCreate },
      answers: { 201: { description: 'The new bot.', schema: BotView } },
      handle: async ({ body, caller, gone }) => {
        if (body.initialModel && !caller.may('administer'))
          throw new HubError('forbidden', 'A model is code: only an admin of the hub names an initial one.');
        checkRuntime(options, body.runtime);
        checkOptions(options, body.options);
        checkRemoteUrl(options, body.remoteUrl);
        const { initialModel, remoteAuth, ...rest } = body;
        const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
        const plain = await maker.newBot({ ...given, name: body.name });
        const bot = remoteAuth ? { ...plain, remoteAuth: options.sealAuth(plain.appId, remoteAuth) } : plain;
        if (initialModel) await createWithModel(options, bot, { ...initialModel, gone: gone() });
        else await maker.create(bot, () => Promise.resolve());
        const made = (await store.bots.get(bot.appId)) ?? bot;
        return { status: 201, headers: { location: `/api/v1/bots/${bot.appId}` }, body: await present(made) };
      },
    }),
    route({
      method: 'GET',
      path: '/bots',
      summary: 'The bots that the caller may see: all, oldest first, or their own by APP_ID.',
      access: 'member',
      query: PageQuery,
      answers: { 200: { description: 'A page of bots.', schema: listOf(BotView) } },
      handle: async ({ query, caller }) => {
        const { items, next } = caller.may('read')
          ? await store.bots.list(query)
          : await ownBots(store, Object.keys(caller.principal?.bots ?? {}), query);
        return { body: { items: await Promise.all(items.map(present)), next } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}',
      summary: 'One bot: its settings, what its process does, its running training.',
      access: 'read',
      answers: { 200: { description: 'The bot.', schema: BotView } },
      handle: async (asked) => ({ body: await present(await botOf(store, asked)) }),
    }),
    route({
      method: 'PATCH',
      path: '/bots/{appId}',
      summary:
        'Change a bot. Language, pipeline, threshold, options and runtime take effect with the next training, runtime also when it next wakes, instances at once.',
      access: 'build',
      body: { schema: BotChange },
      answers: { 200: { description: 'The changed bot.', schema: BotView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        checkRuntime(options, asked.body.runtime);
        checkOptions(options, asked.body.options);
        checkRemote(options, bot, asked.body);
        const { remoteUrl, remoteAuth } = asked.body;
        const change = Object.fromEntries(Object.entries(asked.body).filter(([, value]) => value !== undefined));
        const changed = await store.bots.update(bot.appId, {
          ...change,
          ...(remoteAuth ? { remoteAuth: options.sealAuth(bot.appId, remoteAuth) } : {}),
          updatedAt: new Date().toISOString(),
        });
        if (remoteUrl !== undefined || remoteAuth !== undefined) await engines.park(bot.appId);
        if (changed && asked.body.instances !== undefined) engines.register(bot.appId, changed.instances);
        return { body: await present(changed ?? bot) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}',
      summary: 'Delete a bot with its FAQ, models, jobs and conversations.',
      access: 'own',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        await options.training.discard(appId);
        await options.onDeleted(appId);
        return { status: 204 };
      },
    }),
  ];
}
