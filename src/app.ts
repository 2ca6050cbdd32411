/** The composition root: builds every part from the config, in order, and is the only place where folders meet. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConnectors } from '../connectors/index.js';
import { refuseHalfRestored } from './backup/lines.js';
import type { Config } from './config.js';
import type {
  Bot,
  BotProgress,
  Connector,
  Engine,
  Engines,
  Hub,
  Model,
  ModelShelf,
  ProjectFile,
  Store,
  StoredMessage,
  Training,
  TrainingQueue,
} from './contracts.js';
import { createEgress, type Egress } from './egress.js';
import { createLiteEngine } from './engines/lite.js';
import { type MemoryOptions, openPool } from './engines/pool/index.js';
import { actionEndpointOf } from './engines/rasa/action-endpoint.js';
import { openTrackerChannel } from './engines/rasa/channel.js';
import { createRasaEngine } from './engines/rasa/rasa.js';
import { openWarmRasa, type WarmRasa } from './engines/rasa/warm.js';
import { createRemoteEngine } from './engines/remote.js';
import { createHttpApp } from './http/app.js';
import { type Auth, createAuth, keptSecret } from './http/auth.js';
import { botPresenter, botRoutes, newBot } from './http/bots.js';
import { channelRoutes } from './http/channels.js';
import { deadLetterRoutes } from './http/dead-letters.js';
import { evaluateRoutes, type EvaluateRoutesOptions } from './http/evaluate.js';
import { faqRoutes } from './http/faq.js';
import { fileRoutes } from './http/files.js';
import { openApiOf } from './http/openapi.js';
import { healthRoutes, machineRoutes, type Place } from './http/operations.js';
import { pageRoutes } from './http/pages.js';
import { processRoutes } from './http/processes.js';
import { restRoutes } from './http/rest.js';
import type { Route } from './http/route.js';
import { talkRoutes } from './http/talk.js';
import { trainerRoutes } from './http/trainers.js';
import { trainingRoutes } from './http/training.js';
import { webhookRoutes } from './http/webhooks.js';
import { createChannelNotes } from './hub/channel-notes.js';
import { type Channels, createChannels } from './hub/channels.js';
import { type Connections, createConnections } from './hub/connections.js';
import { createHub } from './hub/hub.js';
import { createOutbox } from './hub/outbox.js';
import { createRetention } from './hub/retention.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import type { Log, Logs } from './log.js';
import { freeDisk, freeMemory, readMachine, shareOfMemory } from './machine.js';
import { createMetrics, type Metrics } from './metrics.js';
import { openScratch } from './scratch.js';
import { openSeal, type Seal } from './seal.js';
import { openStore, storePlaceOf } from './stores/index.js';
import { createEvaluator } from './training/evaluate.js';
import { openShelf } from './training/shelf.js';
import { createFetchModel, type FetchModel } from './training/initial.js';
import { labelsOf } from './training/labels.js';
import { openLine } from './training/line.js';
import { openBullQueue } from './training/queue-bull.js';
import { createEmbeddedQueue } from './training/queue-embedded.js';
import { createPacker } from './training/packer.js';
import { redisPlaceOf } from './training/redis.js';
import { createSelf, type Self } from './training/self.js';
import { chitchatOf, fallbackOf, loadTemplates, type Template } from './training/templates.js';
import { createRasaTrainer } from './training/train.js';
import { type JobTokens, openJobTokens } from './training/tokens.js';
import { codeRefusal, contentOf, createTraining, type Trainer } from './training/training.js';

/** Where Rasa is, and which version where that is known, or in words why there is none. */
export type RasaRuntime = { python: string; version?: string } | { reason: string };

export interface App {
  /** Where the hub listens, e.g. `http://127.0.0.1:5005`. */
  readonly url: string;
  readonly chatUrl: string | null;
  readonly adminToken: string;
  stop(): Promise<boolean>;
}
export interface AppOptions {
  config: Config;
  rasa: RasaRuntime;
  logs: Logs;
  /** False: trainings are left to trainers elsewhere (REDIS_URL). */
  trains?: boolean;
  /** For tests, benches and the fault rig: what stands in for a part, and what is added. */
  standIns?: StandIns;
}

