/** The node role: runs bots for the hubs that it dials, on a host that needs no port, no store and no database. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { budgetOf, memoryOf, openRasa } from './app/engines.js';
import { closeToOthers, openWarm, type RasaRuntime, release, templatesDir } from './app/parts.js';
import type { Config } from './config.js';
import type { Bot, Engine, Engines, LoadableModel, Model } from './contracts.js';
import { createEgress } from './egress.js';
import { type ModelCache, openModelCache } from './engines/cluster/cache.js';
import { startCalls } from './engines/cluster/calls.js';
import type { Dialer } from './engines/cluster/dialer.js';
import { Household } from './engines/cluster/household.js';
import { createHubs, type Hubs } from './engines/cluster/hubs.js';
import { type Hello, protocol } from './engines/cluster/protocol.js';
import type { Peer } from './engines/cluster/peer.js';
import { createResidents, type Residents } from './engines/cluster/residents.js';
import type { LiveLimits } from './engines/cluster/socket.js';
import { createLiteEngine } from './engines/lite.js';
import { type MemoryOptions, openPool } from './engines/pool/index.js';
import type { WarmRasa } from './engines/rasa/warm.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import type { Logs } from './log.js';
import { gpuNames } from './machine.js';
import { openScratch } from './scratch.js';
import { keptSecret } from './seal.js';
import { openModelShelf } from './training/models.js';
import { chitchatOf, fallbackOf, loadTemplates, type Template } from './training/templates.js';

export interface NodeOptions {
  config: Config;
  logs: Logs;
  rasa: RasaRuntime;
  /** For tests and the fault rig: answers in place of Rasa, and how soon a line counts as lost. */
  standIns?: {
    rasa?: Engine;
    limits?: LiveLimits;
    /** How often it tells of itself. */
    tellMs?: number;
    drainMs?: number;
    hello?: Partial<Hello>;
    backoffMs?: readonly number[];
    /** The addresses of a host. */
    resolve?: (host: string) => Promise<string[]>;
  };
}
export interface RunningNode {
  /** Resolves when the first of its hubs has taken it. Rejects, in words that say what to set, when they would not have it. */
  readonly ready: Promise<void>;
  stop(): Promise<boolean>;
}
/** How long a node that stops lets hubs see to its bots elsewhere. */
const defaultDrainMs = 4000;

/** What all installations that this node serves share. */
interface Place extends NodeOptions {
  life: Lifecycle;
  workDir: string;
  warm: WarmRasa | null;
  templates: Template[];
  cache: ModelCache;
  memory: MemoryOptions;
  households: Map<string, Household>;
}

/** Starts a node. Rejects, with everything stopped again, when it cannot. */
export async function openNode(options: NodeOptions): Promise<RunningNode> {
  const life = createLifecycle(options.logs.log);
  try {
    const { ready } = await startParts(options, life);
    // Whoever does not wait for it reads the log.
    ready.catch(() => undefined);
    return { ready, stop: () => life.stop() };
  } catch (error) {
    await life.stop();
    throw error;
  }
}

async function startParts(options: NodeOptions, life: Lifecycle): Promise<{ ready: Promise<void> }> {
  const { config, logs, standIns } = options;
  const { urls, token } = needed(config);
  logs.hide(token);
  const place = await openPlace(options, life);
  const hello = { ...(await helloOf(options)), ...standIns?.hello };
  const welcomed = (installation: string, peer: Peer) => householdOf(place, installation).welcome(peer);
  const { limits, resolve } = standIns ?? {};
  const calls = { token, hello, welcomed, log: logs.log, ...(limits && { limits }), ...(resolve && { resolve }) };
  const dialers = urls.map((url) => startCalls({ url, ...calls }));
  life.onStop('lines', async () => void (await Promise.all(dialers.map((dialer) => dialer.stop()))));
  life.onStop('drain', () => drained(place, standIns?.drainMs ?? defaultDrainMs));
  return { ready: firstOf(dialers) };
}

function needed({ hubUrls, nodeToken, adminToken }: Config): { urls: readonly string[]; token: string } {
  const token = nodeToken ?? adminToken;
  const missing = [
    ...(hubUrls ? [] : ['HUB_URL (the hubs that it runs bots for)']),
    ...(token ? [] : ["NODE_TOKEN (as the hub has it, or a bot's API key)"]),
  ];
  if (!hubUrls || !token) throw new Error(`A node needs ${missing.join(', ')}.`);
  return { urls: hubUrls, token };
}

