import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, realRasa } from '../support/hub.js';
import { freePort } from '../support/ports.js';

/** A secret of each kind, as nobody else would write it. */
const planted = {
  admin: 'canary-admin-4f1c2a9e7b',
  trainer: 'canary-trainer-0d8e6b3f5a',
  metrics: 'canary-metrics-7a2b9c4d1e',
  key: 'canary-key-at-rest-3c5e7f9b',
  oidc: 'canary-oidc-client-8b6d4f2a',
  password: 'canary password of a person',
  slackToken: 'xoxb-canary-slack-1a3c5e7f9b',
  slackSigning: 'canaryslacksigning0a1b2c3d4e5f6a',
  telegramToken: '99887766:canary-telegram-AbCdEfGhIjKlMn',
  telegramSecret: 'canary-telegram-secret-2b4d6f',
  teams: 'canary-teams-password-6e8a0c',
  jwt: 'canary-jwt-key-of-thirty-two-bytes-long',
  remote: 'canary-remote-5d7f9b1c3e',
  mongo: 'canary-mongo-9f7e5d3c1b',
  redis: 'canary-redis-1b3d5f7a9c',
  storage: 'canary-storage-7c5a3e1f9d',
};

interface Run {
  child: ChildProcess;
  output: () => string;
  ended: Promise<unknown>;
}
const node = (words: string[], env: Record<string, string>): Run => {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['dist/src/main.js', ...words], {
    env: { PATH, HOME, LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (output += piece.toString()));
  return { child, output: () => output, ended: once(child, 'close') };
};

/** What `ps` shows of all that comes of this process, and what each has in its environment; not what the operator gave to the hub itself. */
function shownBy(root: number): string {
  const parents = new Map<number, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      parents.set(Number(pid), Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 0));
    } catch {
      // It has gone meanwhile.
    }
  const under = (pid: number): boolean => pid > 1 && (parents.get(pid) === root || under(parents.get(pid) ?? 0));
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  const children = [...parents.keys()].filter(under);
  assert.ok(children.length > 0, 'there are children to look at');
  return [
    read(`/proc/${root}/cmdline`),
    ...children.flatMap((pid) => [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)]),
  ].join('\n');
}