export interface StandIns {
  engines?: { rasa?: Engine };
  /** Channels beside the real ones. */
  connectors?: Connector[];
  /** Wraps the store of the message path. */
  store?: (store: Store) => Store;
  /** Trains in place of Rasa, and how soon the queue calls a trainer lost. */
  training?: { train?: Trainer; lockMs?: number; sweepMs?: number; gpuGraceMs?: number };
}

const here = fileURLToPath(new URL('.', import.meta.url));
const templatesDir = join(here, '..', 'templates');
const widgetDir = join(here, '..', 'widget');
const packageDir = join(here, 'engines', 'rasa');
/** Awake bots may use this much of the memory when MEMORY_BUDGET does not say; the rest is for trainings, the hub and the system. */
const budgetShare = 0.6;

/** What the parts share while they are put together. */
interface Parts {
  options: AppOptions;
  log: Log;
  life: Lifecycle;
  store: Store;
  shelf: ModelShelf;
  templates: Template[];
  runtimeDir: string;
  /** Where Rasa processes come from; null on a machine without Rasa. */
  warm: WarmRasa | null;
  egress: Egress;
}

/** Starts a hub. Rejects, with everything stopped again, when a part cannot start. */
export async function openApp(options: AppOptions): Promise<App> {
  const life = createLifecycle(options.logs.log);
  try {
    return await startParts(options, life);
  } catch (error) {
    await life.stop();
    throw error;
  }
}

async function startParts(options: AppOptions, life: Lifecycle): Promise<App> {
  const { config, logs } = options;
  const parts = await openFoundations(options, life);
  const { store } = parts;
  const adminToken = config.adminToken ?? (await keptSecret(config.dataDir, 'admin-token'));
  logs.hide(adminToken);

  const metrics = createMetrics();
  const engines = await openEngines(parts, metrics);
  const tokens = await openJobTokens(store.settings);
  const { queue, training } = await openTraining(parts, { engines, tokens });
  const sessionKey = await keptSecret(config.dataDir, 'session-key');
  logs.hide(sessionKey);
  const seal = await openSealOf(parts);
  const auth = createAuth(adminToken, config.trainerToken);
  const path = openMessagePath(parts, { engines, training, metrics, sessionKey, seal, auth });
  const { hub, connections, connectors, channels } = path;

  let url = '';
  const publicUrl = (): string => config.publicUrl ?? url;
  const server = createServer({ requestTimeout: 15 * 60_000, headersTimeout: 10_000 });
  const routes = buildRoutes(parts, {
    engines,
    tokens,
    training,
    queue,
    hub,
    connections,
    channels,
    metrics,
    publicUrl,
  });
  const http = createHttpApp({
    ...routes,
    auth,
    log: parts.log,
    onResponse: (facts) => metrics.response(facts),
  });
  // Koa's handler is async and catches all errors itself; the server wants one that answers nothing.
  const handle = http.callback();
  server.on('request', (request, response) => void handle(request, response));
  for (const connector of connectors) connector.attach?.(server);

  await openAllBots(store, { channels, engines });
  // Before anything new comes in: a conversation goes on where it stood.
  const recovered = await hub.recover();
  if (recovered > 0) parts.log.info({ items: recovered }, 'took up what an earlier run had stored');
  url = await listen(server, config);
  life.onStop('listener', () => {
    server.close();
    server.closeIdleConnections();
    return Promise.resolve();
  });
  if (config.conversationDays !== null) {
    const retention = createRetention({ store: store.conversations, days: config.conversationDays, log: parts.log });
    life.onStop('retention', () => retention.stop());
  }
  // Stopped first: what platforms still send is stored and acknowledged until the listener has closed.
  life.onStop('message path', () => hub.stop());
  if (options.trains !== false) await training.start(config.maxParallelTrainings ?? 1);
  const demo = await demoBot(parts, { training, channels, engines });
  return { url, adminToken, chatUrl: demo ? `${publicUrl()}/bots/${demo}/chat` : null, stop: () => life.stop() };
}

