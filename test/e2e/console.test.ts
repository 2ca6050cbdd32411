/** The console in real Chromium before a real hub, on its lite engine; with Rasa it is in console-rasa.test.ts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { seedBots } from '../../bench/path/hub.js';
import type { Store } from '../../src/contracts.js';
import { withConsole } from '../support/console.js';
import { newHub } from '../support/hub.js';
import { conversations, deskBots, deskEngine } from './console/conversations.js';
import { entry } from './console/entry.js';
import { keyboard } from './console/keyboard.js';
import { everyPage } from './console/pages.js';
import { people } from './console/people.js';
import { project } from './console/project.js';
import { questions } from './console/questions.js';
import { setup } from './console/setup.js';
import { trained } from './console/shop.js';

describe('the console', function () {
  this.timeout(60_000);
  let store: Store;
  let shop: string;
  let dataDir: string;
  const at = withConsole(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-console-'));
    await seedBots(`sqlite:${join(dataDir, 'switchboard.db')}`, { dataDir, appIds: deskBots });
    const standIns = { engines: { rasa: deskEngine }, store: (opened: Store) => (store = opened) };
    return newHub({ dataDir, env: { EGRESS_ALLOW: '127.0.0.1' }, standIns });
  });
  before(async () => {
    shop = await trained(at.hub, 'Shop');
  });
  after(() => rm(dataDir, { recursive: true, force: true }));

  entry(at);
  questions(at);
  setup(at, () => shop);
  project(at);
  people(at);
  conversations(at, () => store);
  keyboard(at, () => shop, deskBots[0]!);
  everyPage(at, () => shop);
});
