import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ConfigError, configOf, exampleEnv } from '../src/config.js';

describe('the settings', () => {
  it('have defaults that start a hub on one machine', () => {
    const config = configOf({ HOME: '/home/u' });
    assert.equal(config.port, 5005);
    assert.equal(config.host, '127.0.0.1');
    assert.match(config.databaseUrl, /^sqlite:.*data\/switchboard\.db$/);
    assert.equal(config.adminToken, null);
    assert.ok(Object.isFrozen(config));
  });

  it('report every fault at once, each with name, value and what is expected', () => {
    const wrong = {
      PORT: '99999',
      IDLE_PARK_SECONDS: 'soon',
      MIN_FREE_DISK: 'lots',
      LOG_LEVEL: 'loud',
      PUBLIC_URL: 'ftp://x',
    };
    assert.throws(
      () => configOf(wrong),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.faults.length, 5);
        for (const [name, value] of Object.entries(wrong)) {
          assert.ok(
            error.faults.some((fault) => fault.startsWith(`${name}="${value}": expected `)),
            name,
          );
        }
        return true;
      },
    );
  });

  it('never quote a secret in a fault', () => {
    assert.throws(
      () => configOf({ ADMIN_TOKEN: 'tooshort', DATABASE_URL: 'postgres://u:hunter2@h/db' }),
      (error: unknown) =>
        error instanceof ConfigError && !error.message.includes('tooshort') && !error.message.includes('hunter2'),
    );
  });

  it('read sizes with their unit', () => {
    assert.equal(configOf({ MIN_FREE_DISK: '2g' }).minFreeDisk, 2 * 1024 ** 3);
    assert.equal(configOf({ MIN_FREE_DISK: '500m' }).minFreeDisk, 500 * 1024 ** 2);
    assert.equal(configOf({ MIN_FREE_DISK: '10' }).minFreeDisk, 10);
    assert.equal(configOf({ MEMORY_BUDGET: '6g' }).memoryBudget, 6 * 1024 ** 3);
    assert.equal(configOf({}).memoryBudget, null);
    assert.equal(configOf({ BOT_MEMORY_CAP: '1.5g' }).botMemoryCap, 1.5 * 1024 ** 3);
  });

  it('refuse a size without its unit where that can only be a slip', () => {
    for (const name of ['MEMORY_BUDGET', 'BOT_MEMORY_CAP'])
      assert.throws(() => configOf({ [name]: '6' }), new RegExp(`${name}="6": expected a size like`));
  });

  it('hand children no more than the few harmless names', () => {
    const { childEnv } = configOf({
      PATH: '/bin',
      LANG: 'C',
      ADMIN_TOKEN: 'x'.repeat(20),
      AWS_SECRET_ACCESS_KEY: 'y',
      HOME: '/home/u',
    });
    assert.deepEqual(childEnv, { PATH: '/bin', LANG: 'C' });
  });

  it('keep the Rasa runtime where the platform keeps per-user caches, or where they are told', () => {
    assert.equal(configOf({ HOME: '/h', SWITCHBOARD_CACHE: '/c' }).cacheDir, '/c');
    assert.equal(configOf({ HOME: '/h', XDG_CACHE_HOME: '/x' }).cacheDir, '/x/switchboard');
    if (process.platform === 'linux') assert.equal(configOf({ HOME: '/h' }).cacheDir, '/h/.cache/switchboard');
  });

  it('are all in config.example.env, which is generated', () => {
    assert.equal(
      readFileSync('config.example.env', 'utf8').trimEnd(),
      exampleEnv().trimEnd(),
      'run: npm run -s switchboard -- config > config.example.env',
    );
  });
});
