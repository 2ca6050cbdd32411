/** Wires the engines and the pool that bots wake and sleep in. */
import type { Bot, Engine, Engines, Model } from '../contracts.js';
import { createLiteEngine } from '../engines/lite.js';
import { type MemoryOptions, openPool } from '../engines/pool/index.js';
import { openTrackerChannel } from '../engines/rasa/channel.js';
import { createRasaEngine } from '../engines/rasa/rasa.js';
import { createRemoteEngine } from '../engines/remote.js';
import { freeDisk, freeMemory, shareOfMemory } from '../machine.js';
import type { Metrics } from '../metrics.js';
import type { Seal } from '../seal.js';
import { chitchatOf, fallbackOf } from '../training/templates.js';
import { packageDir, type Parts } from './parts.js';

/** Where the secret of a remote bot belongs, for the seal. */
export const remotePlace = (appId: string): string => `${appId} remote`;

/** Awake bots may use this much of the memory when MEMORY_BUDGET does not say; the rest is for trainings, the hub and the system. */
const budgetShare = 0.6;

export function openEngines(parts: Parts, { metrics, seal }: { metrics: Metrics; seal: Seal }): Engines {
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
  const rasa = options.standIns?.engines?.rasa ?? openRasa(parts);
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

function openRasa({ options, store, runtimeDir, warm, life, log, egress }: Parts): Engine | null {
  if (!('python' in options.rasa) || !warm) return null;
  const channel = openTrackerChannel({ trackers: store.trackers, log });
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
    parseCacheBytes: options.config.parseCache,
    actions: { egress, customCode: options.config.customCode },
    hide: (secret) => options.logs.hide(secret),
  });
}
