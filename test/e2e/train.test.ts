import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaqPair, JobReport, TrainingContent } from '../../src/contracts.js';
import { TrainingFailure } from '../../src/training/failure.js';
import { loadTemplates, templateOf, type Template } from '../../src/training/templates.js';
import { createRasaTrainer, trainWithRasa, type RasaTraining, type Trained } from '../../src/training/train.js';
import { ask } from '../snapshots/ask.js';
import { nasty } from '../snapshots/nasty.js';

const packageDir = join(process.cwd(), 'src', 'engines', 'rasa');
function testPython(): string {
  const python = process.env['SWITCHBOARD_TEST_PYTHON'];
  if (python) return python;
  throw new Error(
    'SWITCHBOARD_TEST_PYTHON is not set: it names the Python with Rasa that `npm test` provisions. These tests are not skipped.',
  );
}

function contentOf(pairs: FaqPair[], yaml: string | null = null): TrainingContent {
  const bot = {
    appId: 'bot-train',
    name: 'T',
    language: 'en',
    template: 'faq',
    pipeline: 'semantic' as const,
    threshold: null,
  };
  return { bot, pairs, files: [], yaml };
}

interface Heard {
  percents: number[];
  stages: string[];
  lines: string[];
  report: JobReport;
}
function listen(): Heard {
  const heard: Omit<Heard, 'report'> = { percents: [], stages: [], lines: [] };
  return {
    ...heard,
    report: ({ percent, stage, line }) => {
      if (percent !== undefined) heard.percents.push(percent);
      if (stage !== undefined) heard.stages.push(stage);
      if (line !== undefined) heard.lines.push(line);
    },
  };
}

async function failureOf(run: Promise<unknown>): Promise<TrainingFailure> {
  return run.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => (error instanceof TrainingFailure ? error : assert.fail(String(error))),
  );
}

