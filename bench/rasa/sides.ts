/** The two sides of the comparison: Rasa as it comes, and ours, each asked the same things. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { parse as yamlOf, stringify } from 'yaml';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { RunningEngine } from '../../src/contracts.js';
import { openTrackerChannel } from '../../src/engines/rasa/channel.js';
import { createRasaEngine } from '../../src/engines/rasa/rasa.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import type { BotWire, JobWire, ModelWire } from '../../src/wire.js';
import { someBot, someModel } from '../../test/support/engines.js';
import { packageDir, plainRasa, plainTrain } from '../../test/support/plain-rasa.js';
import type { RasaProject } from '../../test/support/rasa-projects.js';
import { type Ask, burst, throughput, timed, type Waits } from './load.js';
import { available, descendants, privateOf, pss } from './memory.js';

/** Milliseconds, MB and replies a second; null what was not measured. */
export interface Side {
  trainSeconds: number | null;
  ready: number;
  firstReply: number;
  /** MB a bot when so many are awake, whatever they share counted once and divided. */
  memory: Record<string, number>;
  privateMemory: number;
  replies: number;
  bursts: Record<string, Waits>;
  /** Through the hub's API: from asleep to the first reply, and the bursts. */
  hub?: { wake: number; bursts: Record<string, Waits> };
}
export interface Plan {
  python: string;
  seconds: number;
  bursts: number[];
  /** How many bots are awake at once when memory is read. */
  bots: number[];
}
/** A machine with less free memory than this, in MB, gets no more bots. */
const floor = 3000;

async function allBursts(
  ask: Ask,
  texts: readonly string[],
  counts: readonly number[],
): Promise<Record<string, Waits>> {
  const found: Record<string, Waits> = {};
  for (const count of counts) found[`${count}`] = await burst(ask, texts, count);
  return found;
}

/** `rasa train` (when `archive` is null) and `rasa run`. Answers the archive too. */
export async function plainSide(plan: Plan, project: RasaProject, folder: string): Promise<Side & { archive: string }> {
  const archive = join(folder, `plain-${project.name}.tar.gz`);
  const trainSeconds = await plainTrain(plan.python, project, archive);
  const one = await plainRasa(plan.python, project, archive);
  const ask: Ask = (sender, message) => one.post('/webhooks/rest/webhook', { sender, message });
  const more: { stop(): Promise<void>; pid: number }[] = [];
  try {
    const first = await timed(() => ask('first', project.questions[0] ?? ''));
    const memory: Record<string, number> = { 1: await pss([one.pid]) };
    const privateMemory = await privateOf(one.pid);
    await throughput(ask, project.questions, 2);
    const replies = await throughput(ask, project.questions, plan.seconds);
    const bursts = await allBursts(ask, project.questions, plan.bursts);
    for (const count of plan.bots.filter((n) => n > 1)) {
      while (more.length + 1 < count && (await available()) > floor)
        more.push(await plainRasa(plan.python, project, archive));
      const all = [one, ...more].map(({ pid }) => pid);
      memory[`${all.length}`] = (await pss(all)) / all.length;
    }
    return { archive, trainSeconds, ready: one.readyMs, firstReply: first.ms, memory, privateMemory, replies, bursts };
  } finally {
    await Promise.all([one, ...more].map((server) => server.stop()));
  }
}

interface HubFigures {
  trainSeconds: number;
  archive: string;
  wake: number;
  bursts: Record<string, Waits>;
}

