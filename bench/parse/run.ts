/**
 * `npm run bench:parse`: what the hub adds to Rasa's own time for a parse, and how many parses a second it answers from its cache.
 *
 * The same texts, none twice, are asked of the bot's Rasa process over its private socket and of the hub over HTTP, in turn; the hub's share
 * is the difference of the medians. Then connections ask the hub for a few texts over and over, with the driver in a thread of its own.
 *
 *   --texts 400   of each kind     --seconds 10   from the cache     --connections 32
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Engine, RunningEngine } from '../../src/contracts.js';
import { newHub, type TestHub } from '../../test/support/hub.js';
import { pathOf } from '../../test/support/plain-rasa.js';
import { openRealEngine } from '../../test/support/rasa-engine.js';
import { shopFaq } from '../../test/support/shop.js';
import { Line } from '../path/wire.js';

const { values } = parseArgs({
  options: {
    texts: { type: 'string', default: '400' },
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '32' },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const quantile = (figures: number[], p: number): number =>
  [...figures].sort((a, b) => a - b)[Math.min(figures.length - 1, Math.floor(p * figures.length))] ?? Number.NaN;

/** The engine, and the processes that it has launched. */
function watched(engine: Engine): { engine: Engine; launched: RunningEngine[] } {
  const launched: RunningEngine[] = [];
  const launch: Engine['launch'] = async (bot, model) => {
    const running = await engine.launch(bot, model);
    launched.push(running);
    return running;
  };
  return { launched, engine: { ...engine, launch } };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Milliseconds of parses that nobody asked before, of the process and through the hub. */
async function latencies(
  hub: TestHub,
  running: RunningEngine,
  appId: string,
): Promise<{ own: number[]; through: number[] }> {
  const line = await Line.open(Number(new URL(hub.url).port));
  const headers = { authorization: `Bearer ${hub.app.adminToken}`, 'content-type': 'application/json' };
  const ask = async (text: string): Promise<void> => {
    const status = await line.post({ path: `/api/v1/bots/${appId}/parse`, headers, body: JSON.stringify({ text }) });
    if (status !== 200) throw new Error(`status ${status}`);
  };
  const direct = async (text: string): Promise<void> => {
    const body = Buffer.from(JSON.stringify({ text }));
    const answer = await running.api?.({
      method: 'POST',
      path: '/model/parse',
      headers: { 'content-type': 'application/json' },
      body,
    });
    JSON.parse(answer?.body.toString() ?? '');
  };
  const [own, through]: number[][] = [[], []];
  for (let n = -20; n < Number(values.texts); n += 1) {
    const text = `could you please tell me whether order ${n + 1000} has left`;
    const [first, second] = [await timed(() => direct(`${text} yet`)), await timed(() => ask(`${text} now`))];
    if (n < 0) continue;
    own?.push(first);
    through?.push(second);
  }
  line.close();
  return { own: own ?? [], through: through ?? [] };
}

/** Answers a second for a few texts. */
async function cached(hub: TestHub, appId: string): Promise<number> {
  const task = {
    port: Number(new URL(hub.url).port),
    path: `/api/v1/bots/${appId}/parse`,
    token: hub.app.adminToken,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
  };
  const worker = new Worker(fileURLToPath(new URL('load.js', import.meta.url)), { workerData: task });
  const [perSecond] = (await once(worker, 'message')) as [number];
  return perSecond;
}

async function main(): Promise<void> {
  const python = process.env['SWITCHBOARD_TEST_PYTHON'] ?? '';
  const real = await openRealEngine(
    python,
    pathOf({ name: 'x', files: [], modules: null, questions: [] }),
    32 * 2 ** 20,
  );
  const { engine, launched } = watched(real.engine);
  const hub = await newHub({ rasa: { python }, standIns: { engines: { rasa: engine } } });
  try {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Shop' })).body as { appId: string };
    await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
    const running = launched.at(-1);
    if (!running) throw new Error('the bot did not start');
    const { own, through } = await latencies(hub, running, appId);
    const perSecond = await cached(hub, appId);
    const figures = {
      ownP50: quantile(own, 0.5),
      hubP50: quantile(through, 0.5),
      addsP50: quantile(through, 0.5) - quantile(own, 0.5),
      ownP95: quantile(own, 0.95),
      hubP95: quantile(through, 0.95),
      cachedPerSecond: Math.round(perSecond),
    };
    for (const [name, figure] of Object.entries(figures)) say(`${name.padEnd(16)} ${figure.toFixed(2)}`);
    await writeFile('bench/parse/results.json', `${JSON.stringify(figures, null, 2)}\n`);
  } finally {
    await hub.stop();
    await real.close();
  }
}
await main();
