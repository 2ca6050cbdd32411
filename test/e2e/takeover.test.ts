import assert from 'node:assert/strict';
import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import type { Json } from '../../src/contracts.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

/** The handoff template on real Rasa: it calls a person, who answers, and gives it back. The steps stand on each other. */
describe('a bot that hands over to a person and gets its conversation back', function () {
  this.timeout(240_000);
  let hub: TestHub;
  let appId: string;
  let conversation: string;
  let socket: Socket;
  const read: string[] = [];
  const say = (message: string): void => void socket.emit('user_uttered', { message });
  const at = (): string => `/bots/${appId}/conversations/${encodeURIComponent(conversation)}`;
  const rasaTracker = async (): Promise<Json & { events: Json[] }> => {
    const headers = { authorization: `Bearer ${hub.app.adminToken}` };
    // As it is: Rasa takes a percent sign in it for itself.
    const path = `${hub.url}/bots/${appId}/conversations/${conversation}/tracker?include_events=ALL`;
    return (await (await fetch(path, { headers })).json()) as Json & { events: Json[] };
  };

  before(async () => {
    hub = await newHub({ rasa: realRasa() });
    appId = (await hub.api('POST', '/bots', { name: 'Help', template: 'handoff' })).body.appId as string;
    const job = (await hub.api('POST', `/bots/${appId}/train?wait=true`)).body as { state: string; error: unknown };
    assert.equal(job.state, 'done', JSON.stringify(job.error));
    socket = io(`${hub.url}/bots/${appId}`, { transports: ['websocket'], forceNew: true });
    socket.on('bot_uttered', ({ text }: { text?: string }) => text !== undefined && read.push(text));
    socket.emit('session_request', {});
    await once(socket as never, 'session_confirm');
  });
  after(async () => {
    socket.disconnect();
    await hub.stop();
  });

  it('calls a person and steps back', async () => {
    say('I want to talk to a person');
    await eventually(() => read.some((text) => text.startsWith('I hand you over')), 60);
    const waiting = await eventually(async () => {
      const { items } = (await hub.api('GET', `/bots/${appId}/conversations?waiting=true`)).body;
      return (items as { id: string }[])[0];
    });
    conversation = waiting.id;
    say('hello? is anybody there?');
    const said = await eventually(async () => {
      const { items } = (await hub.api('GET', at())).body as { items: Record<string, Json>[] };
      return items[1]?.['turn'] ? items : null;
    });
    assert.deepEqual(said[1]!['turn'], { agent: '' });
    assert.deepEqual(said[0]!['turn']!['actions'], ['utter_handoff']);
    assert.equal(said[0]!['turn']!['model'], (await hub.api('GET', `/bots/${appId}`)).body.activeModel);
    assert.equal(read.length, 1);
    assert.equal((await rasaTracker())['paused'], true, 'Rasa keeps still too, whoever asks it');
  });

  it('knows what was said when it is given back, and answers again', async () => {
    assert.equal((await hub.api('POST', `${at()}/takeover`, { agent: 'Ann' })).status, 200);
    assert.equal((await hub.api('POST', `${at()}/replies`, { text: 'Ann here.', agent: 'Ann' })).status, 201);
    await eventually(() => read.at(-1) === 'Ann here.');
    assert.equal((await hub.api('POST', `${at()}/release`)).status, 200);
    const { events, paused } = await rasaTracker();
    assert.equal(paused, false);
    const from = events.findIndex(({ event }) => event === 'pause');
    const kinds = events.slice(from).map(({ event, text }) => [event, text ?? null]);
    const expected = [
      ['pause', null],
      ['user', 'hello? is anybody there?'],
      ['agent', 'Ann here.'],
      ['resume', null],
    ];
    assert.deepEqual(kinds, expected);
    say('How do I return something?');
    await eventually(() => read.at(-1)?.startsWith('You can return everything'), 30);
    assert.equal(read.length, 3);
  });

  it('forgets a person who is erased: nothing of it is in the log, in the tracker, or in the files of the store', async () => {
    assert.equal((await hub.api('DELETE', at())).status, 204);
    assert.equal((await hub.api('GET', at())).body.conversation, null);
    assert.deepEqual(
      (await rasaTracker()).events.filter(({ event }) => event === 'user' || event === 'agent'),
      [],
    );
    const { items } = (await hub.api('GET', `/bots/${appId}/conversations?text=anybody`)).body;
    assert.deepEqual(items, []);
  });
});