async function openFoundations(options: AppOptions, life: Lifecycle): Promise<Parts> {
  const { config, logs } = options;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const opened = await openStore(config.databaseUrl);
  life.onStop('store', () => opened.close());
  await refuseHalfRestored(opened);
  const store = options.standIns?.store?.(opened) ?? opened;
  const shelf = await openShelf(config.modelStorage, join(config.dataDir, 'models'));
  const runtimeDir = await openScratch(tmpdir());
  life.onStop('runtime folder', () => rm(runtimeDir, { recursive: true, force: true }));
  const warm = openWarm(options, runtimeDir);
  life.onStop('Rasa parents', async () => warm?.stop());
  return {
    options,
    log: logs.log,
    life,
    store,
    shelf,
    templates: await loadTemplates(templatesDir),
    runtimeDir,
    warm,
    egress: createEgress(config.egressAllow),
  };
}

function openWarm({ config, rasa, logs }: AppOptions, runtimeDir: string): WarmRasa | null {
  if (!('python' in rasa)) return null;
  const warm = openWarmRasa({
    pythons: { '': rasa.python, ...config.rasaRuntimes },
    packageDir,
    runtimeDir,
    encoderDir: join(config.cacheDir, 'encoder'),
    env: config.childEnv,
    log: logs.log,
  });
  void warm.prepare();
  return warm;
}

async function openEngines(parts: Parts, metrics: Metrics): Promise<Engines> {
  const { options, store, shelf, life, log } = parts;
  const lite = createLiteEngine({
    chitchat: ({ bot }) => chitchatOf(parts.templates, bot),
    fallback: ({ bot }) => fallbackOf(parts.templates, bot),
  });
  const remote = createRemoteEngine();
  const rasa = options.standIns?.engines?.rasa ?? (await openRasa(parts));
  const pool = openPool({
    bot: (appId) => store.bots.get(appId),
    model: (appId, id) => store.models.get(appId, id),
    load: async (model) => ({
      ...model,
      archivePath: model.archive && (await shelf.fetch(model.archive)),
      contentPath: await shelf.fetch(model.content),
    }),
    engineFor: (bot: Bot, model: Model | null) => {
      if (bot.engine === 'remote') return remote;
      return rasa && model?.archive ? rasa : lite;
    },
    idleParkMs: options.config.idleParkSeconds * 1000,
    memory: memoryOf(parts),
    observer: metrics,
    log,
  });
  metrics.watchPool(() => pool.usage());
  life.onStop('bots', () => pool.stop());
  return pool;
}

/** What bots may use of this machine. */
function memoryOf({ options, runtimeDir }: Parts): MemoryOptions {
  const { memoryBudget, botMemoryCap: cap, minFreeMemory, minFreeDisk } = options.config;
  return {
    budget: memoryBudget ?? shareOfMemory(budgetShare),
    cap,
    // Trainings wait first: a disk that fills up shall not keep bots from answering while there is space to unpack a model.
    floors: { memory: minFreeMemory, disk: minFreeDisk / 4 },
    freeMemory,
    freeDisk: () => freeDisk(runtimeDir),
  };
}

async function openRasa({ options, store, runtimeDir, warm, life, log, egress }: Parts): Promise<Engine | null> {
  if (!('python' in options.rasa) || !warm) return null;
  const channel = await openTrackerChannel({ socket: join(runtimeDir, 'hub.sock'), trackers: store.trackers, log });
  life.onStop('tracker channel', () => channel.close());
  return createRasaEngine({
    python: options.rasa.python,
    packageDir,
    runtimeDir,
    env: options.config.childEnv,
    channel,
    start: (task) => warm.start(task),
    memory: () => warm.memory(),
    traceAfterSeconds: options.config.rasaTraceSeconds,
    actions: { egress, customCode: options.config.customCode },
    hide: (secret) => options.logs.hide(secret),
  });
}

/** This machine as a trainer. */
function selfOf({ options }: Parts): Self {
  const { config, rasa } = options;
  const runtimes = Object.keys(config.rasaRuntimes);
  const labels = labelsOf({ cuda: false, rasa: versionOf(rasa), runtimes, languages: config.trainerLanguages });
  const device = 'python' in rasa ? 'cpu' : 'cpu: no Rasa here, the lite engine answers';
  return createSelf(hostname(), { folder: config.dataDir, labels, device });
}

const versionOf = (rasa: RasaRuntime): string | null => ('python' in rasa ? (rasa.version ?? null) : null);

/** The paces of the queue that a test has set. */
function pacesOf(standIns: StandIns | undefined): { lockMs?: number; sweepMs?: number; gpuGraceMs?: number } {
  const { train: _train, ...paces } = standIns?.training ?? {};
  return paces;
}

