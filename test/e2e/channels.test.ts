import assert from 'node:assert/strict';
import { randomOf } from '../faults/rig.js';
import { EchoBot } from '../contract/connector.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';
import type { FakePlatform } from '../../src/lab/platforms/platform.js';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { FakeTeams } from '../../src/lab/platforms/teams.js';
import { FakeTelegram } from '../../src/lab/platforms/telegram.js';

const bots = 20;
const chatsPerBot = 10;
const messagesPerChat = 10;

/** One person talking to one bot: the next message when the last was acknowledged. */
interface Talk {
  platform: FakePlatform;
  chat: string;
  appId: string;
  texts: string[];
}

describe('a mixed load of all channels', function () {
  this.timeout(300_000);
  const bot = new EchoBot();
  const platforms: FakePlatform[] = [new FakeSlack(), new FakeTelegram(), new FakeTeams()];
  const random = randomOf(Number(process.env['SWITCHBOARD_TEST_SEED'] ?? 7));
  const talks: Talk[] = [];
  let hub: TestHub;
  let losses = 0;
  let faults = 0;

  before(async () => {
    const remoteUrl = await bot.open();
    await Promise.all(platforms.map((platform) => platform.open()));
    hub = await newHub({ env: { EGRESS_ALLOW: '127.0.0.1', PUBLIC_URL: 'https://hub.example' } });
    for (let n = 0; n < bots; n += 1) {
      const { body } = await hub.api('POST', '/bots', { name: `Bot ${n}`, engine: 'remote', remoteUrl });
      const { appId } = body as { appId: string };
      for (const platform of platforms) {
        const { status } = await hub.api('PUT', `/bots/${appId}/channels/${platform.name}`, platform.settings());
        assert.equal(status, 200);
      }
      for (let c = 0; c < chatsPerBot; c += 1) {
        const platform = platforms[(n + c) % platforms.length]!;
        const number = n * chatsPerBot + c;
        const texts = Array.from({ length: messagesPerChat }, (_, m) => `${number}-${m}`);
        talks.push({ platform, chat: platform.chat(number), appId, texts });
      }
    }
    // One call in ten goes wrong: the platform is overloaded, or takes the post and the receipt is lost.
    for (const platform of platforms) {
      platform.verdict = () => {
        const dice = random();
        if (dice < 0.1) faults += 1;
        if (dice < 0.07) return { kind: 'limit', seconds: 1 };
        if (dice < 0.1) losses += 1;
        return dice < 0.1 ? { kind: 'lose' } : { kind: 'take' };
      };
    }
  });
  after(async () => {
    await hub.stop();
    await Promise.all(platforms.map((platform) => platform.close()));
    bot.close();
  });

  it('loses nothing, doubles nothing but what a lost receipt explains, and keeps every order', async () => {
    let id = 1;
    await Promise.all(
      talks.map(async ({ platform, chat, appId, texts }) => {
        for (const text of texts) {
          const act = { id: String(id++), chat, text };
          const webhook = `${hub.url}/webhooks/${platform.name}/${appId}`;
          // On a busy machine a platform may give up; the same event then comes once more.
          while ((await platform.say(webhook, act)).at(-1) !== 200);
          // And one delivery in ten comes twice.
          if (random() < 0.1) await platform.post(webhook, platform.deliver(act)).catch(() => 0);
        }
      }),
    );
    const total = bots * chatsPerBot * messagesPerChat;
    // On a busy machine the hub apologises for slowness; that is no answer.
    const answers = (platform: FakePlatform) => platform.posts.filter(({ text }) => text.startsWith('echo '));
    const saidIn = ({ platform, chat }: Talk): string[] =>
      answers(platform)
        .filter((post) => post.chat === chat)
        .map(({ text }) => text);
    await eventually(() => talks.every((talk) => new Set(saidIn(talk)).size >= messagesPerChat), 200);
    const outOfOrder = talks.filter((talk) => {
      const said = [...new Set(saidIn(talk))];
      return said.join() !== talk.texts.map((text) => `echo ${text}`).join();
    });
    assert.deepEqual(
      outOfOrder.map((talk) => saidIn(talk)),
      [],
    );
    const posts = platforms.reduce((sum, platform) => sum + answers(platform).length, 0);
    assert.equal(bot.turns.length, total);
    assert.ok(posts - total <= losses, `${posts - total} extra posts, ${losses} lost receipts`);
    assert.ok(faults > total / 20 && losses > 10, `the faults did hit: ${faults}, ${losses}`);
  });
});
