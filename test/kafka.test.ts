/** The event stream to a real Kafka that is killed under load, and the events of bots elsewhere out of it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json, Store } from '../src/contracts.js';
import { openLog } from '../src/log.js';
import { openIngest } from '../src/stream/ingest.js';
import { openReading } from '../src/stream/kafka.js';
import { kafkaPlaceOf } from '../src/kafka-url.js';
import { openStore } from '../src/stores/index.js';
import { bot } from './contract/store.js';
import { KafkaBroker, type Seen } from './support/kafka.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const topic = 'rasa_core_events';
const user = (text: string): Json => ({ event: 'user', text, timestamp: 1700000000.5 });

describe('Kafka', function () {
  // On a busy machine the broker alone may take a minute to start.
  this.timeout(180_000);
  let broker: KafkaBroker;
  before(async () => (broker = await KafkaBroker.open()));
  after(() => broker.dispose());
  const place = (of: string) => kafkaPlaceOf(`kafka://${broker.at}/${of}`)!;

  describe('takes the event stream', () => {
    let dataDir: string;
    let hub: TestHub;
    let store: Store;
    before(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'sb-kafka-test-'));
      await broker.createTopic(topic, 4);
      const standIns = { store: (opened: Store) => (store = opened) };
      hub = await newHub({ dataDir, standIns, env: { EVENTS_URL: `kafka://${broker.at}/${topic}` } });
      await store.bots.create(bot('a'));
    });
    after(async () => {
      await hub.stop();
      await rm(dataDir, { recursive: true });
    });
    const textsOf = (seen: Seen[], conversation: string): unknown[] => {
      const own = seen.filter(({ key }) => key === JSON.stringify(['a', conversation]));
      // Sent again after a broken line: the first time that each came.
      return [...new Set(own.map(({ value }) => (JSON.parse(value) as Json)['text']))];
    };

    it('whole and in order per conversation, though the broker is killed', async () => {
      const conversations = Array.from({ length: 10 }, (_, n) => `c${n}`);
      const load = async (from: number, to: number): Promise<void> => {
        for (let n = from; n < to; n++)
          await Promise.all(conversations.map((c) => store.trackers.extend('a', c, [user(`${c} ${n}`)])));
      };
      await load(0, 20);
      const killed = broker.stop('SIGKILL');
      await load(20, 40);
      await killed;
      await eventually(async () => /Kafka/.test(String((await shown()).error)));
      await broker.start();
      await load(40, 60);
      await eventually(async () => (await shown()).position === (await store.stream.head()), 30);
      const seen = await broker.consume(topic, (all) => conversations.every((c) => textsOf(all, c).length === 60));
      for (const c of conversations) {
        const stored = (await store.trackers.read('a', c, true))?.events.map((event) => event['text']);
        assert.deepEqual(textsOf(seen, c), stored);
        const partitions = new Set(
          seen.filter(({ key }) => key === JSON.stringify(['a', c])).map((one) => one.partition),
        );
        assert.equal(partitions.size, 1);
      }
      const { sender_id, event, metadata } = JSON.parse(seen[0]!.value) as {
        sender_id: string;
        event: string;
        metadata: Json;
      };
      assert.deepEqual([conversations.includes(sender_id), event, metadata['app_id']], [true, 'user', 'a']);
      assert.equal((await shown()).error, null);
    });
    const shown = async (): Promise<{ error: string | null; position: number }> =>
      (await hub.api('GET', '/subscriptions/events-url')).body as { error: string | null; position: number };

    it('but for what is too large, which waits and is given up, and lets the rest pass', async () => {
      await store.trackers.extend('a', 'large', [user('x'.repeat(2_000_000))]);
      await store.trackers.extend('a', 'small', [user('passes')]);
      const seen = await broker.consume(topic, (all) => textsOf(all, 'small').length === 1);
      assert.deepEqual(textsOf(seen, 'large'), []);
      await eventually(async () => {
        const [held] = (await store.subscriptions.held('events-url', 'waiting', { limit: 9 })).items;
        return held?.conversation === 'large' && /refused/.test(held.error ?? '');
      });
    });
  });

  describe('gives the events of bots that run elsewhere', () => {
    let folder: string;
    let store: Store;
    const log = openLog({ level: 'silent', pretty: false, write: () => undefined }).log;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sb-ingest-'));
      store = await openStore(`sqlite:${join(folder, 'x.db')}`);
      await store.bots.create(bot('far', { engine: 'remote', remoteUrl: 'http://127.0.0.1:1' }));
      await store.bots.create(bot('near'));
    });
    after(async () => {
      await store.close();
      await rm(folder, { recursive: true });
    });
    /** A turn as Rasa publishes it: one message an event. */
    const turn = (sender: string, n: number, assistant: string | null = 'far'): { key: string; value: string }[] => {
      const metadata = assistant === null ? {} : { assistant_id: assistant, model_id: 'm1' };
      const parse = { intent: { name: 'faq', confidence: 0.9, full_retrieval_intent_name: 'faq/hours' } };
      const entities = [{ entity: 'day', value: 'monday' }];
      const at = 1700000000 + n;
      const events: Json[] = [
        {
          event: 'user',
          text: `q${n}`,
          message_id: `id${n}`,
          parse_data: { ...parse, entities },
          input_channel: 'rest',
          timestamp: at,
        },
        { event: 'slot', name: 'day', value: 'monday', timestamp: at },
        { event: 'action', name: 'utter_faq', timestamp: at + 0.1 },
        { event: 'bot', text: `a${n}`, data: { buttons: null, image: 'http://x/y.png' }, timestamp: at + 0.2 },
        { event: 'action', name: 'action_listen', timestamp: at + 0.25 },
      ];
      return events.map((event) => ({ key: sender, value: JSON.stringify({ sender_id: sender, ...event, metadata }) }));
    };
    const logOf = async (conversation: string) =>
      (await store.conversations.messages('far', `kafka:${conversation}`, { limit: 100 })).items;
    const ingest = (quietMs = 300, of = 'far') =>
      openIngest({ store, open: () => openReading(place(of), 'hub'), appId: null, log, quietMs, againMs: 100 });

    it('and notes each turn once, with what was understood and done, however often it comes', async () => {
      await broker.createTopic('far', 2);
      const strange = [
        { key: 'x', value: 'no JSON' },
        { key: 'x', value: '{"sender_id":"x"}' },
      ];
      await broker.produce('far', [
        ...turn('ann', 1),
        ...strange,
        ...turn('bob', 1),
        ...turn('ann', 2),
        ...turn('eve', 1, 'near'),
        ...turn('eve', 1, null),
      ]);
      let reading = ingest();
      await eventually(async () => (await logOf('ann')).length === 2 && (await logOf('bob')).length === 1);
      const [first] = await logOf('ann');
      assert.deepEqual(
        [first?.text, first?.intent, first?.confidence, first?.state, first?.ms, first?.channel],
        ['q1', 'faq/hours', 0.9, 'answered', 250, 'kafka'],
      );
      assert.deepEqual(first?.turn, {
        entities: [{ entity: 'day', value: 'monday' }],
        ...{ slots: { day: 'monday' }, actions: ['utter_faq'], model: 'm1' },
      });
      assert.deepEqual(first.replies, [{ recipient_id: 'kafka:ann', text: 'a1', image: 'http://x/y.png' }]);
      await reading.stop();
      // What was committed does not come again; what is sent twice is noted once.
      await broker.produce('far', [...turn('ann', 2), ...turn('ann', 3)]);
      reading = ingest();
      await eventually(async () => (await logOf('ann')).length === 3);
      await reading.stop();
      assert.deepEqual(
        (await logOf('ann')).map(({ text }) => text),
        ['q1', 'q2', 'q3'],
      );
      assert.deepEqual((await store.conversations.list('near', { limit: 9 })).items, []);
    });

    it('and commits nothing of a turn that is not noted yet, whatever comes behind it', async () => {
      await broker.createTopic('cut', 1);
      const [said, ...rest] = turn('cut', 7);
      await broker.produce('cut', [said!, ...turn('behind', 8)]);
      const cut = ingest(60_000, 'cut');
      await eventually(async () => (await logOf('behind')).length === 1);
      await cut.stop();
      assert.deepEqual(await logOf('cut'), []);
      await broker.produce('cut', rest);
      const reading = ingest(300, 'cut');
      await eventually(async () => (await logOf('cut'))[0]?.replies.length === 1);
      await reading.stop();
      assert.equal((await logOf('behind')).length, 1);
    });
  });
});
