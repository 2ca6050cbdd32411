/** What every scenario works with: a hub in a process of its own, or several on one MongoDB and Redis, three fake platforms, a bot that outlives the hub, and what they noted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type PlatformName, platformNames } from '../support/standins.js';
import { MongoServer } from '../support/mongo.js';
import { freePort } from '../support/ports.js';
import { TestRedis } from '../support/redis.js';
import { JournalBot } from './bot.js';
import { check, type Counts } from './checker.js';
import type { HubSpec, Mutation } from './hub-process.js';
import { FakePlatform, type JournalEvent, type JournalReply } from './platform.js';
import { RealPlatform } from './real-platform.js';

export interface RigOptions {
  seed: number;
  /** The catalogue's figures, or a tenth of them for the everyday test run. */
  short: boolean;
  python: string | null;
  /** How long a long run is, and how many faults a campaign has; the catalogue's figures when absent. */
  minutes?: number | undefined;
  faults?: number | undefined;
  /** What the hub keeps its messages in; SQLite when absent. */
  store?: 'sqlite' | 'mongo' | undefined;
  /** The real connectors with the SDKs in them, or stand-ins that cost nothing (when absent): then the hub alone is under test. */
  connectors?: 'real' | undefined;
}
export interface Settings {
  limited?: boolean;
  timeScale?: number;
  slowAnswerSeconds?: number;
  mutations?: Mutation[];
  rasa?: boolean;
  /** Several hubs on one MongoDB and one Redis. */
  hubs?: number;
  /** False: trainings are left to trainers. */
  trains?: boolean;
  /** True: bots run on nodes alone, those of the engine `remote` excepted. */
  nodes?: boolean;
  /** A Python in the place of the one that has Rasa, to plant a fault in its processes. */
  python?: (python: string) => Promise<string>;
  /** Settings of the hub. */
  env?: Record<string, string>;
  /** Where the data folder is made; the system's temporary folder when absent. */
  within?: string;
  /** A shell prefix, such as a limit. */
  shell?: string;
}
/** What a scenario found. `faults`: how often its fault did hit. `failures`: what did not hold, in words. */
export interface Finding {
  faults: number;
  counts: Counts;
  notes: string[];
  failures: string[];
}
export interface Scenario {
  id: string;
  title: string;
  /** It breaks what only the real connectors have. */
  onlyReal?: boolean;
  needsRasa?: boolean;
  /** It breaks SQLite's own file. */
  onlySqlite?: boolean;
  run(options: RigOptions): Promise<Finding>;
}

/** Random numbers from a seed (mulberry32), so that a run can be repeated. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const entry = fileURLToPath(new URL('hub-process.js', import.meta.url));
const mostStarts = 10;
const adminToken = 'rig-admin-token-0123456789';

/** kill -9, and waits until it has gone. */
async function ended(hub: ChildProcess): Promise<void> {
  const gone = once(hub, 'exit');
  if (hub.kill('SIGKILL')) await gone;
}

export class Rig {
  readonly platforms = {} as Record<PlatformName, FakePlatform>;
  readonly bot = new JournalBot();
  readonly bots: string[] = [];
  readonly log = join(tmpdir(), `switchboard-faults-${process.pid}.log`);
  readonly random: () => number;
  dataDir = '';
  readonly adminToken = adminToken;
  /** Faults that may have cost a second copy. */
  faults = 0;
  /** When the hub was killed, by the clock of `performance`. */
  readonly kills: number[] = [];
  /** The database server, where there is one. */
  readonly mongo = new MongoServer();
  /** The Redis of several hubs. */
  redis: TestRedis | null = null;
  readonly hubs: (ChildProcess | null)[] = [];
  private readonly specs: HubSpec[] = [];
  /** Hubs that were started beside the one under test. */
  private readonly others: ChildProcess[] = [];
  /** Where the journaling bot answers. */
  botUrl = '';

  constructor(
    readonly options: RigOptions,
    private readonly settings: Settings = {},
  ) {
    this.random = randomOf(options.seed);
  }

