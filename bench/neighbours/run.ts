/**
 * `npm run bench:neighbours`: what one bot's trouble costs the people of another, with real Rasa. Questions at a steady pace to one bot, in
 * windows that alternate: the trouble, then as long without it. Prints the 95th percentile of both, and the ratio of each pair.
 *
 *   --pairs 5   windows of each kind   --rate 10   questions a second   --only hang,replay
 *
 * hang: a bot's own action matches a text against `(a+)+$`, which takes for ever and lets no other thread of its process run.
 * replay: a new model of another bot goes through the gate with 150 conversations of 4 questions each, in both models.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { configOf } from '../../src/config.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { newHub, type TestHub } from '../../test/support/hub.js';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    rate: { type: 'string', default: '10' },
    only: { type: 'string', default: 'hang,replay' },
  },
});
const [pairs, rate] = [Number(values.pairs), Number(values.rate)];
const talks = 150;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const { pairs: faq } = JSON.parse(await readFile(join('bench', 'answers', 'data', 'shop-20.json'), 'utf8')) as {
  pairs: { Q: { q: string }[]; A: string }[];
};

function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

/** Something wrong with another bot. Says when it has begun, and resolves when it is over with what was seen of it. */
type Trouble = (begun: () => void) => Promise<string>;

async function newBot(hub: TestHub, pipeline: string): Promise<string> {
  return ((await hub.api('POST', '/bots', { name: 'Neighbour', pipeline })).body as { appId: string }).appId;
}

async function trained(hub: TestHub, appId: string, body?: unknown): Promise<void> {
  const job = (await hub.api('POST', `/bots/${appId}/train?wait=true`, body)).body as { state: string };
  if (job.state !== 'done') throw new Error(`The training ended as ${job.state}: ${JSON.stringify(job)}`);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

async function python(): Promise<string> {
  const { cacheDir, rasaPython } = configOf(process.env);
  const given = process.env['SWITCHBOARD_TEST_PYTHON'] ?? rasaPython;
  const rasa = await provisionRasa({ cacheDir, env: process.env, rasaPython: given, progress: say });
  return rasa.python;
}

/** Milliseconds of questions that come at their times, answered or not, until `over` is. */
async function asked(hub: TestHub, appId: string, over: Promise<unknown>): Promise<number[]> {
  const ms: number[] = [];
  const questions: Promise<void>[] = [];
  const ended = new AbortController();
  void over.finally(() => ended.abort());
  const begun = performance.now();
  for (let n = 0; !ended.signal.aborted; n += 1) {
    const due = begun + (n * 1000) / rate;
    await sleep(Math.max(0, due - performance.now()));
    const message = `${faq[n % faq.length]!.Q[0]!.q} ${n}`;
    const one = hub.api('POST', `/bots/${appId}/messages`, { sender: `person ${n % 50}`, message });
    questions.push(
      one.then(({ status, body }) => {
        ms.push(performance.now() - due);
        if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      }),
    );
  }
  await Promise.all(questions);
  return ms;
}

/** A bot whose action is what an author might write. It needs no TensorFlow. */
const hangs = {
  'config.yml':
    'recipe: default.v1\nlanguage: en\npipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\npolicies:\n- name: RulePolicy\n',
  'domain.yml': 'version: "3.1"\nintents: [match]\nactions: [action_match]\n',
  'data/nlu.yml': 'version: "3.1"\nnlu:\n- intent: match\n  examples: |\n    - match\n',
  'data/rules.yml': 'version: "3.1"\nrules:\n- rule: match\n  steps: [{intent: match}, {action: action_match}]\n',
  'actions.py': `
import re
from rasa_sdk import Action

class Match(Action):
    def name(self):
        return "action_match"

    def run(self, dispatcher, tracker, domain):
        re.match("(a+)+$", "a" * 60 + "!")
        return []
`,
};

/** A process that is busy for ever, until the hub ends it and says so. */
async function hanging(hub: TestHub): Promise<Trouble> {
  const appId = await newBot(hub, 'project');
  for (const [path, content] of Object.entries(hangs)) {
    const { status, body } = await hub.api('PUT', `/bots/${appId}/files/${path}`, content);
    if (status !== 200) throw new Error(`${path}: ${JSON.stringify(body)}`);
  }
  await trained(hub, appId);
  return async (begun) => {
    begun();
    const since = performance.now();
    await hub.api('POST', `/bots/${appId}/messages`, { sender: `hangs ${since}`, message: 'match' });
    return `given up after ${((performance.now() - since) / 1000).toFixed(1)} s`;
  };
}

/** A model that differs in one answer, so that it is a new one each time, while the gate plays it what people said. */
async function replaying(hub: TestHub): Promise<Trouble> {
  const appId = await newBot(hub, 'semantic');
  await trained(hub, appId, faq);
  for (let talk = 0; talk < talks; talk += 1)
    for (let turn = 0; turn < 4; turn += 1) {
      const message = `${faq[(talk + turn) % faq.length]!.Q[0]!.q} ${talk} ${turn}`;
      await hub.api('POST', `/bots/${appId}/messages`, { sender: `talk ${talk}`, message });
    }
  await hub.api('PUT', `/bots/${appId}/gate`, { closed: true, conversations: talks, maxChangedPercent: 100 });
  return async (begun) => {
    const pairs = [...faq.slice(1), { ...faq[0]!, A: `Answer ${performance.now()}` }];
    const { jobId } = (await hub.api('POST', `/bots/${appId}/train`, pairs)).body as { jobId: string };
    const job = async (): Promise<{ state: string; stage: string }> =>
      (await hub.api('GET', `/jobs/${jobId}`)).body as { state: string; stage: string };
    await until(async () => (await job()).stage === 'starting the new model');
    begun();
    const since = performance.now();
    await until(async () => (await job()).state === 'done');
    return `replayed in ${((performance.now() - since) / 1000).toFixed(1)} s`;
  };
}

/** Windows in turn: nothing else, then the trouble, each as long as the trouble lasts. */
async function compared(hub: TestHub, appId: string, trouble: Trouble): Promise<void> {
  const ratios: number[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const over = trouble(begin);
    await Promise.race([begun, over]);
    const since = performance.now();
    const beside = await asked(hub, appId, over);
    const lasted = performance.now() - since;
    const alone = await asked(hub, appId, sleep(lasted));
    const [calm, busy] = [quantile(alone, 0.95), quantile(beside, 0.95)];
    ratios.push(busy / calm);
    say(
      `| ${pair} | ${await over} | ${beside.length} | ${calm.toFixed(1)} ms | ${busy.toFixed(1)} ms | ${(busy / calm).toFixed(2)} |`,
    );
  }
  say(`median of the ratios: ${quantile(ratios, 0.5).toFixed(2)}\n`);
}

const troubles: Record<string, (hub: TestHub) => Promise<Trouble>> = { hang: hanging, replay: replaying };
const hub = await newHub({ rasa: { python: await python() }, env: { CUSTOM_CODE: 'on' } });
try {
  const appId = await newBot(hub, 'semantic');
  await trained(hub, appId, faq);
  for (const name of values.only.split(',')) {
    const trouble = await troubles[name]!(hub);
    await asked(hub, appId, sleep(3000));
    say(`| ${name} | trouble | questions | p95 alone | p95 beside it | ratio |\n|---|---|---|---|---|---|`);
    await compared(hub, appId, trouble);
  }
} finally {
  await hub.stop();
}
