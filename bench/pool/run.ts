/**
 * `npm run bench:pool`: far more bots than fit. Registers bots that share one trained model, asks them in random order within a memory budget,
 * and counts who was answered wrongly or not at all, how long waking took, and how much memory was used.
 *
 *   --bots 1000   registered bots   --budget 4g    MEMORY_BUDGET   --callers 4   questions at once
 *   --asks 1000   questions         --seed 1       of the order    --stand-in    an engine without Rasa, to time the hub alone
 *   --pipeline semantic | classic   of the bots
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type App, openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { Engine, PoolUsage, Store } from '../../src/contracts.js';
import { within } from '../../src/deadline.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { openLog } from '../../src/log.js';
import { saying, scriptedEngine } from '../../test/support/engines.js';

const { values: asked } = parseArgs({
  options: {
    bots: { type: 'string', default: '1000' },
    asks: { type: 'string', default: '1000' },
    budget: { type: 'string', default: '4g' },
    callers: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    pipeline: { type: 'string', default: 'semantic' },
    'stand-in': { type: 'boolean', default: false },
  },
});
const { pairs: faq } = JSON.parse(await readFile(join('bench', 'answers', 'data', 'shop-20.json'), 'utf8')) as {
  pairs: { Q: { q: string }[]; A: string }[];
};
const { q: question } = faq[0]!.Q[0]!;
const answer = faq[0]!.A;
/** How often the memory is looked at. */
const sampleMs = 250;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Random numbers from a seed (mulberry32), so that a run can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

/** Bots of 40 MB that wake in 20 ms. */
function standIn(): Engine {
  const engine = scriptedEngine();
  engine.bytes = 40 * 2 ** 20;
  engine.launchMs = 20;
  engine.answer = (turn) => Promise.resolve(saying(turn, answer));
  return engine;
}

async function open(dataDir: string): Promise<{ app: App; store: Store; api: Api }> {
  const env = { ...process.env, DATA_DIR: dataDir, PORT: '0', MEMORY_BUDGET: asked.budget, MIN_FREE_DISK: '100m' };
  const config = configOf(env);
  const rasa = await provisionRasa({
    cacheDir: config.cacheDir,
    env: process.env,
    rasaPython: process.env['SWITCHBOARD_TEST_PYTHON'] ?? config.rasaPython,
    progress: say,
  });
  let store: Store | undefined;
  const engines = asked['stand-in'] ? { engines: { rasa: standIn() } } : {};
  const standIns = { store: (opened: Store) => (store = opened), ...engines };
  const logs = openLog({ level: 'error', pretty: false, write: (line) => void process.stderr.write(line) });
  const app = await openApp({ config, rasa, logs, standIns });
  const api: Api = async (method, path, body) => {
    const response = await fetch(`${app.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${app.adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return JSON.parse(text) as unknown;
  };
  return { app, store: store!, api };
}
type Api = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** Trains one bot and gives its model to all others. */
async function register(api: Api, store: Store, count: number): Promise<string[]> {
  const { appId: first } = (await api('POST', '/bots', { name: 'Bot 0', pipeline: asked.pipeline })) as {
    appId: string;
  };
  const job = (await api('POST', `/bots/${first}/train?wait=true`, faq)) as { state: string; modelId: string };
  if (job.state !== 'done') throw new Error(`The training ended as ${job.state}.`);
  const model = (await store.models.get(first, job.modelId))!;
  const appIds = [first];
  while (appIds.length < count) {
    const { appId } = (await api('POST', '/bots', { name: `Bot ${appIds.length}`, pipeline: asked.pipeline })) as {
      appId: string;
    };
    await store.models.add({ ...model, appId });
    await store.bots.update(appId, { activeModel: model.id });
    appIds.push(appId);
  }
  return appIds;
}

interface Findings {
  failures: string[];
  ms: number[];
  used: number;
  awake: number;
}
async function askAll(api: Api, appIds: string[], asks: number): Promise<Findings> {
  const random = randomOf(Number(asked.seed));
  const findings: Findings = { failures: [], ms: [], used: 0, awake: 0 };
  let left = asks;
  const caller = async (name: string): Promise<void> => {
    while (left-- > 0) {
      const appId = appIds[Math.floor(random() * appIds.length)]!;
      const started = performance.now();
      const said = await api('POST', `/bots/${appId}/messages`, { sender: name, message: question }).catch(String);
      findings.ms.push(performance.now() - started);
      const text = Array.isArray(said) ? (said[0] as { text?: string } | undefined)?.text : String(said);
      if (text !== answer) findings.failures.push(`${appId}: ${String(text)}`);
    }
  };
  const callers = Promise.all(Array.from({ length: Number(asked.callers) }, (_, i) => caller(`caller-${i}`)));
  while ((await within(callers, sampleMs)) === null) {
    const { pool } = (await api('GET', '/machine')) as { pool: PoolUsage };
    findings.used = Math.max(findings.used, pool.used);
    findings.awake = Math.max(findings.awake, pool.states.awake);
  }
  return findings;
}

const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-pool-'));
const { app, store, api } = await open(dataDir);
try {
  const appIds = await register(api, store, Number(asked.bots));
  say(`${appIds.length} bots are registered; asking ${asked.asks} questions in random order within ${asked.budget}`);
  const { failures, ms, used, awake } = await askAll(api, appIds, Number(asked.asks));
  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  const figure = (name: string): string => new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1] ?? '0';
  const wakes = Number(figure('switchboard_wake_seconds_count'));
  say('| bots | questions | failures | answer p50 | answer p95 | wakes | mean wake | most awake | most memory |');
  say('|---|---|---|---|---|---|---|---|---|');
  const cells = [
    appIds.length,
    ms.length,
    failures.length,
    `${Math.round(quantile(ms, 0.5))} ms`,
    `${Math.round(quantile(ms, 0.95))} ms`,
    wakes,
    `${Math.round((1000 * Number(figure('switchboard_wake_seconds_sum'))) / wakes)} ms`,
    awake,
    `${Math.round(used / 2 ** 20)} MB`,
  ];
  say(`| ${cells.join(' | ')} |`);
  for (const failure of failures.slice(0, 5)) say(failure);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  await app.stop();
  await rm(dataDir, { recursive: true, force: true });
}
