import { strict as assert } from 'node:assert';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Ack } from '../connectors/web/protocol.js';
import type { BotProgress } from '../src/contracts.js';
import { collect, next, outcome, say, session, webFixture, type ClientOptions as Options } from './support/clients.js';
import { eventually } from './support/hub.js';
import { awake } from './support/web.js';

describe('the guards of the web channel', () => {
  const { newHub, byNamespace, byPath } = webFixture();

  describe('trusts no payload', () => {
    it('counts a leading slash as a payload only when the bot offered that button', async () => {
      const hub = await newHub({
        answer: () => [{ recipient_id: 'x', text: 'Well?', buttons: [{ title: 'Hours', payload: '/faq{"n":1}' }] }],
      });
      const client = byNamespace(hub);
      await session(client);
      await say(client, { message: '/restart', payload: true });
      await sleep(20);
      for (const message of ['/faq{"n":1}', '/faq', 'Hours']) await say(client, { message });
      assert.deepEqual(
        hub.stored.map((message) => message.payload),
        [false, true, false, false],
      );
      const { history } = await session(byNamespace(hub), {});
      assert.deepEqual(history, []);
    });

    it('answers what does not fit with a refusal, and lives on', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      const { id } = await session(client);
      let deep: unknown = 'x';
      for (let level = 0; level < 60; level += 1) deep = { deep };
      const proto = JSON.parse('{"message":"x","metadata":{"__proto__":{"polluted":1}}}') as unknown;
      const hostile = [
        null,
        [],
        17,
        'text',
        true,
        {},
        { message: null },
        { message: '  ' },
        { message: 17 },
        { message: ['x'] },
        { message: { $ne: null } },
        { message: 'x'.repeat(8001) },
        { message: '\ud800' },
        { message: 'x', metadata: 'no' },
        { message: 'x', metadata: [] },
        { message: 'x', id: 'a b' },
        { message: 'x', id: 'x'.repeat(65) },
        { message: 'x', id: {} },
        { message: 'x', payload: 'yes' },
        proto,
        JSON.parse('{"__proto__":{"message":"x"}}') as unknown,
        { message: 'x', metadata: { constructor: 1 } },
        { message: 'x', metadata: { deep } },
        Buffer.from('x'),
        { message: Buffer.from('x') },
      ];
      for (const [index, payload] of hostile.entries()) {
        const ack = await say(client, payload);
        assert.ok(!ack.ok, `hostile payload ${index}`);
        assert.equal(ack.code, 'invalid');
      }
      client.emit('session_request', null, 'x');
      client.emit('user_uttered');
      client.emit('user_uttered', 'x', 'not a function');
      client.emit('session_request', [[]]);
      client.emit('no_such_event', { a: 1 });
      assert.equal(({} as { polluted?: number }).polluted, undefined);
      assert.equal(hub.stored.length, 0);
      assert.deepEqual(await say(client, { message: 'x'.repeat(8000), session_id: id }), { ok: true });
    });

    it('ends a connection that sends more than 64 kB at once', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      await session(client);
      const gone = next(client, 'disconnect');
      client.emit('user_uttered', { message: 'x', metadata: { blob: 'x'.repeat(70_000) } });
      assert.match((await gone) as string, /transport/);
      assert.equal(await outcome(byNamespace(hub)), 'connected');
    });

    it('takes twenty messages of a session in ten seconds, over all its tabs', async () => {
      let now = Date.now();
      const hub = await newHub({ web: { now: () => now } });
      const [one, two] = [byNamespace(hub), byNamespace(hub)];
      const { id } = await session(one);
      await session(two, { session_id: id });
      const acks: Ack[] = [];
      for (let count = 0; count < 24; count += 1)
        acks.push(await say(count % 2 ? one : two, { message: `${count}`, session_id: id }));
      assert.deepEqual(
        acks.map((ack) => ack.ok),
        [...Array<boolean>(20).fill(true), ...Array<boolean>(4).fill(false)],
      );
      assert.deepEqual(acks.at(-1), {
        ok: false,
        code: 'mailbox_full',
        error: 'Too many messages at once: wait ten seconds.',
        retry: true,
      });
      now += 10_001;
      assert.deepEqual(await say(one, { message: 'later', session_id: id }), { ok: true });
    });

    it('refuses a flood of events before it does any work for it', async () => {
      let reads = 0;
      const hub = await newHub({ web: { history: () => Promise.resolve((reads++, [])) } });
      const client = byNamespace(hub);
      const { id } = await session(client);
      for (let count = 0; count < 500; count += 1) client.emit('session_request', { session_id: id });
      await sleep(200);
      assert.ok(reads <= 40, `${reads} reads`);
    });

    it('passes a refusal of the hub on, and hides what it does not know', async () => {
      const warned: string[] = [];
      const hub = await newHub({
        web: {
          log: { warn: (_, text) => warned.push(text) },
          history: () => Promise.reject(new Error('secret inside')),
        },
      });
      const client = byNamespace(hub);
      await session(client);
      const ack = await say(client, { message: '/needs the history' });
      assert.ok(!ack.ok);
      assert.equal(ack.code, 'internal');
      assert.doesNotMatch(JSON.stringify(ack), /secret/);
      assert.deepEqual(warned, ['a web client was refused']);
      assert.deepEqual(await say(client, { message: 'fine' }), { ok: true });
    });
  });

  describe('lets in only the pages a bot allows', () => {
    const bots = { a: { settings: { allowedOrigins: ['https://shop.example/'] } }, b: {} };
    const withHeaders = (extraHeaders: Record<string, string>): Options => ({ extraHeaders });
    const cases: [string, Record<string, string>, boolean][] = [
      ['a listed origin', { origin: 'https://shop.example' }, true],
      ['another origin', { origin: 'https://evil.example' }, false],
      ['a listed origin as a prefix', { origin: 'https://shop.example.evil.example' }, false],
      ['a listed host by plain http', { origin: 'http://shop.example' }, false],
      ['no origin', {}, false],
      ['a sandboxed page', { origin: 'null', referer: 'https://shop.example/x' }, false],
      [
        'another origin that claims to be this site',
        { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
        false,
      ],
      ['a page that only its referer names', { referer: 'https://shop.example/x' }, true],
      ['the public address of the hub', { origin: 'https://hub.example' }, true],
      ['the hub’s own page, asked for by GET', { 'sec-fetch-site': 'same-origin' }, true],
    ];
    for (const [what, headers, allowed] of cases) {
      it(`${allowed ? 'takes' : 'refuses'} ${what}`, async () => {
        const hub = await newHub({ bots, web: { publicUrl: 'https://hub.example/' } });
        for (const transports of [['websocket'], ['polling']]) {
          assert.equal(
            (await outcome(byNamespace(hub, 'a', { ...withHeaders(headers), transports }))) === 'connected',
            allowed,
            'namespace',
          );
          assert.equal(
            (await outcome(byPath(hub, 'a', { ...withHeaders(headers), transports }))) === 'connected',
            allowed,
            'path',
          );
        }
      });
    }
    it('takes its own host, and any page for a bot without a list', async () => {
      const hub = await newHub({ bots });
      assert.equal(await outcome(byNamespace(hub, 'a', withHeaders({ origin: hub.url }))), 'connected');
      assert.equal(
        await outcome(byNamespace(hub, 'b', withHeaders({ origin: 'https://anywhere.example' }))),
        'connected',
      );
      assert.equal(await outcome(byPath(hub, 'b')), 'connected');
    });
    it('answers a foreign page’s CORS question', async () => {
      const hub = await newHub({ bots });
      const answer = await new Promise<Record<string, unknown>>((resolve) => {
        get(
          `${hub.url}/bots/b/socket.io/?EIO=4&transport=polling`,
          { headers: { origin: 'https://x.example' } },
          (response) => resolve(response.headers),
        );
      });
      assert.equal(answer['access-control-allow-origin'], 'https://x.example');
    });
  });

  describe('tells who waits how far the bot is', () => {
    const training: BotProgress = {
      ready: false,
      state: 'asleep',
      training: { percent: 45, stage: 'training', eta: 10 },
      engineInUse: null,
      problem: null,
    };

    it('on connecting; then each second until the bot is ready; then no more', async () => {
      let asked = 0;
      const steps = [training, training, { ...training, training: { percent: 80, stage: 'training', eta: 3 } }, awake];
      const hub = await newHub({ progress: () => steps[Math.min(asked++, 3)]! });
      const seen = collect<BotProgress>(byNamespace(hub), 'bot_progress');
      await sleep(4500);
      assert.deepEqual(
        seen
          .map((progress) => progress.training?.percent ?? 'ready')
          .filter((step, index, all) => step !== all[index - 1]),
        [45, 80, 'ready'],
      );
      assert.equal(asked, 4, 'nobody asks once the bot is ready');
    }).timeout(8000);

    it('again when an answer takes over two seconds', async () => {
      let progress = awake;
      const hub = await newHub({ progress: () => progress, answer: async () => (await sleep(3000), []) });
      const client = byNamespace(hub);
      await session(client);
      const seen = collect<BotProgress>(client, 'bot_progress');
      await sleep(50);
      progress = { ...awake, ready: false, state: 'waking', engineInUse: null };
      await say(client, { message: 'slow' });
      await sleep(2400);
      assert.equal(seen.at(-1)?.state, 'waking');
    }).timeout(6000);

    it('asks once for a crowd, and stops when everybody has gone', async () => {
      let asked = 0;
      let answer = (): void => undefined;
      const held = new Promise<void>((resolve) => (answer = resolve));
      const hub = await newHub({ progress: async () => (asked++, await held, training) });
      const crowd = Array.from({ length: 20 }, () => byNamespace(hub));
      await eventually(() => crowd.every(({ connected }) => connected));
      assert.equal(asked, 1, 'questions for 20 clients');
      const told = Promise.all(crowd.map((client) => next(client, 'bot_progress')));
      answer();
      await told;
      crowd.forEach((client) => client.disconnect());
      await sleep(1300);
      const before = asked;
      await sleep(1300);
      assert.equal(asked, before);
    }).timeout(6000);

    it('survives a hub that cannot say', async () => {
      let asked = 0;
      const hub = await newHub({ progress: () => (asked++ ? awake : Promise.reject(new Error('no'))) });
      const client = byNamespace(hub);
      assert.deepEqual(await next(client, 'bot_progress'), awake);
    });

    it('shows that the bot is typing where the answer takes its time, and that it stopped', async () => {
      for (const answer of [[], [{ recipient_id: 'x', text: 'so' }]]) {
        const hub = await newHub({ answer: async () => (await sleep(300), answer) });
        const client = byNamespace(hub);
        await session(client);
        const seen = collect<{ typing: boolean }>(client, 'bot_typing');
        await say(client, { message: 'hm' });
        await eventually(() => seen.length === 2);
        assert.deepEqual(seen, [{ typing: true }, { typing: false }]);
      }
    });

    it('shows nothing of the kind where the answer comes at once', async () => {
      const hub = await newHub({ answer: () => Promise.resolve([{ recipient_id: 'x', text: 'so' }]) });
      const client = byNamespace(hub);
      await session(client);
      const seen = collect<{ typing: boolean }>(client, 'bot_typing');
      const said = next(client, 'bot_uttered');
      await say(client, { message: 'hm' });
      await said;
      await sleep(300);
      assert.deepEqual(seen, []);
    });
  });
});
