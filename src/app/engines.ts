/** Wires the engines, the pool that bots wake and sleep in, and the cluster that it is a part of. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Config } from '../config.js';
import type { Bot, Engine, Engines, Model, TrackerStore } from '../contracts.js';
import type { Egress } from '../egress.js';
import { type Cluster, createCluster } from '../engines/cluster/cluster.js';
import { type Member, weightOf } from '../engines/cluster/member.js';
import { createLiteEngine } from '../engines/lite.js';
import { type MemoryOptions, openPool } from '../engines/pool/index.js';
import { openTrackerChannel } from '../engines/rasa/channel.js';
import { createRasaEngine } from '../engines/rasa/rasa.js';
import type { WarmRasa } from '../engines/rasa/warm.js';
import { createRemoteEngine } from '../engines/remote.js';
import type { Lifecycle } from '../lifecycle.js';
import type { Logs } from '../log.js';
import { freeDisk, freeMemory, shareOfMemory } from '../machine.js';
import type { Metrics } from '../metrics.js';
import type { Seal } from '../seal.js';
import { chitchatOf, fallbackOf } from '../training/templates.js';
import { packageDir, type Parts } from './parts.js';

/** Where the secret of a remote bot belongs, for the seal. */
export const remotePlace = (appId: string): string => `${appId} remote`;

/** Awake bots may use this much of the memory when MEMORY_BUDGET does not say; the rest is for trainings, the hub and the system. */
const budgetShare = 0.6;

export function openEngines(parts: Parts, { metrics, seal }: { metrics: Metrics; seal: Seal }): Cluster {
  const { options, store, shelf, life, log } = parts;
  const lite = createLiteEngine({
    chitchat: ({ bot }) => chitchatOf(parts.templates, bot),
    fallback: ({ bot }) => fallbackOf(parts.templates, bot),
  });
  const remote = createRemoteEngine(parts.egress, {
    openAuth: (appId, sealed) => {
      const authorization = seal.open(sealed, remotePlace(appId));
      // In whole and without its scheme: a server may repeat either.
      for (const secret of [authorization, authorization.split(' ').at(-1) ?? '']) options.logs.hide(secret);
      return authorization;
    },
  });
  const rasa = options.standIns?.engines?.rasa ?? openHubRasa(parts);
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
    memory: memoryOf(options.config, parts.runtimeDir),
    observer: metrics,
    log,
  });
  const cluster = createCluster({
    pool,
    local: localMember(pool, budgetOf(options.config)),
    here: options.engines ?? 'always',
    bot: (appId) => store.bots.get(appId),
    log,
  });
  life.onStop('bots', () => cluster.stop());
  return cluster;
}

/** This hub among the nodes. Its id is its own: two hubs on one store are two places. */
function localMember(pool: Engines, memoryBudget: number): Member {
  return {
    id: `hub-${randomBytes(6).toString('hex')}`,
    address: null,
    weight: weightOf({ cores: availableParallelism(), memoryBudget }),
    get load() {
      return pool.usage().states.awake;
    },
    engines: pool,
    taking: true,
    admits: () => 'any',
    usage: () => pool.usage(),
  };
}

export const budgetOf = ({ memoryBudget }: Pick<Config, 'memoryBudget'>): number =>
  memoryBudget ?? shareOfMemory(budgetShare);

/** What bots may use of this machine. */
export function memoryOf(config: Config, runtimeDir: string): MemoryOptions {
  const { botMemoryCap: cap, minFreeMemory, minFreeDisk } = config;
  return {
    budget: budgetOf(config),
    cap,
    // Trainings wait first: a disk that fills up shall not keep bots from answering while there is space to unpack a model.
    floors: { memory: minFreeMemory, disk: minFreeDisk / 4 },
    freeMemory,
    freeDisk: () => freeDisk(runtimeDir),
  };
}

function openHubRasa({ options, store, runtimeDir, warm, life, egress }: Parts): Engine | null {
  if (!('python' in options.rasa) || !warm) return null;
  const { config, logs, rasa } = options;
  return openRasa({
    config,
    logs,
    python: rasa.python,
    warm,
    runtimeDir,
    trackers: store.trackers,
    egress,
    life,
  });
}

/** What Rasa's engine is made of, on a hub or a node. */
export interface RasaEngineParts {
  config: Config;
  logs: Logs;
  python: string;
  warm: WarmRasa;
  runtimeDir: string;
  trackers: TrackerStore;
  egress: Egress;
  life: Pick<Lifecycle, 'onStop'>;
}

export function openRasa(parts: RasaEngineParts): Engine {
  const { config, logs, python, warm, runtimeDir, trackers, egress } = parts;
  const channel = openTrackerChannel({ trackers, log: logs.log });
  parts.life.onStop('tracker channel', () => channel.close());
  return createRasaEngine({
    python,
    packageDir,
    runtimeDir,
    env: config.childEnv,
    channel,
    start: (task) => warm.start(task),
    memory: () => warm.memory(),
    traceAfterSeconds: config.rasaTraceSeconds,
    parseCacheBytes: config.parseCache,
    actions: { egress, customCode: config.customCode },
    hide: (secret) => logs.hide(secret),
  });
}