describe('Secrets of every kind', function () {
  this.timeout(180_000);
  let dataDir: string;
  const runs: Run[] = [];
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-canary-'));
  });
  after(async () => {
    for (const { child, ended } of runs) if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    await rm(dataDir, { recursive: true, force: true });
  });
  const secrets = new Map<string, string>(Object.entries(planted));
  /** Which of them a text tells. */
  const told = (text: string): string[] =>
    [...secrets].filter(([, value]) => text.includes(value)).map(([name]) => name);

  it('are told by no log, error, answer, export, process list or child, whatever goes wrong with them', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const port = await freePort();
    const hub = node(['start'], {
      ...{ PORT: String(port), DATA_DIR: dataDir, RASA_PYTHON: (realRasa() as { python: string }).python },
      ...{ ADMIN_TOKEN: planted.admin, TRAINER_TOKEN: planted.trainer, METRICS_TOKEN: planted.metrics },
      ...{ SECRET_KEY: planted.key, MIN_FREE_DISK: '1m', EGRESS_ALLOW: '127.0.0.1' },
      ...{ OIDC_ISSUER: dead, OIDC_CLIENT_ID: 'hub', OIDC_CLIENT_SECRET: planted.oidc },
    });
    runs.push(hub);
    const url = `http://127.0.0.1:${port}`;
    await eventually(() => hub.output().includes('"listening"'), 60);
    /** Everything that anybody was answered. */
    let answers = '';
    const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: { authorization: `Bearer ${planted.admin}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const sent = /event-stream/.test(response.headers.get('content-type') ?? '');
      const text = sent ? '' : Buffer.from(await response.arrayBuffer()).toString('latin1');
      if (sent) await response.body?.cancel();
      return { status: response.status, headers: response.headers, text };
    };
    const tell = async (...given: Parameters<typeof ask>): ReturnType<typeof ask> => {
      const answer = await ask(...given);
      answers += `${[...answer.headers].join('\n')}\n${answer.text}\n`;
      return answer;
    };
    const json = (text: string): Record<string, string> => JSON.parse(text) as Record<string, string>;

    // A person, their link and their session; a key. What is told once, on purpose, is told here and nowhere else.
    const link = json(
      (await ask('POST', '/api/v1/users/invitations', { login: 'a@example.org', role: 'viewer' })).text,
    );
    secrets.set('link', link['url']!.split('#')[1]!);
    const person = { token: secrets.get('link'), name: 'A', password: planted.password };
    const signedIn = await ask('PUT', '/api/v1/session/link', person);
    assert.equal(signedIn.status, 200, signedIn.text);
    secrets.set('session', signedIn.headers.get('set-cookie')!.split(';')[0]!.split('=')[1]!);
    const key = json((await ask('POST', '/api/v1/api-keys', { name: 'k', role: 'admin' })).text);
    secrets.set('API key', key['key']!);
    await tell('PUT', '/api/v1/session/link', person);
    await tell('POST', '/api/v1/session', { login: 'a@example.org', password: `${planted.password}x` });
    await tell('POST', '/api/v1/session', { login: planted.password, password: 'x' });
    await tell('GET', '/sign-in/provider');
    await tell('GET', `/sign-in/provider/callback?code=${planted.oidc}&state=x`);

    // Channels that reach nobody, and a bot elsewhere that does not answer.
    const remote = { engine: 'remote', remoteUrl: `${dead}/`, remoteAuth: `Bearer ${planted.remote}` };
    const { appId } = json((await tell('POST', '/api/v1/bots', { name: 'x', ...remote })).text);
    const channels: [string, object][] = [
      ['slack', { botToken: planted.slackToken, signingSecret: planted.slackSigning, apiUrl: `${dead}/api/` }],
      ['telegram', { token: planted.telegramToken, secretToken: planted.telegramSecret, apiRoot: dead }],
      ['teams', { microsoftAppId: 'a', microsoftAppPassword: planted.teams, tokenEndpoint: `${dead}/token` }],
      ['rest', { enabled: true, jwtKey: planted.jwt, callbackUrl: `${dead}/callback` }],
    ];
    for (const [name, settings] of channels) {
      await tell('PUT', `/api/v1/bots/${appId!}/channels/${name}`, settings);
      await tell('POST', `/api/v1/bots/${appId!}/channels/${name}/check`);
      await tell('PUT', `/api/v1/bots/${appId!}/channels/${name}`, { ...settings, unknown: 1 });
      await tell('POST', `/webhooks/${name}/${appId!}`, { text: 'x' }, { authorization: `Bearer ${planted.teams}` });
    }
    const update = {
      update_id: 1,
      message: { message_id: 1, date: 1, chat: { id: 5, type: 'private' }, from: { id: 5, is_bot: false }, text: 'hi' },
    };
    const signed = { 'x-telegram-bot-api-secret-token': planted.telegramSecret };
    assert.equal((await tell('POST', `/webhooks/telegram/${appId!}`, update, signed)).status, 200);
    await tell('POST', `/api/v1/bots/${appId!}/messages`, { sender: 's', message: 'hi' });
    await tell('GET', `/bots/${appId!}/status?token=${planted.metrics}`);
    await tell('GET', `/nowhere?token=${secrets.get('API key')!}`, undefined, {
      authorization: `Bearer ${planted.admin}x`,
    });

    // A bot of our own, whose Rasa runs, with its export, its log and everything that can be read.
    await eventually(async () => (await ask('GET', '/api/v1/bots/demo')).text.includes('"state":"awake"'), 90).catch(
      async () => assert.equal((await ask('POST', '/api/v1/bots/demo/wake')).status, 200),
    );
    await tell('POST', '/api/v1/bots/demo/messages', { sender: 's', message: 'hello' });
    const processes = shownBy(hub.child.pid!);
    const { paths } = JSON.parse((await ask('GET', '/api/openapi.json')).text) as { paths: Record<string, object> };
    for (const [path, verbs] of Object.entries(paths))
      if ('get' in verbs)
        for (const bot of [appId!, 'demo']) await tell('GET', path.replace('{appId}', bot).replace('{name}', 'slack'));
    await tell('GET', '/api/v1/audit/export?format=jsonl');
    await tell('GET', '/metrics');
    hub.child.kill('SIGTERM');
    await hub.ended;
    assert.deepEqual(told(answers), [], 'in answers');
    assert.deepEqual(told(processes), [], 'in the processes');
    assert.deepEqual(told(hub.output()), [], 'in the log');
    assert.ok(hub.output().split('\n').length > 20, 'the log says something');
  });

  it('nor by a start that fails', async () => {
    const base = { DATA_DIR: join(dataDir, 'other'), PORT: '0', RASA_PYTHON: 'none' };
    const starts: Record<string, string>[] = [
      { DATABASE_URL: `mongodb://user:${planted.mongo}@127.0.0.1:1/x?serverSelectionTimeoutMS=500` },
      { DATABASE_URL: `mongodb://user:${planted.mongo}@[::1/x` },
      { REDIS_URL: `redis://:${planted.redis}@127.0.0.1:1` },
      { MODEL_STORAGE: `s3://key:${planted.storage}@bucket/x?endpoint=http://127.0.0.1:1` },
      { ADMIN_TOKEN: `${planted.admin} with a blank`, SECRET_KEY: `${planted.key} and another` },
    ];
    const outputs = await Promise.all(
      starts.map(async (env, n) => {
        const run = node(['start'], { ...base, DATA_DIR: join(base.DATA_DIR, String(n)), ...env });
        runs.push(run);
        // Some end by themselves, others would go on trying.
        await Promise.race([run.ended, eventually(() => run.output().length > 0, 30)]);
        await Promise.race([run.ended, sleep(1500)]);
        run.child.kill('SIGKILL');
        await run.ended;
        return run.output();
      }),
    );
    for (const [n, output] of outputs.entries()) {
      assert.ok(output.length > 0, `${n}`);
      assert.deepEqual(told(output), [], `${n}: ${output}`);
    }
  });
});