  /** Opens everything and makes `bots` bots that answer by the journaling bot. */
  async open(bots: number): Promise<this> {
    const { settings } = this;
    this.dataDir = await mkdtemp(join(settings.within ?? tmpdir(), 'sb-faults-'));
    const secret = 'rig-signing-secret';
    const facts = { hubUrl: () => this.anyUrl, secret, timeScale: settings.timeScale ?? 0.02 };
    const real = this.options.connectors === 'real';
    for (const name of platformNames) {
      this.platforms[name] = real ? new RealPlatform(name, facts) : new FakePlatform(name, facts);
    }
    const [slack, telegram, teams] = await Promise.all(platformNames.map((name) => this.platforms[name].open()));
    this.botUrl = await this.bot.open();
    const { python: given } = this.options;
    const python = settings.rasa && given ? ((await settings.python?.(given)) ?? given) : null;
    const count = settings.hubs ?? 1;
    const databaseUrl = this.options.store === 'mongo' || count > 1 ? (await this.mongo.start()).url('faults') : '';
    if (count > 1) this.redis = await TestRedis.open();
    const several = {
      REDIS_URL: this.redis?.url ?? '',
      SECRET_KEY: 'rig-secret-key-0123456789',
      MODEL_STORAGE: `file:${join(this.dataDir, 'models')}`,
    };
    const spec = {
      databaseUrl,
      adminToken,
      standIns: !real,
      apiRoots: { slack: slack!, telegram: telegram!, teams: teams! },
      secret,
      limited: settings.limited ?? false,
      slowAnswerSeconds: settings.slowAnswerSeconds ?? 10,
      python,
      env: { ...(count > 1 && several), ...settings.env },
      mutations: settings.mutations ?? [],
      trains: settings.trains ?? true,
      nodes: settings.nodes ?? false,
    };
    for (let i = 0; i < count; i += 1) {
      const dataDir = count > 1 ? join(this.dataDir, `hub${i}`) : this.dataDir;
      this.specs.push({ ...spec, port: await freePort(), dataDir });
      await this.start(i);
    }
    for (let i = 0; i < bots; i += 1) {
      const remoteUrl = `${this.botUrl}/b${i}`;
      const { appId } = (await this.api('POST', '/bots', { name: `Bot ${i}`, engine: 'remote', remoteUrl })) as {
        appId: string;
      };
      await this.connect(appId);
    }
    return this;
  }

  /** From now on the load is of this bot too. */
  async connect(appId: string): Promise<void> {
    for (const name of platformNames) {
      const channel = this.platforms[name].settings();
      if (channel) await this.api('PUT', `/bots/${appId}/channels/${name}`, channel);
    }
    this.bots.push(appId);
  }

