/** The platform's side of the bench: it delivers, takes the replies, and keeps the time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { io, type Socket } from 'socket.io-client';
import type { Act, Delivery, FakePlatform } from '../../src/lab/platforms/platform.js';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { accessToken, FakeTeams } from '../../src/lab/platforms/teams.js';
import { FakeTelegram } from '../../src/lab/platforms/telegram.js';
import { Line, type Request } from '../path/wire.js';
import type { ServerSpec } from './server.js';

export type Kind = ServerSpec['kind'];
export interface Drive {
  open(): Promise<void>;
  /** From the first delivery to the last reply, with every connection busy. */
  throughput(messages: number): Promise<Throughput>;
  /** Milliseconds to the acknowledgement of each message, at 100 a second for so many seconds. */
  acks(seconds: number): Promise<number[]>;
  close(): Promise<void>;
}
export interface Throughput {
  perSecond: number;
  /** Microseconds of the server's processor time for a message, all its threads together. */
  cpu: number;
}

/** As many as keep every bot under what its platform takes in a second (Telegram: 30). */
export const bots = 200;
const connections = 50;
const perSecond = 100;
const idleMs = 20_000;
/** After a run, until the platforms' windows of a second are empty again. */
const windowMs = 1100;
const entry = fileURLToPath(new URL('server.js', import.meta.url));
const makers: Record<string, () => FakePlatform> = {
  slack: () => new FakeSlack(),
  telegram: () => new FakeTelegram(),
  teams: () => new FakeTeams(),
};

/** A server in its own process; `nodeFlags` as the shell would give them to Node, such as --cpu-prof. */
class Target {
  port = 0;
  bots: string[] = [];
  private child!: ChildProcess;
  private dataDir = '';

  constructor(private readonly nodeFlags: readonly string[]) {}

  async open(spec: Omit<ServerSpec, 'dataDir' | 'bots'>): Promise<void> {
    this.dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-connectors-'));
    // As `npm start` runs it (scripts/start.mjs).
    const flags = spec.kind === 'ours' ? ['--max-semi-space-size=64'] : [];
    const words = [...flags, ...this.nodeFlags, entry, JSON.stringify({ ...spec, dataDir: this.dataDir, bots })];
    this.child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const [line] = (await once(createInterface({ input: this.child.stdout! }), 'line')) as [string];
    Object.assign(this, JSON.parse(line) as { port: number; bots: string[] });
  }

  /** How fast `work` was done, which sends so many messages. */
  async timed(messages: number, work: () => Promise<void>): Promise<Throughput> {
    const before = await this.cpu();
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1000;
    return { perSecond: messages / seconds, cpu: ((await this.cpu()) - before) / messages };
  }

  private async cpu(): Promise<number> {
    const told = once(this.child, 'message') as Promise<[{ cpu: number }]>;
    this.child.send('cpu');
    return (await told)[0].cpu;
  }

