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

  it('may have their secrets in files, and say which file is missing, empty or one too many', () => {
    const files: Record<string, string> = { '/run/token': 'x'.repeat(20) + '\n', '/run/empty': '\n' };
    const read = (path: string): string => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    };
    assert.equal(configOf({ ADMIN_TOKEN_FILE: '/run/token' }, read).adminToken, 'x'.repeat(20));
    assert.equal(configOf({ PORT_FILE: '/run/none' }, read).port, 5005, 'only secrets are');
    const wrong: [env: Record<string, string>, fault: RegExp][] = [
      [
        { ADMIN_TOKEN_FILE: '/run/none' },
        /^ADMIN_TOKEN_FILE="\/run\/none": expected a file that can be read \(ENOENT\)/,
      ],
      [{ REDIS_URL_FILE: '/run/empty' }, /^REDIS_URL_FILE="\/run\/empty": the file is empty/],
      [{ SECRET_KEY: 'k'.repeat(20), SECRET_KEY_FILE: '/run/token' }, /^SECRET_KEY and SECRET_KEY_FILE are both set/],
      [{ ADMIN_TOKEN_FILE: '/run/short' }, /^ADMIN_TOKEN=\(hidden\): expected at least 16/],
    ];
    files['/run/short'] = 'tooshort';
    for (const [env, fault] of wrong) {
      assert.throws(
        () => configOf(env, read),
        (error: unknown) => error instanceof ConfigError && error.faults.length === 1 && fault.test(error.faults[0]!),
        String(fault),
      );
    }
  });

  it('read sizes with their unit', () => {
    assert.equal(configOf({ MIN_FREE_DISK: '2g' }).minFreeDisk, 2 * 1024 ** 3);
    assert.equal(configOf({ MIN_FREE_DISK: '500m' }).minFreeDisk, 500 * 1024 ** 2);
    assert.equal(configOf({ MIN_FREE_DISK: '10' }).minFreeDisk, 10);
    assert.equal(configOf({ MEMORY_BUDGET: '6g' }).memoryBudget, 6 * 1024 ** 3);
    assert.equal(configOf({}).memoryBudget, null);
    assert.equal(configOf({ BOT_MEMORY_CAP: '1.5g' }).botMemoryCap, 1.5 * 1024 ** 3);
  });

  it('read where the users of processes come from', () => {
    assert.deepEqual(configOf({}).childUids, { first: 2_100_000_000, last: 2_104_194_303, must: false });
    assert.equal(configOf({ CHILD_UIDS: 'off' }).childUids, null);
    assert.deepEqual(configOf({ CHILD_UIDS: '70000-200000' }).childUids, { first: 70_000, last: 200_000, must: true });
    for (const text of ['on', '999-5000', '5000-2000', '20000', '20000-2147483648', '-1-5'])
      assert.throws(() => configOf({ CHILD_UIDS: text }), /CHILD_UIDS=.*: expected auto, off, or FIRST-LAST/, text);
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
