/** The composition root: builds every part from the config, in order, and is the only place where folders meet. */
import { createCrowd } from './access/limits.js';
import { newSecret } from './access/secret.js';
import { createHttpApp } from './http/app.js';
import { createHttpServer, guardServer } from './http/server.js';
import { createChronicle } from './hub/chronicle.js';
import { createAnalytics } from './hub/analytics/analytics.js';
import { createRetention } from './hub/retention.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import { createMetrics } from './metrics.js';
import { jobKey, openJobTokens } from './training/tokens.js';
import { type AppOptions, openFoundations } from './app/parts.js';
import { openEngines } from './app/engines.js';
import { openGateOf } from './app/gate.js';
import { listen } from './app/listen.js';
import { openMisses } from './app/misses.js';
import { openMovedHub } from './app/moved.js';
import { openTraining } from './app/training.js';
import { openMessagePath } from './app/path.js';
import { openStream } from './app/stream.js';
import { agreed, openSealOf, secretOf } from './app/seal.js';
import { openNodeLines } from './app/nodes.js';
import { buildRoutes } from './app/routes.js';
import { firstLink, openAccess } from './app/access.js';
import { demoBot, openAllBots } from './app/bots.js';

export type { AppOptions, RasaRuntime, StandIns } from './app/parts.js';

export interface App {
  /** Where the hub listens, e.g. `http://127.0.0.1:5005`. */
  readonly url: string;
  readonly chatUrl: string | null;
  /** Where the first admin makes their account, once; null when there is somebody already. */
  readonly firstUrl: string | null;
  readonly adminToken: string;
  /** The address of the hub that has taken over from this one, which does nothing but say so; null for a hub in use. */
  readonly movedTo: string | null;
  stop(): Promise<boolean>;
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
  const { config } = options;
  const parts = await openFoundations(options, life);
  const { store, movedTo, replicas } = parts;
  if (movedTo !== null) return openMovedHub(parts, movedTo);
  const seal = await openSealOf(parts);
  const adminToken = config.adminToken ?? (await secretOf(parts, seal, 'admin-token'));
  const metrics = createMetrics();
  const engines = openEngines(parts, { metrics, seal });
  // Of hubs that start at once one makes it.
  if (replicas) await agreed(store.settings, jobKey, () => newSecret(''));
  const tokens = await openJobTokens(store.settings);
  const gateParts = openGateOf(parts, engines);
  const { queue, training } = await openTraining(parts, { engines, tokens, gate: gateParts.forTraining });
  const budget = gateParts.openBudget(training);
  const sessionKey = await secretOf(parts, seal, 'session-key');
  let url = '';
  const publicUrl = (): string => config.publicUrl ?? url;
  const accessParts = openAccess(parts, { adminToken, seal, publicUrl });
  const { access, limits } = accessParts;
  // The stream is wired to what the message path tells, so it comes after it.
  // Of what another hub is just asked to send this one may not know yet.
  const wanted = (): boolean => replicas !== null || subscriptions.any();
  const chronicle = createChronicle({ store, wanted });
  const path = openMessagePath(parts, {
    ...{ engines, training, metrics, budget, sessionKey, seal, access, limits, chronicle },
  });
  const { hub, desk, news, outbox, noteParse, connections, connectors, channels } = path;
  const subscriptions = openStream(parts, { seal, metrics, news });
  queue.watch(({ job }) => metrics.job(job));
  metrics.watch({
    underway: () => hub.underway(),
    outbox: () => outbox.size,
    pool: () => engines.usage(),
    nodes: () => nodes.list(),
    jobs: () => training.unfinished(),
    trainers: () => queue.trainers(),
    subscribers: () => subscriptions.standings(),
  });

  const analytics = createAnalytics({ store, log: parts.log });
  life.onStop('analytics', () => analytics.stop());
  const misses = openMisses(parts, { hub, training });
  const server = createHttpServer();
  const nodes = await openNodeLines(parts, { server, cluster: engines, access, limits });
  const routes = buildRoutes(parts, {
    engines,
    nodes,
    tokens,
    training,
    queue,
    hub,
    desk,
    news,
    misses,
    analytics,
    gate: gateParts.gate,
    noteParse,
    connections,
    channels,
    metrics,
    accessParts,
    seal,
    subscriptions,
    publicUrl,
  });
  const http = createHttpApp({
    ...routes,
    access,
    limits,
    trustProxy: config.trustProxy,
    audit: (entry) => store.audit.add(entry),
    log: parts.log,
    onResponse: (facts) => metrics.response(facts),
  });
  // Koa's handler is async and catches all errors itself; the server wants one that answers nothing.
  const handle = http.callback();
  server.on('request', (request, response) => void handle(request, response));
  for (const connector of connectors) connector.attach?.(server);
  // Behind a proxy all connections are the proxy's.
  guardServer(server, createCrowd(config.trustProxy > 0 ? 0 : config.connectionsPerAddress));

  await openAllBots(store, { channels, engines });
  await desk.recover();
  await subscriptions.start();
  // Before anything new comes in: a conversation goes on where it stood.
  const recovered = replicas ? 0 : await hub.recover();
  if (recovered > 0) parts.log.info({ items: recovered }, 'took up what an earlier run had stored');
  url = await listen(server, config);
  life.onStop('listener', () => {
    server.close();
    server.closeIdleConnections();
    return Promise.resolve();
  });
  if (replicas) {
    // First, so that no other hub ever finds this one without its address.
    replicas.show(url);
    await replicas.start({ ...path, engines, subscriptions, forget: (appId) => metrics.forget(appId) });
    life.onStop('replicas', () => replicas.leave());
  }
  void analytics.catchUp();
  const retention = createRetention({ store, days: config.conversationDays, log: parts.log });
  life.onStop('retention', () => retention.stop());
  // Stopped first: what platforms still send is stored and acknowledged until the listener has closed.
  life.onStop('message path', () => hub.stop());
  if (options.trains !== false) await training.start(config.maxParallelTrainings ?? 1);
  const demo = await demoBot(parts, { training, channels, engines });
  const first = await firstLink(parts, accessParts.accounts);
  return {
    url,
    adminToken,
    movedTo: null,
    chatUrl: demo ? `${publicUrl()}/bots/${demo}/chat` : null,
    firstUrl: first === null ? null : `${publicUrl()}${first}`,
    stop: () => life.stop(),
  };
}
