import assert from 'node:assert/strict';
import { createConnectors } from '../../connectors/index.js';
import { createEgress } from '../../src/egress.js';
import { connectorContract } from '../contract/connector.js';
import type { FakePlatform } from '../support/platforms/platform.js';
import { FakeSlack } from '../support/platforms/slack.js';
import { FakeTeams } from '../support/platforms/teams.js';
import { FakeTelegram } from '../support/platforms/telegram.js';

/** A fake platform for each connector; the web channel is its own platform and has suites of its own (web.test.ts, web-guards.test.ts). */
const platforms: Record<string, () => FakePlatform> = {
  slack: () => new FakeSlack(),
  telegram: () => new FakeTelegram(),
  teams: () => new FakeTeams(),
};

const egress = createEgress([]);
const all = createConnectors({
  web: { exists: () => Promise.resolve(false), history: () => Promise.resolve([]), sessionKey: 'x' },
  slack: { egress },
  telegram: { egress },
  teams: { egress },
});

describe('the list of connectors', () => {
  it('has a fake platform for each', () => {
    const names = all.map(({ name }) => name).filter((name) => name !== 'web');
    assert.deepEqual(names, Object.keys(platforms));
  });
});
for (const [name, make] of Object.entries(platforms)) connectorContract(name, make);
