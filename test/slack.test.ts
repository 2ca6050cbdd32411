import assert from 'node:assert/strict';
import { createSlackConnector } from '../connectors/slack.js';
import { plainText } from '../connectors/slack/events.js';
import { resultOf } from '../connectors/slack/results.js';
import type { BotMessage, Connection, ConnectionContext, IncomingMessage, Json, SendResult } from '../src/contracts.js';
import { createEgress } from '../src/egress.js';
import { HubError } from '../src/errors.js';
import { eventually } from './support/hub.js';
import type { Delivery } from '../src/lab/platforms/platform.js';
import { FakeSlackSockets } from './support/platforms/slack-sockets.js';

type Received = Omit<IncomingMessage, 'appId' | 'channel'>;

describe('Slack', () => {
  let slack: FakeSlackSockets;
  let connection: Connection;
  let received: Received[];
  let troubles: string[];
  let known: string[];
  let refuse: HubError | null;
  let refused: number;
  const egress = createEgress(['127.0.0.1']);
  /** A name of the fake that does not say that it is on this machine. */
  const elsewhere = 'slack.test';
  const lookup: typeof egress.lookup = (host, options, answer) =>
    egress.lookup(host === elsewhere ? '127.0.0.1' : host, options, answer);
  const connector = createSlackConnector({ egress: { ...egress, lookup }, reconnectMs: () => 20 });

  const connect = (publicUrl: string | null, change: Json = {}): void => {
    const settings = connector.settings!.schema.parse({ ...slack.settings(), ...change });
    const context: ConnectionContext = {
      bot: { appId: 'a', name: 'A', language: 'en' },
      settings,
      publicUrl,
      receive: (message) => {
        if (refuse) {
          refused += 1;
          return Promise.reject(refuse);
        }
        received.push(message);
        return Promise.resolve();
      },
      ask: () => Promise.reject(new Error('not asked here')),
      progress: () => Promise.reject(new Error('not asked here')),
      history: (conversation) => Promise.resolve(known.includes(conversation) ? [{} as never] : []),
      failed: (reason) => void troubles.push(reason),
    };
    connection = connector.open(context);
  };
  const post = async ({ headers, body }: Delivery) =>
    connection.webhook!({ query: {}, headers, body: Buffer.from(body) });
  const send = (reply: Partial<BotMessage>, to = 'D1', limitMs = 10_000): Promise<SendResult> =>
    connection.send(to, {
      messageId: '1',
      part: 0,
      limitMs,
      reply: { recipient_id: 'x', ...reply },
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    [received, troubles, known, refuse, refused] = [[], [], [], null, 0];
    slack = new FakeSlackSockets();
    await slack.open();
  });
  afterEach(async () => {
    await connection.close();
    await slack.close();
  });
  after(() => connector.close());

  describe('by webhook', () => {
    beforeEach(() => connect('https://hub.example'));

    it('answers the challenge of a signed url_verification', async () => {
      const answer = await post(slack.sign(JSON.stringify({ type: 'url_verification', challenge: 'c<1>' })));
      assert.deepEqual([answer.status, JSON.parse(answer.body!)], [200, { challenge: 'c<1>' }]);
    });

    it('takes a mention that comes twice, as message and as mention, under one event id', async () => {
      const act = { id: '5', chat: 'C1', text: 'hello', group: 'named' as const };
      await post(slack.deliver(act));
      await post(slack.sign(slack.deliver(act).body.replace('"type":"message"', '"type":"app_mention"')));
      assert.equal(received.length, 2);
      assert.equal(received[0]!.eventId, received[1]!.eventId);
      assert.deepEqual([received[0]!.text, received[0]!.conversation], ['hello', received[1]!.conversation]);
    });

    it('goes on in a thread that it knows without being named, and in no other', async () => {
      const inThread = (thread: string): Delivery =>
        slack.sign(
          slack
            .deliver({ id: '6', chat: 'C1', text: 'and then?', group: 'unnamed' })
            .body.replace('"ts":', `"thread_ts":"${thread}","ts":`),
        );
      known = ['slack:C1:5.1'];
      await post(inThread('5.2'));
      assert.equal(received.length, 0);
      await post(inThread('5.1'));
      assert.deepEqual([received[0]!.conversation, received[0]!.to], ['slack:C1:5.1', 'C1:5.1']);
      await send({ text: 'x' }, received[0]!.to);
      assert.equal(slack.posts[0]!.chat, 'C1');
    });

    it('takes slash commands, and files as references without fetching them', async () => {
      await post(slack.command('C1', 'opening hours?', 't1'));
      await post(slack.command('C1', '', 't2'));
      await post(slack.file('D1', '8'));
      assert.deepEqual(
        received.map(({ text }) => text),
        ['opening hours?', 'ask', 'voice.m4a'],
      );
      assert.deepEqual(received[2]!.metadata['files'], [
        { id: 'F1', name: 'voice.m4a', mimetype: 'audio/mp4', size: 5 },
      ]);
      assert.deepEqual(slack.attempts, []);
    });

    it('rejects when the message cannot be stored, so that Slack sends it again', async () => {
      refuse = new HubError('store_unavailable', 'locked');
      await assert.rejects(post(slack.deliver({ id: '9', chat: 'D1', text: 'x' })), { code: 'store_unavailable' });
    });

    it('shows a link where Slack cannot fetch an image, and not nothing', async () => {
      assert.deepEqual(await send({ text: 'Look', image: 'https://x.example/broken.png' }), { outcome: 'sent' });
      assert.equal(slack.posts[0]!.text, 'Lookbroken.png');
    });

    it('ends a call with the time that the hub gives it, in a thread and outside of it', async () => {
      slack.verdict = () => ({ kind: 'take', afterMs: 4000 });
      const results = await Promise.all(['C1', 'C1:1700000000.000100'].map((to) => send({ text: 'x' }, to, 1300)));
      assert.deepEqual([results.map(({ outcome }) => outcome), slack.posts], [['unsure', 'unsure'], []]);
    });

    it('says in its check what is wrong and what to do', async () => {
      assert.match(
        (await connection.check!()).detail,
        /^Connected to Shop as @shopbot\. Events are expected at https:\/\/hub\.example\/webhooks\/slack\/a\.$/,
      );
      connect('https://hub.example', { botToken: 'xoxb-of-another-app' });
      assert.deepEqual(await connection.check!(), {
        ok: false,
        detail: 'Slack does not accept the bot token: copy it again from OAuth & Permissions.',
      });
      connect(null, { apiUrl: String(slack.settings()['apiUrl']).replace('127.0.0.1', elsewhere) });
      const { ok, detail } = await connection.check!();
      assert.ok(!ok && /set PUBLIC_URL, or give an appToken/.test(detail), detail);
      connect(null);
      assert.deepEqual(await connection.check!(), {
        ok: true,
        detail:
          'Connected to Shop as @shopbot. It is an emulated Slack on this machine, which needs no public address.',
      });
      connect('https://hub.example', { apiUrl: 'http://127.0.0.1:9/api' });
      assert.match((await connection.check!()).detail, /cannot be reached|did not answer/);
    });
  });

  describe('by Socket Mode', () => {
    beforeEach(async () => {
      slack.socketMode = true;
      connect(null);
      await eventually(() => slack.sockets.size === 1);
    });
    const say = (id: string): void => slack.emit({ id, chat: 'D1', text: `hello ${id}` });

    it('is not used where Slack can call', async () => {
      await connection.close();
      connect('https://hub.example');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(slack.sockets.size, 0);
    });
    it('acknowledges an envelope when its message is stored, and not before', async () => {
      refuse = new HubError('store_unavailable', 'locked');
      say('1');
      await eventually(() => refused > 0);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(slack.acknowledged.size, 0);
      refuse = null;
      say('1');
      await eventually(() => slack.acknowledged.has('1'));
      assert.deepEqual(
        received.map(({ text }) => text),
        ['hello 1'],
      );
    });
    it('comes back when the line breaks, while Slack answers nonsense, too', async () => {
      slack.openError = 'fatal_error';
      for (const socket of slack.sockets) socket.terminate();
      await eventually(() => troubles.length >= 3);
      assert.match(troubles[0]!, /^Socket Mode could not be opened/);
      slack.openError = null;
      await eventually(() => slack.sockets.size === 1);
      say('2');
      await eventually(() => slack.acknowledged.has('2'));
    });
    it('names the remedy when the app-level token is wrong', async () => {
      await connection.close();
      slack.openError = 'invalid_auth';
      connect(null);
      await eventually(() => troubles.length > 0);
      assert.match(troubles[0]!, /Socket Mode could not be opened\./);
      assert.match((await connection.check!()).detail, /Socket Mode is not open/);
    });
    it('stays closed once it is closed', async () => {
      await connection.close();
      await eventually(() => slack.sockets.size === 0);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(slack.sockets.size, 0);
    });
  });

  it('reads what Slack wraps in angle brackets as people wrote it', () => {
    connect('https://hub.example');
    const cases = [
      ['a &lt;b&gt; &amp;amp;', 'a <b> &amp;'],
      ['<@U123> and <@U123|ann>', '@U123 and @ann'],
      ['<#C1|general> <#C2>', '#general #C2'],
      ['<https://x.example|x.example> <https://y.example>', 'x.example https://y.example'],
      ['<mailto:a@b.c|a@b.c>', 'a@b.c'],
      ['<!here> <!subteam^S1|@team>', '@here @team'],
    ];
    for (const [text, plain] of cases) assert.equal(plainText(text!), plain);
  });

  it('tells apart what has left, what has not, and what never will', () => {
    connect('https://hub.example');
    const platform = (error: string): object => ({ code: 'slack_webapi_platform_error', data: { ok: false, error } });
    const network = (code: string): object => ({
      code: 'slack_webapi_request_error',
      original: { message: 'fetch failed', cause: { code } },
    });
    const cases: [unknown, SendResult['outcome']][] = [
      [{ code: 'slack_webapi_rate_limited_error', retryAfter: 3 }, 'later'],
      [new Error('Retry header did not contain a valid timeout'), 'later'],
      [{ statusCode: 503 }, 'later'],
      [{ statusCode: 500 }, 'unsure'],
      [platform('ratelimited'), 'later'],
      [platform('fatal_error'), 'unsure'],
      [platform('invalid_auth'), 'refused'],
      [platform('something_new'), 'refused'],
      [network('ECONNREFUSED'), 'later'],
      [network('ENOTFOUND'), 'later'],
      [network('ECONNRESET'), 'unsure'],
      [network('UND_ERR_SOCKET'), 'unsure'],
      [{ code: 'TOO_LATE' }, 'later'],
      [null, 'unsure'],
      ['x', 'unsure'],
    ];
    for (const [thrown, outcome] of cases) assert.equal(resultOf(thrown).outcome, outcome, JSON.stringify(thrown));
  });
});
