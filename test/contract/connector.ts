/**
 * What every connector of a chat platform must do, by a whole hub in front of a fake of that platform. A new connector is done when this is
 * green: add its fake to test/e2e/connectors.test.ts.
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clean } from '../../connectors/message/markdown.js';
import type { BotMessage, StoredMessage } from '../../src/contracts.js';
import { hostileTexts } from '../support/hostile.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';
import type { Act, Delivery, FakePlatform, Part } from '../../src/lab/platforms/platform.js';

type Reply = Partial<BotMessage>;
/** A bot that outlives the hub: it repeats what was said, unless `answer` says otherwise. */
export class EchoBot {
  answer: (text: string) => Reply[] = (text) => [{ text: `echo ${text}` }];
  /** What an answer waits for. */
  behave: () => Promise<void> = () => Promise.resolve();
  /** Texts of the turns it took. */
  readonly turns: string[] = [];
  private server!: Server;

  async open(): Promise<string> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.method !== 'POST') return void response.writeHead(404).end();
        const { sender, message } = JSON.parse(Buffer.concat(chunks).toString()) as { sender: string; message: string };
        this.turns.push(message);
        const replies = this.answer(message).map((reply) => ({ recipient_id: sender, ...reply }));
        this.behave().then(
          () => response.end(JSON.stringify(replies)),
          () => request.socket.destroy(),
        );
      });
    }).listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** The hub's own key in this suite. */
export const contractKey = 'contract-admin-token-0123456789';

