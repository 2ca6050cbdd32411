/**
 * Kafka: the event stream into a topic, and the events of bots that run elsewhere out of one. The only importer of its client: whoever
 * needs this loads it late.
 */
import {
  Consumer,
  type ConsumerOptions,
  type GenericError,
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  ProduceAcks,
  Producer,
  type ProducerOptions,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import type { Json } from '../contracts.js';
import type { KafkaPlace } from '../kafka-url.js';
import type { Sending, Sent, Sink } from './sink.js';

type Text = string;
/** Messages of one request, and how long a broker may take for it. */
const mostAtOnce = 500;
const timeoutMs = 10_000;
/** The broker refused what was sent, not us: trying again will not help. */
const refusals = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP'];
const isRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  'findBy' in error &&
  refusals.some((name) => (error as GenericError).findBy('apiId', name) !== null);

const connectionOf = ({ brokers, tls, sasl }: KafkaPlace) => ({
  clientId: 'switchboard',
  bootstrapBrokers: brokers,
  connectTimeout: timeoutMs / 2,
  timeout: timeoutMs,
  ...(tls && { tls: {}, tlsServerName: true }),
  ...(sasl && { sasl }),
});
interface Waiting {
  sending: Sending;
  done: (sent: Sent) => void;
}

/** The sink of a topic: one message an event, its key the bot and the conversation, so that a conversation stays in one partition. */
export class KafkaSink implements Omit<Sink, 'parallel'> {
  private readonly waiting: Waiting[] = [];
  private producer: Producer<Text, Text, Text, Text> | undefined;
  private flushing = false;
  private closed = false;

  constructor(private readonly place: KafkaPlace) {}

  send(sending: Sending): Promise<Sent> {
    return new Promise((done) => {
      this.waiting.push({ sending, done });
      if (!this.flushing) void this.flush();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { done } of this.waiting.splice(0)) done({ outcome: 'away', reason: 'The hub stops.' });
    await this.hangUp();
  }

  /** One request after the other: a message that comes later never overtakes. */
  private async flush(): Promise<void> {
    this.flushing = true;
    while (this.waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.batch();
      const sent = await this.produce(batch);
      // Of several only one may be what the broker does not want.
      if (sent.outcome === 'failed' && batch.length > 1) for (const one of batch) one.done(await this.produce([one]));
      else for (const { done } of batch) done(sent);
    }
    this.flushing = false;
  }

  private batch(): Waiting[] {
    let events = 0;
    const end = this.waiting.findIndex(({ sending }) => (events += sending.events.length) > mostAtOnce);
    return this.waiting.splice(0, end < 0 ? this.waiting.length : Math.max(1, end));
  }

  private async produce(batch: Waiting[]): Promise<Sent> {
    if (this.closed) return { outcome: 'away', reason: 'The hub stops.' };
    try {
      this.producer ??= producerOf(this.place);
      await this.producer.send({ messages: batch.flatMap(({ sending }) => this.messagesOf(sending)) });
      return { outcome: 'sent' };
    } catch (error) {
      const reason = wordsOf(error);
      if (isRefusal(error)) return { outcome: 'failed', reason: `Kafka refused it: ${reason}` };
      // With what it knew of the cluster: the next one asks anew.
      await this.hangUp();
      return { outcome: 'away', reason: `Kafka cannot be reached: ${reason}` };
    }
  }

  private messagesOf({ item, events }: Sending) {
    const { appId, conversation } = item;
    const key = JSON.stringify([appId, conversation]);
    return events.map((event) => ({
      topic: this.place.topic,
      key,
      value: JSON.stringify(event),
      headers: new Map([
        ['app_id', appId],
        ['event_id', String((event['metadata'] as Json)['event_id'])],
      ]),
    }));
  }

  private async hangUp(): Promise<void> {
    const { producer } = this;
    this.producer = undefined;
    await producer?.close().catch(() => undefined);
  }
}

function producerOf(place: KafkaPlace): Producer<Text, Text, Text, Text> {
  const options: ProducerOptions<Text, Text, Text, Text> = {
    ...connectionOf(place),
    serializers: stringSerializers,
    acks: ProduceAcks.ALL,
    autocreateTopics: true,
    // For a topic that is just being made; beyond that the pump tries again, as often as needed.
    retries: 2,
    retryDelay: 200,
  };
  return new Producer<Text, Text, Text, Text>(options);
}

/** What a consumer has read; `commit` says that it need not come again, nor anything before it in its partition. */
export interface Consumed {
  partition: number;
  offset: bigint;
  value: string;
  commit(): Promise<void>;
}
/** An open reading of a topic. It ends with an error when the line breaks, and is opened anew by who reads. */
export interface Reading extends AsyncIterable<Consumed> {
  close(): Promise<void>;
}

/** Reads a topic as a member of the group, from what was committed last, or from its beginning. */
export async function openReading(place: KafkaPlace, groupId: string): Promise<Reading> {
  const options: ConsumerOptions<Text, Text, Text, Text> = {
    ...connectionOf(place),
    groupId,
    deserializers: stringDeserializers,
    autocommit: false,
    retries: 0,
    maxWaitTime: 500,
  };
  const consumer: Consumer<Text, Text, Text, Text> = new Consumer(options);
  let stream: MessagesStream<Text, Text, Text, Text>;
  try {
    stream = await consumer.consume({
      topics: [place.topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      sessionTimeout: 10_000,
      heartbeatInterval: 2000,
    });
  } catch (error) {
    await closed(consumer);
    throw error;
  }
  async function* read(): AsyncGenerator<Consumed> {
    for await (const message of stream as AsyncIterable<Message<Text, Text, Text, Text>>) {
      const { partition, offset, value } = message;
      yield { partition, offset, value, commit: async () => void (await message.commit()) };
    }
  }
  return {
    [Symbol.asyncIterator]: read,
    close: async () => {
      await stream.close().catch(() => undefined);
      await closed(consumer);
    },
  };
}

/** Ends it whatever the broker says. */
const closed = (consumer: Consumer<Text, Text, Text, Text>): Promise<void> =>
  new Promise((resolve) => consumer.close(true, () => resolve()));

/** What went wrong, down to its cause; no address of ours with a password in it. */
export function wordsOf(error: unknown): string {
  const seen: string[] = [];
  for (let one: unknown = error; one instanceof Error && seen.length < 4; one = deeper(one)) seen.push(one.message);
  return seen.join(' ').slice(0, 300) || 'unknown';
}
const deeper = (error: Error): unknown =>
  'errors' in error && Array.isArray(error.errors) ? (error.errors[0] as unknown) : error.cause;
