import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Delivery, Engines, IncomingMessage, SendResult, Store } from '../src/contracts.js';
import { openPool } from '../src/engines/pool/index.js';
import { HubError } from '../src/errors.js';
import { createConnections } from '../src/hub/connections.js';
import { createDesk } from '../src/hub/desk.js';
import { createHub } from '../src/hub/hub.js';
import { createOutbox } from '../src/hub/outbox.js';
import type { Sharing } from '../src/hub/sharing.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { saying, scriptedEngine, type ScriptedEngine, someBot, someModel, enoughMemory } from './support/engines.js';
import { eventually } from './support/hub.js';

const { log } = openLog({ level: 'silent', pretty: false });

describe('the message path', () => {
  let folder: string;
  let store: Store;
  let engine: ScriptedEngine;
  let engines: Engines;
  let sent: { to: string; delivery: Delivery }[];
  let trained: Promise<void>;
  /** What the platform makes of a sending. */
  let platform: (delivery: Delivery) => Promise<SendResult>;
  let slowAnswerMs: number;
  /** Hears what is shown on the channel `seen`. */
  let shown: (what: string) => void;
  let hub: ReturnType<typeof createHub>;

  const openHub = (shared?: Sharing): ReturnType<typeof createHub> => {
    const connection: Connection = {
      async send(to, delivery) {
        const result = await platform(delivery);
        if (result.outcome === 'sent') sent.push({ to, delivery });
        return result;
      },
      close: () => Promise.resolve(),
    };
    const seen: Connection = {
      ...connection,
      show: (to, { part, reply }) => shown(`${to} ${part} ${reply.text ?? ''}`),
    };
    const connectors = Object.entries({ test: connection, seen }).map(([name, one]) => ({
      name,
      open: () => one,
      close: () => Promise.resolve(),
    }));
    const connections = createConnections({
      connectors,
      receive: () => Promise.resolve(),
      ask: () => Promise.reject(new Error('not asked here')),
      progress: () => Promise.reject(new Error('not asked here')),
      history: () => Promise.reject(new Error('not asked here')),
      publicUrl: null,
      news: { event: () => undefined, failure: () => undefined },
      log,
    });
    for (const { name } of connectors) connections.open(someBot(), name, {});
    const outbox = createOutbox({ store, connections, log, backoffMs: () => 20 });
    const desk = createDesk({ store, hub: { aside: (at, work) => hub.aside(at, work) }, outbox, connections, log });
    desk.stop();
    const options = { store, engines, connections, outbox, desk, trained: () => trained, slowAnswerMs, log };
    return createHub({ ...options, shared });
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
    await eventually(() => sent.length >= count);
    assert.equal(sent.length, count);
  };
  const texts = (): (string | undefined)[] => sent.map(({ delivery }) => delivery.reply.text);
  const unsettled = async () => (await store.conversations.unsettled({ limit: 100 })).items;
  const pending = async () => (await store.outbox.pending({ limit: 100 })).items;
  const letters = async () => (await store.deadLetters.list({ limit: 100 })).items;
  const logged = async (conversation = 'c1') =>
    (await store.conversations.messages('bot-1', conversation, { limit: 100 })).items;

  /** The bot answers late: longer after it was asked than `slowAnswerMs`, and not before `apologised`. */
  const slowly = (apologised: () => boolean | Promise<boolean> = () => true): void => {
    engine.answer = async (turn) => {
      await Promise.all([sleep(150), eventually(apologised)]);
      return saying(turn, 'late');
    };
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
      memory: enoughMemory(),
      backoffMs: [0, 20],
      log,
    });
    sent = [];
    platform = () => Promise.resolve({ outcome: 'sent' });
    slowAnswerMs = 60_000;
    shown = () => undefined;
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
    assert.equal(sent[0]!.to, 'address-1');
    const reply = { recipient_id: 'c1', text: 'you said hello', metadata: { engine: 'rasa' } };
    assert.deepEqual(sent[0]!.delivery.reply, reply);
    const message = await eventually(async () => (await logged()).find((one) => one.delivered));
    assert.deepEqual([message.state, message.intent, message.maybeTwice], ['answered', 'faq', false]);
    assert.deepEqual([await unsettled(), await pending()], [[], []]);
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
    assert.deepEqual(texts(), ['other', 'slow', 'quick']);
  });

  it('tries a turn that broke once more, then tells the user and goes on with the conversation', async () => {
    const poison = new HubError('turn_failed', 'boom');
    engine.answer = (turn) => (turn.text === 'poison' ? Promise.reject(poison) : Promise.resolve(saying(turn, 'fine')));
    await hub.receive(incoming({ text: 'poison' }));
    await hub.receive(incoming({ text: 'next' }));
    await settled(2);
    assert.match(texts()[0] ?? '', /something went wrong/);
    assert.equal(texts()[1], 'fine');
    assert.equal(engine.launched[0]!.turns.filter((turn) => turn.text === 'poison').length, 2);
    const [message] = await logged();
    assert.equal(message!.state, 'failed');
    assert.match(message!.error ?? '', /turn_failed: boom/);
  });

  it('keeps what it gave up as a dead letter, which an operator can replay', async () => {
    engine.answer = () => Promise.reject(new HubError('turn_failed', 'boom'));
    await hub.receive(incoming({ text: 'poison' }));
    await settled(1);
    const [letter] = await letters();
    assert.deepEqual([letter?.kind, letter?.text, letter?.error], ['turn', 'poison', 'turn_failed: boom']);
    engine.answer = (turn) => Promise.resolve(saying(turn, 'mended'));
    assert.equal(await hub.replay(letter!.id), true);
    await settled(2);
    assert.equal(texts()[1], 'mended');
    assert.deepEqual(await letters(), []);
    const [message] = await logged();
    assert.deepEqual([message!.state, message!.error, message!.replies.length], ['answered', null, 2]);
    assert.equal(await hub.replay(letter!.id), false);
  });

  it('takes a turn only once the store is back, when it was the store that failed it', async () => {
    let down = true;
    const ping = store.ping.bind(store);
    store.ping = () => (down ? Promise.reject(new HubError('store_unavailable', 'locked')) : ping());
    hub = openHub();
    engine.answer = (turn) =>
      down ? Promise.reject(new HubError('turn_failed', 'no tracker')) : Promise.resolve(saying(turn, 'fine'));
    await hub.receive(incoming());
    await eventually(() => (engine.launched[0]?.turns.length ?? 0) >= 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(engine.launched[0]!.turns.length, 1, 'it does not ask the bot while the store is down');
    down = false;
    await settled(1);
    assert.equal(texts()[0], 'fine');
  });

  describe('on a channel whose people read what they missed', () => {
    /** What was stored and what was shown, in order; so often the store refuses first. */
    const watched = (refusals = 0): string[] => {
      const events: string[] = [];
      const settle = store.conversations.settle.bind(store.conversations);
      store.conversations.settle = async (id, change, then) => {
        if (refusals-- > 0) throw new HubError('store_unavailable', 'locked');
        const entries = await settle(id, change, then);
        events.push(`stored, ${entries.length} to be sent`);
        return entries;
      };
      shown = (what) => events.push(what);
      return events;
    };

    it('shows a reply as soon as it is stored, and has nothing to send', async () => {
      const events = watched();
      await hub.receive(incoming({ channel: 'seen' }));
      await eventually(() => events.length >= 2);
      assert.deepEqual(events, ['stored, 0 to be sent', 'address-1 0 you said hello']);
      assert.deepEqual([(await logged())[0]!.delivered, await pending(), sent], [true, [], []]);
    });

    it('shows nothing before it is stored, and nothing twice', async () => {
      const events = watched(2);
      await hub.receive(incoming({ channel: 'seen' }));
      await eventually(() => events.length >= 2);
      assert.deepEqual(events, ['stored, 0 to be sent', 'address-1 0 you said hello']);
    });

    it('shows the apology of a slow bot before its answer', async () => {
      slowAnswerMs = 40;
      hub = openHub();
      const events = watched();
      slowly(() => events.length >= 2);
      await hub.receive(incoming({ channel: 'seen' }));
      await eventually(() => events.length >= 4);
      assert.match(events[1] ?? '', /^address-1 0 .*longer than usual/);
      assert.equal(events[3], 'address-1 1 late');
      assert.equal((await logged())[0]!.delivered, true);
    });

    it('sends what an earlier release had put into the outbox', async () => {
      const { message } = await store.conversations.receive(incoming({ channel: 'seen' }));
      const replies = [{ recipient_id: 'c1', text: 'left over' }];
      await store.conversations.settle(message.id, { state: 'answered', replies }, { send: replies });
      assert.equal(await hub.recover(), 1);
      await settled(1);
      assert.deepEqual(texts(), ['left over']);
    });
  });

  describe('with a slow bot', () => {
    beforeEach(() => {
      slowAnswerMs = 40;
      hub = openHub();
    });

    it('apologises once per conversation in the language of the user, and answers after it', async () => {
      slowly(() => sent.length >= 2);
      await hub.receive(incoming({ text: 'one' }));
      await hub.receive(incoming({ text: 'two' }));
      await hub.receive(incoming({ text: '你好', conversation: 'c2' }));
      await settled(5);
      const of = (conversation: string) =>
        sent
          .filter(({ delivery }) => delivery.reply.recipient_id === conversation)
          .map((one) => one.delivery.reply.text);
      assert.match(of('c1')[0] ?? '', /longer than usual/);
      assert.deepEqual(of('c1').slice(1), ['late', 'late']);
      assert.match(of('c2')[0] ?? '', /比平时长/);
      assert.deepEqual(
        (await logged())[0]!.replies.map((reply) => reply.text),
        [of('c1')[0], 'late'],
      );
    });

    it('says what the bot answered also when the store goes away just then', async () => {
      slowly(() => sent.length > 0);
      const get = store.bots.get.bind(store.bots);
      let refusals = 0;
      store.bots.get = (appId) => {
        if (sent.length === 0 || refusals === 2) return get(appId);
        refusals += 1;
        return Promise.reject(new HubError('store_unavailable', 'The store is away.'));
      };
      await hub.receive(incoming());
      await settled(2);
      assert.deepEqual([texts()[1], refusals], ['late', 2]);
    });

    it('drops the late answer where the bot says so, and notes that', async () => {
      await store.bots.update('bot-1', { lateAnswers: 'drop' });
      slowly(() => sent.length > 0);
      await hub.receive(incoming());
      const message = await eventually(async () => (await logged()).find((one) => one.state === 'answered'));
      assert.match(message.error ?? '', /^late: /);
      assert.equal(message.replies.length, 2);
      assert.equal(message.delivered, false);
      await settled(1);
      await eventually(async () => (await pending()).length === 0);
    });

    it('tells a caller who holds the line nothing but the answer', async () => {
      slowly();
      const { replies } = await hub.ask(incoming({ channel: 'rest' }));
      assert.deepEqual(
        replies.map((reply) => reply.text),
        ['late'],
      );
    });
  });

  it('takes a turn again that a store failed which was back when it was asked', async () => {
    let failures = 5;
    engine.answer = (turn) => {
      failures -= 1;
      if (failures >= 0) return Promise.reject(new HubError('store_unavailable', 'away for a moment'));
      return Promise.resolve(saying(turn, 'fine'));
    };
    await hub.receive(incoming());
    await settled(1);
    assert.deepEqual([texts(), await letters()], [['fine'], []]);
  });

  it('records what nobody waits for any more as undelivered', async () => {
    engine.answer = async (turn) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return saying(turn, 'late');
    };
    const gone = new AbortController();
    const asked = hub.ask(incoming({ channel: 'rest' }), gone.signal);
    await eventually(() => engine.launched[0]?.turns.length);
    gone.abort();
    const { delivered, error, state } = await asked;
    assert.deepEqual([delivered, state], [false, 'answered']);
    assert.match(error ?? '', /the caller had gone/);
  });

  it('does not repeat a turn that the tracker shows as done', async () => {
    engine.answer = (turn, bot) => {
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
      engine.tracker = () => Promise.resolve(events);
      bot.die();
      return Promise.reject(new HubError('turn_failed', 'the process died after it had saved'));
    };
    const message = await hub.ask(incoming({ channel: 'rest' }));
    assert.equal(message.state, 'answered');
    assert.equal(message.delivered, true);
    assert.deepEqual(message.replies, [
      { recipient_id: 'c1', text: 'said before the process died', metadata: { engine: 'rasa' } },
    ]);
    assert.equal(engine.launched.flatMap((bot) => bot.turns).length, 1);
  });

  describe('beside other hubs', () => {
    const own = (): void => undefined;
    const shared: Sharing = {
      ...{ mine: () => true, check: own, hold: () => Promise.resolve(), crowded: () => false, pass: own, send: own },
      ...{ settled: own, outcome: (message) => Promise.resolve(message), borrow: (_, work) => work() },
    };
    /** The hub that took it died after the turn, and the platform sends it again. */
    const begun = async (): Promise<IncomingMessage> => {
      const again = incoming();
      const { message } = await store.conversations.receive(again);
      const metadata = { switchboard_event: message.id };
      engine.tracker = () =>
        Promise.resolve([
          { event: 'user', text: 'hello', metadata },
          { event: 'bot', text: 'said by another' },
        ]);
      return again;
    };

    it('does not repeat a turn that one of them took which has died, when the message comes again', async () => {
      hub = openHub(shared);
      assert.equal(await hub.receive(await begun()), false);
      await settled(1);
      assert.deepEqual(texts(), ['said by another']);
      assert.deepEqual(
        engine.launched.flatMap((bot) => bot.turns),
        [],
      );
    });

    it('nor when it is found beside a new one', async () => {
      hub = openHub({ ...shared, crowded: () => true });
      await begun();
      await hub.receive(incoming());
      await settled(2);
      assert.equal(texts()[0], 'said by another');
      assert.equal(engine.launched.flatMap((bot) => bot.turns).length, 1);
    });

    /** Its storing is told late; it lies there meanwhile. */
    const late = async (told: Partial<Awaited<ReturnType<Store['conversations']['receive']>>> = {}) => {
      const receive = store.conversations.receive.bind(store.conversations);
      let tell: () => void = () => undefined;
      const open = new Promise<void>((resolve) => (tell = resolve));
      store.conversations.receive = async (message) => {
        const stored = await receive(message);
        await open;
        return { ...stored, ...told };
      };
      const received = hub.receive(incoming());
      await eventually(async () => (await store.conversations.unsettled({ limit: 1 })).items.length);
      /** Resolves when all is over, also for a message that comes after it. */
      const end = async (): Promise<void> => {
        tell();
        assert.equal(await received, true);
        store.conversations.receive = receive;
        await hub.receive(incoming({ text: 'and then' }));
        await eventually(() => texts().includes('you said and then'));
      };
      return end;
    };
    const turns = (): string[] => engine.launched.flatMap((bot) => bot.turns.map(({ text }) => text));

    it('nor when it is found, and its turn taken, before its storing was told', async () => {
      hub = openHub(shared);
      const end = await late();
      await hub.look();
      await settled(1);
      await end();
      assert.deepEqual([turns().length, texts().length], [2, 2]);
    });

    it('nor when another has answered it meanwhile which had the conversation then', async () => {
      let mine = false;
      hub = openHub({ ...shared, mine: () => mine });
      const end = await late();
      const [message] = (await store.conversations.unsettled({ limit: 1 })).items;
      await store.conversations.settle(message!.id, { state: 'answered', replies: [], delivered: true });
      mine = true;
      await end();
      assert.deepEqual(turns(), ['and then']);
    });

    it('nor when an earlier call stored it that could not say so, and another has answered it', async () => {
      hub = openHub(shared);
      const end = await late({ doubtful: true });
      const [message] = (await store.conversations.unsettled({ limit: 1 })).items;
      await store.conversations.settle(message!.id, { state: 'answered', replies: [], delivered: true });
      await end();
      assert.deepEqual(turns(), ['and then']);
    });

    it('nor when a caller asks again', async () => {
      hub = openHub(shared);
      assert.deepEqual((await hub.ask(await begun())).replies[0]?.text, 'said by another');
      assert.deepEqual(
        engine.launched.flatMap((bot) => bot.turns),
        [],
      );
    });
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
    assert.match(texts()[0] ?? '', /still learning/);
  });

  it('takes up after a restart what was stored and not answered, and what was not delivered', async () => {
    await store.conversations.receive(incoming({ text: 'stored before the crash' }));
    platform = () => Promise.resolve({ outcome: 'later', reason: 'the platform is down', afterMs: 60_000 });
    await hub.receive(incoming({ text: 'answered, not delivered', conversation: 'c2' }));
    await eventually(async () => (await pending())[0]?.hold);
    await hub.stop();
    platform = () => Promise.resolve({ outcome: 'sent' });
    const [entry] = await pending();
    await store.outbox.retry({ ...entry!, hold: null });
    hub = openHub();
    assert.equal(await hub.recover(), 2);
    await settled(2);
    assert.deepEqual(
      new Set(texts()),
      new Set(['you said stored before the crash', 'you said answered, not delivered']),
    );
    assert.deepEqual([await unsettled(), await eventually(async () => (await pending()).length === 0)], [[], true]);
    assert.equal((await logged('c2'))[0]!.maybeTwice, true, 'it may have been on its way when the hub ended');
  });

  it('takes up more of one conversation than a mailbox accepts at a time, in order', async () => {
    for (let i = 0; i < 30; i += 1) {
      const { message } = await store.conversations.receive(incoming({ text: String(i) }));
      const replies = [{ recipient_id: 'c1', text: `said ${i}` }];
      if (i < 25) await store.conversations.settle(message.id, { state: 'answered', replies }, { send: replies });
    }
    assert.equal(await hub.recover(), 30);
    await settled(30);
    assert.deepEqual(
      texts(),
      Array.from({ length: 30 }, (_, i) => (i < 25 ? `said ${i}` : `you said ${i}`)),
    );
  });

  it('refuses what it cannot take: an unknown bot, a full mailbox, a hub that stops', async () => {
    await assert.rejects(hub.receive(incoming({ appId: 'nobody' })), { code: 'not_found' });
    engine.answer = async (turn) => {
      await eventually(() => sent.length > 0);
      return saying(turn, 'at last');
    };
    await Promise.all(Array.from({ length: 20 }, () => hub.receive(incoming())));
    await assert.rejects(hub.receive(incoming()), { code: 'mailbox_full' });
    await settled(21);
    assert.match(texts()[0] ?? '', /still working on your earlier messages/);
  });

  it('says so to who writes what is too long for the bot, once and in their language', async () => {
    let asked = 0;
    engine.answer = () => {
      asked += 1;
      return Promise.reject(new HubError('text_too_long', 'A bot is asked 8000 characters at most.'));
    };
    for (const text of ['long', '很长']) await hub.receive(incoming({ text }));
    await settled(2);
    assert.equal(asked, 2, 'each once: it would be as long the next time');
    assert.deepEqual(texts(), [
      'That is too long for me. Please say it in fewer words.',
      '这段话对我来说太长了，请简短一些再发给我。',
    ]);
  });

  it('goes on storing while it stops, answers nothing new, and does so after the next start', async () => {
    await hub.stop();
    await assert.rejects(hub.ask(incoming({ channel: 'rest' })), { code: 'stopping' });
    assert.equal(await hub.receive(incoming({ text: 'stored while stopping' })), true);
    assert.deepEqual(
      (await unsettled()).map(({ text }) => text),
      ['stored while stopping'],
    );
    assert.deepEqual(sent, []);
    hub = openHub();
    assert.equal(await hub.recover(), 1);
    await settled(1);
  });
});
