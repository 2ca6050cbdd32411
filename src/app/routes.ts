/** Wires the routes to the parts that answer them. */
import { join } from 'node:path';
import type { Engines, Hub, Training, TrainingQueue } from '../contracts.js';
import { isOwn } from '../access/limits.js';
import { digestOf } from '../access/secret.js';
import type { Nodes } from '../engines/cluster/nodes.js';
import type { WarmRasa } from '../engines/rasa/warm.js';
import { rightsOf } from '../access/policy.js';
import { bearerIn, sessionIn } from '../http/admission.js';
import { analyticsRoutes } from '../http/analytics.js';
import { auditRoutes } from '../http/access/audit.js';
import { keyRoutes } from '../http/access/keys.js';
import { signInPage } from '../http/access/pages.js';
import { providerRoutes } from '../http/access/provider.js';
import { sessionRoutes } from '../http/access/sessions.js';
import { userRoutes } from '../http/access/users.js';
import { createNote } from '../http/audit.js';
import { botPresenter, botRoutes, type BotRoutesOptions } from '../http/bots.js';
import { channelRoutes } from '../http/channels.js';
import { consoleRoutes } from '../http/console.js';
import { conversationRoutes } from '../http/conversations.js';
import { deadLetterRoutes } from '../http/dead-letters.js';
import { evaluateRoutes } from '../http/evaluate.js';
import { eventRoutes } from '../http/events.js';
import { faqImportRoutes, wordsOf } from '../http/faq-import.js';
import { faqRoutes } from '../http/faq.js';
import { fileRoutes } from '../http/files.js';
import { findingsRoutes } from '../http/findings.js';
import { gateRoutes } from '../http/gate.js';
import { openApiOf } from '../http/openapi.js';
import { healthRoutes, machineRoutes, type OperationsOptions, type Place } from '../http/operations.js';
import { missRoutes } from '../http/misses.js';
import { nodeRoutes } from '../http/nodes.js';
import { modelRoutes } from '../http/models.js';
import { pageRoutes } from '../http/pages.js';
import { processRoutes } from '../http/processes.js';
import { projectRoutes } from '../http/projects.js';
import { rasaRoutes } from '../http/rasa/routes.js';
import { retentionRoutes } from '../http/retention.js';
import { restRoutes } from '../http/rest.js';
import type { Route } from '../http/route.js';
import { subscriptionRoutes } from '../http/subscriptions.js';
import { talkRoutes } from '../http/talk.js';
import { templateRoutes } from '../http/templates.js';
import { trainerRoutes } from '../http/trainers.js';
import { trainingRoutes } from '../http/training.js';
import { webhookRoutes } from '../http/webhooks.js';
import type { Analytics } from '../hub/analytics/analytics.js';
import type { Channels } from '../hub/channels.js';
import type { Connections } from '../hub/connections.js';
import type { HubDesk } from '../hub/desk.js';
import type { News } from '../hub/news.js';
import type { Gate } from '../training/gate/gate.js';
import { tried } from '../training/gate/trial.js';
import type { Misses } from '../training/misses/misses.js';
import { freeDisk, readMachine } from '../machine.js';
import type { Metrics } from '../metrics.js';
import type { Seal } from '../seal.js';
import type { Subscriptions } from '../stream/subscriptions.js';
import { storePlaceOf } from '../stores/index.js';
import { faqImport } from '../training/faq/import.js';
import { createEditLint } from '../training/faq/edits.js';
import { lintAside } from '../training/faq/lint-thread.js';
import { tableOf } from '../training/faq/table.js';
import { createFetchModel, type FetchModel } from '../training/initial.js';
import { optionFaults } from '../training/components.js';
import { redisPlaceOf } from '../training/redis.js';
import type { JobTokens } from '../training/tokens.js';
import type { AccessParts } from './access.js';
import { here, type Parts } from './parts.js';
import { isLoopback, type ParsedFacts } from './path.js';
import { openChecks } from './training.js';
import { allowedIn, openProjects } from './projects.js';
import { foundOf } from './findings.js';
import { openTemplates } from './templates.js';
import { contentOfModel, diffOf } from './versions.js';
import { welcome } from './bots.js';
import { remotePlace } from './engines.js';

/** Whose API it is where nobody said which Rasa there is. */
const referenceRasa = '3.6.21';
const widgetDir = join(here, '..', '..', 'widget');
const consoleDir = join(here, '..', '..', 'console');

/** What kind of queue the hub has, and where; for operators. */
function queuePlaceOf(redisUrl: string | null): Place {
  return redisUrl ? { kind: 'bull', at: redisPlaceOf(redisUrl) } : { kind: 'embedded', at: null };
}

