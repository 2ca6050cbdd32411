import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../src/child.js';
import { configOf } from '../../src/config.js';
import type { Json, LoadableModel, RunningEngine, Store, TrainingContent } from '../../src/contracts.js';
import { createLiteEngine } from '../../src/engines/lite.js';
import { openTrackerChannel, type TrackerChannel } from '../../src/engines/rasa/channel.js';
import { createRasaEngine, type RasaOptions } from '../../src/engines/rasa/rasa.js';
import { createEgress } from '../../src/egress.js';
import { createRemoteEngine } from '../../src/engines/remote.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import { chitchatOf, fallbackOf, loadTemplates, type Template } from '../../src/training/templates.js';
import { createRasaTrainer } from '../../src/training/train.js';
import { engineContract, knownAnswer, knownQuestion } from '../contract/engine.js';
import { someBot, someModel } from '../support/engines.js';
import { eventually, realRasa } from '../support/hub.js';
import { freePort } from '../support/ports.js';

const packageDir = join(process.cwd(), 'src', 'engines', 'rasa');
const env = configOf(process.env).childEnv;
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

/** The same trained bot behind each engine: in our child, in a plain `rasa run` elsewhere, and from its pairs alone. */
describe('the engines', function () {
  this.timeout(180_000);
  let folder: string;
  let templates: Template[];
  let model: LoadableModel;
  let store: Store;
  let channel: TrackerChannel;
  let elsewhere: Child | null = null;
  const python = (): string => (realRasa() as { python: string }).python;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-eng-'));
    templates = await loadTemplates('templates');
    store = await openStore(`sqlite:${join(folder, 'db')}`);
    await store.bots.create(someBot());
    const { log } = openLog({ level: 'silent', pretty: false });
    channel = openTrackerChannel({ trackers: store.trackers, log });
    const contentPath = join(folder, 'content.json');
    await writeFile(contentPath, JSON.stringify(content));
    const train = createRasaTrainer({ python: python(), packageDir, workDir: folder, env, templates });
    const { archivePath } = await train(content, () => undefined, new AbortController().signal);
    model = { ...someModel(), archivePath, contentPath };
  });
  after(async () => {
    await elsewhere?.stop();
    await channel.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  engineContract('lite', () =>
    Promise.resolve({
      engine: createLiteEngine({
        chitchat: ({ bot }) => chitchatOf(templates, bot),
        fallback: ({ bot }) => fallbackOf(templates, bot),
      }),
      bot: someBot({ engine: 'lite' }),
      model,
      texts: [knownAnswer],
    }),
  );

  engineContract('rasa', () =>
    Promise.resolve({
      engine: createRasaEngine({
        python: python(),
        packageDir,
        runtimeDir: folder,
        env,
        channel,
        hide: () => undefined,
      }),
      bot: someBot(),
      model,
      texts: [knownAnswer],
    }),
  );

  describe('the rasa engine, when its process stands still', () => {
    const hang = { afterMs: 1000, answerMs: 1000, patience: 2 };
    const launch = (change: Partial<RasaOptions> = {}) => {
      const parts = { python: python(), packageDir, runtimeDir: folder, env, channel, hide: () => undefined };
      return createRasaEngine({ ...parts, hang, ...change }).launch(someBot(), model);
    };
    /** Keeps Rasa's event loop busy for seconds. */
    const busy = (running: RunningEngine) => {
      const slot = (value: number) => ({ event: 'slot', name: 'x', value, timestamp: value + 1 });
      const body = Buffer.from(JSON.stringify(Array.from({ length: 20_000 }, (_, at) => slot(at))));
      const headers = { 'content-type': 'application/json' };
      return running.api!({ method: 'PUT', path: '/conversations/busy/tracker/events', headers, body });
    };
    const turn = { sender: 'bob', text: knownQuestion, payload: false, channel: 'rest', metadata: {} };

    it('ends it, fails its turns so that they can be taken again, and leaves nothing behind', async () => {
      const running = await launch();
      process.kill(running.pid!, 'SIGSTOP');
      await assert.rejects(running.reply(turn), { code: 'turn_failed' });
      assert.equal((await running.exited).signal, 'SIGKILL');
      await running.stop();
    });

    it('leaves it alone when it only stood still for a moment', async () => {
      // It may be slow when it goes on.
      const running = await launch({ hang: { ...hang, answerMs: 5000, patience: 10 } });
      process.kill(running.pid!, 'SIGSTOP');
      setTimeout(() => process.kill(running.pid!, 'SIGCONT'), 1500);
      assert.equal((await running.reply(turn)).messages.length, 1);
      const events = await running.tracker?.('bob');
      assert.deepEqual(
        events?.filter(({ event }) => event === 'user').map(({ text }) => text),
        [knownQuestion],
      );
      await running.stop();
    });

    it('leaves it alone while it works, and ends it when that has no end', async () => {
      const soon = { afterMs: 1000, answerMs: 300 };
      const patient = await launch({ hang: { ...soon, patience: 1000 } });
      assert.equal((await busy(patient)).status, 200);
      await patient.stop();
      const strict = await launch({ hang: { ...soon, patience: 2 } });
      await assert.rejects(busy(strict), { code: 'turn_failed' });
      assert.equal((await strict.exited).signal, 'SIGKILL');
      await strict.stop();
    });

    it('is not asked what is too long for it, and answers what comes next', async () => {
      const running = await launch();
      const long = 'open '.repeat(1601);
      const refused = { code: 'text_too_long', message: /8000 characters at most, and this text has 8005/ };
      await assert.rejects(running.reply({ ...turn, sender: 'ann', text: long }), refused);
      await assert.rejects(running.parse(long), refused);
      assert.equal((await running.reply({ ...turn, sender: 'ann' })).messages.length, 1);
      const said = (await running.tracker?.('ann'))?.filter(({ event }) => event === 'user');
      assert.deepEqual(
        said?.map(({ text }) => text),
        [knownQuestion],
      );
      await running.stop();
    });

    it('takes a turn once that comes again after it was given up, and says what was said', async () => {
      const running = await launch();
      const once = { ...turn, sender: 'eve', metadata: { switchboard_event: '17' } };
      process.kill(running.pid!, 'SIGSTOP');
      setTimeout(() => process.kill(running.pid!, 'SIGCONT'), 500);
      // Two hubs that each take it for theirs: both look before either has stored it.
      const both = await Promise.allSettled([running.reply(once), running.reply(once)]);
      assert.ok(both.some(({ status }) => status === 'fulfilled'));
      const again = await running.reply(once);
      assert.equal(again.messages.length, 1);
      const users = (events: Json[] | null | undefined): number =>
        events?.filter(({ event }) => event === 'user').length ?? 0;
      assert.equal(users(await running.tracker?.('eve')), 1);
      await running.reply({ ...once, metadata: { switchboard_event: '18' } });
      assert.equal(users(await running.tracker?.('eve')), 2, 'the same words with another event id are another turn');
      await running.stop();
    });
  });

  engineContract('remote', async () => {
    const port = await freePort();
    await writeFile(join(folder, 'credentials.yml'), 'rest:\n');
    elsewhere = startChild({
      command: python(),
      args: [
        '-m',
        'rasa',
        'run',
        '-m',
        model.archivePath ?? '',
        '--enable-api',
        '-i',
        '127.0.0.1',
        '-p',
        String(port),
        '--credentials',
        'credentials.yml',
      ],
      cwd: folder,
      env: { ...env, HOME: folder, PYTHONPATH: packageDir, RASA_TELEMETRY_ENABLED: 'false' },
    });
    const remoteUrl = `http://127.0.0.1:${port}`;
    await eventually(
      () =>
        fetch(`${remoteUrl}/status`).then(
          ({ ok }) => ok,
          () => false,
        ),
      90,
    );
    return {
      engine: createRemoteEngine(createEgress(['127.0.0.1'])),
      bot: someBot({ engine: 'remote', remoteUrl }),
      model: null,
      texts: knownAnswer.split('\n\n'),
    };
  });
});