/** Runs the suite over the connector that talks to the platform; what this platform cannot have (`lacks`) is left out. */
export function connectorContract(platform: FakePlatform): void {
  const { name } = platform;
  /** As `it`, for what not every platform has. */
  const itWith = (part: Part, title: string, test: () => Promise<void> | void): void => {
    if (platform.lacks[part] === undefined) it(title, test);
  };
  describe(`The ${name} connector`, function () {
    this.timeout(120_000);
    const bot = new EchoBot();
    let dataDir: string;
    let botUrl: string;
    let hub: TestHub;
    let appId: string;
    let next = 1;

    const start = async (): Promise<void> => {
      hub = await newHub({
        dataDir,
        env: { ADMIN_TOKEN: contractKey, EGRESS_ALLOW: '127.0.0.1', PUBLIC_URL: 'https://hub.example' },
      });
    };
    const newBot = async (): Promise<string> => {
      const { body } = await hub.api('POST', '/bots', { name: 'A', engine: 'remote', remoteUrl: botUrl });
      const id = (body as { appId: string }).appId;
      const { status, body: channel } = await hub.api('PUT', `/bots/${id}/channels/${name}`, platform.settings());
      assert.deepEqual([status, channel.reason], [200, null]);
      return id;
    };
    const webhook = (id = appId): string => platform.address(hub.url, id);
    const act = (text: string, chat = platform.chat(next), more: Pick<Act, 'group' | 'by'> = {}) => ({
      id: String(next++),
      chat,
      text,
      ...more,
    });
    const say = (text: string, chat?: string): Promise<number[]> => platform.say(webhook(), act(text, chat));
    const shown = (count: number, seconds = 20) =>
      eventually(() => (platform.posts.length >= count ? platform.posts : null), seconds);
    const post = (delivery: Delivery): Promise<number> => platform.post(webhook(), delivery);
    const stored = async (): Promise<StoredMessage[]> => {
      const { body } = await hub.api('GET', `/bots/${appId}/conversations?limit=500`);
      const conversations = (body as { items: { id: string }[] }).items;
      const pages = await Promise.all(
        conversations.map(({ id }) =>
          hub.api('GET', `/bots/${appId}/conversations/${encodeURIComponent(id)}?limit=500`),
        ),
      );
      return pages.flatMap((page) => (page.body as { items: StoredMessage[] }).items);
    };
    /** What is answered at once is answered within this time; what never is, never. */
    const quiet = (): Promise<void> => sleep(400);

    before(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'sb-connector-'));
      botUrl = await bot.open();
      await platform.open();
      await start();
    });
    beforeEach(async () => {
      platform.verdict = () => ({ kind: 'take' });
      bot.answer = (text) => [{ text: `echo ${text}` }];
      appId = await newBot();
      for (const list of [platform.posts, platform.attempts, bot.turns]) list.length = 0;
    });
    after(async () => {
      await hub.stop();
      await platform.close();
      bot.close();
      await rm(dataDir, { recursive: true });
    });

    it('answers a message where it was said', async () => {
      const chat = platform.chat(next);
      assert.deepEqual(await say('hello', chat), [200]);
      const [answer] = await shown(1);
      assert.deepEqual([answer!.chat, answer!.text], [chat, 'echo hello']);
      const { body } = await hub.api('POST', `/bots/${appId}/channels/${name}/check`);
      assert.deepEqual([body.ok, /^(?:Connected|The channel is on)/.test(body.detail)], [true, true], body.detail);
      const channel = (await hub.api('GET', `/bots/${appId}/channels/${name}`)).body;
      assert.ok(channel.lastEventAt);
      assert.doesNotMatch(JSON.stringify(channel), /fake-slack|fake-telegram|fake-teams|0123456789abcdef/);
    });

    itWith('forgeries', 'accepts none of thirty forgeries', async () => {
      const forgeries = platform.forgeries(act('forged'));
      assert.equal(forgeries.length, 30);
      assert.equal(new Set(forgeries.map(({ delivery }) => JSON.stringify(delivery))).size, 30);
      for (const { what, delivery } of forgeries) {
        const status = await post(delivery);
        assert.ok(status >= 400 && status < 500 && status !== 410, `${what}: ${status}`);
      }
      await quiet();
      assert.deepEqual([bot.turns, await stored()], [[], []]);
      const { lastError } = (await hub.api('GET', `/bots/${appId}/channels/${name}`)).body;
      assert.match(lastError as string, /does not fit/);
    });

    it('takes one turn for one event, however often and at once it comes, and for a replay later', async () => {
      const delivery = platform.deliver(act('once'));
      const statuses = await Promise.all(Array.from({ length: 8 }, () => post(delivery)));
      assert.deepEqual(new Set(statuses), new Set([200]));
      await shown(1);
      assert.equal(await post(delivery), 200);
      await quiet();
      assert.deepEqual([bot.turns, platform.posts.length], [['once'], 1]);
    });

    it('takes one turn for an event of another bot’s than this, each', async () => {
      const [first, second] = [appId, await newBot()];
      const delivery = platform.deliver(act('both'));
      for (const id of [first, second]) assert.equal(await platform.post(webhook(id), delivery), 200);
      await eventually(() => bot.turns.length === 2);
    });

    it('keeps no asynchronous storage: every promise of the hub would be passed by it', async () => {
      const used = new Set<unknown>();
      const { run } = AsyncLocalStorage.prototype;
      AsyncLocalStorage.prototype.run = function (...args: unknown[]) {
        used.add(this);
        return Reflect.apply(run, this, args) as never;
      };
      try {
        const ids = [appId, await newBot(), await newBot()];
        for (const [n, id] of ids.entries()) await platform.post(webhook(id), platform.deliver(act(`stored ${n}`)));
        await shown(ids.length);
      } finally {
        AsyncLocalStorage.prototype.run = run;
      }
      assert.equal(used.size, 0);
    });

    it('answers the messages of a conversation in order', async () => {
      const chat = platform.chat(next);
      const texts = Array.from({ length: 6 }, (_, n) => `m${n}`);
      for (const text of texts) await say(text, chat);
      const posts = await shown(6, 30);
      assert.deepEqual(
        posts.map(({ text }) => text),
        texts.map((text) => `echo ${text}`),
      );
    });

    itWith('limits', 'waits as long as a 429 says, and lets other conversations pass', async () => {
      const limited = platform.chat(next++);
      let refusals = 1;
      platform.verdict = ({ chat }) =>
        chat === limited && refusals-- > 0 ? { kind: 'limit', seconds: 2 } : { kind: 'take' };
      await say('slow', limited);
      const first = await eventually(() => platform.attempts[0]);
      await say('fast');
      const other = await eventually(() => platform.posts[0]);
      assert.equal(other.text, 'echo fast');
      const [, answer] = await shown(2);
      assert.equal(answer!.text, 'echo slow');
      assert.ok(answer!.at - first.at >= 1990, `sent again after ${answer!.at - first.at} ms`);
      assert.equal(platform.attempts.length, 3);
    });

    itWith('slowness', 'is not held up by a slow platform in another conversation', async () => {
      const slow = platform.chat(next++);
      platform.verdict = ({ chat }) => ({ kind: 'take', afterMs: chat === slow ? 3000 : 0 });
      await say('slow', slow);
      await eventually(() => platform.attempts.length === 1);
      await say('fast');
      assert.equal((await eventually(() => platform.posts[0])).text, 'echo fast');
      await shown(2);
    });

    itWith('lost receipts', 'sends at most one more copy when the receipt was lost, and marks it', async () => {
      let lost = 1;
      platform.verdict = () => (lost-- > 0 ? { kind: 'lose' } : { kind: 'take' });
      await say('again');
      await shown(2);
      await eventually(async () => (await stored()).every(({ delivered, maybeTwice }) => delivered && maybeTwice));
      await quiet();
      assert.equal(platform.posts.length, 2);
    });

    itWith('refusals', 'makes a dead letter of what the platform refuses', async () => {
      platform.verdict = () => ({ kind: 'refuse' });
      await say('refused');
      const letters = async (): Promise<{ error: string }[]> =>
        ((await hub.api('GET', `/dead-letters?appId=${appId}`)).body as { items: { error: string }[] }).items;
      const letter = await eventually(async () => (await letters())[0]);
      assert.match(letter.error, /^refused: \w/);
      assert.equal(platform.attempts.length, 1);
    });

    itWith('restart', 'goes on after a restart where it stood', async () => {
      let down = true;
      platform.verdict = () => (down ? { kind: 'limit', seconds: 1 } : { kind: 'take' });
      const chat = platform.chat(next);
      const delivery = platform.deliver(act('before', chat));
      assert.equal(await post(delivery), 200);
      await eventually(() => platform.attempts.length > 0);
      await hub.stop();
      down = false;
      await start();
      assert.equal(await post(delivery), 200);
      await say('after', chat);
      const posts = await shown(2);
      assert.deepEqual(
        posts.map(({ text }) => text),
        ['echo before', 'echo after'],
      );
    });

    itWith('off', 'answers 404 for an unknown bot and 503 for one whose channel is off, never 410', async () => {
      const delivery = platform.deliver(act('nobody'));
      assert.equal(await platform.post(webhook('bot-unknown'), delivery), 404);
      for (const secret of Object.keys(
        (await hub.api('GET', `/bots/${appId}/channels/${name}`)).body.secrets as object,
      )) {
        await hub.api('PUT', `/bots/${appId}/channels/${name}`, { ...platform.settings(), [secret]: null });
        const { body } = await hub.api('GET', `/bots/${appId}/channels/${name}`);
        if (body.on === true) continue;
        assert.match(body.reason as string, new RegExp(`${secret} is missing`));
        assert.equal(await post(delivery), 503, `without ${secret}`);
      }
      // What is on by itself is switched off, what is not is forgotten.
      await hub.api('DELETE', `/bots/${appId}/channels/${name}`);
      const { on } = (await hub.api('GET', `/bots/${appId}/channels/${name}`)).body as { on: boolean };
      if (on) await hub.api('PUT', `/bots/${appId}/channels/${name}`, { enabled: false });
      assert.equal(await post(delivery), 503);
      await quiet();
      assert.deepEqual(bot.turns, []);
    });

    it('takes five hundred hostile texts whole, and answers each', async () => {
      const halves = platform.lacks['half characters'] === undefined;
      const texts = hostileTexts().filter((text) => halves || text.slice(0, 4000).isWellFormed());
      const statuses = new Set<number>();
      for (let at = 0; at < texts.length; at += 50) {
        const batch = texts.slice(at, at + 50).map((text) => act(text.slice(0, 4000)));
        const answers = await Promise.all(batch.map((one) => post(platform.deliver(one))));
        for (const status of answers) statuses.add(status);
      }
      assert.deepEqual([...statuses], [200]);
      await eventually(() => new Set(platform.posts.map(({ chat }) => chat)).size === texts.length, 60);
      // A slash in front comes as the full-width one, lest Rasa take the words for an intent.
      const heard = new Set(bot.turns.map((text) => squeezed(clean(text.replace(/^\s*\uff0f/, '/')))));
      // JSON carries no half characters, and some platforms trim: what is left must be whole.
      const missing = texts.filter((text) => !heard.has(squeezed(clean(text.slice(0, 4000)))));
      assert.deepEqual(missing, []);
      for (const { text } of platform.posts) assert.ok(text.isWellFormed());
      assert.deepEqual((await hub.api('GET', `/dead-letters?appId=${appId}`)).body.items, []);
    });

    itWith('long posts', 'answers a text of 20,000 characters in posts that the platform takes, in order', async () => {
      const long = Array.from({ length: 3000 }, (_, n) => `w${n}`).join(' ');
      bot.answer = () => [{ text: long }, { text: 'end' }];
      await say('long');
      const posts = await eventually(() => (platform.posts.at(-1)?.text === 'end' ? platform.posts : null), 40);
      assert.equal(
        squeezed(
          posts
            .slice(0, -1)
            .map(({ text }) => text)
            .join(''),
        ),
        squeezed(long),
      );
    });

    itWith('long posts', 'goes on inside a long answer when a post of it is put off, repeating nothing', async () => {
      let calls = 0;
      platform.verdict = () => (++calls === 2 ? { kind: 'limit', seconds: 1 } : { kind: 'take' });
      const long = Array.from({ length: 3000 }, (_, n) => `w${n}`).join(' ');
      bot.answer = () => [{ text: long }];
      await say('long');
      await eventually(async () => (await stored()).every(({ delivered }) => delivered), 40);
      assert.equal(squeezed(platform.posts.map(({ text }) => text).join('')), squeezed(long));
    });

    itWith('groups', 'in a group answers who names it, and is silent otherwise', async () => {
      const group = platform.group(next);
      const unnamed = act('among us', group, { group: 'unnamed' });
      assert.deepEqual(await platform.say(webhook(), unnamed), [200]);
      assert.deepEqual(await platform.say(webhook(), act('what now', group, { group: 'named' })), [200]);
      const [answer] = await shown(1);
      assert.deepEqual([answer!.chat, answer!.text], [group, 'echo what now']);
      await quiet();
      assert.deepEqual(bot.turns, ['what now']);
    });

    itWith(
      'groups',
      'in a group with another bot falls silent: each hears the other, and takes no turn for it',
      async () => {
        const group = platform.group(next);
        const other = await newBot();
        await platform.say(webhook(), act('begin', group, { group: 'named' }));
        await shown(1);
        for (let heard = 0; heard < 5; heard += 1) {
          // Whatever either says is shown to the other, naming it.
          const posts = await eventually(() => (platform.posts.length > heard ? platform.posts : null), 1).catch(
            () => null,
          );
          const post = posts?.[heard];
          if (!post) break;
          for (const each of [webhook(other), webhook()])
            await platform.say(each, act(post.text, group, { group: 'named', by: 'bot' }));
        }
        await quiet();
        assert.deepEqual(bot.turns, ['begin']);
        assert.equal(platform.posts.length, 1);
      },
    );

    itWith(
      'odd events',
      'ignores edits, deletions, its own messages and other bots, and says 200 to them',
      async () => {
        const odd = platform.odd(platform.chat(next++));
        assert.ok(odd.length >= 8);
        for (const { what, delivery } of odd) assert.equal(await post(delivery), 200, what);
        await quiet();
        assert.deepEqual(bot.turns, []);
      },
    );

    it('takes signed bodies that make no sense without failing', async () => {
      for (const body of [
        '{}',
        '[]',
        'null',
        '"x"',
        '{',
        '',
        '\u0000',
        '{"__proto__":{"polluted":1}}',
        '[[[[]]]]',
        '1e999',
      ]) {
        const status = await post(platform.sign(body));
        assert.ok(status < 500, `${body}: ${status}`);
      }
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });

    it('brings a button’s payload back, and believes no payload that the bot did not offer', async () => {
      bot.answer = (text) =>
        text === 'menu'
          ? [
              {
                text: 'Choose',
                buttons: [
                  { title: 'Yes', payload: '/affirm{"x":"é"}' },
                  { title: 'No', payload: '/deny' },
                ],
              },
            ]
          : [{ text: `echo ${text}` }];
      const chat = platform.chat(next);
      await say('menu', chat);
      const [menu] = await shown(1);
      assert.deepEqual(
        menu!.buttons.map(({ title }) => title),
        ['Yes', 'No'],
      );
      for (let i = 0; i < 3; i += 1) assert.equal(await post(menu!.buttons[0]!.press), 200);
      await shown(2);
      const forged = platform.forgedPress(chat);
      if (forged) assert.equal(await post(forged), 200);
      await say('/restart', chat);
      await shown(3);
      await quiet();
      const said = (await stored()).map(({ text, payload }) => [text, payload]);
      assert.deepEqual(said, [
        ['menu', false],
        ['/affirm{"x":"é"}', true],
        ['/restart', false],
      ]);
    });

    itWith('secrets', 'keeps its secrets out of the log', () => {
      const secrets = Object.values(platform.settings()).filter(
        (value) => typeof value === 'string' && !value.startsWith('http'),
      );
      assert.ok(secrets.length > 0);
      for (const line of hub.log) for (const secret of secrets) assert.ok(!line.includes(secret as string), line);
    });
  });
}

const squeezed = (text: string): string => text.replace(/[\s\u2060\\*_`#•\-[\]()!~]+/g, '');