async function openPlace(options: NodeOptions, life: Lifecycle): Promise<Place> {
  const { config } = options;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  await closeToOthers(config);
  const workDir = await openScratch(tmpdir());
  life.onStop('work folder', () => rm(workDir, { recursive: true, force: true }));
  const warm = options.standIns?.rasa ? null : openWarm(options, workDir);
  life.onStop('Rasa parents', async () => warm?.stop());
  const folder = join(config.dataDir, 'node-models');
  const cache = await openModelCache({ shelf: await openModelShelf(folder), folder, bytes: config.modelCache });
  const households = new Map<string, Household>();
  life.onStop('bots', async () => {
    for (const household of households.values()) await household.stop();
  });
  const whole = memoryOf(config, workDir);
  // Installations know nothing of each other: each gets its part.
  const memory: MemoryOptions = {
    ...whole,
    get budget() {
      return whole.budget / Math.max(1, households.size);
    },
  };
  return { ...options, life, workDir, warm, templates: await loadTemplates(templatesDir), cache, memory, households };
}

async function helloOf({ config, rasa, standIns }: NodeOptions): Promise<Hello> {
  const name = hostname()
    .replace(/[^\w.-]/g, '')
    .slice(0, 60);
  const kept = await keptSecret(config.dataDir, 'node-id');
  return {
    protocol,
    version: release(),
    id: `${name || 'node'}-${kept.slice(0, 8)}`,
    run: randomBytes(8).toString('hex'),
    address: config.nodeUrl ?? hostname(),
    cores: availableParallelism(),
    memoryBudget: budgetOf(config),
    gpus: standIns?.hello?.gpus ?? (await gpuNames()),
    rasa: standIns?.rasa ? 'a stand-in' : 'python' in rasa ? (rasa.version ?? 'unknown') : null,
    runtimes: Object.keys(config.rasaRuntimes),
  };
}

function householdOf(place: Place, installation: string): Household {
  const known = place.households.get(installation);
  if (known) return known;
  const made = openHousehold(place);
  place.households.set(installation, made);
  return made;
}

function openHousehold(place: Place): Household {
  const hubs = createHubs();
  const residents = createResidents();
  const engines = openEngines(place, { hubs, residents });
  const { tellMs } = place.standIns ?? {};
  return new Household({ engines, residents, hubs, log: place.logs.log, ...(tellMs !== undefined && { tellMs }) });
}

function openEngines(place: Place, { hubs, residents }: { hubs: Hubs; residents: Residents }): Engines {
  const { config, logs, templates, memory } = place;
  const lite = residents.watched(
    createLiteEngine({
      chitchat: ({ bot }) => chitchatOf(templates, bot),
      fallback: ({ bot }) => fallbackOf(templates, bot),
    }),
  );
  const answering = rasaOf(place, hubs);
  const rasa = answering && residents.watched(answering);
  return openPool({
    bot: (appId) => hubs.bot(appId),
    model: (appId, modelId) => hubs.model(appId, modelId),
    load: (model) => loaded(place.cache, hubs, model),
    engineFor: (_bot: Bot, model: Model | null) => (rasa && model?.archive ? rasa : lite),
    idleParkMs: config.idleParkSeconds * 1000,
    memory,
    log: logs.log,
    ...(place.standIns?.backoffMs && { backoffMs: place.standIns.backoffMs }),
  });
}

function rasaOf(place: Place, hubs: Hubs): Engine | null {
  const { config, logs, rasa, standIns, warm, workDir, life } = place;
  if (standIns?.rasa) return standIns.rasa;
  if (!warm || !('python' in rasa)) return null;
  const egress = createEgress(config.egressAllow);
  const { python } = rasa;
  return openRasa({ config, logs, python, warm, runtimeDir: workDir, trackers: hubs.trackers, egress, life });
}

async function loaded(cache: ModelCache, hubs: Hubs, model: Model): Promise<LoadableModel> {
  const fetched = (digest: string): Promise<string> => cache.fetch(digest, () => hubs.file(model, digest));
  const archivePath = model.archive && (await fetched(model.archive));
  return { ...model, archivePath, contentPath: await fetched(model.content) };
}

/** Says that it takes no more, and waits until its bots are elsewhere, or for so long. */
async function drained({ households }: Place, limitMs: number): Promise<void> {
  const all = [...households.values()];
  for (const household of all) household.drain(true);
  const end = performance.now() + limitMs;
  const left = (): boolean => all.some(({ busy, awake }) => busy > 0 || awake > 0);
  while (left() && performance.now() < end) await sleep(50);
}

/** The first line that opens will do; that the hub would not have the node is final for it, and is said when none will. */
function firstOf(dialers: readonly Dialer[]): Promise<void> {
  return Promise.any(dialers.map(({ first }) => first)).catch((error: unknown) => {
    throw error instanceof AggregateError ? error.errors[0] : error;
  });
}