  async close(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await gone;
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** Calls `work` `perSecond` times a second. */
async function paced(count: number, work: (n: number) => Promise<void>): Promise<void> {
  const running: Promise<void>[] = [];
  const started = performance.now();
  for (let n = 0; n < count; n += 1) {
    while (performance.now() < started + (n * 1000) / perSecond) await sleep(1);
    running.push(work(n));
  }
  await Promise.all(running);
}

/** A platform that calls a webhook. */
export class HttpDrive implements Drive {
  private readonly platform: FakePlatform;
  private readonly target;
  private n = 0;

  constructor(
    private readonly name: string,
    private readonly kind: Kind,
    nodeFlags: readonly string[],
  ) {
    this.platform = makers[name]!();
    this.target = new Target(nodeFlags);
  }

  async open(): Promise<void> {
    await this.platform.open();
    const settings = { ...this.platform.settings(), ...(this.name === 'teams' ? { accessToken } : {}) };
    const ours = this.platform.settings();
    await this.target.open({ kind: this.kind, platform: this.name, settings: this.kind === 'ours' ? ours : settings });
  }

  async close(): Promise<void> {
    await this.target.close();
    await this.platform.close();
  }

  async throughput(messages: number): Promise<Throughput> {
    const requests = this.sign(messages);
    const lines = await this.lines();
    const goal = this.platform.posts.length + messages;
    const work = async (line: Line): Promise<void> => {
      for (let request = requests.pop(); request; request = requests.pop()) await deliver(line, request);
    };
    const figures = await this.target.timed(messages, async () => {
      await Promise.all(lines.map(work));
      await this.replied(goal);
    });
    for (const line of lines) line.close();
    await sleep(windowMs);
    return figures;
  }

  async acks(seconds: number): Promise<number[]> {
    const requests = this.sign(seconds * perSecond);
    const free = await this.lines();
    const goal = this.platform.posts.length + requests.length;
    const waits: number[] = [];
    await paced(requests.length, async (n) => {
      const due = performance.now();
      while (free.length === 0) await sleep(1);
      const line = free.shift()!;
      await deliver(line, requests[n]!);
      waits.push(performance.now() - due);
      free.push(line);
    });
    await this.replied(goal);
    for (const line of free) line.close();
    return waits;
  }

  /** Signed beforehand; each message is the first of its conversation, so that no pace holds it. */
  private sign(count: number): Request[] {
    return Array.from({ length: count }, () => {
      this.n += 1;
      const act = { id: String(this.n), chat: this.platform.chat(this.n), text: `message ${this.n}` };
      const { headers, body } = deliveryOf(this.platform, act);
      const appId = this.target.bots[this.n % bots] ?? '';
      const path = this.kind === 'ours' ? `/webhooks/${this.name}/${appId}` : '/hook';
      return { path, headers: headers as Record<string, string>, body };
    });
  }

  private lines(): Promise<Line[]> {
    return Promise.all(Array.from({ length: connections }, () => Line.open(this.target.port)));
  }

  private async replied(goal: number): Promise<void> {
    const { posts } = this.platform;
    for (let last = -1, since = performance.now(); posts.length < goal; await sleep(2)) {
      if (posts.length !== last) since = performance.now();
      last = posts.length;
      if (performance.now() - since > idleMs) {
        throw new Error(`${goal - posts.length} replies never came (${this.name}, ${this.kind})`);
      }
    }
  }
}

async function deliver(line: Line, request: Request): Promise<void> {
  const status = await line.post(request);
  if (status !== 200) throw new Error(`a webhook was answered ${status}`);
}

/** Microsoft's tokens name the service URL with a slash at its end or without; the SDK wants it as the activity has it. */
function deliveryOf(platform: FakePlatform, act: Act): Delivery {
  if (!(platform instanceof FakeTeams)) return platform.deliver(act);
  const activity = platform.activity(act);
  const token = platform.token({ serviceurl: activity['serviceUrl'] });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return { headers, body: JSON.stringify(activity) };
}

/** Browsers. A person may say twenty things in ten seconds, so there are many of them. */
export class SocketDrive implements Drive {
  private static readonly each = 16;
  private readonly target;
  constructor(
    private readonly kind: Kind,
    nodeFlags: readonly string[],
  ) {
    this.target = new Target(nodeFlags);
  }

  open(): Promise<void> {
    return this.target.open({ kind: this.kind, platform: 'web', settings: {} });
  }
  close(): Promise<void> {
    return this.target.close();
  }

  async throughput(messages: number): Promise<Throughput> {
    const sockets = await this.connect(Math.ceil(messages / SocketDrive.each));
    const figures = await this.target.timed(sockets.length * SocketDrive.each, async () => {
      await Promise.all(sockets.map((socket) => talk(socket, SocketDrive.each)));
    });
    for (const socket of sockets) socket.disconnect();
    return figures;
  }

  async acks(seconds: number): Promise<number[]> {
    const sockets = await this.connect(connections);
    const waits: number[] = [];
    await paced(seconds * perSecond, async (n) => {
      const due = performance.now();
      await sockets[n % connections]!.emitWithAck('user_uttered', { message: `message ${n}` });
      waits.push(performance.now() - due);
    });
    for (const socket of sockets) socket.disconnect();
    return waits;
  }

  private async connect(count: number): Promise<Socket[]> {
    const space = this.kind === 'ours' ? `/bots/${this.target.bots[0]!}` : '/';
    const url = `http://127.0.0.1:${this.target.port}${space}`;
    const sockets = Array.from({ length: count }, () => io(url, { transports: ['websocket'], forceNew: true }));
    const opening = sockets.filter(({ connected }) => !connected);
    await Promise.all(opening.map((socket) => new Promise<void>((resolve) => socket.once('connect', resolve))));
    return sockets;
  }
}

/** Says `count` things, each when the last was answered. */
async function talk(socket: Socket, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const answered = new Promise((resolve) => socket.once('bot_uttered', resolve));
    await socket.emitWithAck('user_uttered', { message: `message ${n}` });
    await answered;
  }
}