  async close(): Promise<void> {
    for (const i of this.specs.keys()) await this.kill(i);
    for (const other of this.others.splice(0)) await ended(other);
    await Promise.all(platformNames.map((name) => this.platforms[name].close()));
    this.bot.close();
    await this.mongo.dispose();
    await this.redis?.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  get url(): string {
    return this.urlOf(0);
  }
  urlOf(hub: number): string {
    return `http://127.0.0.1:${this.specs[hub]?.port ?? 0}`;
  }
  /** One of several, as a load balancer picks them that does not know yet which of them live. */
  get anyUrl(): string {
    return this.urlOf(this.specs.length > 1 ? Math.floor(this.random() * this.specs.length) : 0);
  }
  get hub(): ChildProcess | null {
    return this.hubs[0] ?? null;
  }
  get pid(): number {
    return this.pidOf(0);
  }
  pidOf(hub: number): number {
    return this.hubs[hub]?.pid ?? 0;
  }

  /** Starts the hub on its port and data; answers the milliseconds until it listened. */
  async start(which = 0, tries = 1): Promise<number> {
    const started = performance.now();
    const spec = this.specs[which]!;
    // As a supervisor does: a store that is away at the start of one of several is no end.
    const again = this.specs.length > 1 && tries < mostStarts;
    const hub = await this.spawned(spec).catch((error: unknown) => {
      if (!again) throw error;
      return null;
    });
    if (!hub) return this.start(which, tries + 1);
    this.hubs[which] = hub;
    return performance.now() - started;
  }

  /** Starts another hub like it on data of its own, to be ended by `close`; answers its address. */
  async beside(dataDir: string): Promise<string> {
    const spec = { ...this.specs[0]!, dataDir, port: await freePort() };
    this.others.push(await this.spawned(spec));
    return `http://127.0.0.1:${spec.port}`;
  }

  /** Rejects when it does not come to listen. */
  private async spawned(spec: HubSpec): Promise<ChildProcess> {
    const args = [entry, JSON.stringify(spec)];
    const shell = this.settings.shell;
    const command = shell ? 'bash' : process.execPath;
    const hub = spawn(command, shell ? ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...args] : args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    hub.stderr?.on('data', (chunk: Buffer) => appendFileSync(this.log, chunk));
    const lines = createInterface({ input: hub.stdout! });
    const outcome = await Promise.race([
      once(lines, 'line').then(() => 'listening'),
      once(hub, 'exit').then(([code]) => `exit ${String(code)}`),
    ]);
    if (outcome !== 'listening') throw new Error(`The hub did not start: ${outcome}. Its log: ${this.log}`);
    return hub;
  }

  /** kill -9, and waits until it has gone. */
  async kill(which = 0): Promise<void> {
    const hub = this.hubs[which];
    this.hubs[which] = null;
    if (!hub || hub.exitCode !== null || hub.signalCode !== null) return;
    this.note(`kill -9 ${hub.pid}`);
    this.kills.push(performance.now());
    await ended(hub);
  }

  /** SIGTERM; answers its exit code and how long it took. */
  async term(which = 0): Promise<{ code: number | null; ms: number }> {
    const hub = this.hubs[which]!;
    this.hubs[which] = null;
    const started = performance.now();
    this.note(`TERM ${hub.pid}`);
    const gone = once(hub, 'exit') as Promise<[number | null]>;
    hub.kill('SIGTERM');
    const [code] = await gone;
    return { code, ms: performance.now() - started };
  }

  /** SIGSTOP for so long, then SIGCONT. Counts as a kill: what was on its way may arrive twice. */
  async pause(which: number, ms: number): Promise<void> {
    this.note(`STOP ${this.pidOf(which)}`);
    this.kills.push(performance.now());
    process.kill(this.pidOf(which), 'SIGSTOP');
    await sleep(ms);
    process.kill(this.pidOf(which), 'SIGCONT');
    this.note(`CONT ${this.pidOf(which)}`);
  }

  /** One call of the admin API, of this hub; answers the body, and throws for a status of 400 or more. */
  async api(method: string, path: string, body?: unknown, which = 0): Promise<unknown> {
    const response = await fetch(`${this.urlOf(which)}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return text === '' ? null : (JSON.parse(text) as unknown);
  }

  /** Asks the hub process something, or tells it. */
  async tell(message: { clock?: number; tick?: number; gc?: boolean }): Promise<{ heap: number } | null> {
    const answer = message.gc ? once(this.hub!, 'message') : null;
    this.hub!.send(message);
    return answer ? ((await answer)[0] as { heap: number }) : null;
  }

  note(what: string): void {
    appendFileSync(this.log, `${new Date().toISOString()} ${what}\n`);
  }

  get events(): JournalEvent[] {
    return platformNames.flatMap((name) => this.platforms[name].events);
  }
  get replies(): JournalReply[] {
    return platformNames.flatMap((name) => this.platforms[name].replies);
  }
  counts(): Counts {
    return check({ events: this.events, replies: this.replies, turns: this.bot.turns });
  }

  /** A load: `count` events over all platforms, bots and chats, `perSecond`. Resolves when every one is acknowledged or given up. */
  async load(count: number, perSecond: number, chats = 200): Promise<void> {
    const running: Promise<unknown>[] = [];
    const started = performance.now();
    for (let i = 0; i < count; i += 1) {
      const wait = started + (i * 1000) / perSecond - performance.now();
      if (wait > 0) await sleep(wait);
      const chat = Math.floor(this.random() * chats);
      const name = platformNames[chat % platformNames.length]!;
      const appId = this.bots[chat % this.bots.length]!;
      const id = this.nextId();
      running.push(this.platforms[name].say(appId, { id: `E${id}`, chat: `C${chat}`, text: `m${id}` }));
    }
    await Promise.all(running);
  }

  private ids = 1000;
  nextId(): number {
    return (this.ids += 1);
  }

  /** Waits until every acknowledged event has been answered, or nothing changes any more for `quietMs`. */
  async settled(quietMs = 5000): Promise<void> {
    let last = '';
    let since = performance.now();
    while (performance.now() - since < quietMs) {
      const { lost, acked } = this.counts();
      if (lost === 0 && acked === this.events.filter((event) => event.ackedAt !== null).length && last !== '') {
        // A moment for copies that should not come.
        await sleep(300);
        return;
      }
      const now = `${lost} ${acked} ${this.replies.length}`;
      if (now !== last) since = performance.now();
      last = now;
      await sleep(100);
    }
  }

  /** Repeats `condition` until it answers something; throws after `seconds`. */
  async until<T>(what: string, seconds: number, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const value = await condition();
      if (value) return value;
      if (performance.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
      await sleep(50);
    }
  }
}

/** Opens a rig, runs `work`, closes it whatever happens. */
export async function withRig<T>(
  open: { options: RigOptions; settings?: Settings; bots?: number },
  work: (rig: Rig) => Promise<T>,
): Promise<T> {
  const rig = new Rig(open.options, open.settings);
  try {
    return await work(await rig.open(open.bots ?? 20));
  } finally {
    await rig.close();
  }
}

/** What must hold everywhere; a scenario adds its own. */
export function basics(counts: Counts): string[] {
  return [
    ...(counts.lost > 0 ? [`${counts.lost} lost`] : []),
    ...(counts.outOfOrder > 0 ? [`${counts.outOfOrder} out of order`] : []),
    ...(counts.unexpected > 0 ? [`${counts.unexpected} unexpected`] : []),
    ...(counts.turnsTwice > 0 ? [`${counts.turnsTwice} events had more than one turn`] : []),
  ];
}

/**
 * How fast things must be, where that can be judged: the MongoDB test server is not built for speed, and the short runs of `npm test` share
 * their machine with other suites.
 */
export function speed({ store, short }: RigOptions, failures: string[]): string[] {
  return store === 'mongo' || short ? [] : failures;
}

/** The `p` quantile (0..1) of some figures; 0 of none. */
export function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;
}
