import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BotMessage, Connection, Engines, IncomingMessage, Store } from '../src/contracts.js';
import { openPool } from '../src/engines/pool.js';
import { HubError } from '../src/errors.js';
import { createConnections } from '../src/hub/connections.js';
import { createHub } from '../src/hub/hub.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { saying, scriptedEngine, type ScriptedEngine, someBot, someModel } from './support/engines.js';

const { log } = openLog({ level: 'silent', pretty: false });

describe('the message path', () => {
  let folder: string;
  let store: Store;
  let engine: ScriptedEngine;
  let engines: Engines;
  let sent: { to: string; replies: BotMessage[] }[];
  let trained: Promise<void>;
  let refuse: Error | null;
  let hub: ReturnType<typeof createHub>;

  const openHub = (): ReturnType<typeof createHub> => {
    const connection: Connection = {
      send: (to, replies) => {
        if (refuse) return Promise.reject(refuse);
        sent.push({ to, replies });
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    const connections = createConnections({
      connectors: [{ name: 'test', open: () => connection, close: () => Promise.resolve() }],
      receive: () => Promise.resolve(),
      progress: () => Promise.reject(new Error('not asked here')),
      log,
    });
    connections.open(someBot());
    return createHub({ store, engines, connections, trained: () => trained, log });
  };
  const incoming = (change: Partial<IncomingMessage> = {}): IncomingMessage => ({
    appId: 'bot-1',
    channel: 'test',
    conversation: 'c1',
    eventId: Math.random().toString(36),
    text: 'hello',
    payload: false,
    to: 'address-1',
    metadata: {},
    ...change,
  });
  const settled = async (count: number): Promise<void> => {
    for (let i = 0; i < 500 && sent.length < count; i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(sent.length, count);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hub-'));
    store = await openStore(`sqlite:${join(folder, 'db')}`);
    await store.bots.create(someBot());
    await store.models.add(someModel());
    engine = scriptedEngine();
    engines = openPool({
      bot: (appId) => store.bots.get(appId),
      model: (appId, id) => store.models.get(appId, id),
      load: (model) => Promise.resolve({ ...model, archivePath: '/a', contentPath: '/c' }),
      engineFor: () => engine,
      idleParkMs: 60_000,
      backoffMs: [0, 20],
      log,
    });
    sent = [];
    refuse = null;
    trained = Promise.resolve();
    hub = openHub();
  });
  afterEach(async () => {
    await hub.stop();
    await engines.stop();
    await store.close();
    await rm(folder, { recursive: true });
  });

  it('stores, answers, and sends the replies to the address the message came from, naming the engine', async () => {
    assert.equal(await hub.receive(incoming()), true);
    await settled(1);
    assert.deepEqual(sent[0], {
      to: 'address-1',
      replies: [{ recipient_id: 'c1', text: 'you said hello', metadata: { engine: 'rasa' } }],
    });
    const [message] = (await store.conversations.messages('bot-1', 'c1', { limit: 10 })).items;
    assert.equal(message!.state, 'answered');
    for (let i = 0; i < 100 && (await store.conversations.unsettled()).length > 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(await store.conversations.unsettled(), [], 'it is noted as delivered');
    assert.equal(message!.intent, 'faq');
  });

  it('drops a message it has under the same event id', async () => {
    const message = incoming({ eventId: 'e1' });
    assert.equal(await hub.receive(message), true);
    assert.equal(await hub.receive(message), false);
    await settled(1);
    assert.equal(engine.launched[0]!.turns.length, 1);
  });

  it('answers the same REST request twice with the same replies and one turn', async () => {
    const message = incoming({ channel: 'rest', eventId: 'e1' });
    const [first, second] = await Promise.all([hub.ask(message), hub.ask(message)]);
    assert.deepEqual(first.replies, second.replies);
    assert.deepEqual((await hub.ask(message)).replies, first.replies);
    assert.equal(engine.launched[0]!.turns.length, 1);
  });

  it('keeps the order of a conversation and lets others pass', async () => {
    engine.answer = async (turn) => {
      await new Promise((resolve) => setTimeout(resolve, turn.text === 'slow' ? 60 : 1));
      return saying(turn, turn.text);
    };
    await hub.receive(incoming({ text: 'slow' }));
    await hub.receive(incoming({ text: 'quick' }));
    await hub.receive(incoming({ text: 'other', conversation: 'c2' }));
    await settled(3);
    assert.deepEqual(
      sent.map(({ replies }) => replies[0]?.text),
      ['other', 'slow', 'quick'],
    );
  });

  it('tries a turn that broke once more, then tells the user and goes on with the conversation', async () => {
    const poison = new HubError('turn_failed', 'boom');
    engine.answer = (turn) => (turn.text === 'poison' ? Promise.reject(poison) : Promise.resolve(saying(turn, 'fine')));
    await hub.receive(incoming({ text: 'poison' }));
    await hub.receive(incoming({ text: 'next' }));
    await settled(2);
    assert.match(sent[0]!.replies[0]!.text ?? '', /something went wrong/);
    assert.equal(sent[1]!.replies[0]!.text, 'fine');
    assert.equal(engine.launched[0]!.turns.filter((turn) => turn.text === 'poison').length, 2);
    const { items } = await store.conversations.messages('bot-1', 'c1', { limit: 10 });
    assert.equal(items[0]!.state, 'failed');
    assert.match(items[0]!.error ?? '', /turn_failed: boom/);
  });

  it('does not repeat a turn that the tracker shows as done', async () => {
    engine.answer = async (turn, bot) => {
      const events = [
        { event: 'action', name: 'action_session_start' },
        { event: 'session_started' },
        {
          event: 'user',
          text: turn.text,
          metadata: turn.metadata,
          parse_data: { text: turn.text, intent: { name: 'faq', confidence: 0.8 }, entities: [] },
        },
        { event: 'bot', text: 'said before the process died', data: { buttons: null, image: null } },
      ];
      await store.trackers.append('bot-1', turn.sender, 0, events);
      bot.die();
      throw new HubError('turn_failed', 'the process died after it had saved');
    };
    const message = await hub.ask(incoming({ channel: 'rest' }));
    assert.equal(message.state, 'answered');
    assert.deepEqual(message.replies, [
      { recipient_id: 'c1', text: 'said before the process died', metadata: { engine: 'rasa' } },
    ]);
    assert.equal(engine.launched.flatMap((bot) => bot.turns).length, 1);
  });

  it('waits for the first training of a bot', async () => {
    await store.bots.update('bot-1', { activeModel: null });
    trained = new Promise((resolve) => setTimeout(resolve, 50)).then(
      async () => void (await store.bots.update('bot-1', { activeModel: 'm1' })),
    );
    assert.equal((await hub.ask(incoming({ channel: 'rest' }))).state, 'answered');
  });

  it('tells the user of a bot without a model that it is still learning', async () => {
    await store.bots.update('bot-1', { activeModel: null });
    await hub.receive(incoming());
    await settled(1);
    assert.match(sent[0]!.replies[0]!.text ?? '', /still learning/);
  });

  it('takes up after a restart what was stored and not answered, and what was not delivered', async () => {
    await store.conversations.receive(incoming({ text: 'stored before the crash' }));
    refuse = new Error('the platform is down');
    await hub.receive(incoming({ text: 'answered, not delivered', conversation: 'c2' }));
    for (
      let i = 0;
      i < 100 && (await store.conversations.unsettled()).find((m) => m.conversation === 'c2')?.state !== 'answered';
      i += 1
    ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await hub.stop();
    refuse = null;
    hub = openHub();
    assert.equal(await hub.recover(), 2);
    await settled(2);
    assert.deepEqual(
      new Set(sent.map(({ replies }) => replies[0]?.text)),
      new Set(['you said stored before the crash', 'you said answered, not delivered']),
    );
    assert.deepEqual(await store.conversations.unsettled(), []);
  });

  it('takes up more of one conversation than a mailbox accepts at a time, in order', async () => {
    for (let i = 0; i < 30; i += 1) {
      const { message } = await store.conversations.receive(incoming({ text: String(i) }));
      if (i < 25)
        await store.conversations.settle(message.id, {
          state: 'answered',
          replies: [{ recipient_id: 'c1', text: `said ${i}` }],
        });
    }
    assert.equal(await hub.recover(), 30);
    await settled(30);
    assert.deepEqual(
      sent.map(({ replies }) => replies[0]?.text),
      Array.from({ length: 30 }, (_, i) => (i < 25 ? `said ${i}` : `you said ${i}`)),
    );
  });

  it('refuses what it cannot take: an unknown bot, a full mailbox, a hub that stops', async () => {
    await assert.rejects(hub.receive(incoming({ appId: 'nobody' })), { code: 'not_found' });
    engine.launchMs = 200;
    await Promise.all(Array.from({ length: 20 }, () => hub.receive(incoming())));
    await assert.rejects(hub.receive(incoming()), { code: 'mailbox_full' });
    await hub.stop();
    await assert.rejects(hub.receive(incoming()), { code: 'stopping' });
  });
});
