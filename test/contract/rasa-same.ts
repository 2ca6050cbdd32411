/** What our Rasa owes its users: the same archive parses and answers as in a plain `rasa run`, field by field. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import type { Json, RunningEngine, Store } from '../../src/contracts.js';
import { openTrackerChannel, type TrackerChannel } from '../../src/engines/rasa/channel.js';
import { createRasaEngine } from '../../src/engines/rasa/rasa.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import { differences } from '../support/differences.js';
import { someBot, someModel } from '../support/engines.js';
import { archiveOf, pathOf, plainRasa, type PlainRasa } from '../support/plain-rasa.js';
import type { RasaProject } from '../support/rasa-projects.js';
import { conversationsOf, textsOf } from '../support/rasa-texts.js';

export interface SameAs {
  python: () => string;
  project: (python: string) => Promise<RasaProject>;
  /** How many texts are parsed, and how many conversations of eight turns are held. */
  texts: number;
  conversations: number;
  seed: number;
}
/** What no two processes share: moments, and ids drawn at random. */
const ownOfEach = ['timestamp', 'message_id', 'model_id'];

export function sameAsPlain(name: string, { python, project, texts, conversations, seed }: SameAs): void {
  describe(`the ${name} project, in our child and in a plain rasa run`, function () {
    this.timeout(600_000);
    let folder: string;
    let store: Store;
    let channel: TrackerChannel;
    let made: RasaProject;
    let plain: PlainRasa;
    let ours: RunningEngine;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sb-same-'));
      made = await project(python());
      const archivePath = await archiveOf(python(), made);
      store = await openStore(`sqlite:${join(folder, 'db')}`);
      const bot = someBot({ appId: made.name });
      await store.bots.create(bot);
      const { log } = openLog({ level: 'silent', pretty: false });
      channel = await openTrackerChannel({ socket: join(folder, 'hub.sock'), trackers: store.trackers, log });
      const engine = createRasaEngine({
        python: python(),
        packageDir: pathOf(made),
        runtimeDir: folder,
        env: configOf(process.env).childEnv,
        channel,
        hide: () => undefined,
      });
      const model = { ...someModel({ appId: made.name }), archivePath, contentPath: archivePath };
      [plain, ours] = await Promise.all([plainRasa(python(), made, archivePath), engine.launch(bot, model)]);
    });
    after(async () => {
      await ours.stop();
      await plain.stop();
      await channel.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    });

    it(`understand ${texts} texts alike`, async () => {
      const asked = textsOf(made.questions, texts, seed);
      const found: string[] = [];
      const intents = new Set<unknown>();
      for (const text of asked) {
        const theirs = (await plain.post('/model/parse', { text })) as { intent: { name: unknown } };
        intents.add(theirs.intent.name);
        const parsed = differences(await ours.parse(text), theirs);
        found.push(...parsed.map((line) => `${JSON.stringify(text)} ${line}`));
      }
      assert.deepEqual(found, []);
      assert.equal(asked.length, texts);
      assert.ok(intents.size > 1, 'one intent for everything compares nothing');
    });

    it(`hold ${conversations} conversations alike: replies, parses and everything that is remembered`, async () => {
      const found: string[] = [];
      let replies = 0;
      for (const [at, turns] of conversationsOf(made.questions, { count: conversations, length: 8, seed }).entries()) {
        const sender = `anna-${at}`;
        for (const text of turns) {
          const metadata: Json = { trace: at };
          const payload = text.startsWith('/');
          const theirs = await plain.post('/webhooks/rest/webhook', { sender, message: text, metadata });
          const mine = await ours.reply({ sender, text, payload, channel: 'rest', metadata });
          replies += mine.messages.length;
          const unlike = differences(mine.messages, theirs);
          found.push(...unlike.map((line) => `${sender} ${JSON.stringify(text)} reply ${line}`));
        }
        const tracker = (await plain.get(`/conversations/${sender}/tracker?include_events=ALL`)) as { events: Json[] };
        const mine = (await ours.tracker?.(sender)) ?? null;
        const unlike = differences(mine, tracker.events, ownOfEach);
        found.push(...unlike.map((line) => `${sender} event ${line}`));
      }
      assert.deepEqual(found, []);
      assert.ok(replies >= conversations, 'bots that say nothing compare nothing');
    });
  });
}
