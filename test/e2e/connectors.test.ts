import assert from 'node:assert/strict';
import { createConnectors } from '../../connectors/index.js';
import { createEgress } from '../../src/egress.js';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { FakeTeams } from '../../src/lab/platforms/teams.js';
import { FakeTelegram } from '../../src/lab/platforms/telegram.js';
import { connectorContract, contractKey } from '../contract/connector.js';
import { FakeRest } from '../support/platforms/rest.js';
import { FakeWeb } from '../support/platforms/web.js';

/** A platform for each connector. */
const platforms = [new FakeWeb(), new FakeSlack(), new FakeTelegram(), new FakeTeams(), new FakeRest(contractKey)];

const egress = createEgress([]);
const all = createConnectors({
  web: { exists: () => Promise.resolve(false), history: () => Promise.resolve([]), sessionKey: 'x' },
  slack: { egress },
  telegram: { egress },
  teams: { egress },
  rest: { egress, keyFits: () => Promise.resolve(false), local: true },
});

describe('the list of connectors', () => {
  it('has a platform for each', () => {
    assert.deepEqual(
      all.map(({ name }) => name),
      platforms.map(({ name }) => name),
    );
  });
});
for (const platform of platforms) connectorContract(platform);
