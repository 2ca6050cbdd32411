/** Wires the message path: connectors, channels, outbox and hub. */
import type { IncomingMessage as Request } from 'node:http';
import { createConnectors } from '../../connectors/index.js';
import { addressOf, createCrowd } from '../access/limits.js';
import type {
  Access,
  At,
  BotProgress,
  Engines,
  Hub,
  IncomingMessage,
  RateLimits,
  StoredMessage,
  Training,
} from '../contracts.js';
import { createChannelNotes } from '../hub/channel-notes.js';
import { createChannels } from '../hub/channels.js';
import { type Connections, createConnections } from '../hub/connections.js';
import type { Chronicle } from '../hub/chronicle.js';
import { createDesk } from '../hub/desk.js';
import { createHub } from '../hub/hub.js';
import { createNews } from '../hub/news.js';
import { createOutbox } from '../hub/outbox.js';
import { createRequestLog } from '../hub/request-log.js';
import type { Metrics } from '../metrics.js';
import type { Seal } from '../seal.js';
import type { ErrorBudget } from '../training/gate/budget.js';
import type { Parts } from './parts.js';

interface PathParts {
  engines: Engines;
  training: Training;
  metrics: Metrics;
  budget: ErrorBudget;
  sessionKey: string;
  seal: Seal;
  access: Access;
  limits: RateLimits;
  chronicle: Chronicle;
}

/** A text that was only to be understood: whether it was, and by which node; absent: by the hub itself. */
export interface ParsedFacts {
  appId: string;
  ok: boolean;
  ms: number;
  node?: string | null | undefined;
}

/** Where anybody may say something, or whoever has the bot's key; all other channels are signed by their platforms. */
const openChannels = ['web', 'rest'];

export function openMessagePath(
  parts: Parts,
  { engines, training, metrics, budget, sessionKey, seal, access, limits, chronicle }: PathParts,
) {
  const { store, log, life, egress, replicas } = parts;
  const shared = replicas?.sharing;
  const history = (appId: string, conversation: string): Promise<StoredMessage[]> =>
    store.conversations.latest(appId, conversation, 100);
  const counted = async ({ appId, channel }: IncomingMessage): Promise<void> => {
    if (openChannels.includes(channel)) await limits.bot(appId);
  };
  const own = createConnectors({
    web: {
      exists: async (appId) => (await store.bots.get(appId)) !== null,
      history,
      sessionKey,
      callers: callersOf(parts, limits),
      publicUrl: parts.options.config.publicUrl ?? undefined,
      log,
    },
    slack: { egress, log },
    telegram: { egress, log },
    teams: { egress, log },
    rest: {
      egress,
      keyFits: async (token, appId) => {
        const principal = await access.identify({ token });
        return principal !== null && access.may(principal, 'converse', appId);
      },
      local: isLoopback(parts.options.config.host),
    },
  });
  const standIns = parts.options.standIns?.connectors ?? [];
  const connectors = [...own.filter(({ name }) => !standIns.some((one) => one.name === name)), ...standIns];
  const notes = createChannelNotes(store.channels, log);
  life.onStop('channel notes', () => notes.stop());
  const connections: Connections = createConnections({
    connectors,
    receive: async (message) => {
      await counted(message);
      return hub.receive(message);
    },
    ask: async (message, gone) => {
      await counted(message);
      return hub.ask(message, gone);
    },
    progress: (appId) => progressOf(parts, { engines, training }, appId),
    history,
    publicUrl: parts.options.config.publicUrl,
    among: replicas?.among,
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
  const outbox = createOutbox({
    store,
    shared,
    connections,
    log,
    onBuried: (entry) => metrics.buried(entry),
  });
  const news = createNews(replicas?.bus);
  const aside: Hub['aside'] = (at, work) => hub.aside(at, work);
  const mine = shared && ((at: At): boolean => shared.mine(at));
  const desk = createDesk({ store, hub: { aside }, outbox, connections, log, chronicle, tell: news.tell, mine });
  life.onStop('desk', () => Promise.resolve(void desk.stop()));
  const requestLog = createRequestLog({ store: store.parses, log });
  life.onStop('request log', () => requestLog.stop());
  const noteParse = (channel: string, { appId, ok, ms, node = null }: ParsedFacts): void =>
    requestLog.note({
      ...{ appId, channel, node, status: ok ? 'answered' : 'failed', ms, at: new Date().toISOString() },
    });
  const hub = createHub({
    store,
    shared,
    engines,
    connections,
    outbox,
    desk,
    chronicle,
    slowAnswerMs: parts.options.config.slowAnswerSeconds * 1000,
    trained: (appId) => training.settled(appId),
    log,
    onReceived: (message) => {
      metrics.received(message);
      news.tell(message, 'said');
    },
    onSettled: (message) => {
      metrics.settled(message);
      budget.turn(message);
      news.tell(message, 'said');
    },
    onErased: (at) => news.tell(at, 'gone'),
    onParsed: (facts) => noteParse('api', facts),
  });
  life.onStop('hub', () => hub.stop());
  return { hub, desk, news, outbox, noteParse, connections, connectors, channels };
}

/** Who comes by the web channel, whose requests the HTTP routes never see. */
function callersOf({ options: { config } }: Parts, limits: RateLimits) {
  const from = (request: Request): string => addressOf(request, config.trustProxy);
  const crowd = createCrowd(config.connectionsPerAddress);
  return {
    mayCall: (request: Request) => limits.address(from(request)),
    full: (request: Request) => crowd.full(from(request)),
    enter: (request: Request) => crowd.enter(from(request)),
  };
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

/** Does a hub that listens there hear its own machine alone? */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host);
