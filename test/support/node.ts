/** Nodes for tests: in this process with a scripted engine, or the role in a process of its own that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { configOf } from '../../src/config.js';
import type { Bot, Engine, Engines, Model, Principal, TrackerStore } from '../../src/contracts.js';
import { type Cluster, createCluster } from '../../src/engines/cluster/cluster.js';
import type { Member } from '../../src/engines/cluster/member.js';
import { type Knock, type Nodes, openNodes } from '../../src/engines/cluster/nodes.js';
import type { Hello } from '../../src/engines/cluster/protocol.js';
import type { Here } from '../../src/engines/cluster/router.js';
import { openPool } from '../../src/engines/pool/index.js';
import { createTrackers } from '../../src/engines/rasa/trackers.js';
import { HubError } from '../../src/errors.js';
import { openLog } from '../../src/log.js';
import { openNode } from '../../src/node.js';
import { openModelShelf } from '../../src/training/models.js';
import { enoughMemory, someModel } from './engines.js';

export const nodeToken = 'node-token-0123456789';
/** Lines are lost sooner than in earnest, so that tests need not wait. */
export const quick = { askMs: 100, silentMs: 500 };

export interface TestNode {
  log: string[];
  ready: Promise<void>;
  stop(): Promise<void>;
}
export interface NodeSpec {
  hub: string | string[];
  token?: string;
  engine?: Engine;
  rasa?: { python: string; version?: string };
  env?: Record<string, string>;
  drainMs?: number;
  hello?: Partial<Hello>;
  /** The addresses that stand behind a name. */
  resolve?: (host: string) => Promise<string[]>;
  /** Kept when it stops, and used again. */
  dataDir?: string;
}

