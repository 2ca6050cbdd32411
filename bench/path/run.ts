/**
 * `npm run bench:path`: what durability costs. The hub (every message stored before it is acknowledged, every reply before it leaves) and a
 * bare Koa server that keeps nothing take the same signed webhooks in turn, in one run, and post their replies to the same platform.
 *
 *   --pairs 5      runs of each, in turn     --messages 10000   messages a run
 *   --seconds 20   of 300 messages a second  --long 100000      messages of the run that watches the heap; 0: left out
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { protocols } from '../../test/support/standins.js';
import type { ServerSpec } from './server.js';
import { Line, openSink, type Request, type Sink } from './wire.js';

type Kind = ServerSpec['kind'];
const secret = 'bench-signing-secret';
const appId = 'bench';
const connections = 50;
const perSecond = 300;
/** So many that no conversation has twenty messages waiting, however far the answers lag. */
const chats = 2000;
const idleMs = 20_000;
const entry = fileURLToPath(new URL('server.js', import.meta.url));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}
const median = (figures: number[]): number => quantile(figures, 0.5);

/** A server in its own process, and the platform that calls it. */
class Target {
  private n = 0;
  private replies = 0;
  private port = 0;
  private child!: ChildProcess;
  private sink!: Sink;
  private dataDir = '';

  constructor(private readonly kind: Kind) {}

