/** The two sides of the comparison: Rasa as it comes, and ours, each asked the same things. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { parse as yamlOf, stringify } from 'yaml';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { RunningEngine } from '../../src/contracts.js';
import { openLog } from '../../src/log.js';
import type { BotWire, JobWire, ModelWire } from '../../src/wire.js';
import { packageDir, plainRasa } from '../../test/support/plain-rasa.js';
import { openRealEngine } from '../../test/support/rasa-engine.js';
import type { RasaProject } from '../../test/support/rasa-projects.js';
import { type Ask, timed } from './load.js';
import { available, descendants, privateOf, processorOf, pss } from './memory.js';

/** A side that is up. Times in milliseconds, memory in MB. */
export interface Up {
  ask: Ask;
  ready: number;
  firstReply: number;
  /** MB a bot when so many are awake, what they share counted once and divided. */
  memory: Record<string, number>;
  privateMemory: number;
  /** Processor milliseconds that the asked process has used so far. */
  processor(): Promise<number>;
  /** Wakes more bots, as many as the machine has memory for, and reads `memory` again. */
  grow(count: number): Promise<void>;
  stop(): Promise<void>;
}
/** The hub: it has trained, and its bot was asleep when it was asked first. */
export interface HubUp {
  ask: Ask;
  trainSeconds: number;
  /** The first training of this hub: the parent that it is forked from has just started. */
  firstTrainSeconds: number;
  archive: string;
  wake: number;
  /** Sets how many instances of the bot there are, and waits until they are awake. */
  instances(count: number): Promise<void>;
  stop(): Promise<void>;
}
/** A machine with less free memory than this, in MB, gets no more bots. */
const floor = 3000;
const aheadMs = 20_000;

/** `rasa run` with the archive. */
export async function plainSide(python: string, project: RasaProject, archive: string): Promise<Up> {
  const one = await plainRasa(python, project, archive);
  const all = [one];
  const ask: Ask = (sender, message) => one.post('/webhooks/rest/webhook', { sender, message });
  const first = await timed(() => ask('first', project.questions[0] ?? ''));
  const memory: Record<string, number> = { 1: await pss([one.pid]) };
  return {
    ask,
    ready: one.readyMs,
    firstReply: first.ms,
    memory,
    privateMemory: await privateOf(one.pid),
    processor: () => processorOf(one.pid),
    async grow(count) {
      while (all.length < count && (await available()) > floor) all.push(await plainRasa(python, project, archive));
      memory[`${all.length}`] = (await pss(all.map(({ pid }) => pid))) / all.length;
    },
    stop: async () => void (await Promise.all(all.map((server) => server.stop()))),
  };
}

/** The whole hub: it trains the project, lets the bot sleep, and is asked over its API. The archive is kept in `folder`. */
export async function hubSide(python: string, project: RasaProject, folder: string): Promise<HubUp> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const config = configOf({ ...process.env, PORT: '0', DATA_DIR: dataDir });
  const app = await openApp({ config, logs: openLog({ level: 'warn', pretty: false }), rasa: { python } });
  const http = new Pool(app.url, { connections: 128, headersTimeout: 900_000, bodyTimeout: 900_000 });
  const stop = async (): Promise<void> => {
    await http.destroy();
    await app.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  const call = async (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown): Promise<Buffer> => {
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
    const trained = async (): Promise<ModelWire> => {
      const path = `/bots/${appId}/train?force=true`;
      const { jobId } = await json<{ jobId: string }>('POST', path, oneYaml(project));
      for (;;) {
        const job = await json<JobWire>('GET', `/jobs/${jobId}`);
        if (job.state === 'done') break;
        if (job.endedAt !== null) throw new Error(`${project.name}: ${JSON.stringify(job.error)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const { items } = await json<{ items: ModelWire[] }>('GET', `/bots/${appId}/models`);
      return items.find((model) => model.jobId === jobId)!;
    };
    const first = await trained();
    // What the parent does ahead for its children it does between trainings.
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
    const model = await trained();
    const archive = join(folder, `ours-${project.name}.tar.gz`);
    await writeFile(archive, await call('GET', `/bots/${appId}/models/${model.modelId}/archive`));
    const ask: Ask = (sender, message) => json('POST', `/bots/${appId}/messages`, { sender, message });
    await ask('before', project.questions[0] ?? '');
    await call('POST', `/bots/${appId}/park`);
    const wake = await timed(() => ask('first', project.questions[0] ?? ''));
    const instances = async (count: number): Promise<void> => {
      await call('PATCH', `/bots/${appId}`, { instances: { min: count, max: count } });
      await call('POST', `/bots/${appId}/wake`);
    };
    const { trainSeconds } = model;
    return { ask, instances, trainSeconds, firstTrainSeconds: first.trainSeconds, archive, wake: wake.ms, stop };
  } catch (error) {
    await stop();
    throw error;
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

/** Bots on the real engine with a real store behind them, asked without the hub. */
export async function engineSide(python: string, project: RasaProject, archivePath: string): Promise<Up> {
  const engine = await openRealEngine(python, packageDir);
  // The hub of this run has children too, and plain Rasa will be one: they are not this engine's.
  const others = new Set(await descendants(process.pid));
  const running: RunningEngine[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((bot) => bot.stop()));
    await engine.close();
  };
  let launches = 0;
  const launch = (): Promise<RunningEngine> => {
    launches += 1;
    return engine.launch(`${project.name}-${launches}`, archivePath);
  };
  const say = (bot: RunningEngine, sender: string, text: string): Promise<unknown> =>
    bot.reply({ sender, text, payload: false, channel: 'rest', metadata: {} });
  const memory: Record<string, number> = {};
  let hosts: number[] = [];
  const read = async (): Promise<void> => {
    const mine = new Set([...hosts, ...(await Promise.all(hosts.map(descendants))).flat()]);
    memory[`${running.length}`] = (await pss([...mine])) / running.length;
  };
  try {
    // What all bots share is there before the first one is woken, as in a hub that has been up for a minute.
    await (await launch()).stop();
    const { ms: ready, value: one } = await timed(launch);
    running.push(one);
    hosts = (await descendants(process.pid)).filter((pid) => !others.has(pid));
    const first = await timed(() => say(one, 'first', project.questions[0] ?? ''));
    await read();
    const pid = one.pid ?? 0;
    return {
      ask: (sender, text) => say(one, sender, text),
      ready,
      firstReply: first.ms,
      memory,
      privateMemory: await privateOf(pid),
      processor: () => processorOf(pid),
      async grow(count) {
        while (running.length < count && (await available()) > floor) {
          const next = await launch();
          running.push(next);
          await say(next, 'first', project.questions[0] ?? '');
        }
        await read();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
