/** The event stream under faults: F28 Kafka is killed and the hub with it, F29 the hub dies while an endpoint is sent events. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, StreamItem } from '../../../src/contracts.js';
import { itemId } from '../../../src/stream/rasa-events.js';
import { openStore } from '../../../src/stores/index.js';
import { KafkaBroker } from '../../support/kafka.js';
import { Receiver } from '../../support/receiver.js';
import { basics, type Finding, type Rig, type RigOptions, type Scenario, withRig } from '../rig.js';

const topic = 'conversations';
const secret = `whsec_${Buffer.alloc(24, 'f').toString('base64')}`;
const setting = '/subscriptions/events-url';
/** Nothing is on its way when the position stands for so long: longer than an endpoint here takes for its answer. */
const stillMs = 4000;
const longestAnswerMs = 1200;

/** What somebody got of one conversation: the names of its events, in the order in which each first came. */
type Got = Map<string, string[]>;
function gotOf(events: { conversation: string; id: string }[]): Got {
  const got = new Map<string, Set<string>>();
  for (const { conversation, id } of events) got.set(conversation, (got.get(conversation) ?? new Set()).add(id));
  return new Map([...got].map(([conversation, ids]) => [conversation, [...ids]]));
}

/** Everything that the store of a hub that has ended holds of its stream. */
async function storedIn(rig: Rig): Promise<StreamItem[]> {
  const { store: kind } = rig.options;
  const store = await openStore(kind === 'mongo' ? rig.mongo.url('faults') : `sqlite:${rig.dataDir}/switchboard.db`);
  try {
    const items: StreamItem[] = [];
    for (
      let page = await store.stream.read(0, 500);
      page.items.length > 0;
      page = await store.stream.read(page.end, 500)
    )
      items.push(...page.items);
    return items;
  } finally {
    await store.close();
  }
}

/** Waits until the subscriber has all there is, and compares what it got with what is stored. */
async function compared(rig: Rig, read: () => Promise<{ conversation: string; id: string }[]>): Promise<string[]> {
  await rig.until('the stream to be sent', 90, async () => {
    const { position } = (await rig.api('GET', setting)) as { position: number };
    await sleep(stillMs);
    const { position: later, error } = (await rig.api('GET', setting)) as { position: number; error: string | null };
    return position === later && error === null;
  });
  await rig.term();
  const items = await storedIn(rig);
  const stored = gotOf(
    items.flatMap((item) =>
      item.events.map((_, n) => ({ conversation: `${item.appId} ${item.conversation}`, id: `${itemId(item)}-${n}` })),
    ),
  );
  const got = gotOf(await read());
  const missing = [...stored].filter(([of, ids]) => ids.some((id) => !got.get(of)?.includes(id)));
  const wrong = [...stored].filter(([of, ids]) => JSON.stringify(got.get(of)) !== JSON.stringify(ids));
  rig.note(`stored ${items.length} turns in ${stored.size} conversations`);
  return [
    ...(stored.size === 0 ? ['nothing was stored'] : []),
    ...(missing.length > 0 ? [`events are missing in ${missing.length} conversations`] : []),
    ...(wrong.length > 0 ? [`${wrong.length} of ${stored.size} conversations differ from the store`] : []),
  ];
}

/** A load in as many parts as there are faults, one fault in each. */
async function underLoad(rig: Rig, { messages, faults }: { messages: number; faults: (() => Promise<void>)[] }) {
  rig.bot.behave = () => ({ ms: 2 + Math.floor(rig.random() * 20) });
  const load: Promise<void>[] = [];
  for (const fault of faults) {
    load.push(rig.load(Math.ceil(messages / faults.length), 50));
    await sleep(200 + rig.random() * 600);
    await fault();
  }
  await Promise.all(load);
  await rig.settled();
}

async function kafkaUnderLoad(options: RigOptions): Promise<Finding> {
  const broker = await KafkaBroker.open();
  try {
    await broker.createTopic(topic, 4);
    const settings = { env: { EVENTS_URL: `kafka://${broker.at}/${topic}` } };
    return await withRig({ options, settings }, async (rig) => {
      const restarts = options.short ? 2 : 5;
      const down: number[] = [];
      const restart = (signal: 'SIGKILL' | 'SIGTERM') => async (): Promise<void> => {
        rig.note(`${signal} ${broker.pid}, Kafka`);
        const began = performance.now();
        await broker.stop(signal);
        await sleep(rig.random() * 500);
        await broker.start();
        down.push(performance.now() - began);
      };
      const kill = async (): Promise<void> => {
        await rig.kill();
        await rig.start();
      };
      const faults = Array.from({ length: restarts }, (_, n) => restart(n % 2 === 0 ? 'SIGKILL' : 'SIGTERM'));
      await underLoad(rig, { messages: options.short ? 240 : 2000, faults: faults.flatMap((one) => [one, kill]) });
      let events = 0;
      const failures = await compared(rig, async () => {
        const seen = await broker.consume(topic, () => false, 3000);
        events = seen.length;
        return seen.map(({ key, value }) => ({
          conversation: (JSON.parse(key) as string[]).join(' '),
          id: String(((JSON.parse(value) as Json)['metadata'] as Json)['event_id']),
        }));
      });
      const counts = rig.counts();
      const longest = Math.round(Math.max(...down) / 1000);
      const notes = [
        `Kafka restarted ${restarts} times, away for up to ${longest} s, the hub killed as often, ${events} messages in the topic`,
      ];
      return { faults: restarts * 2, counts, notes, failures: [...basics(counts), ...failures] };
    });
  } finally {
    await broker.dispose();
  }
}

async function endpointUnderLoad(options: RigOptions): Promise<Finding> {
  const receiver = await Receiver.open();
  receiver.secret = secret;
  try {
    const settings = { env: { EVENTS_URL: receiver.url, EVENTS_SECRET: secret } };
    return await withRig({ options, settings }, async (rig) => {
      const kills = options.short ? 3 : 20;
      receiver.answer = async () => {
        // Slower than the load: there is always something that waits in the hub, which every kill cuts off.
        await sleep(rig.random() * longestAnswerMs);
        return 204;
      };
      const kill = async (): Promise<void> => {
        await rig.kill();
        await rig.start();
      };
      await underLoad(rig, { messages: kills * 50, faults: Array.from({ length: kills }, () => kill) });
      const failures = await compared(rig, () =>
        Promise.resolve(
          receiver.taken.flatMap(({ appId, conversation, events }) =>
            events.map(({ metadata }) => ({
              conversation: `${appId} ${conversation}`,
              id: String((metadata as Json)['event_id']),
            })),
          ),
        ),
      );
      if (receiver.forged > 0) failures.push(`${receiver.forged} requests were not signed as they should be`);
      const counts = rig.counts();
      const twice = receiver.taken.length - new Set(receiver.taken.map(({ id }) => id)).size;
      const notes = [`${receiver.taken.length} requests, ${twice} of them again`];
      return { faults: kills, counts, notes, failures: [...basics(counts), ...failures] };
    });
  } finally {
    await receiver.close();
  }
}

export const streamScenarios: Scenario[] = [
  { id: 'F28', title: 'Kafka restarted under load, and the hub killed', run: kafkaUnderLoad },
  { id: 'F29', title: 'kill -9 the hub while it sends events', run: endpointUnderLoad },
];