/** What kind of queue the hub has, and where; for operators. */
function queuePlaceOf(redisUrl: string | null): Place {
  return redisUrl ? { kind: 'bull', at: redisPlaceOf(redisUrl) } : { kind: 'embedded', at: null };
}

/** The queue: in Redis where there is one, else in this process. */
async function openQueue(parts: Parts, tokens: JobTokens): Promise<TrainingQueue> {
  const { options, store, shelf, log } = parts;
  const { redisUrl } = options.config;
  const common = { jobs: store.jobs, log, ...selfOf(parts) };
  if (!redisUrl) return createEmbeddedQueue(common);
  const { lockMs, ...paces } = pacesOf(options.standIns);
  const line = openLine({ url: redisUrl, log, ...(lockMs === undefined ? {} : { lockMs }) });
  try {
    await line.check();
  } catch (error) {
    // A hub without its Redis still answers in the chats; one that may lose jobs without a word must not start.
    if (error instanceof Error && error.message.includes('maxmemory-policy')) {
      await line.close();
      throw error;
    }
    log.warn({ err: error }, 'trainings wait for Redis');
  }
  const pack = createPacker({ shelf, tokens, trainers: () => line.keys.trainers(), rasa: versionOf(options.rasa) });
  return openBullQueue({ ...common, line, pack, ...paces });
}

async function openTraining(
  parts: Parts,
  { engines, tokens }: { engines: Engines; tokens: JobTokens },
): Promise<{ queue: TrainingQueue; training: Training }> {
  const { options, store, shelf, life, log, templates, runtimeDir, warm } = parts;
  const { config, rasa } = options;
  const queue = await openQueue(parts, tokens);
  life.onStop('training queue', () => queue.close());
  const trainer =
    options.standIns?.training?.train ??
    ('python' in rasa && warm
      ? createRasaTrainer({
          python: rasa.python,
          packageDir,
          workDir: runtimeDir,
          env: config.childEnv,
          templates,
          start: (child) => warm.start(child),
        })
      : null);
  const free = (): Promise<number> => freeDisk(config.dataDir);
  return {
    queue,
    training: createTraining({
      store,
      shelf,
      queue,
      engines,
      trainer,
      freeDisk: free,
      minFreeDisk: config.minFreeDisk,
      modelsKept: config.modelsKept,
      customCode: config.customCode,
      log,
    }),
  };
}

interface PathParts {
  engines: Engines;
  training: Training;
  metrics: Metrics;
  sessionKey: string;
  seal: Seal;
  auth: Auth;
}

/** The key of the channels' secrets: SECRET_KEY, or one that is made once and kept in the data folder. */
function openSealOf({ options: { config, logs }, store }: Parts): Promise<Seal> {
  const hidden = (key: string): string => {
    logs.hide(key);
    return key;
  };
  return openSeal({
    given: config.secretKey === null ? null : hidden(config.secretKey),
    kept: async () =>
      existsSync(join(config.dataDir, 'secret-key')) ? hidden(await keptSecret(config.dataDir, 'secret-key')) : null,
    make: async () => hidden(await keptSecret(config.dataDir, 'secret-key')),
    settings: store.settings,
  });
}

