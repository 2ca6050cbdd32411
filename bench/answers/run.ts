/**
 * `npm run bench:answers`: how well FAQ bots answer questions they have never seen, our semantic pipeline beside Rasa's classic one, in one
 * run and through the hub's own API. Prints a table and writes results.json beside this file's source; rows of sets and pipelines left out stay.
 *
 *   --sets shop-20,zh-telecom   some sets only     --pipelines semantic   one pipeline only
 *   --classic-limit 100         classic is left out above so many pairs (it takes an hour at 1,000)
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type App, openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { Parse } from '../../src/contracts.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { openLog } from '../../src/log.js';
import type { BotWire, JobWire, ModelWire, PairWire } from '../../src/wire.js';

interface Asked {
  text: string;
  pair: number;
  /** For a translation: the English question it translates. */
  of?: number;
}
interface FaqSet {
  name: string;
  language: string;
  pairs: PairWire[];
  asked: Asked[];
  /** Questions nobody wrote an answer for: from the bot's own field, and from anywhere else. */
  near: string[];
  far: string[];
  languages?: Record<string, Asked[]>;
}
interface Result {
  set: string;
  pipeline: string;
  pairs: number;
  questions: number;
  /** Share of the asked questions whose best topic is the right one. */
  right: number;
  /** Share of those that are answered, not declined. */
  answered: number;
  /** Share of the questions nobody wrote an answer for that are declined: those from elsewhere, and those from the bot's own field. */
  farDeclined: number;
  nearDeclined: number;
  /** Per language: of the questions answered right in English, the share answered right in this one. */
  languages: Record<string, number>;
  trainSeconds: number;
  archiveBytes: number;
  /** Median of one parse through the hub, milliseconds. */
  parseMs: number;
}

const folder = join('bench', 'answers');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const share = (list: boolean[]): number => (list.length === 0 ? Number.NaN : list.filter(Boolean).length / list.length);

