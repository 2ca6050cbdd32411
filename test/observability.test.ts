/** What the shipped dashboard and alerts ask for is what the hub tells, and what it tells is right. */
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { saying, scriptedEngine } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';
import { standInTrainer } from './support/trainer.js';

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}
interface Rule {
  alert: string;
  expr: string;
  annotations: { summary: string; runbook: string };
}

const folder = new URL('../../docker/observability/', import.meta.url);
const docs = new URL('../../docs/operations.md', import.meta.url);

/** The samples of a page in Prometheus' text format, and the names of the metrics that it describes. */
function read(page: string): { samples: Sample[]; names: Set<string> } {
  const names = new Set<string>();
  const samples: Sample[] = [];
  for (const line of page.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name) for (const end of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.add(name + end);
    const [, sample, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (!sample) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    samples.push({ name: sample, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) });
  }
  return { samples, names };
}

/** The metrics that a PromQL expression names; fails where it is none. */
function named(expr: string): string[] {
  const found: string[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      assert.ok(!node.type.isError, `no PromQL at ${node.from}: ${expr}`);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector')
        found.push(expr.slice(node.from, node.to));
    },
  });
  return found;
}

async function expressions(): Promise<{ where: string; expr: string }[]> {
  const alerts = parse(await readFile(new URL('alerts.yml', folder), 'utf8')) as { groups: { rules: Rule[] }[] };
  const board = JSON.parse(await readFile(new URL('dashboard.json', folder), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  return [
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, expr }))),
    ...board.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: title, expr }))),
  ];
}

describe('What the operator on call sees', () => {
  let hub: TestHub;
  const engine = scriptedEngine({ name: 'rasa' });
  let ready = (): Promise<void> => Promise.resolve();
  before(async () => {
    const train = standInTrainer({ ready: () => ready() });
    hub = await newHub({ standIns: { engines: { rasa: engine }, training: { train } } });
  });
  after(() => hub.stop());

  const newBot = async (): Promise<string> =>
    (await hub.api('POST', '/bots', { name: 'Watched' })).body['appId'] as string;
  const scrape = async () => read(await (await fetch(`${hub.url}/metrics`)).text());
  /** The sum of the samples that have these labels. */
  const figure = async (name: string, labels: Record<string, string> = {}): Promise<number> =>
    (await scrape()).samples
      .filter((one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text))
      .reduce((sum, { value }) => sum + value, 0);

  it('asks for no metric that the hub does not have, in PromQL that parses', async () => {
    const { names } = await scrape();
    const asked = await expressions();
    assert.ok(asked.length > 30);
    for (const { where, expr } of asked) {
      const metrics = named(expr);
      assert.ok(metrics.length > 0, `${where} asks for nothing`);
      for (const metric of metrics)
        assert.ok(names.has(metric), `${where} asks for ${metric}, which the hub does not tell`);
    }
    assert.throws(() => named('sum by (bot) (rate(switchboard_messages_total[5m])'), /no PromQL/);
  });

  it('shows every metric of ours to somebody: on the dashboard or in an alert', async () => {
    const { names } = await scrape();
    const seen = new Set((await expressions()).flatMap(({ expr }) => named(expr)).map(withoutEnd));
    const ours = [...names].filter((name) => !/^switchboard_(process|nodejs)_/.test(name)).map(withoutEnd);
    assert.deepEqual(
      [...new Set(ours)].filter((name) => !seen.has(name)),
      [],
    );
  });

  it('leads from every alert to a place in the docs', async () => {
    const alerts = parse(await readFile(new URL('alerts.yml', folder), 'utf8')) as { groups: { rules: Rule[] }[] };
    const headings = [...(await readFile(docs, 'utf8')).matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
      anchorOf(text ?? ''),
    );
    for (const { alert, annotations } of alerts.groups.flatMap(({ rules }) => rules))
      assert.ok(headings.includes(annotations.runbook.replace('docs/operations.md#', '')), alert);
  });

  it('tells of each bot what came, what was answered and how long it took, until the bot is gone', async () => {
    const appId = await newBot();
    const on = { bot: appId };
    // The demo bot trains by itself. That it has ended is written down before it is counted.
    await eventually(async () => (await figure('switchboard_trainings_total', { state: 'done' })) === 1);
    await eventually(async () => (await figure('switchboard_training_jobs')) === 0);
    const before = await figure('switchboard_trainings_total', { state: 'done' });
    assert.equal((await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq)).body['state'], 'done');
    engine.answer = (turn) => sleep(20).then(() => saying(turn, 'So.'));
    for (const message of ['When do you open?', 'Do you ship abroad?'])
      await hub.api('POST', `/bots/${appId}/messages`, { sender: 'ann', message });
    assert.equal(await figure('switchboard_messages_received_total', { ...on, channel: 'rest' }), 2);
    assert.equal(await figure('switchboard_messages_total', { ...on, channel: 'rest', state: 'answered' }), 2);
    assert.ok((await figure('switchboard_bot_turn_seconds_total', on)) > 0.03);
    assert.equal(await figure('switchboard_wakes_total', { ...on, result: 'ok' }), 1);
    assert.equal((await figure('switchboard_trainings_total', { state: 'done' })) - before, 1);
    assert.equal(await figure('switchboard_training_seconds_count'), before + 1);
    assert.equal(await figure('switchboard_trainers', { taking: 'true' }), 1);
    assert.equal(await figure('switchboard_messages_waiting'), 0);
    await hub.api('DELETE', `/bots/${appId}`);
    assert.deepEqual(
      (await scrape()).samples.filter(({ labels }) => labels['bot'] === appId),
      [],
    );
  });

  it('counts what waits, and how long it has waited', async () => {
    const appId = await newBot();
    await hub.api('POST', `/bots/${appId}/train?wait=true`, shopFaq);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    engine.answer = (turn) => held.then(() => saying(turn, 'At last.'));
    const asked = hub.api('POST', `/bots/${appId}/messages`, { sender: 'ann', message: 'Hello?' });
    await eventually(async () => (await figure('switchboard_messages_waiting', { bot: appId, channel: 'rest' })) === 1);
    assert.ok((await figure('switchboard_oldest_message_seconds')) > 0);
    answer();
    await asked;
    assert.equal(await figure('switchboard_messages_waiting'), 0);
    assert.equal(await figure('switchboard_oldest_message_seconds'), 0);
  });

  it('counts trainings that wait, and says who trains', async () => {
    let train = (): void => undefined;
    const held = new Promise<void>((resolve) => (train = resolve));
    ready = () => held;
    for (const appId of [await newBot(), await newBot()]) await hub.api('POST', `/bots/${appId}/train`, shopFaq);
    await eventually(async () => (await figure('switchboard_training_jobs', { state: 'queued' })) === 1);
    assert.equal(await figure('switchboard_training_jobs', { state: 'running' }), 1);
    assert.ok((await figure('switchboard_oldest_training_seconds')) > 0);
    train();
    await eventually(async () => (await figure('switchboard_training_jobs')) === 0);
    assert.equal(await figure('switchboard_oldest_training_seconds'), 0);
  });
});

const withoutEnd = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');
/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