function openMessagePath(parts: Parts, { engines, training, metrics, sessionKey, seal, auth }: PathParts) {
  const { store, log, life, egress } = parts;
  const history = (appId: string, conversation: string): Promise<StoredMessage[]> =>
    store.conversations.latest(appId, conversation, 100);
  const own = createConnectors({
    web: {
      exists: async (appId) => (await store.bots.get(appId)) !== null,
      history,
      sessionKey,
      publicUrl: parts.options.config.publicUrl ?? undefined,
      log,
    },
    slack: { egress, log },
    telegram: { egress, log },
    teams: { egress, log },
    rest: { egress, keyFits: (key) => auth.isAdmin(key), local: isLoopback(parts.options.config.host) },
  });
  const standIns = parts.options.standIns?.connectors ?? [];
  const connectors = [...own.filter(({ name }) => !standIns.some((one) => one.name === name)), ...standIns];
  const notes = createChannelNotes(store.channels, log);
  life.onStop('channel notes', () => notes.stop());
  const connections: Connections = createConnections({
    connectors,
    receive: (message) => hub.receive(message),
    ask: (message, gone) => hub.ask(message, gone),
    progress: (appId) => progressOf(parts, { engines, training }, appId),
    history,
    publicUrl: parts.options.config.publicUrl,
    news: {
      event: ({ appId, channel }) => notes.note(appId, channel, { lastEventAt: new Date().toISOString() }),
      failure: ({ appId, channel }, lastError) =>
        notes.note(appId, channel, { lastError, lastErrorAt: new Date().toISOString() }),
    },
    log,
  });
  life.onStop('channels', () => connections.stop());
  const channels = createChannels({
    store,
    connectors,
    connections,
    notes,
    seal,
    hide: (secret) => parts.options.logs.hide(secret),
    log,
  });
  const outbox = createOutbox({ store: store.outbox, connections, log, onBuried: (entry) => metrics.buried(entry) });
  metrics.watchOutbox(() => outbox.size);
  const hub = createHub({
    store,
    engines,
    connections,
    outbox,
    slowAnswerMs: parts.options.config.slowAnswerSeconds * 1000,
    trained: (appId) => training.settled(appId),
    log,
    onSettled: (message) => metrics.message(message),
  });
  life.onStop('hub', () => hub.stop());
  return { hub, connections, connectors, channels };
}

/** What a waiting person is told about the bot. */
async function progressOf(
  parts: Parts,
  { engines, training }: { engines: Engines; training: Training },
  appId: string,
): Promise<BotProgress> {
  const [bot, job] = await Promise.all([parts.store.bots.get(appId), training.current(appId)]);
  const { state, engineInUse, reason } = engines.status(appId);
  const quarantined = state === 'quarantined' ? reason : null;
  const untrained = bot?.activeModel === null && bot.engine !== 'remote';
  const problem = quarantined ?? (untrained && !job ? 'no_model' : null);
  const shown = job && untrained ? { percent: job.percent, stage: job.stage, eta: job.eta } : null;
  return {
    ready: state === 'awake' || (!untrained && problem === null && bot !== null),
    state,
    training: shown,
    engineInUse,
    problem,
  };
}

interface RouteParts {
  engines: Engines;
  tokens: JobTokens;
  training: Training;
  queue: TrainingQueue;
  hub: Hub;
  connections: Connections;
  channels: Channels;
  metrics: Metrics;
  publicUrl: () => string;
}

function buildRoutes(parts: Parts, made: RouteParts): { api: Route[]; root: Route[] } {
  const { store, shelf, templates, options } = parts;
  const { engines, tokens, training, queue, hub, connections, channels, metrics, publicUrl } = made;
  const operations = {
    store,
    machine: async () => ({
      ...(await readMachine(options.config.dataDir)),
      store: storePlaceOf(options.config.databaseUrl),
      queue: queuePlaceOf(options.config.redisUrl),
    }),
    queue,
    pool: () => engines.usage(),
    engine: () =>
      'python' in options.rasa
        ? { engine: 'rasa' as const, reason: plainReason(parts.warm) }
        : { engine: 'lite' as const, reason: options.rasa.reason },
    metrics: () => metrics.text(),
  };
  const bots = botRoutes({
    store,
    engines,
    training,
    templates,
    fetchModel: fetchModelOf(parts),
    defaultEngine: operations.engine().engine,
    runtimes: Object.keys(options.config.rasaRuntimes),
    publicUrl,
    onCreated: (bot) => welcome(parts, { channels, engines }, bot),
    onDeleted: async (appId) => {
      await connections.close(appId);
      await engines.forget(appId);
    },
  });
  const api = [
    ...bots,
    ...processRoutes({ store, engines, present: botPresenter({ engines, training, publicUrl }) }),
    ...faqRoutes({ store }),
    ...fileRoutes({ store, customCode: options.config.customCode, faultIn: (file) => endpointFault(parts, file) }),
    ...evaluateRoutes({ store, rasa: evaluationOf(parts) }),
    ...trainingRoutes({ store, training, queue, shelf }),
    ...trainerRoutes({
      training,
      queue,
      tokenFits: (jobId, token) => tokens.fits(jobId, token),
      folder: parts.runtimeDir,
    }),
    ...talkRoutes({ store, hub }),
    ...deadLetterRoutes({ store, hub }),
    ...channelRoutes({ store, channels, publicUrl }),
    ...machineRoutes(operations),
  ];
  const health = healthRoutes(operations);
  const appearance = async (appId: string): Promise<unknown> =>
    (await channels.get(appId, 'web')).settings['appearance'];
  const pages = pageRoutes({ store, widgetDir, appearance, openApi: () => document });
  const webhooks = webhookRoutes({
    store,
    find: (address) => connections.find(address),
    knows: (channel) => connections.knows(channel),
  });
  const rest = restRoutes({ store, find: (address) => connections.find(address) });
  const root = [...health, ...webhooks, ...rest, ...pages];
  const document = openApiOf([...api.map((row) => ({ ...row, path: `/api/v1${row.path}` })), ...root]);
  return { api, root };
}