interface RouteParts {
  engines: Engines;
  nodes: Nodes;
  tokens: JobTokens;
  training: Training;
  queue: TrainingQueue;
  hub: Hub;
  desk: HubDesk;
  news: News;
  misses: Misses;
  analytics: Analytics;
  gate: Gate;
  noteParse: (channel: string, facts: ParsedFacts) => void;
  connections: Connections;
  channels: Channels;
  metrics: Metrics;
  accessParts: AccessParts;
  seal: Seal;
  subscriptions: Subscriptions;
  publicUrl: () => string;
}

export function buildRoutes(parts: Parts, made: RouteParts): { api: Route[]; root: Route[] } {
  const { store, shelf, options } = parts;
  const templates = openTemplates(parts);
  const { engines, tokens, training, queue, hub, desk, news, connections, channels, metrics, publicUrl } = made;
  const operations = {
    store,
    machine: async () => ({
      ...(await readMachine(options.config.dataDir)),
      store: storePlaceOf(options.config.databaseUrl),
      queue: queuePlaceOf(options.config.redisUrl),
      childUids: { own: parts.warm?.shared === null, reason: parts.warm?.shared ?? null },
      hubs: parts.replicas?.hubs() ?? [],
    }),
    queue,
    pool: () => engines.usage(),
    engine: () => engineOf(parts, made.nodes),
    metrics: () => metrics.text(),
    mayMeasure: mayMeasureOf(parts, made),
  };
  const bots: BotRoutesOptions = {
    store,
    engines,
    training,
    templates,
    fetchModel: fetchModelOf(parts),
    defaultEngine: () => operations.engine().engine,
    refusal: (url) => parts.egress.refusal(url),
    sealAuth: (appId, authorization) => made.seal.seal(authorization, remotePlace(appId)),
    optionFaults: (chosen) => optionFaults(chosen, allowedIn(options.config)),
    runtimes: Object.keys(options.config.rasaRuntimes),
    publicUrl,
    onCreated: (bot) => welcome(parts, { channels, engines }, bot),
    onDeleted: async (appId) => {
      await connections.close(appId);
      desk.forget(appId);
      await engines.forget(appId);
      await made.subscriptions.forget(appId);
      await store.users.forgetBot(appId);
      made.accessParts.access.forget();
      metrics.forget(appId);
    },
  };
  const { projects, check } = openProjects(parts, { channels });
  const { rasa, findings, check: checkProject } = openChecks(parts);
  const linter = { lint: lintAside, edits: createEditLint({ faq: store.faq, vectors: parts.vectors, wordsOf }) };
  const present = botPresenter({ engines, training, publicUrl });
  const api = [
    ...projectRoutes({ ...bots, projects, findings }),
    ...botRoutes(bots),
    ...processRoutes({ store, engines, present }),
    ...eventRoutes({ store, engines, queue, news, present }),
    ...templateRoutes({ store, templates, check }),
    ...conversationRoutes({ store, hub: erasing(made), desk, tell: news.tell }),
    ...retentionRoutes({ store }),
    ...analyticsRoutes({ store, analytics: made.analytics }),
    ...missRoutes({ store, misses: made.misses }),
    ...gateRoutes({ store, gate: made.gate }),
    ...faqRoutes({ store }),
    ...faqImportRoutes({
      store,
      readTable: async (bytes, present) => {
        const table = await tableOf(bytes);
        return { ...faqImport(table.rows, present), read: table.read };
      },
      ...linter,
    }),
    ...findingsRoutes({ store, found: foundOf(parts, { ...linter, check: checkProject }) }),
    ...fileRoutes({ store, check, findings }),
    ...evaluateRoutes({ store, rasa }),
    ...trainingRoutes({ store, training, queue }),
    ...modelRoutes({
      store,
      training,
      shelf,
      diff: diffOf(parts, rasa),
      project: async (model) => projects.packContent(await contentOfModel(parts, model)),
    }),
    ...trainerRoutes({
      training,
      queue,
      tokenFits: (jobId, token) => tokens.fits(jobId, token),
      folder: parts.runtimeDir,
    }),
    ...talkRoutes({
      store,
      hub,
      tried: ({ appId, id: modelId, pipeline }, talk) =>
        tried(engines, { appId, modelId, memoryless: pipeline !== 'project' }, talk),
    }),
    ...deadLetterRoutes({ store, hub }),
    ...channelRoutes({ store, channels, publicUrl }),
    ...subscriptionRoutes({ store, subscriptions: made.subscriptions }),
    ...machineRoutes(operations),
    ...nodeRoutes({ nodes: made.nodes }),
    ...accessRoutes(parts, made),
  ];
  const health = healthRoutes(operations);
  const web = async (appId: string) => {
    const { on, settings } = await channels.get(appId, 'web');
    const allowedOrigins = (settings['allowedOrigins'] as string[] | undefined) ?? null;
    return { enabled: on, appearance: settings['appearance'], allowedOrigins };
  };
  const pages = pageRoutes({
    store,
    widgetDir,
    web,
    listed: isLoopback(options.config.host),
    openApi: () => document,
  });
  const webhooks = webhookRoutes({
    store,
    find: (address) => connections.find(address),
    knows: (channel) => connections.knows(channel),
  });
  const rest = restRoutes({ store, find: (address) => connections.find(address) });
  const root = [
    ...health,
    ...webhooks,
    ...rest,
    ...rasaOf(parts, made),
    ...pages,
    signInPage({ widgetDir }),
    ...providerOf(made),
    ...consoleRoutes(consoleDir),
  ];
  const document = openApiOf([...api.map((row) => ({ ...row, path: `/api/v1${row.path}` })), ...root]);
  return { api, root };
}

