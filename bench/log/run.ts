/**
 * `npm run bench:log`: the log at a million messages on SQLite. Fills a store, starts a whole hub on it, and times each list route, its first
 * page and pages in the middle; then again how long acknowledgements take, without and with somebody who searches all the while.
 *
 *   --messages 1000000   --talks 20000   --runs 40
 *   --same   fills MongoDB (a test server) with the same, asks both for all of every route, and says where they differ; no times
 *   --dir DIR   fills it, if it is not there yet, and nothing else; another time it is used as it is, so that only the timing disturbs others
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { MongoServer } from '../../test/support/mongo.js';
import { newHub, type TestHub } from '../../test/support/hub.js';
import { createStandIn, protocols } from '../../test/support/standins.js';
import { echoEngine } from '../path/hub.js';
import { fillLog, whenOf as at } from './fill.js';

const appId = 'bench';
const secret = 'bench-secret';
const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    messages: { type: 'string' },
    talks: { type: 'string' },
    runs: { type: 'string' },
    same: { type: 'boolean' },
  },
});
const total = Number(values.messages ?? 1_000_000);
const talks = Number(values.talks ?? 20_000);
const runs = Number(values.runs ?? 40);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

const base = `/bots/${appId}/conversations`;
const middle = at(Math.floor(total / 2));
const routes: Record<string, string> = {
  all: base,
  'one channel': `${base}?channel=teams`,
  'up to the middle': `${base}?to=${middle}`,
  'a day': `${base}?from=${at(Math.floor(total / 2))}&to=${at(Math.floor(total / 2) + 86_400)}`,
  'a common intent': `${base}?intent=faq/kind7`,
  'a rare intent': `${base}?intent=faq/unheard`,
  'low confidence': `${base}?maxConfidence=0.001`,
  'a rare text': `${base}?text=unheard-of`,
  'a text nobody wrote': `${base}?text=zzz`,
  'to be reviewed': `${base}?review=unread`,
  'a tag': `${base}?tag=t500`,
  waiting: `${base}?waiting=true`,
  'one conversation': `${base}/c77?limit=200`,
  'figures of a month': `/bots/${appId}/analytics?from=2026-01-01&to=2026-01-31`,
  'figures of a channel': `/bots/${appId}/analytics?from=2026-01-01&to=2026-12-31&channel=web`,
  requests: '/requests',
  'failed requests': '/requests?status=failed',
  'requests of a bot without any': '/requests?appId=nobody',
};

/** Milliseconds of `runs` requests, each on the next page, and how many pages the whole takes, as far as they were walked. */
async function walked(hub: TestHub, path: string): Promise<{ ms: number[]; pages: number; items: number }> {
  const ms: number[] = [];
  let [next, pages, items, ended]: [string | null, number, number, boolean] = [null, 0, 0, false];
  for (let run = 0; run < runs; run += 1) {
    const url = next === null ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${next}`;
    const begun = performance.now();
    const { status, body } = await hub.api('GET', url);
    ms.push(performance.now() - begun);
    if (status !== 200) throw new Error(`${url}: ${status} ${JSON.stringify(body)}`);
    if (!ended) [pages, items] = [pages + 1, items + ((body.items as unknown[] | undefined)?.length ?? 0)];
    next = (body.next as string | null | undefined) ?? null;
    ended ||= next === null;
  }
  return { ms, pages: ended ? pages : Infinity, items };
}

/** Acknowledgements of 100 messages a second. */
async function acks(hub: TestHub, seconds: number): Promise<number[]> {
  const ms: number[] = [];
  const sent: Promise<void>[] = [];
  for (let n = 0; n < seconds * 100; n += 1) {
    const body = JSON.stringify(
      protocols.slack.encode({ id: `a${performance.now()}`, chat: `x${n % 200}`, text: 'hello' }),
    );
    const headers = { 'content-type': 'application/json', ...protocols.slack.sign(body, secret) };
    const begun = performance.now();
    const one = fetch(`${hub.url}/webhooks/slack/${appId}`, { method: 'POST', headers, body }).then(async (answer) => {
      await answer.arrayBuffer();
      ms.push(performance.now() - begun);
    });
    sent.push(one);
    await sleep(10);
  }
  await Promise.all(sent);
  return ms;
}

/** What a hub on this store answers: every item of every route. How many are on a page may differ. */
async function answersOf(databaseUrl: string): Promise<Record<string, unknown[]>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-log-'));
  const url = databaseUrl || `sqlite:${join(dataDir, 'switchboard.db')}`;
  await fillLog(url, dataDir, { appId, total, talks });
  say(`${url.split(':', 1)[0]} is filled`);
  const hub = await newHub({
    dataDir,
    standIns: { engines: { rasa: echoEngine } },
    env: { DATABASE_URL: url, LOG_LEVEL: 'warn' },
  });
  const answers: Record<string, unknown[]> = {};
  await hub.api('GET', base);
  while ((await hub.api('GET', `/bots/${appId}/analytics`)).body.upTo === '') await sleep(100);
  for (const [name, path] of Object.entries(routes)) {
    const items: unknown[] = (answers[name] = []);
    const begun = performance.now();
    const query = new URLSearchParams(/analytics|limit=/.test(path) ? {} : { limit: '200' });
    for (let more = true; more;) {
      const { body } = await hub.api('GET', `${path}${path.includes('?') ? '&' : '?'}${String(query)}`);
      const { next = null, upTo: _when, ...page } = body as { next?: string | null; upTo?: string; items?: unknown[] };
      items.push(...(page.items ?? [page]));
      query.set('cursor', next ?? '');
      more = next !== null;
    }
    say(`  ${name}: ${items.length} items in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
  await hub.stop();
  await rm(dataDir, { recursive: true, force: true });
  return answers;
}

async function compared(): Promise<void> {
  const mongo = await new MongoServer().start();
  try {
    const [one, other] = [await answersOf(''), await answersOf(mongo.url('log'))];
    for (const name of Object.keys(routes)) {
      const [mine, theirs] = [one[name]!, other[name]!];
      const odd = mine.findIndex((item, n) => !isDeepStrictEqual(item, theirs[n]));
      const same = odd < 0 && mine.length === theirs.length;
      if (!same) process.exitCode = 1;
      say(`${name.padEnd(32)} ${mine.length} and ${theirs.length} items, ${same ? 'the same' : 'DIFFERENT'}`);
      if (!same) say(JSON.stringify([mine[odd], theirs[odd]]).slice(0, 2000));
    }
  } finally {
    await mongo.dispose();
  }
}

if (values.same) {
  await compared();
  process.exit();
}
const filled = values.dir !== undefined && existsSync(values.dir);
const dataDir = values.dir ?? (await mkdtemp(join(tmpdir(), 'sb-bench-log-')));
if (values.dir !== undefined && !filled) {
  await mkdir(dataDir);
  await fillLog(`sqlite:${join(dataDir, 'switchboard.db')}`, dataDir, { appId, total, talks });
  process.exit(0);
}
const sink = createServer((request, response) => void request.resume().on('end', () => response.end('{}')));
sink.listen(0, '127.0.0.1');
await once(sink, 'listening');
try {
  const begun = performance.now();
  if (!filled) await fillLog(`sqlite:${join(dataDir, 'switchboard.db')}`, dataDir, { appId, total, talks });
  if (!filled)
    say(`${total} messages in ${talks} conversations, filled in ${Math.round((performance.now() - begun) / 1000)} s`);
  const apiRoot = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  const connectors = [createStandIn('slack', { apiRoot, secret, limited: false })];
  const hub = await newHub({
    dataDir,
    standIns: { engines: { rasa: echoEngine }, connectors },
    env: { LOG_LEVEL: 'warn' },
  });
  const figures: Record<string, { p50: number; p95: number; pages: number | string; items: number }> = {};
  await hub.api('GET', base);
  const counting = performance.now();
  while ((await hub.api('GET', `/bots/${appId}/analytics`)).body.upTo === '') await sleep(100);
  say(`the log was counted behind the scenes in ${Math.round((performance.now() - counting) / 1000)} s`);
  for (const [name, path] of Object.entries(routes)) {
    const { ms, pages, items } = await walked(hub, path);
    const [p50, p95] = [0.5, 0.95].map((p) => Math.round(quantile(ms, p) * 10) / 10) as [number, number];
    figures[name] = { p50, p95, pages: pages === Infinity ? `> ${runs}` : pages, items };
    say(`${name.padEnd(32)} p50 ${p50} ms   p95 ${p95} ms   pages to its end ${figures[name].pages}, found ${items}`);
  }
  const alone = await acks(hub, 8);
  let searching = true;
  const search = async (): Promise<void> => {
    for (let n = 0; searching; n += 1) await hub.api('GET', Object.values(routes)[n % Object.keys(routes).length]!);
  };
  const busy = search();
  const beside = await acks(hub, 8);
  searching = false;
  await busy;
  const p99 = { alone: quantile(alone, 0.99), beside: quantile(beside, 0.99) };
  say(
    `acknowledgements at 100/s, p99: ${p99.alone.toFixed(1)} ms alone, ${p99.beside.toFixed(1)} ms beside a search without end`,
  );
  await writeFile(
    new URL('../../../bench/log/results.json', import.meta.url),
    `${JSON.stringify({ total, talks, figures, p99 }, null, 2)}\n`,
  );
  await hub.stop();
} finally {
  sink.close();
  if (!filled) await rm(dataDir, { recursive: true, force: true });
}