/** Fetches initial models, where there is a Rasa to start them. */
function fetchModelOf({ options, runtimeDir, egress }: Parts): FetchModel | null {
  const { config, rasa, standIns } = options;
  if (!('python' in rasa) && !standIns?.engines?.rasa) return null;
  return createFetchModel({
    egress,
    folder: runtimeDir,
    freeDisk: () => freeDisk(runtimeDir),
    minFreeDisk: config.minFreeDisk,
  });
}

/** Tests and checks of bots by this machine's Rasa; null where it has none. */
function evaluationOf({ options, store, shelf, templates, runtimeDir, warm }: Parts): EvaluateRoutesOptions['rasa'] {
  if (!warm) return null;
  const evaluator = createEvaluator({ workDir: runtimeDir, templates, start: (child) => warm.start(child) });
  return {
    evaluate: async ({ bot, model, yaml, endToEnd }, gone) => {
      const archivePath = await shelf.fetch(model.archive ?? '');
      return evaluator.evaluate({ bot: { ...bot, pipeline: model.pipeline }, archivePath, yaml, endToEnd }, gone);
    },
    validate: async (bot, gone) => {
      const content = await contentOf(store, bot, null);
      const refusal = options.config.customCode ? null : codeRefusal(content);
      return refusal ? { valid: false, lines: [refusal] } : evaluator.validate(content, gone);
    },
  };
}

/** Why a project's endpoints.yml can't be used; null for any other file. */
function endpointFault({ egress }: Parts, file: ProjectFile): string | null {
  const found = actionEndpointOf([file], egress);
  return found && 'fault' in found ? found.fault : null;
}

/** Why Rasa is slower and larger here than it could be; null when it is not. */
function plainReason(warm: WarmRasa | null): string | null {
  const why = warm?.plainly ?? null;
  return why === null ? null : `Bots start as plain Rasa processes, slower and larger: ${why}.`;
}

interface BotParts {
  channels: Channels;
  engines: Engines;
}

/** A new bot gets its template's pairs, open channels and its place in the pool. */
async function welcome({ store, templates }: Parts, { channels, engines }: BotParts, bot: Bot): Promise<void> {
  const pairs = templates.find((template) => template.name === bot.template)?.pairs ?? [];
  if (pairs.length > 0) await store.faq.put(bot.appId, pairs);
  await channels.open(bot);
  engines.register(bot.appId, bot.instances);
}

async function openAllBots(store: Store, { channels, engines }: BotParts): Promise<void> {
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
async function demoBot(parts: Parts, made: BotParts & { training: Training }): Promise<string | null> {
  const { store, templates } = parts;
  const appId = 'demo';
  if (await store.settings.get('demo')) return (await store.bots.get(appId)) ? appId : null;
  const template = templates.find(({ name }) => name === 'demo');
  if (!template) return null;
  const engine = 'python' in parts.options.rasa ? 'rasa' : 'lite';
  const bot = newBot(template, { appId, name: template.title.en, engine });
  if (!(await store.bots.get(appId))) await store.bots.create(bot);
  await welcome(parts, made, bot);
  await made.training.request(appId, {});
  await store.settings.set('demo', appId);
  return appId;
}

/** Does a hub that listens there hear its own machine alone? */
const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host);

function listen(server: Server, { host, port }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new Error(`PORT=${port} is in use. Stop the other program, or start with another: PORT=5006 npm start`)
          : error,
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      const actual = typeof address === 'object' && address ? address.port : port;
      resolve(`http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${actual}`);
    });
  });
}
