/** What every part of the hub is built from: the options, the store, the shelf, a short-lived folder, and where Rasa processes come from. */
import { readFileSync } from 'node:fs';
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuseHalfRestored } from '../backup/lines.js';
import { movedTo } from '../backup/moved.js';
import type { Config } from '../config.js';
import type { Connector, Engine, ModelShelf, Store } from '../contracts.js';
import { createEgress, type Egress } from '../egress.js';
import type { LiveLimits } from '../engines/cluster/socket.js';
import { sharedHere } from '../engines/rasa/users.js';
import { openWarmRasa, type WarmRasa } from '../engines/rasa/warm.js';
import type { Lifecycle } from '../lifecycle.js';
import type { Log, Logs } from '../log.js';
import { openScratch } from '../scratch.js';
import { openStore } from '../stores/index.js';
import { openShelf } from '../training/shelf.js';
import { loadTemplates, type Template } from '../training/templates.js';
import type { Paces } from '../stream/paces.js';
import type { Trainer } from '../training/training.js';
import { openReplicas, type Replicas } from './replicas.js';
import { createVectors, type Vectors } from '../training/vectors.js';

/** Where Rasa is, and which version where that is known, or in words why there is none. */
export type RasaRuntime = { python: string; version?: string } | { reason: string };

export interface AppOptions {
  config: Config;
  rasa: RasaRuntime;
  logs: Logs;
  /** False: trainings are left to trainers elsewhere (REDIS_URL). */
  trains?: boolean;
  /** Does this hub run bots itself? `always` when absent; `alone`: while no node is there; `never`: only nodes do. */
  engines?: 'always' | 'alone' | 'never';
  /** For tests, benches and the fault rig: what stands in for a part, and what is added. */
  standIns?: StandIns;
}

export interface StandIns {
  engines?: { rasa?: Engine };
  /** How soon a node's line counts as lost. */
  nodeLimits?: LiveLimits;
  /** Channels beside the real ones. */
  connectors?: Connector[];
  /** Wraps the store of the message path. */
  store?: (store: Store) => Store;
  /** How patient the event stream is. */
  stream?: Partial<Paces>;
  /** Trains in place of Rasa, and how soon the queue calls a trainer lost. */
  training?: { train?: Trainer; lockMs?: number; sweepMs?: number; gpuGraceMs?: number };
}

export const here = fileURLToPath(new URL('.', import.meta.url));

export const templatesDir = join(here, '..', '..', 'templates');

/** The release that this is. */
export function release(): string {
  const file = join(here, '..', '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export const packageDir = join(here, '..', 'engines', 'rasa');

/** What the parts share while they are put together. */
export interface Parts {
  options: AppOptions;
  log: Log;
  life: Lifecycle;
  store: Store;
  shelf: ModelShelf;
  /** The address of the hub that has taken over from this one; null for a hub in use. */
  movedTo: string | null;
  templates: Template[];
  runtimeDir: string;
  /** Where Rasa processes come from; null on a machine without Rasa. */
  warm: WarmRasa | null;
  /** What texts mean, by the encoder of this machine's Rasa. */
  vectors: Vectors;
  egress: Egress;
  /** What this hub shares with others on its store; null where it is the only one. */
  replicas: Replicas | null;
}

export async function openFoundations(options: AppOptions, life: Lifecycle): Promise<Parts> {
  const { config, logs } = options;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  await closeToOthers(config);
  // Hubs that share a store hear of each other over Redis: without one there is one hub.
  const opened = await openStore(config.databaseUrl, { shared: config.redisUrl !== null });
  life.onStop('store', () => opened.close());
  await refuseHalfRestored(opened);
  const own = options.standIns?.store?.(opened) ?? opened;
  const replicas = openReplicas({ store: own, config, logs, life });
  const store = replicas?.telling(own) ?? own;
  const shelf = await openShelf(config.modelStorage, join(config.dataDir, 'models'));
  const runtimeDir = await openScratch(tmpdir());
  life.onStop('runtime folder', () => rm(runtimeDir, { recursive: true, force: true }));
  const moved = await movedTo(opened);
  const warm = moved === null ? openWarm(options, runtimeDir) : null;
  life.onStop('Rasa parents', async () => warm?.stop());
  return {
    options,
    log: logs.log,
    life,
    store,
    shelf,
    movedTo: moved,
    templates: await loadTemplates(templatesDir),
    runtimeDir,
    warm,
    vectors: createVectors({ encode: warm && ((texts) => warm.encode(texts)) }),
    egress: createEgress(config.egressAllow),
    replicas,
  };
}

/** Where bots' processes are other users: what the hub keeps is not for them, however its folders were made. */
export async function closeToOthers({ childUids, dataDir, databaseUrl, modelStorage }: Config): Promise<void> {
  if (sharedHere(childUids) !== null) return;
  const places = [
    dataDir,
    ...[databaseUrl, modelStorage].map((url) => /^(?:sqlite|file):(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1]),
  ];
  for (const path of places.filter((place) => place !== undefined)) {
    const mode = await stat(path).then(
      (found) => found.mode,
      () => null,
    );
    // Not a folder that all are meant to use, like /tmp.
    if (mode !== null && (mode & 0o007) !== 0 && (mode & 0o1000) === 0) await chmod(path, mode & 0o7770);
  }
}

export function openWarm(
  { config, rasa, logs }: Pick<AppOptions, 'config' | 'rasa' | 'logs'>,
  runtimeDir: string,
): WarmRasa | null {
  if (!('python' in rasa)) return null;
  const warm = openWarmRasa({
    pythons: { '': rasa.python, ...config.rasaRuntimes },
    packageDir,
    runtimeDir,
    encoderDir: join(config.cacheDir, 'encoder'),
    env: config.childEnv,
    uids: config.childUids,
    log: logs.log,
  });
  void warm.prepare();
  return warm;
}