/** The hub's API, as any client uses it. */
function clientOf(app: App) {
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${app.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${app.adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  };
}
type Client = ReturnType<typeof clientOf>;

/** The best topic, whether or not it is then declined. */
function topicOf(parse: Parse): string {
  const ranking = (parse['intent_ranking'] ?? []) as { name: string }[];
  const base =
    parse.intent.name === 'nlu_fallback'
      ? ranking.find(({ name }) => name !== 'nlu_fallback')?.name
      : parse.intent.name;
  const selected = (
    parse['response_selector'] as Record<string, { response?: { intent_response_key?: string } }> | undefined
  )?.[base ?? ''];
  return selected?.response?.intent_response_key ?? base ?? '';
}

/** Trains and waits, by asking now and then: a request held open for the quarter of an hour that classic takes would time out. */
async function trained(client: Client, appId: string, pairs: PairWire[]): Promise<JobWire> {
  const { jobId } = await client<{ jobId: string }>('POST', `/bots/${appId}/train`, pairs);
  for (;;) {
    const job = await client<JobWire>('GET', `/jobs/${jobId}`);
    if (job.endedAt !== null) return job;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function measure(client: Client, set: FaqSet, pipeline: string): Promise<Result> {
  const { appId } = await client<BotWire>('POST', '/bots', { name: set.name, language: set.language, pipeline });
  const job = await trained(client, appId, set.pairs);
  if (job.state !== 'done') throw new Error(`${set.name} ${pipeline}: ${JSON.stringify(job.error)}`);
  const [model] = (await client<{ items: ModelWire[] }>('GET', `/bots/${appId}/models`)).items;
  const { items } = await client<{ items: { id: string }[] }>('GET', `/bots/${appId}/faq/pairs`);
  const times: number[] = [];
  const ask = async (text: string): Promise<{ topic: string; declined: boolean }> => {
    const started = performance.now();
    const parse = await client<Parse>('POST', `/bots/${appId}/parse`, { text });
    times.push(performance.now() - started);
    return { topic: topicOf(parse), declined: parse.intent.name === 'nlu_fallback' };
  };
  const isRight = (topic: string, pair: number): boolean => topic === `faq/${items[pair]?.id ?? ''}`;

  const asked: { right: boolean; declined: boolean }[] = [];
  for (const { text, pair } of set.asked) {
    const { topic, declined } = await ask(text);
    asked.push({ right: isRight(topic, pair), declined });
  }
  const declinedOf = async (texts: string[]): Promise<number> => {
    const declined: boolean[] = [];
    for (const text of texts) declined.push((await ask(text)).declined);
    return share(declined);
  };
  const [farDeclined, nearDeclined] = [await declinedOf(set.far), await declinedOf(set.near)];
  const languages: Record<string, number> = {};
  for (const [language, questions] of Object.entries(set.languages ?? {})) {
    const known = questions.filter(({ of }) => of !== undefined && asked[of]?.right === true && !asked[of].declined);
    const answers: boolean[] = [];
    for (const { text, pair } of known) {
      const { topic, declined } = await ask(text);
      answers.push(isRight(topic, pair) && !declined);
    }
    languages[language] = share(answers);
  }
  await client('POST', `/bots/${appId}/park`);
  return {
    set: set.name,
    pipeline,
    pairs: set.pairs.length,
    questions: set.pairs.reduce((sum, pair) => sum + pair.Q.length, 0),
    right: share(asked.map(({ right }) => right)),
    answered: share(asked.filter(({ right }) => right).map(({ declined }) => !declined)),
    farDeclined,
    nearDeclined,
    languages,
    trainSeconds: model?.trainSeconds ?? Number.NaN,
    archiveBytes: model?.bytes ?? Number.NaN,
    parseMs: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN,
  };
}

function table(results: Result[]): string {
  const rows = results.map((result) => [
    result.set,
    String(result.pairs),
    result.pipeline,
    percent(result.right),
    percent(result.answered),
    percent(result.farDeclined),
    percent(result.nearDeclined),
    Object.entries(result.languages)
      .map(([language, value]) => `${language} ${(value * 100).toFixed(0)}`)
      .join(' ') || '-',
    `${result.trainSeconds.toFixed(1)} s`,
    `${(result.archiveBytes / 1000).toFixed(0)} kB`,
    `${result.parseMs.toFixed(1)} ms`,
  ]);
  const head = [
    'set',
    'pairs',
    'pipeline',
    'right',
    'of these answered',
    'foreign declined',
    'same field declined',
    'other languages, % of right English',
    'train',
    'archive',
    'parse',
  ];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Writes the results; what this run did not measure stays. */
async function keep(results: Result[]): Promise<void> {
  const path = join(folder, 'results.json');
  const before = JSON.parse(await readFile(path, 'utf8').catch(() => '[]')) as Result[];
  const isNew = (one: Result): boolean =>
    results.some(({ set, pipeline }) => set === one.set && pipeline === one.pipeline);
  const all = [...before.filter((one) => !isNew(one)), ...results];
  all.sort((a, b) => a.pairs - b.pairs || b.pipeline.localeCompare(a.pipeline));
  await writeFile(path, `${JSON.stringify(all, null, 2)}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sets: { type: 'string' },
      pipelines: { type: 'string' },
      'classic-limit': { type: 'string', default: '100' },
    },
  });
  const files = (await readdir(join(folder, 'data')))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -5));
  const names = values.sets?.split(',') ?? files;
  const sets = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, 'data', `${name}.json`), 'utf8')) as FaqSet),
  );
  const dataDir = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const config = configOf({ ...process.env, PORT: '0', DATA_DIR: dataDir });
  const logs = openLog({ level: 'warn', pretty: false });
  const rasa = await provisionRasa({
    cacheDir: config.cacheDir,
    env: process.env,
    rasaPython: config.rasaPython,
    progress: (words) => console.error(words),
  });
  const app = await openApp({ config, logs, rasa });
  const client = clientOf(app);
  const results: Result[] = [];
  try {
    for (const set of sets.sort((a, b) => a.pairs.length - b.pairs.length)) {
      for (const pipeline of values.pipelines?.split(',') ?? ['semantic', 'classic']) {
        if (pipeline === 'classic' && set.pairs.length > Number(values['classic-limit'])) continue;
        console.error(`${set.name}, ${pipeline} …`);
        results.push(await measure(client, set, pipeline));
        console.error(table(results.slice(-1)).split('\n').at(-1));
      }
    }
    console.log(table(results));
    await keep(results);
  } finally {
    await app.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

await main();