describe('Training with Rasa', function () {
  this.timeout(120_000);
  let workDir = '';
  let templates: Template[] = [];
  const someone = (): Template => templateOf(templates, { template: 'faq', language: 'en' });
  const options = (change: Partial<RasaTraining> = {}): RasaTraining => ({
    python: testPython(),
    packageDir,
    workDir,
    env: { PATH: process.env['PATH'] ?? '' },
    ...change,
  });
  const simple = contentOf([
    { id: 'hours', questions: ['When are you open?', 'opening hours'], answer: 'From 9 to 5.' },
  ]);

  async function train(
    content: TrainingContent,
    change: { options?: Partial<RasaTraining>; signal?: AbortSignal; heard?: Heard } = {},
  ): Promise<Trained> {
    const { report } = change.heard ?? listen();
    const signal = change.signal ?? new AbortController().signal;
    return trainWithRasa(options(change.options), { content, template: someone(), report, signal });
  }

  /** A stand-in for our Python package, for endings that a real training has seldom. */
  async function stub(script: string): Promise<Partial<RasaTraining>> {
    const folder = await mkdtemp(join(workDir, 'stub-'));
    await mkdir(join(folder, 'switchboard_rasa'));
    await writeFile(join(folder, 'switchboard_rasa', '__init__.py'), '');
    await writeFile(
      join(folder, 'switchboard_rasa', 'child.py'),
      `import json, os, signal, sys, time\nspec = json.loads(sys.stdin.readline())\n${script}`,
    );
    return { packageDir: folder };
  }

  before(async () => {
    testPython();
    workDir = await mkdtemp(join(tmpdir(), 'train-test-'));
    templates = await loadTemplates(join(process.cwd(), 'templates'));
  });
  afterEach(async () => {
    const left = (await readdir(workDir)).filter((name) => name.startsWith('train-'));
    assert.deepEqual(left, [], 'a project folder was left behind');
  });
  after(() => rm(workDir, { recursive: true, force: true }));

  it('makes an archive whose answers are what the author wrote, byte for byte', async () => {
    const texts = nasty.map((text) => text.toWellFormed());
    const pairs: FaqPair[] = texts.map((text, i) => ({ id: `n${i}`, questions: [`${text} q${i}`], answer: text }));
    const parts = [
      { text: 'One {a}.' },
      { text: 'Two', image: 'https://e.org/{1}.png' },
      { text: 'Three?', buttons: [{ title: 'Y {1}', payload: '/ask{"a":1}' }] },
    ];
    pairs.push({ id: 'bears', questions: ['Tell me the story of the three bears'], answer: parts });
    const heard = listen();
    const trained = await train(contentOf(pairs), { heard });
    assert.ok(trained.seconds > 0 && (await stat(trained.archivePath)).size > 1000);
    assert.ok(
      heard.percents.length > 1 && heard.percents.every((percent, i) => percent >= (heard.percents[i - 1] ?? 0)),
    );
    assert.ok(heard.stages.length > 0);

    // Rasa reads a leading `/` as a payload: the hub writes it otherwise, and so does this test.
    const asked = [
      ...texts.map((text, i) => `${text} q${i}`.replace(/^\s*\//, '／')),
      'Tell me the story of the three bears',
      'hello',
      'Who won the football match yesterday evening?',
    ];
    const answers = await ask({ python: testPython(), packageDir, home: workDir }, trained.archivePath, asked);
    texts.forEach((text, i) => assert.deepEqual(answers[i], [{ recipient_id: `s${i}`, text }]));
    const to = { recipient_id: `s${texts.length}` };
    assert.deepEqual(answers[texts.length], [
      { ...to, text: 'One {a}.' },
      { ...to, text: 'Two' },
      { ...to, image: 'https://e.org/{1}.png' },
      { ...to, text: 'Three?', buttons: [{ title: 'Y {1}', payload: '/ask{"a":1}' }] },
    ]);
    assert.match(JSON.stringify(answers.at(-2)), /What would you like to know/);
    assert.match(JSON.stringify(answers.at(-1)), /I don't know the answer to that/);
  });

  it('that Rasa refuses fails with a sentence', async () => {
    const rule = (name: string, action: string): string =>
      `- rule: ${name}\n  steps:\n  - intent: greet\n  - action: ${action}\n`;
    const yaml =
      'intents: [greet]\nresponses:\n  utter_a:\n  - text: a\n  utter_b:\n  - text: b\nnlu:\n- intent: greet\n  examples: "- ahoy there"\n' +
      `rules:\n${rule('one', 'utter_a')}${rule('two', 'utter_b')}`;
    const failure = await failureOf(train({ ...simple, yaml }));
    assert.match(failure.message, /contradict/i);
    assert.match(failure.detail ?? '', /one|two/);
  });

  it('of YAML that is no YAML, or of an action that is nowhere, fails with a sentence', async () => {
    const broken = await failureOf(train({ ...simple, yaml: 'nlu: [\n' }));
    assert.equal(broken.code, 'bad_yaml');
    const unknown = await failureOf(train({ ...simple, yaml: 'rules:\n- rule: a\n  steps: 5\n' }));
    assert.match(`${unknown.message} ${unknown.detail ?? ''}`, /steps|request\.yml/);
  });

  it('ends within 3 s when it is aborted', async () => {
    const abort = new AbortController();
    const running = train(simple, { signal: abort.signal });
    let began = 0;
    setTimeout(() => {
      began = Date.now();
      abort.abort(new Error('cancelled'));
    }, 500);
    await assert.rejects(running, /cancelled/);
    assert.ok(Date.now() - began < 3000);
    const stubborn = train(simple, { signal: abort.signal });
    await assert.rejects(stubborn, /cancelled/);
  });

  it('ends soon though its process ignores TERM and would go on for a minute', async () => {
    const abort = new AbortController();
    const heard = listen();
    const running = train(simple, {
      options: await stub(
        'signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(json.dumps({"stage": "deaf"}), flush=True)\ntime.sleep(60)',
      ),
      signal: abort.signal,
      heard,
    });
    running.catch(() => undefined);
    while (!heard.stages.includes('deaf')) await new Promise((resolve) => setTimeout(resolve, 20));
    const began = Date.now();
    abort.abort(new Error('cancelled'));
    await assert.rejects(running, /cancelled/);
    assert.ok(Date.now() - began < 10_000);
  });

  it('sees nothing of our environment', async () => {
    process.env['SWITCHBOARD_CANARY_SECRET'] = 'canary-value';
    const heard = listen();
    const failure = await failureOf(
      train(simple, {
        options: await stub('print(json.dumps(dict(os.environ)), file=sys.stderr)\nsys.exit(1)'),
        heard,
      }),
    );
    delete process.env['SWITCHBOARD_CANARY_SECRET'];
    assert.equal(failure.code, 'training_died');
    const seen = JSON.parse(heard.lines.find((line) => line.startsWith('{')) ?? '{}') as Record<string, string>;
    assert.match(seen['HOME'] ?? '', /train-/);
    assert.ok(!JSON.stringify(seen).includes('canary-value'));
    const allowed =
      /^(PATH|HOME|TMPDIR|LANG|LC_CTYPE|PYTHON\w+|OMP_NUM_THREADS|OPENBLAS_NUM_THREADS|MALLOC_ARENA_MAX|TF_\w+|RASA_TELEMETRY_ENABLED|NO_COLOR)$/;
    assert.deepEqual(
      Object.keys(seen).filter((name) => !allowed.test(name)),
      [],
    );
  });

  it('that is killed says so, and what may help', async () => {
    const failure = await failureOf(train(simple, { options: await stub('os.kill(os.getpid(), signal.SIGKILL)') }));
    assert.equal(failure.code, 'training_died');
    assert.match(failure.message, /SIGKILL.*memory/);
    const missing = await failureOf(train(simple, { options: { python: '/no/such/python' } }));
    assert.match(missing.message, /could not be started/);
    const silent = await failureOf(
      train(simple, { options: await stub('print("last words", file=sys.stderr)\nsys.exit(7)') }),
    );
    assert.match(silent.message, /exit code 7/);
    assert.match(silent.detail ?? '', /last words/);
  });

  it('hands on what the process says, and its own words when it fails', async () => {
    const heard = listen();
    const script = [
      'print("noise", flush=True)',
      'print(json.dumps({"percent": 40, "stage": "learning"}), flush=True)',
      'print(json.dumps({"error": {"code": "odd", "message": "It is odd.", "detail": "x" * 20000}}), flush=True)',
      'sys.exit(1)',
    ].join('\n');
    const failure = await failureOf(train(simple, { options: await stub(script), heard }));
    assert.deepEqual([heard.percents, heard.stages, heard.lines], [[40], ['learning'], ['noise']]);
    assert.deepEqual([failure.code, failure.message, failure.detail?.length], ['odd', 'It is odd.', 20_000]);
  });

  it('of a content with faults tells them in the log', async () => {
    const heard = listen();
    const script =
      'import pathlib\nout = pathlib.Path(spec["out"]) / "m.tar.gz"\nout.write_text(open(spec["project"] + "/data/nlu.yml").read())\nprint(json.dumps({"done": {"model": str(out), "seconds": 1.5}}))';
    const trainer = createRasaTrainer({ ...options(await stub(script)), templates });
    const content = contentOf([{ id: 'a', questions: ['ok?', '???'], answer: 'a' }]);
    const trained = await trainer(content, heard.report, new AbortController().signal);
    assert.equal(trained.seconds, 1.5);
    assert.match(await readFile(trained.archivePath, 'utf8'), /ok\?[^]*Hello/);
    assert.match(heard.lines.join(), /has no words/);
  });

  it('takes no file of the hub for a model, whatever the process says and links to', async () => {
    const theirs = join(workDir, 'of-the-hub');
    await writeFile(theirs, 'secret');
    const say = 'print(json.dumps({"done": {"model": name, "seconds": 1}}))';
    for (const made of [
      `name = ${JSON.stringify(theirs)}`,
      `name = "m"; os.symlink(${JSON.stringify(theirs)}, spec["out"] + "/m")`,
      `name = "m"; os.link(${JSON.stringify(theirs)}, spec["out"] + "/m")`,
      `name = "m/of-the-hub"; os.symlink(${JSON.stringify(workDir)}, spec["out"] + "/m")`,
      'name = "m"; os.mkdir(spec["out"] + "/m")',
      'name = "not-there"',
    ]) {
      const failure = await failureOf(train(simple, { options: await stub(`${made}\n${say}`) }));
      assert.match(failure.message, /without a model of its own/, made);
    }
    assert.equal(await readFile(theirs, 'utf8'), 'secret');
  });

  it('never writes outside its folder', async () => {
    const content = {
      ...simple,
      bot: { ...simple.bot, pipeline: 'project' as const },
      files: [
        { path: '../../evil', content: '' },
        { path: 'config.yml', content: 'pipeline: []' },
      ],
    };
    assert.equal((await failureOf(train(content))).code, 'bad_path');
  });
});
