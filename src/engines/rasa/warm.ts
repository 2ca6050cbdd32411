/**
 * Where Rasa processes come from. Each Rasa installation (the default one, and those that RASA_RUNTIMES names) has a preloaded parent
 * that forks them, started when it is first needed. Where none can be had, they start plainly: the same processes, only slower and larger.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child, ChildExit } from '../../child.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { unpackedEncoder } from './encoder.js';
import { type HostKind, HostUnavailable, type RasaHost, startHost } from './host.js';
import { residentBytes } from './memory.js';
import { PromotedChild } from './promoted.js';
import { type RasaPlace, type RasaTask, startPlainly, type StartRasa } from './task.js';
import { type ChildUids, lend, sharedHere, swept } from './users.js';

export interface WarmOptions {
  /** Pythons with Rasa by name; the default one has the name ''. */
  pythons: Readonly<Record<string, string>>;
  packageDir: string;
  /** A short private folder. Where processes have users of their own it is opened so far that they can go through. */
  runtimeDir: string;
  /** Where unpacked encoders are kept. */
  encoderDir: string;
  env: Readonly<Record<string, string>>;
  /** Where processes' user ids come from; absent or null: they run as the hub's user. */
  uids?: ChildUids | null;
  /** False: every process starts plainly. */
  fork?: boolean;
  log: Log;
}
export interface WarmRasa {
  start: StartRasa;
  /** Starts the default installation's light parent, so that the first bot need not wait for it. Never rejects. */
  prepare(): Promise<void>;
  /** Bytes that all parents hold. Never rejects. */
  memory(): Promise<number>;
  /** A vector per text, from the default installation. Rejects with `wake_failed` where it has no parent or no encoder. */
  encode(texts: string[]): Promise<{ encoder: string; vectors: Float32Array[] }>;
  /** Why the default installation's processes start plainly; null while they are forked. */
  readonly plainly: string | null;
  /** Why the default installation's processes run as the hub's user; null: each has one of its own, as far as is known yet. */
  readonly shared: string | null;
  /** Ends all parents, and whoever still lives under them. Never rejects. */
  stop(): Promise<void>;
}

const failureWindowMs = 60_000;
const backoffMs = [0, 500, 1000, 2000, 4000];
/** After so many deaths within the window, processes start plainly for a while. */
const failureLimit = 5;
const pauseMs = 5 * 60_000;

/** Opens no process yet. */
export function openWarmRasa(options: WarmOptions): WarmRasa {
  const made = new Map<string, Installation>();
  // Who has a user of its own goes through it to its own folder, and sees nothing else there.
  if (sharedHere(options.uids ?? null) === null) chmodSync(options.runtimeDir, 0o711);
  const installation = (name: string): Installation => {
    const python = options.pythons[name];
    if (!python) throw new HubError('wake_failed', unknownRuntime(name, Object.keys(options.pythons)));
    let found = made.get(name);
    if (!found) made.set(name, (found = new Installation(name, python, options)));
    return found;
  };
  const all = (): Installation[] => [...made.values()];
  return {
    start: async (task) => installation(task.runtime ?? '').start(task),
    prepare: () => installation('').prepare(),
    memory: async () => (await Promise.all(all().map((one) => one.memory()))).reduce((sum, bytes) => sum + bytes, 0),
    encode: (texts) => installation('').encode(texts),
    get plainly() {
      return made.get('')?.plainly ?? null;
    },
    get shared() {
      return installation('').shared;
    },
    stop: async () => void (await Promise.all(all().map((one) => one.stop()))),
  };
}

/** The sentence about a runtime that nobody set up. */
export function unknownRuntime(name: string, known: string[]): string {
  const names = known.filter((one) => one !== '');
  const have = names.length > 0 ? `there are: ${names.join(', ')}` : 'none is set up';
  return `There is no Rasa installation named ${JSON.stringify(name)}; ${have} (setting RASA_RUNTIMES).`;
}

/** One Python with Rasa and its parents: a light one until something needs TensorFlow, then a full one for everybody. */
class Installation {
  plainly: string | null = null;
  shared: string | null;
  private readonly hosts = new Map<HostKind, RasaHost>();
  private place: Promise<RasaPlace> | null = null;
  private deaths: number[] = [];
  private plainUntil = 0;
  private stopped = false;

  constructor(
    private readonly name: string,
    private readonly python: string,
    private readonly options: WarmOptions,
  ) {
    this.shared = sharedHere(options.uids ?? null);
    if (process.platform !== 'linux') this.resign(`forking needs Linux, this is ${process.platform}`, Infinity);
    else if (options.fork === false) this.resign('forking is switched off', Infinity);
  }

  async start(task: RasaTask): Promise<Child> {
    const place = await this.at();
    this.refuseShared();
    return this.begin(place, this.uids ? await lend(task) : task);
  }

  private async begin(place: RasaPlace, task: RasaTask): Promise<Child> {
    const plainly = (): Child => this.alone(startPlainly({ ...place, uids: this.uids }, task));
    if (this.isPlain()) return plainly();
    try {
      const child = await this.fork(task, task.light ? 'light' : 'full');
      return task.light ? new PromotedChild(child, () => this.fork(task, 'full')) : child;
    } catch (error) {
      if (!(error instanceof HostUnavailable) || this.stopped) throw this.failed(error);
      // The reason stands in the log already; this bot shall not wait for the next try.
      return plainly();
    }
  }