/** The whole hub: it trains the project, lets the bot sleep, and is asked over its API. The archive is kept in `folder`. */
export async function hubSide(plan: Plan, project: RasaProject, folder: string): Promise<HubFigures> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const config = configOf({ ...process.env, PORT: '0', DATA_DIR: dataDir });
  const app = await openApp({ config, logs: openLog({ level: 'warn', pretty: false }), rasa: { python: plan.python } });
  const http = new Pool(app.url, { connections: 128, headersTimeout: 900_000, bodyTimeout: 900_000 });
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<Buffer> => {
    const yaml = typeof body === 'string';
    const answer = await http.request({
      method,
      path: `/api/v1${path}`,
      headers: {
        authorization: `Bearer ${app.adminToken}`,
        'content-type': yaml ? 'application/yaml' : 'application/json',
      },
      ...(body === undefined ? {} : { body: yaml ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${bytes.toString()}`);
    return bytes;
  };
  const json = async <T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> =>
    JSON.parse((await call(method, path, body)).toString()) as T;
  try {
    const { appId } = await json<BotWire>('POST', '/bots', { name: project.name });
    const { jobId } = await json<{ jobId: string }>('POST', `/bots/${appId}/train`, oneYaml(project));
    for (;;) {
      const job = await json<JobWire>('GET', `/jobs/${jobId}`);
      if (job.state === 'done') break;
      if (job.endedAt !== null) throw new Error(`${project.name}: ${JSON.stringify(job.error)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const [model] = (await json<{ items: ModelWire[] }>('GET', `/bots/${appId}/models`)).items;
    const archive = join(folder, `ours-${project.name}.tar.gz`);
    await writeFile(archive, await call('GET', `/bots/${appId}/models/${model?.modelId ?? ''}/archive`));
    const ask: Ask = (sender, message) => json('POST', `/bots/${appId}/messages`, { sender, message });
    await ask('before', project.questions[0] ?? '');
    await call('POST', `/bots/${appId}/park`);
    const wake = await timed(() => ask('first', project.questions[0] ?? ''));
    await throughput(ask, project.questions, 2);
    const bursts = await allBursts(ask, project.questions, plan.bursts);
    return { trainSeconds: model?.trainSeconds ?? Number.NaN, archive, wake: wake.ms, bursts };
  } finally {
    await http.destroy();
    await app.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** A project as one YAML text, as `/model/train` takes it. */
function oneYaml({ files }: RasaProject): string {
  const parts = files
    .filter(({ path }) => path.endsWith('.yml'))
    .map(({ content }) => yamlOf(content) as Record<string, unknown>);
  const merged: Record<string, unknown> = {};
  for (const part of parts)
    for (const [key, value] of Object.entries(part)) {
      const before = merged[key];
      merged[key] = Array.isArray(before) && Array.isArray(value) ? [...(before as unknown[]), ...value] : value;
    }
  return stringify(merged);
}

/** One bot and then many on the real engine, with a real store behind them, asked without the hub. */
export async function engineSide(plan: Plan, project: RasaProject, archivePath: string): Promise<Omit<Side, 'hub'>> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const store = await openStore(`sqlite:${join(folder, 'db')}`);
  const { log } = openLog({ level: 'warn', pretty: false });
  const channel = await openTrackerChannel({ socket: join(folder, 'hub.sock'), trackers: store.trackers, log });
  const { childEnv: env } = configOf(process.env);
  const engine = createRasaEngine({
    python: plan.python,
    packageDir,
    runtimeDir: folder,
    env,
    channel,
    hide: () => undefined,
  });
  const running: RunningEngine[] = [];
  let launches = 0;
  const launch = async (): Promise<RunningEngine> => {
    launches += 1;
    const bot = someBot({ appId: `${project.name}-${launches}` });
    await store.bots.create(bot);
    const launched = await engine.launch(bot, { ...someModel(), archivePath, contentPath: archivePath });
    running.push(launched);
    return launched;
  };
  try {
    // What all bots share is there before the first one is woken, as in a hub that has been up for a minute.
    await (await launch()).stop();
    running.length = 0;
    const { ms: ready, value: one } = await timed(launch);
    const ask: Ask = (sender, text) => one.reply({ sender, text, payload: false, channel: 'rest', metadata: {} });
    const first = await timed(() => ask('first', project.questions[0] ?? ''));
    await throughput(ask, project.questions, 4);
    const replies = await throughput(ask, project.questions, plan.seconds);
    const bursts = await allBursts(ask, project.questions, plan.bursts);
    const privateMemory = await privateOf(one.pid ?? 0);
    const memory: Record<string, number> = {};
    for (const count of plan.bots) {
      while (running.length < count && (await available()) > floor) {
        const next = await launch();
        await next.reply({
          sender: 'first',
          text: project.questions[0] ?? '',
          payload: false,
          channel: 'rest',
          metadata: {},
        });
      }
      memory[`${running.length}`] = (await pss(await descendants(process.pid))) / running.length;
    }
    return { trainSeconds: null, ready, firstReply: first.ms, memory, privateMemory, replies, bursts };
  } finally {
    await Promise.all(running.map((bot) => bot.stop()));
    await channel.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}
