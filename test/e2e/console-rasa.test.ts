/** The console in real Chromium before a real hub with real Rasa. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { withConsole } from '../support/console.js';
import { newHub, realRasa } from '../support/hub.js';
import { journey } from './console/journey.js';
import { quality, seedTalk } from './console/quality.js';

describe('the console with Rasa', function () {
  this.timeout(180_000);
  let dataDir: string;
  const at = withConsole(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-quality-'));
    await seedTalk(dataDir);
    return newHub({ dataDir, rasa: realRasa(), env: { EGRESS_ALLOW: '127.0.0.1' } });
  });
  after(() => rm(dataDir, { recursive: true, force: true }));

  quality(at);
  journey(at);
});