  /** Where processes' user ids come from, unless it is known that there can be none. */
  private get uids(): ChildUids | null {
    return this.shared === null ? (this.options.uids ?? null) : null;
  }

  private alone(child: Child): Child {
    return this.uids ? swept(child, this.uids) : child;
  }

  /** Throws where the operator wants a user for each process and there can be none. */
  private refuseShared(): void {
    if (this.shared !== null && this.options.uids?.must)
      throw new HubError(
        'wake_failed',
        `The bot could not be started: it can have no user of its own (CHILD_UIDS): ${this.shared}.`,
      );
  }

  async prepare(): Promise<void> {
    await this.at();
    if (!this.isPlain()) await this.host('light').catch(() => undefined);
  }

  async memory(): Promise<number> {
    const sizes = await Promise.all([...this.hosts.values()].map(async ({ pid }) => (pid ? residentBytes(pid) : 0)));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  async encode(texts: string[]): Promise<{ encoder: string; vectors: Float32Array[] }> {
    try {
      return await (await this.host('light')).encode(texts);
    } catch (error) {
      throw this.failed(error);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.hosts.values()].map((host) => host.stop()));
  }

  private failed(error: unknown): HubError {
    if (error instanceof HubError) return error;
    const why = error instanceof Error ? error.message : String(error);
    return new HubError('wake_failed', `The bot could not be started: ${why}`, { cause: error });
  }

  /** Forks; when the parent dies under it, once more from the next one. */
  private async fork(task: RasaTask, kind: HostKind): Promise<Child> {
    try {
      return await this.forked(kind, task);
    } catch (error) {
      if (!(error instanceof HostUnavailable)) throw error;
      if (error.lasting) this.resign(error.message, Infinity);
      if (this.isPlain() || this.stopped) throw error;
      return this.forked(kind, task);
    }
  }

  private async forked(kind: HostKind, task: RasaTask): Promise<Child> {
    const host = await this.host(kind);
    this.refuseShared();
    return this.alone(await host.fork(task));
  }

  /** A parent that can fork. The full one, once it is there, serves all: two would hold most things twice. */
  private async host(wanted: HostKind): Promise<RasaHost> {
    const kind = this.hosts.has('full') ? 'full' : wanted;
    const recent = this.deaths.filter((at) => Date.now() - at < failureWindowMs).length;
    if (!this.hosts.has(kind)) await sleep(backoffMs[Math.min(recent, backoffMs.length - 1)]);
    const place = await this.at();
    if (this.stopped) throw new HostUnavailable('The hub is shutting down.', false);
    const host = this.hosts.get(kind) ?? this.open(place, kind);
    await host.ready;
    if (kind === 'full') this.retire();
    return host;
  }

  /** In one breath, so that two who ask at once get the same one. */
  private open(place: RasaPlace, kind: HostKind): RasaHost {
    const { log, runtimeDir } = this.options;
    const home = join(runtimeDir, `host-${randomBytes(4).toString('hex')}`);
    mkdirSync(home, { mode: 0o700 });
    const started = Date.now();
    const host = startHost(place, { kind, home, uids: this.uids });
    this.hosts.set(kind, host);
    const facts = { runtime: this.name, kind, pid: host.pid };
    host.ready.then(
      ({ encoder, shared }) => {
        log.info({ ...facts, encoder, ms: Date.now() - started }, 'Rasa parent ready');
        this.share(shared);
      },
      () => undefined,
    );
    void host.exited.then(async (exit) => {
      await rm(home, { recursive: true, force: true });
      this.ended(host, exit);
    });
    return host;
  }

  private ended(host: RasaHost, exit: ChildExit): void {
    const own = this.hosts.get(host.kind) === host;
    if (own) this.hosts.delete(host.kind);
    if (!own || this.stopped) return;
    this.deaths = [...this.deaths.filter((at) => Date.now() - at < failureWindowMs), Date.now()];
    this.options.log.warn({ runtime: this.name, kind: host.kind, ...exit }, 'a Rasa parent ended; its bots start anew');
    if (this.deaths.length >= failureLimit)
      this.resign(`its Rasa parent ended ${failureLimit} times within a minute`, pauseMs);
  }

  /** Ends the light parent when nobody lives under it any more. */
  private retire(): void {
    const light = this.hosts.get('light');
    if (!light || light.size > 0) return;
    this.hosts.delete('light');
    void light.stop();
  }

  /** What a parent found: `why` its children run as the hub's user. */
  private share(why: string | null): void {
    if (why === null || this.shared !== null) return;
    this.shared = why;
    this.options.log.warn(
      { runtime: this.name, why },
      "bots' processes run as the hub's user: a bot's own Python can read what it can",
    );
  }

  private isPlain(): boolean {
    if (this.plainly !== null && Date.now() > this.plainUntil) this.plainly = null;
    return this.plainly !== null;
  }

  private resign(why: string, ms: number): void {
    if (this.plainly === null)
      this.options.log.warn({ runtime: this.name, why }, 'bots start as plain Rasa processes: slower and larger');
    this.plainly = why;
    this.plainUntil = Date.now() + ms;
  }

  private at(): Promise<RasaPlace> {
    const { packageDir, encoderDir, env } = this.options;
    this.place ??= unpackedEncoder({ python: this.python, packageDir, folder: encoderDir, env }).then((encoder) => ({
      python: this.python,
      packageDir,
      env: { ...env, ...encoder },
    }));
    return this.place;
  }
}
