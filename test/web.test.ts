import { strict as assert } from 'node:assert';

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import type { Ack } from '../connectors/web/protocol.js';
import { collect, next, outcome, say, session, until, webFixture } from './support/clients.js';
import { sendAll } from './support/web.js';

describe('the web channel', () => {
  const { newHub, newClient, byNamespace, byPath } = webFixture();

  describe('reaches a bot', () => {
    for (const [way, connect] of Object.entries({ namespace: byNamespace, path: byPath })) {
      for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
        it(`by ${way} over ${transports.join(' then ')}`, async () => {
          const hub = await newHub();
          const client = connect(hub, 'a', { transports });
          const { id } = await session(client);
          assert.match(id, /^[\w-]{24}\.[\w-]{24}$/);
          const reply = next<{ text: string }>(client, 'bot_uttered');
          assert.deepEqual(await say(client, { message: 'hello', session_id: id }), { ok: true });
          assert.equal((await reply).text, 'You said hello');
          assert.deepEqual(hub.requests, [], 'nothing of socket.io reaches the hub’s own HTTP handler');
        });
      }
    }

    it('leaves all other requests to the handler that was there first', async () => {
      const hub = await newHub();
      for (const path of ['/', '/bots/a/chat', '/bots/a/socket.iox', '/bots/a/b/socket.io/', '/xsocket.io']) {
        assert.equal((await fetch(hub.url + path)).status, 418, path);
      }
      assert.equal(hub.requests.length, 5);
    });

    it('speaks Engine.IO 3 by polling, as socket.io 2 clients do', async () => {
      const hub = await newHub();
      for (const [path, prefix] of [
        ['/socket.io/', '/bots/a,'],
        ['/bots/a/socket.io/', ''],
      ] as const) {
        const base = `${hub.url}${path}?EIO=3&transport=polling`;
        const opened = await (await fetch(base)).text();
        const { sid } = JSON.parse(opened.slice(opened.indexOf('{'), opened.indexOf('}') + 1)) as { sid: string };
        const post = (packet: string) =>
          fetch(`${base}&sid=${sid}`, {
            method: 'POST',
            body: `${packet.length}:${packet}`,
            headers: { 'content-type': 'text/plain;charset=UTF-8' },
          });
        if (prefix) await post(`40${prefix}`);
        await post(`42${prefix}["session_request",{}]`);
        await post(`42${prefix}["user_uttered",{"message":"old","customData":{"lang":"en"}}]`);
        let seen = '';
        for (let round = 0; round < 8 && !seen.includes('You said old'); round += 1)
          seen += await (await fetch(`${base}&sid=${sid}`)).text();
        assert.match(seen, /session_confirm","[\w-]{24}\.[\w-]{24}"/);
        assert.match(seen, /bot_uttered",\{"text":"You said old"/);
        assert.deepEqual(hub.stored.at(-1)?.metadata, { lang: 'en' });
        // The client's own goodbye: without it Engine.IO would wait half a minute for the next poll.
        await post('1');
      }
    });

    it('refuses a bot that is not there, by both ways', async () => {
      const hub = await newHub();
      assert.equal(await outcome(byNamespace(hub, 'nobody')), 'Invalid namespace');
      assert.match(await outcome(byPath(hub, 'nobody')), /websocket error/);
      assert.equal(await outcome(newClient(hub.url)), 'There is no such bot here.');
      assert.equal(
        await outcome(newClient(`${hub.url}/bots/b`, { path: '/bots/a/socket.io' })),
        'Use the default namespace on this path.',
      );
      const answer = await fetch(`${hub.url}/bots/nobody/socket.io/?EIO=4&transport=polling`);
      assert.equal(answer.status, 403);
    });

    it('refuses a bot whose channel is closed, or that another hub deleted', async () => {
      const hub = await newHub({ bots: { a: {} } });
      hub.open('ghost');
      assert.equal(await outcome(byNamespace(hub, 'ghost')), 'Invalid namespace');
      const client = byNamespace(hub);
      await session(client);
      const gone = next(client, 'disconnect');
      await hub.connections.get('a')?.close();
      assert.equal(await gone, 'transport close', 'so that clients come back when the channel is opened again');
      assert.equal(await outcome(byNamespace(hub)), 'Invalid namespace');
    });

    it('refuses more connections than its limits', async () => {
      const hub = await newHub({ web: { maxConnections: 3, maxConnectionsPerBot: 2 } });
      assert.equal(await outcome(byNamespace(hub)), 'connected');
      assert.equal(await outcome(byNamespace(hub)), 'connected');
      assert.equal(await outcome(byNamespace(hub)), 'Too many connections.');
      assert.equal(await outcome(byNamespace(hub, 'b')), 'websocket error');
    });
  });

  describe('keeps sessions apart', () => {
    it('resumes a session it issued', async () => {
      const hub = await newHub();
      const first = byNamespace(hub);
      const { id } = await session(first);
      const reply = next(first, 'bot_uttered');
      await say(first, { message: 'one', session_id: id, id: 'm1' });
      await reply;
      first.disconnect();
      const resumed = await session(byPath(hub), { session_id: id });
      assert.equal(resumed.id, id);
      assert.deepEqual(
        resumed.history.map((item) => (item.from === 'user' ? item.text : item.message.text)),
        ['one', 'You said one'],
      );
    });

    it('gives a new session for an id that is guessed, forged, of another bot, or no string', async () => {
      const hub = await newHub();
      const { id } = await session(byNamespace(hub));
      const victim = byNamespace(hub);
      await session(victim, { session_id: id });
      const overheard = collect(victim, 'user_echo');
      const flipped = id.slice(0, -1) + (id.endsWith('A') ? 'B' : 'A');
      const guesses = [
        'x',
        id.slice(0, 24),
        flipped,
        id + 'A',
        `${id.slice(0, 24)}.${'A'.repeat(24)}`,
        '../..',
        17,
        null,
        [id],
        { $ne: null },
      ];
      for (const guess of guesses) {
        const client = byNamespace(hub);
        const given = await session(client, { session_id: guess });
        assert.notEqual(given.id, id, JSON.stringify(guess));
        assert.deepEqual(given.history, []);
        await say(client, { message: 'boo', session_id: guess });
      }
      assert.notEqual((await session(byNamespace(hub, 'b'), { session_id: id })).id, id, 'of another bot');
      assert.deepEqual(overheard, []);
      assert.equal(new Set(hub.stored.map((message) => message.conversation)).size, guesses.length);
    });

    it('issues a session to a client that speaks without one, and tells it', async () => {
      const hub = await newHub();
      const client = byPath(hub);
      const confirmed = next<string>(client, 'session_confirm');
      assert.deepEqual(await say(client, { message: 'hi', session_id: 'my-own-id' }), { ok: true });
      const id = await confirmed;
      assert.deepEqual(await say(client, { message: 'again', session_id: id }), { ok: true });
      assert.deepEqual(await say(client, { message: 'still the old id', session_id: 'my-own-id' }), { ok: true });
      assert.equal(new Set(hub.stored.map((message) => message.conversation)).size, 1);
    });

    it('moves a client that asks for another session out of the first', async () => {
      const hub = await newHub();
      const [mover, stayer] = [byNamespace(hub), byNamespace(hub)];
      const { id } = await session(stayer);
      await session(mover, { session_id: id });
      await session(mover);
      const overheard = collect(mover, 'bot_uttered');
      const heard = collect(stayer, 'bot_uttered');
      await say(stayer, { message: 'private' });
      await until('the answer', () => heard.length === 1);
      await say(mover, { message: 'mine' });
      await until('the mover’s answer', () => overheard.length === 1);
      assert.deepEqual([heard.length, overheard.length], [1, 1]);
    });

    it('stores nothing that would open a session', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      const { id } = await session(client);
      await say(client, { message: 'hello', session_id: id });
      assert.doesNotMatch(JSON.stringify(hub.stored), new RegExp(id.slice(25)));
      assert.equal(hub.stored[0]?.conversation, `web:${id.slice(0, 24)}`);
    });

    it('shows every tab of a session the replies, and the other tabs the person’s words', async () => {
      const hub = await newHub();
      const [one, two, stranger] = [byNamespace(hub), byPath(hub), byNamespace(hub)];
      const { id } = await session(one);
      await session(two, { session_id: id });
      await session(stranger);
      const seen = [one, two, stranger].map(
        (client) => [collect(client, 'bot_uttered'), collect(client, 'user_echo')] as const,
      );
      const counts = () => seen.map(([bot, echo]) => [bot.length, echo.length]);
      await say(one, { message: 'hello', session_id: id, id: 'm1' });
      const tabs = [
        [1, 0],
        [1, 1],
      ];
      await until('what both tabs see', () => isDeepStrictEqual(counts().slice(0, 2), tabs));
      // Whatever the stranger was shown came before the answer to what the stranger says.
      await say(stranger, { message: 'mine' });
      await until('the stranger’s own answer', () => seen[2]![0].length > 0);
      assert.deepEqual(counts(), [...tabs, [1, 0]]);
    });
  });

  describe('loses and doubles nothing', () => {
    it('stores a repeated id once, and says ok again', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      const { id } = await session(client);
      for (let time = 0; time < 3; time += 1)
        assert.deepEqual(await say(client, { message: 'once', session_id: id, id: 'same' }), { ok: true });
      assert.equal(hub.stored.length, 1);
      const other = byNamespace(hub);
      await session(other);
      await say(other, { message: 'mine', id: 'same' });
      assert.equal(hub.stored.length, 2, 'the same id in another session is another message');
    });

    it('says ok only once the message is stored, and why when it was not', async () => {
      let refuse = false;
      const hub = await newHub({ refuse: () => refuse });
      const client = byNamespace(hub);
      await session(client);
      await say(client, { message: 'x' });
      assert.equal(hub.stored.length, 1);
      refuse = true;
      const refused: Ack = { ok: false, code: 'invalid', error: 'refused by the stand-in', retry: false };
      assert.deepEqual(await say(client, { message: 'y' }), refused);
    });

    it('gives a reply the same id live, in the history and in a repeat', async () => {
      const answer = () => [
        { recipient_id: 'x', text: 'one', buttons: [{ title: 'Yes', payload: '/yes' }] },
        { recipient_id: 'x', image: 'https://example.org/cat.png' },
        { recipient_id: 'x', text: 'one', buttons: [{ title: 'Yes', payload: '/yes' }] },
        { recipient_id: 'x', custom: { id: 5, data: { id: 7 } } },
      ];
      const hub = await newHub({ answer });
      const client = byNamespace(hub);
      const { id } = await session(client);
      const live = collect<{ message_id: string }>(client, 'bot_uttered');
      await say(client, { message: 'go', session_id: id, id: 'm1' });
      await sleep(50);
      await sendAll(hub.connections.get('a'), hub.stored[0]!.to, answer());
      await sleep(50);
      const { history } = await session(byNamespace(hub), { session_id: id });
      const ids = live.map((frame) => frame.message_id);
      assert.equal(new Set(ids.slice(0, 4)).size, 4);
      assert.deepEqual(ids.slice(4), ids.slice(0, 4));
      assert.deepEqual(
        history.filter((item) => item.from === 'bot').map((item) => item.id),
        ids.slice(0, 4),
      );
      assert.deepEqual(
        live.slice(0, 4).map(({ message_id: _, ...rasa }) => rasa),
        [
          { text: 'one', quick_replies: [{ content_type: 'text', title: 'Yes', payload: '/yes' }] },
          { attachment: { type: 'image', payload: { src: 'https://example.org/cat.png' } } },
          { text: 'one', quick_replies: [{ content_type: 'text', title: 'Yes', payload: '/yes' }] },
          { id: 7 },
        ],
      );
    });

    it('tells a second, different answer to one message from a repeat of the first', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      await session(client);
      const live = collect<{ message_id: string }>(client, 'bot_uttered');
      await say(client, { message: 'go', id: 'm1' });
      await until('the answer', () => live.length === 1);
      await sendAll(hub.connections.get('a'), hub.stored[0]!.to, [{ recipient_id: 'x', text: 'A person takes over.' }]);
      await until('the other answer', () => live.length === 2);
      assert.notEqual(live[0]?.message_id, live[1]?.message_id);
    });

    it('sends the history from the message on that the client has', async () => {
      const hub = await newHub();
      const client = byNamespace(hub);
      const { id } = await session(client);
      for (const message of ['one', 'two', 'three']) await say(client, { message, session_id: id, id: message });
      await sleep(50);
      const from = async (last?: string) =>
        (await session(byNamespace(hub), { session_id: id, last })).history
          .filter((item) => item.from === 'user')
          .map((item) => item.id);
      assert.deepEqual(await from('two'), ['two', 'three']);
      assert.deepEqual(await from('three'), ['three']);
      assert.deepEqual(await from('unknown'), ['one', 'two', 'three']);
      assert.deepEqual(await from(), ['one', 'two', 'three']);
    });

    it('keeps the order in which one client spoke, even when a button has to be looked up', async () => {
      const hub = await newHub({ web: { history: async () => (await sleep(30), []) } });
      const client = byNamespace(hub);
      await session(client);
      await Promise.all(['/first', 'second', '/third', 'fourth'].map((message) => say(client, { message })));
      assert.deepEqual(
        hub.stored.map((message) => message.text),
        ['/first', 'second', '/third', 'fourth'],
      );
    });
  });
});