  async open(): Promise<this> {
    this.dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-path-'));
    this.sink = await openSink(() => (this.replies += 1));
    const { kind, dataDir } = this;
    const spec: ServerSpec = { kind, dataDir, apiRoot: `http://127.0.0.1:${this.sink.port}`, secret, appId };
    // As `npm start` runs it (scripts/start.mjs).
    const flags = kind === 'ours' ? ['--max-semi-space-size=64'] : [];
    this.child = spawn(process.execPath, [...flags, '--expose-gc', entry, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const lines = createInterface({ input: this.child.stdout! });
    const [line] = (await once(lines, 'line')) as [string];
    this.port = (JSON.parse(line) as { port: number }).port;
    return this;
  }

  async close(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await gone;
    this.sink.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** With every connection busy: messages a second, from the first request to the last reply, and what one cost the server. */
  async throughput(messages: number): Promise<{ perSecond: number; cpuMicros: number }> {
    const requests = this.sign(messages);
    const lines = await this.lines();
    const goal = this.replies + messages;
    const used = await this.tell('cpu');
    const started = performance.now();
    const work = async (line: Line): Promise<void> => {
      for (let request = requests.pop(); request; request = requests.pop()) await deliver(line, request);
    };
    await Promise.all(lines.map(work));
    await this.replied(goal);
    const seconds = (performance.now() - started) / 1000;
    for (const line of lines) line.close();
    return { perSecond: messages / seconds, cpuMicros: ((await this.tell('cpu')) - used) / messages };
  }

  /** Milliseconds from the moment a message was due to its 2xx, at a steady pace. */
  async acks(seconds: number): Promise<number[]> {
    const requests = this.sign(seconds * perSecond);
    const free = await this.lines();
    const goal = this.replies + requests.length;
    const waits: number[] = [];
    const running: Promise<void>[] = [];
    const started = performance.now();
    const send = async (line: Line, request: Request, due: number): Promise<void> => {
      await deliver(line, request);
      waits.push(performance.now() - due);
      free.push(line);
    };
    for (const [i, request] of requests.entries()) {
      const due = started + (i * 1000) / perSecond;
      while (performance.now() < due || free.length === 0) await sleep(1);
      running.push(send(free.shift()!, request, due));
    }
    await Promise.all(running);
    await this.replied(goal);
    for (const line of free) line.close();
    return waits;
  }

  /** Asks the server for a figure of its own. */
  async tell(figure: 'cpu' | 'gc'): Promise<number> {
    const answer = once(this.child, 'message') as Promise<[Record<string, number>]>;
    this.child.send(figure);
    return Object.values((await answer)[0])[0]!;
  }

  private lines(): Promise<Line[]> {
    return Promise.all(Array.from({ length: connections }, () => Line.open(this.port)));
  }

  /** Signed beforehand: the driver shall not spend its time on that while it measures. */
  private sign(count: number): Request[] {
    return Array.from({ length: count }, () => {
      this.n += 1;
      const event = { id: `E${this.n}`, chat: `C${this.n % chats}`, text: `message ${this.n}` };
      const body = JSON.stringify(protocols.slack.encode(event));
      const headers = { 'content-type': 'application/json', ...protocols.slack.sign(body, secret) };
      return { path: `/webhooks/slack/${appId}`, headers, body };
    });
  }

  private async replied(goal: number): Promise<void> {
    for (let last = -1, since = performance.now(); this.replies < goal; await sleep(2)) {
      if (this.replies !== last) since = performance.now();
      last = this.replies;
      if (performance.now() - since > idleMs)
        throw new Error(`${goal - this.replies} replies never came (${this.kind})`);
    }
  }
}

async function deliver(line: Line, request: Request): Promise<void> {
  const status = await line.post(request);
  if (status !== 200) throw new Error(`a webhook was answered ${status}`);
}

interface Figures {
  perSecond: number[];
  cpuMicros: number[];
  ackP50: number[];
  ackP99: number[];
}

async function measure(
  kinds: Kind[],
  asked: { pairs: number; messages: number; seconds: number },
): Promise<Record<Kind, Figures>> {
  const figures: Record<Kind, Figures> = {
    ours: { perSecond: [], cpuMicros: [], ackP50: [], ackP99: [] },
    bare: { perSecond: [], cpuMicros: [], ackP50: [], ackP99: [] },
  };
  for (let pair = 0; pair < asked.pairs; pair += 1) {
    // Who is first changes, so that neither always meets the warmer machine.
    for (const kind of pair % 2 === 0 ? kinds : [...kinds].reverse()) {
      const target = await new Target(kind).open();
      await target.throughput(2000);
      const { perSecond: rate, cpuMicros } = await target.throughput(asked.messages);
      figures[kind].perSecond.push(rate);
      figures[kind].cpuMicros.push(cpuMicros);
      const waits = await target.acks(asked.seconds);
      figures[kind].ackP50.push(median(waits));
      figures[kind].ackP99.push(quantile(waits, 0.99));
      await target.close();
    }
    say(
      `  pair ${pair + 1} of ${asked.pairs}: ${kinds.map((kind) => `${kind} ${Math.round(figures[kind].perSecond.at(-1)!)}/s`).join(', ')}`,
    );
  }
  return figures;
}

/** Heap in use after a collection, at a fifth of the messages and at the end. */
async function heaps(messages: number): Promise<{ early: number; late: number }> {
  const target = await new Target('ours').open();
  const step = messages / 10;
  await target.throughput(step);
  await target.throughput(step);
  const early = await target.tell('gc');
  for (let i = 2; i < 10; i += 1) await target.throughput(step);
  const late = await target.tell('gc');
  await target.close();
  return { early, late };
}

const mb = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '5' },
      messages: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '20' },
      long: { type: 'string', default: '100000' },
    },
  });
  const [pairs, messages, seconds, long] = [values.pairs, values.messages, values.seconds, values.long].map(Number);
  const { ours, bare } = await measure(['ours', 'bare'], { pairs: pairs!, messages: messages!, seconds: seconds! });
  const ratios = ours.perSecond.map((one, i) => one / bare.perSecond[i]!);
  const cpu = ours.cpuMicros.map((one, i) => bare.cpuMicros[i]! / one);
  const rows = [
    [
      'webhook to reply, messages/s',
      median(ours.perSecond).toFixed(0),
      median(bare.perSecond).toFixed(0),
      `${median(ratios).toFixed(2)}×`,
    ],
    [
      'processor time a message, µs',
      median(ours.cpuMicros).toFixed(0),
      median(bare.cpuMicros).toFixed(0),
      `${median(cpu).toFixed(2)}×`,
    ],
    ...(['ackP50', 'ackP99'] as const).map((key) => [
      `${key === 'ackP50' ? 'ack p50' : 'ack p99'} at ${perSecond}/s, ms`,
      median(ours[key]).toFixed(2),
      median(bare[key]).toFixed(2),
      `${(median(ours[key]) / median(bare[key])).toFixed(1)}×`,
    ]),
  ];
  const heap = long! > 0 ? await heaps(long!) : null;
  say(`\n| ${connections} connections | durable hub | bare Koa | ratio |\n|---|---|---|---|`);
  for (const row of rows) say(`| ${row.join(' | ')} |`);
  if (heap)
    say(
      `| heap at message ${long! / 5} and ${long!} | ${mb(heap.early)}, ${mb(heap.late)} | | ${(heap.late / heap.early).toFixed(2)}× |`,
    );
  const results = { at: new Date().toISOString(), pairs, messages, ours, bare, ratio: median(ratios), heap };
  await writeFile(join('bench', 'path', 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
}

await main();