/** Who reads the metrics: this machine, who shows their token, and who may see the hub. */
function mayMeasureOf(
  { options: { config } }: Parts,
  { accessParts: { access } }: RouteParts,
): OperationsOptions['mayMeasure'] {
  const wanted = config.metricsToken === null ? null : digestOf(config.metricsToken);
  return async ({ headers, caller }) => {
    if (isOwn(caller.from)) return true;
    const token = bearerIn(headers['authorization']);
    if (token !== undefined && wanted !== null && digestOf(token) === wanted) return true;
    const principal = await access.identify({ token, session: sessionIn(headers['cookie']) });
    return principal !== null && access.may(principal, 'watch', null);
  };
}

/** Who is erased is gone from what was found of the log, too. */
function erasing({ hub, misses, gate }: RouteParts): Pick<Hub, 'erase'> {
  return {
    erase: async (at) => {
      const done = await hub.erase(at);
      misses.forget(at.appId);
      await gate.forget(at.appId, at.conversation);
      return done;
    },
  };
}

/** The way in by an OpenID provider; where none is set, nothing. */
function providerOf({ accessParts: { openId }, publicUrl }: RouteParts): Route[] {
  return openId === null ? [] : providerRoutes({ openId, publicUrl });
}

/** Users, keys and sessions. */
function accessRoutes({ store, options }: Parts, { accessParts, publicUrl }: RouteParts): Route[] {
  const { accounts, keys, sessions, openId } = accessParts;
  const ways = { registration: options.config.registration, provider: openId !== null };
  return [
    ...sessionRoutes({ accounts, sessions, ways, rightsOf, publicUrl }),
    ...userRoutes({ store, accounts, publicUrl }),
    ...keyRoutes({ store, keys }),
    ...auditRoutes({ audit: store.audit }),
  ];
}

/** Rasa's own API. */
function rasaOf(parts: Parts, { engines, training, hub, noteParse, connections, accessParts }: RouteParts): Route[] {
  const { store, shelf, egress, log, options } = parts;
  return rasaRoutes({
    store,
    shelf,
    egress,
    log,
    engines,
    training,
    hub,
    noteParse: (facts) => noteParse('rasa', facts),
    note: createNote({ add: (entry) => store.audit.add(entry), log }),
    access: accessParts.access,
    limits: accessParts.limits,
    rest: (appId) => connections.find({ appId, channel: 'rest' }),
    version: ('python' in options.rasa ? options.rasa.version : undefined) ?? referenceRasa,
    unload: async (appId) => {
      await store.bots.update(appId, { activeModel: null });
      await engines.park(appId);
    },
  });
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

/** What answers trained bots: this machine's Rasa, or that of nodes. */
function engineOf({ options, warm }: Parts, nodes: Nodes): ReturnType<OperationsOptions['engine']> {
  if (options.engines === 'never' || nodes.list().some(({ rasa }) => rasa !== null)) {
    const reason = nodes.list().length > 1 ? null : 'Bots run on nodes alone (--no-engines), and none is there.';
    return { engine: 'rasa', reason };
  }
  if ('python' in options.rasa) return { engine: 'rasa', reason: plainReason(warm) };
  return { engine: 'lite', reason: options.rasa.reason };
}

/** Why Rasa is slower and larger here than it could be; null when it is not. */
function plainReason(warm: WarmRasa | null): string | null {
  const why = warm?.plainly ?? null;
  return why === null ? null : `Bots start as plain Rasa processes, slower and larger: ${why}.`;
}
