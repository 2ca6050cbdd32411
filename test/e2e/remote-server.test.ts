import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakePlatform } from '../../src/lab/platforms/platform.js';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { FakeTeams } from '../../src/lab/platforms/teams.js';
import { FakeTelegram } from '../../src/lab/platforms/telegram.js';
import { contractKey } from '../contract/connector.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';
import { FakeRest } from '../support/platforms/rest.js';
import { FakeWeb } from '../support/platforms/web.js';
import { freePort } from '../support/ports.js';

const apology = 'Sorry, this takes me longer than usual. Your answer is on its way.';
const stillSeconds = Number(process.env['SWITCHBOARD_STILL_SECONDS'] ?? 0);

describe('the server of docs/remote-bots.md, as a bot', function () {
  this.timeout(60_000 + 3000 * stillSeconds);
  const platforms: FakePlatform[] = [
    new FakeWeb(),
    new FakeSlack(),
    new FakeTelegram(),
    new FakeTeams(),
    new FakeRest(contractKey),
  ];
  let folder: string;
  let bot: ChildProcess;
  let hub: TestHub;
  let appId: string;
  let events = 0;

  const say = (platform: FakePlatform, text: string): Promise<number[]> =>
    platform.say(platform.address(hub.url, appId), { id: `${(events += 1)}`, chat: platform.chat(1), text });
  const shown = (platform: FakePlatform): string[] => platform.posts.map(({ text }) => text);
  const everywhere = (wanted: string[]): Promise<unknown> =>
    eventually(() => platforms.every((platform) => shown(platform).length >= wanted.length), 30).then(() => {
      for (const platform of platforms) assert.deepEqual(shown(platform), wanted, platform.name);
    });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-remote-'));
    const [, code = ''] = /```js\n([\s\S]*?)```/.exec(await readFile('docs/remote-bots.md', 'utf8')) ?? [];
    assert.ok(code.trim().split('\n').length <= 20, 'it has twenty lines');
    await writeFile(join(folder, 'bot.mjs'), code);
    const port = await freePort();
    bot = spawn(process.execPath, ['bot.mjs', `${port}`], { cwd: folder, stdio: 'inherit' });
    await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => null))?.status === 404);
    for (const platform of platforms) await platform.open();
    hub = await newHub({
      env: {
        ADMIN_TOKEN: contractKey,
        EGRESS_ALLOW: '127.0.0.1',
        PUBLIC_URL: 'https://hub.example',
        SLOW_ANSWER_SECONDS: '1',
      },
    });
    const made = await hub.api('POST', '/bots', {
      name: 'Mine',
      engine: 'remote',
      remoteUrl: `http://127.0.0.1:${port}`,
    });
    appId = String(made.body['appId']);
    for (const platform of platforms) {
      const { status, body } = await hub.api('PUT', `/bots/${appId}/channels/${platform.name}`, platform.settings());
      assert.deepEqual([status, body['reason']], [200, null], platform.name);
    }
  });
  beforeEach(() => {
    for (const platform of platforms) platform.posts.length = 0;
  });
  after(async () => {
    bot.kill('SIGKILL');
    await hub.stop();
    for (const platform of platforms) await platform.close();
    await rm(folder, { recursive: true });
  });

  it('answers over every channel', async () => {
    await Promise.all(platforms.map((platform) => say(platform, 'hello there')));
    // The first answer may be a slow one, for which the hub asks for patience.
    const answers = (platform: FakePlatform): string[] => shown(platform).filter((text) => text !== apology);
    await eventually(() => platforms.every((platform) => answers(platform).length > 0), 30);
    for (const platform of platforms) assert.deepEqual(answers(platform), ['Hello! What can I do?'], platform.name);
  });

  it('stands still, and everybody is told so once and answered afterwards; nobody else waits for it', async () => {
    const { body: other } = await hub.api('POST', '/bots', { name: 'Lite', engine: 'lite' });
    await hub.api('POST', `/bots/${String(other['appId'])}/train?wait=true`, [{ Q: [{ q: 'open?' }], A: 'Yes.' }]);
    bot.kill('SIGSTOP');
    try {
      await Promise.all(platforms.map((platform) => say(platform, 'still there?')));
      await everywhere([apology]);
      const asked = { sender: 'ann', message: 'open?' };
      const { status } = await hub.api('POST', `/bots/${String(other['appId'])}/messages`, asked);
      assert.equal(status, 200);
      bot.kill('SIGCONT');
      await everywhere([apology, 'You said: still there?']);
    } finally {
      bot.kill('SIGCONT');
    }
    await Promise.all(platforms.map((platform) => say(platform, 'hello again')));
    await eventually(() => platforms.every((platform) => shown(platform).at(-1) === 'Hello! What can I do?'));
  });

  /** F3 at its full length; `SWITCHBOARD_STILL_SECONDS=60` asks for it. */
  if (stillSeconds > 0)
    it(`stands still for ${stillSeconds} s: everybody is told, the hub stays small, and all goes on afterwards`, async () => {
      const users = Array.from({ length: 20 }, (_, at) => platforms[1]!.chat(100 + at));
      const ask = (platform: FakePlatform, chat: string, text: string): Promise<number[]> =>
        platform.say(platform.address(hub.url, appId), { id: `${(events += 1)}`, chat, text });
      const slack = platforms[1]!;
      const heard = (chat: string): string[] =>
        slack.posts.filter((post) => post.chat === chat).map(({ text }) => text);
      const rss = (): number => process.memoryUsage().rss / 2 ** 20;
      const before = rss();
      bot.kill('SIGSTOP');
      try {
        const until = performance.now() + stillSeconds * 1000;
        await Promise.all(users.map((chat) => ask(slack, chat, 'still there?')));
        await eventually(() => users.every((chat) => heard(chat).length > 0), 12);
        while (performance.now() < until) {
          await ask(slack, users[events % users.length]!, 'and now?');
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      } finally {
        bot.kill('SIGCONT');
      }
      const growth = Math.round(rss() - before);
      await Promise.all(users.map((chat) => ask(slack, chat, 'hello again')));
      await eventually(() => users.every((chat) => heard(chat).at(-1) === 'Hello! What can I do?'), 60);
      const waited = users.map((chat) => heard(chat).filter((text) => /longer than usual/.test(text)).length);
      console.log(`        the hub grew by ${growth} MB; apologies per user: ${waited.join(' ')}`);
      // A turn is given up after half a minute; who then asks again waits anew.
      assert.ok(waited.every((count) => count === 1 || count === 2));
      assert.ok(growth <= 50, `grew by ${growth} MB`);
    });
});
