/** A hub that runs no bots itself, nodes in processes of their own, and bots that have been trained. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import type { BotWire, JobWire } from '../../src/wire.js';
import { type NodeProcess, nodeToken, startNodeProcess } from '../../test/support/node.js';
import type { Ask } from '../rasa/load.js';

export interface PlaceOptions {
  python: string;
  pipeline: string;
  nodes: number;
  bots: number;
  say: (words: string) => void;
}
export interface Place {
  /** What people ask the bots. */
  texts: string[];
  nodes: readonly NodeProcess[];
  /** Says something to the first bot. */
  ask: Ask;
  /** To one bot after the other; every third text is only to be understood. */
  mixed: Ask;
  /** From now on so many of the nodes have the bots, each a process of every bot. */
  use(nodes: number): Promise<void>;
  /** Ends all that was started. */
  stop(): Promise<void>;
}
interface Pair {
  Q: { q: string }[];
  A: string;
}
type Call = <T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) => Promise<T>;
type End = () => Promise<unknown>;

/** How long bots may take to be where they are to be. */
const waitMs = 60_000;
const patienceMs = 300_000;

/** Rejects, with everything ended, when a part does not start. */
export async function openPlace(options: PlaceOptions): Promise<Place> {
  const ends: End[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const { url, call } = await openHub(options, ends);
    const file = await readFile(join('bench', 'answers', 'data', 'shop-20.json'), 'utf8');
    const { pairs } = JSON.parse(file) as { pairs: Pair[] };
    // A model that was trained is switched to where bots run.
    const nodes = await startNodes(url, options, ends);
    const appIds = await makeBots(call, pairs, options);
    return {
      ...asking(call, appIds),
      texts: pairs.flatMap(({ Q }) => Q.map(({ q }) => q)),
      nodes,
      use: (count) => spread(call, appIds, count),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openHub({ python }: PlaceOptions, ends: End[]): Promise<{ url: string; call: Call }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-nodes-'));
  ends.push(() => rm(dataDir, { recursive: true, force: true }));
  const env = { ...process.env, PORT: '0', DATA_DIR: dataDir, MIN_FREE_DISK: '100m', NODE_TOKEN: nodeToken };
  const logs = openLog({ level: 'error', pretty: false, write: (line) => void process.stderr.write(line) });
  const app = await openApp({ config: configOf(env), rasa: { python }, logs, engines: 'never' });
  ends.push(() => app.stop());
  const http = new Pool(app.url, { connections: 256, headersTimeout: patienceMs, bodyTimeout: patienceMs });
  ends.push(() => http.destroy());
  const headers = { authorization: `Bearer ${app.adminToken}`, 'content-type': 'application/json' };
  const call: Call = async <T>(...[method, path, body]: Parameters<Call>) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await http.request({ method, path: `/api/v1${path}`, headers, ...sent });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  };
  return { url: app.url, call };
}

async function makeBots(call: Call, pairs: Pair[], { pipeline, bots, say }: PlaceOptions): Promise<string[]> {
  await call('DELETE', '/bots/demo');
  const appIds: string[] = [];
  for (let at = 0; at < bots; at += 1) {
    say(`training bot ${at + 1} of ${bots}`);
    const { appId } = await call<BotWire>('POST', '/bots', { name: `Bot ${at}`, pipeline });
    const job = await call<JobWire>('POST', `/bots/${appId}/train?wait=true`, pairs);
    if (job.state !== 'done') throw new Error(`The training ended as ${job.state}: ${JSON.stringify(job.error)}`);
    appIds.push(appId);
  }
  return appIds;
}

async function startNodes(hub: string, { python, nodes: count, say }: PlaceOptions, ends: End[]) {
  // Where a node in a process of its own finds its Rasa.
  process.env['SWITCHBOARD_TEST_PYTHON'] = python;
  const nodes: NodeProcess[] = [];
  ends.push(() => Promise.all(nodes.map((node) => node.kill('SIGTERM'))));
  for (let at = 1; at <= count; at += 1) {
    say(`starting node ${at} of ${count}`);
    nodes.push(await startNodeProcess({ hub, address: `node-${at}`, standIn: false }));
  }
  return nodes;
}

function asking(call: Call, appIds: string[]): Pick<Place, 'ask' | 'mixed'> {
  const say = (appId: string, sender: string, message: string): Promise<unknown> =>
    call('POST', `/bots/${appId}/messages`, { sender, message });
  let asked = 0;
  return {
    ask: (sender, text) => say(appIds[0] ?? '', sender, text),
    mixed: (sender, text) => {
      asked += 1;
      const appId = appIds[asked % appIds.length] ?? '';
      return asked % 3 === 0 ? call('POST', `/bots/${appId}/parse`, { text }) : say(appId, sender, text);
    },
  };
}

/** The first `count` nodes take bots, the others drain. Resolves when every bot is where it is to be. */
async function spread(call: Call, appIds: string[], count: number): Promise<void> {
  const { items } = await call<{ items: { id: string; address: string; local: boolean }[] }>('GET', '/nodes');
  const nodes = items.filter(({ local }) => !local).sort((one, other) => one.address.localeCompare(other.address));
  for (const [at, { id }] of nodes.entries()) await call('POST', `/nodes/${id}/drain`, { on: at >= count });
  for (const appId of appIds) await call('PATCH', `/bots/${appId}`, { instances: { min: count, max: count } });
  const end = performance.now() + waitMs;
  for (const appId of appIds) {
    for (;;) {
      const { pids, state } = await call<BotWire>('GET', `/bots/${appId}`);
      if (state === 'awake' && pids.length === count) break;
      if (performance.now() > end)
        throw new Error(`After a minute ${appId} is ${state} with ${pids.length} processes.`);
      await sleep(100);
    }
  }
}