/** A node in this process. */
export async function newNode(spec: NodeSpec): Promise<TestNode> {
  const dataDir = spec.dataDir ?? (await mkdtemp(join(tmpdir(), 'sb-node-')));
  const log: string[] = [];
  const { PATH = '', HOME = '' } = process.env;
  const openblas = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('OPENBLAS_')));
  const config = configOf({
    ...{ PATH, HOME, ...openblas, DATA_DIR: dataDir, MIN_FREE_DISK: '1m', MIN_FREE_MEMORY: '1m' },
    HUB_URL: [spec.hub].flat().join(','),
    NODE_TOKEN: spec.token ?? nodeToken,
    ...spec.env,
  });
  const node = await openNode({
    config,
    logs: openLog({ level: 'info', pretty: false, write: (line) => void log.push(line) }),
    rasa: spec.rasa ?? { reason: 'A stand-in answers.' },
    standIns: {
      limits: quick,
      backoffMs: [0, 20],
      tellMs: 50,
      drainMs: spec.drainMs ?? 0,
      ...(spec.engine && { rasa: spec.engine }),
      hello: { gpus: [], ...spec.hello },
      ...(spec.resolve && { resolve: spec.resolve }),
    },
  });
  return {
    log,
    ready: node.ready,
    async stop() {
      await node.stop();
      if (spec.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const entry = fileURLToPath(new URL('node-process.js', import.meta.url));

/** A node in a process of its own. */
export interface NodeProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly address: string;
  kill(signal?: NodeJS.Signals): Promise<void>;
}
export interface ProcessSpec {
  hub: string | string[];
  address: string;
  /** The stand-in that answers; null: real Rasa, as `env` says. */
  standIn: boolean;
  env?: Record<string, string>;
  token?: string;
  /** Base URL of a server that speaks Rasa's REST channel and answers for the stand-in, and outlives it. */
  journal?: string;
  /** Kept when it is killed, and used again. */
  dataDir?: string;
  /** A certificate authority that it trusts beside the known ones. */
  caFile?: string;
}

/** Resolves when a hub has taken it. Rejects when it ends before that. */
export async function startNodeProcess(spec: ProcessSpec): Promise<NodeProcess> {
  const child = spawn(process.execPath, [entry, JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', process.env['NODE_LOG'] ? 'inherit' : 'ignore', 'ipc'],
    env: { ...process.env, ...(spec.caFile && { NODE_EXTRA_CA_CERTS: spec.caFile }) },
  });
  const said = createInterface({ input: child.stdout! });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The node ended: ${String(code)}.`)));
  ended.catch(() => undefined);
  await Promise.race([once(said, 'line'), ended]);
  return {
    child,
    pid: child.pid ?? 0,
    address: spec.address,
    async kill(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

/** A hub's end without the hub: a server, a cluster, and a store in memory. */
export class ClusterRig {
  readonly bots = new Map<string, Bot>();
  readonly models = new Map<string, Model>();
  readonly trackers: TrackerStore = createTrackers();
  /** By token: who that is. */
  readonly principals = new Map<string, Principal>([
    [nodeToken, { kind: 'node', id: 'node', name: 'node token', role: 'node', bots: {} }],
  ]);
  cluster!: Cluster;
  nodes!: Nodes;
  url = '';
  readonly log: string[] = [];
  private server!: Server;
  private folder = '';

  /** `engine`: of the hub's own pool. */
  async open(
    engine: Engine,
    here: Here,
    options: { waitMs?: number; installation?: string; at?: { host: string; port: number } } = {},
  ): Promise<this> {
    this.folder = await mkdtemp(join(tmpdir(), 'sb-rig-'));
    const { log } = openLog({ level: 'info', pretty: false, write: (line) => void this.log.push(line) });
    const bot = (appId: string) => Promise.resolve(this.bots.get(appId) ?? null);
    const pool = openPool({
      bot,
      model: (_appId, id) => Promise.resolve(this.models.get(id) ?? null),
      load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
      engineFor: () => engine,
      idleParkMs: 60_000,
      memory: enoughMemory(),
      backoffMs: [0, 20],
      log,
    });
    const local: Member = {
      ...{ id: 'hub', address: null, weight: 1, taking: true, engines: pool },
      get load() {
        return pool.usage().states.awake;
      },
      admits: () => 'any',
      usage: () => pool.usage(),
    };
    const { waitMs = 500 } = options;
    this.cluster = createCluster({ pool, local, here, bot, log, waitMs });
    this.server = createServer();
    const shelf = await openModelShelf(join(this.folder, 'shelf'));
    const put = await shelf.putText('{}');
    for (const id of ['m1', 'm2', 'm3'])
      this.models.set(id, someModel({ id, archive: put.digest, content: put.digest }));
    this.nodes = openNodes(this.server, {
      cluster: this.cluster,
      store: {
        bots: { get: bot } as never,
        models: { get: (appId: string, id: string) => Promise.resolve(this.modelOf(appId, id)) } as never,
        trackers: this.trackers,
      },
      shelf,
      installation: options.installation ?? 'here',
      knock: (request) => this.knock((request.headers.authorization ?? '').replace('Bearer ', '')),
      self: { id: 'hub', address: 'hub', version: '0', cores: 1, memoryBudget: 1 },
      limits: quick,
      log,
    });
    const { host, port } = options.at ?? { host: '127.0.0.1', port: 0 };
    await new Promise<void>((resolve) => this.server.listen(port, host, resolve));
    this.url = `http://${host}:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  get engines(): Engines {
    return this.cluster;
  }

  async close(): Promise<void> {
    await this.nodes.stop();
    await this.cluster.stop();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  /** All bots have the same models. */
  private modelOf(appId: string, id: string): Model | null {
    const model = this.models.get(id);
    return model ? { ...model, appId } : null;
  }

  private knock(token: string): Promise<Knock> {
    const known = (): Principal | undefined => this.principals.get(token);
    const principal = known();
    if (!principal) return Promise.reject(new HubError('unauthorized', 'NODE_TOKEN is wrong.'));
    const serves = (appId: string | null): boolean =>
      principal.role === 'node' || (appId !== null && principal.bots[appId] === 'builder');
    return Promise.resolve({ principal, from: '127.0.0.1', serves, stands: () => Promise.resolve(!!known()) });
  }
}
