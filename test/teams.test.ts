import assert from 'node:assert/strict';
import { Refused, Unanswered } from '../connectors/message/call.js';
import { resultOf } from '../connectors/teams/http.js';
import { isServiceUrl } from '../connectors/teams/settings.js';
import { createTeamsConnector } from '../connectors/teams.js';
import type { BotMessage, Connection, ConnectionContext, IncomingMessage, Json, SendResult } from '../src/contracts.js';
import { createEgress } from '../src/egress.js';
import { eventually } from './support/hub.js';
import type { Delivery } from '../src/lab/platforms/platform.js';
import { FakeTeams } from '../src/lab/platforms/teams.js';

type Received = Omit<IncomingMessage, 'appId' | 'channel'>;

describe('Teams', () => {
  let teams: FakeTeams;
  let connection: Connection;
  let received: Received[];
  let troubles: string[];
  /** Milliseconds that have passed, by the clock of the keys. */
  let tick: number;
  const connectorOf = () => createTeamsConnector({ egress: createEgress(['127.0.0.1']), tick: () => tick });
  let connector = connectorOf();

  const connect = (change: Json = {}, publicUrl: string | null = 'https://hub.example'): void => {
    const context: ConnectionContext = {
      bot: { appId: 'a', name: 'A', language: 'en' },
      settings: connector.settings!.schema.parse({ ...teams.settings(), ...change }),
      publicUrl,
      receive: (message) => Promise.resolve(void received.push(message)),
      ask: () => Promise.reject(new Error('not asked here')),
      progress: () => Promise.reject(new Error('not asked here')),
      history: () => Promise.resolve([]),
      failed: (reason) => void troubles.push(reason),
    };
    connection = connector.open(context);
  };
  const post = async ({ headers, body }: Delivery): Promise<number> =>
    (await connection.webhook!({ query: {}, headers, body: Buffer.from(body) })).status;
  const act = (id = '1'): Delivery => teams.deliver({ id, chat: 'a:direct-1', text: 'hello' });
  const send = (to: string, reply: Partial<BotMessage> = { text: 'x' }, limitMs = 10_000): Promise<SendResult> =>
    connection.send(to, {
      messageId: '1',
      part: 0,
      limitMs,
      reply: { recipient_id: 'x', ...reply },
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    [received, troubles, tick] = [[], [], 1000];
    teams = new FakeTeams();
    await teams.open();
    connector = connectorOf();
    connect();
  });
  afterEach(async () => {
    await connection.close();
    await connector.close();
    await teams.close();
  });

  it('answers each of thirty forged tokens with 403, and asks for the keys once', async () => {
    for (const { what, delivery } of teams.forgeries({ id: '1', chat: 'a:direct-1', text: 'x' })) {
      assert.equal(await post(delivery), 403, what);
    }
    assert.equal(received.length, 0);
    assert.equal(teams.keyFetches, 1);
  });

  it('asks for the keys at most once a minute, however many unknown ones come', async () => {
    assert.equal(await post(act()), 200);
    for (let second = 0; second < 120; second += 1) {
      tick += 1000;
      await Promise.all(
        [1, 2, 3].map((n) =>
          post({ ...act(), headers: { authorization: `Bearer ${teams.token({}, { kid: `x${second}-${n}` })}` } }),
        ),
      );
    }
    assert.ok(teams.keyFetches <= 3, `${teams.keyFetches} fetches in two minutes`);
  });

  it('takes the old key through two hours without the key server, and a new key within a minute of its return', async () => {
    assert.equal(await post(act()), 200);
    teams.keysDown = true;
    const [old] = teams.keys;
    const rotated = new FakeTeams();
    teams.keys = [{ ...rotated.keys[0]!, kid: 'k-new' }, old!];
    for (let minute = 0; minute < 120; minute += 1) {
      tick += 60_000;
      assert.equal(await post({ ...act(), headers: { authorization: `Bearer ${teams.token({}, {}, old)}` } }), 200);
      assert.equal(await post(act()), 403, 'the new key is not known yet');
    }
    teams.keysDown = false;
    tick += 60_000;
    assert.equal(await post(act()), 200);
  });

  it('asks Teams to send again while no key was ever had', async () => {
    teams.keysDown = true;
    await assert.rejects(post(act()), { status: 503 });
    teams.keysDown = false;
    tick += 60_000;
    assert.equal(await post(act()), 200);
  });

  it('sends by the reference that came with the message, with the bot’s token and to no other host', async () => {
    await post(act());
    assert.deepEqual(await send(received[0]!.to, { text: 'hi' }), { outcome: 'sent' });
    assert.deepEqual([teams.posts[0]!.chat, teams.posts[0]!.text], ['a:direct-1', 'hi']);
    const elsewhere = received[0]!.to.replace(/http:\/\/127\.0\.0\.1:\d+/, 'https://evil.example');
    assert.equal((await send(elsewhere)).outcome, 'refused');
    assert.equal((await send('not an address')).outcome, 'refused');
    assert.equal(teams.tokenFetches, 1);
    connection.typing!(received[0]!.to, true);
    await eventually(() => teams.typings === 1);
  });

  it('ends a call with the time that the hub gives it', async () => {
    await post(act());
    teams.verdict = () => ({ kind: 'take', afterMs: 4000 });
    const { outcome } = await send(received[0]!.to, { text: 'x' }, 700);
    assert.deepEqual([outcome, teams.posts], ['unsure', []]);
  });

  it('sends its token to Microsoft’s hosts and what the author allows', () => {
    const good = [
      'https://smba.trafficmanager.net/amer/',
      'https://smba.trafficmanager.net/emea/0000/',
      'https://smba.infra.gcc.teams.microsoft.com/teams',
      'https://smba.infra.gov.teams.microsoft.us/teams',
      'https://webchat.botframework.com/',
    ];
    const bad = [
      'http://smba.trafficmanager.net/amer/',
      'https://smba.trafficmanager.net.evil.example/',
      'https://evilsmba.trafficmanager.net/',
      'https://smba.trafficmanager.net:8443/',
      'https://user@smba.trafficmanager.net/',
      'https://evil.example/smba.trafficmanager.net',
      'https://evilbotframework.com/',
      'https://127.0.0.1/',
      'javascript:1',
      '',
    ];
    for (const url of good) assert.equal(isServiceUrl(url), true, url);
    for (const url of bad) assert.equal(isServiceUrl(url), false, url);
    assert.equal(isServiceUrl('http://emulator:1/x/', ['http://emulator:1']), true);
    assert.equal(isServiceUrl('http://emulator:12/', ['http://emulator:1']), false);
  });

  it('says in its check what is wrong and what to do', async () => {
    assert.deepEqual(await connection.check!(), {
      ok: true,
      detail:
        'Connected: Microsoft accepts the app. Its messaging endpoint must be https://hub.example/webhooks/teams/a.',
    });
    connect({ microsoftAppPassword: 'another-client-secret' });
    assert.match((await connection.check!()).detail, /make a new client secret and copy its value/);
    connect({}, null);
    assert.match((await connection.check!()).detail, /set PUBLIC_URL/);
    teams.tokenFailure = { status: 400, body: { error: 'unauthorized_client', error_description: 'AADSTS700016' } };
    assert.match((await connection.check!()).detail, /set microsoftAppTenantId/);
    teams.tokenFailure = { status: 0, body: null };
    assert.match((await connection.check!()).detail, /could not be asked/);
  });

  it('takes pictures and files as references, without fetching them', async () => {
    const activity = {
      ...teams.activity({ id: '3', chat: 'a:direct-1', text: '' }),
      attachments: [
        {
          contentType: 'application/vnd.microsoft.teams.file.download.info',
          contentUrl: 'https://x.example/a.pdf',
          name: 'a.pdf',
        },
        { contentType: 'text/html', content: '<p></p>' },
      ],
    };
    assert.equal(await post(teams.sign(JSON.stringify(activity))), 200);
    assert.equal(received[0]!.text, 'a.pdf');
    assert.equal((received[0]!.metadata['files'] as Json[]).length, 1);
  });

  it('tells in which language the person has Teams', async () => {
    const activity = { ...teams.activity({ id: '4', chat: 'a:direct-1', text: 'hi' }), locale: 'de-DE' };
    assert.equal(await post(teams.sign(JSON.stringify(activity))), 200);
    assert.equal(received[0]!.metadata['locale'], 'de-DE');
  });

  it('tells apart what has left, what has not, and what never will', () => {
    const cases: [unknown, SendResult['outcome']][] = [
      [new Refused(429, 2000, ''), 'later'],
      [new Refused(412, undefined, ''), 'later'],
      [new Refused(502, undefined, ''), 'later'],
      [new Refused(504, undefined, ''), 'later'],
      [new Refused(500, undefined, ''), 'unsure'],
      [new Refused(403, undefined, ''), 'refused'],
      [new Refused(404, undefined, ''), 'refused'],
      [new Unanswered('ECONNREFUSED', true), 'later'],
      [new Unanswered('ECONNRESET', false), 'unsure'],
      [{ code: 'TOO_LATE' }, 'later'],
      [new Error('x'), 'unsure'],
    ];
    for (const [thrown, outcome] of cases) assert.equal(resultOf(thrown).outcome, outcome, JSON.stringify(thrown));
    const wait = resultOf(new Refused(429, 2000, ''));
    assert.ok(wait.outcome === 'later' && wait.afterMs === 2000 && wait.scope === 'conversation');
  });
});
