/** A real Kafka broker for tests, alone in its cluster (KRaft). Its jars are fetched once per user. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  Admin,
  Consumer,
  type Message,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { provideJars } from './jars.js';
import { freePort } from './ports.js';

const pom = fileURLToPath(new URL('../../../test/support/kafka/pom.xml', import.meta.url));
const remedy = 'The Kafka tests need Java 11 or newer and Maven (Debian: apt-get install default-jdk-headless maven).';
const longestReadMs = 60_000;
const flags = ['-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** Answers the folder of the broker's jars, fetched now if need be. Rejects with an Error that says what to install. */
export const provideKafka = (say?: (line: string) => void): Promise<string> =>
  provideJars({ name: 'kafka-3.9.1', pom, remedy, say });

/** What a test reads of a topic. */
export interface Seen {
  partition: number;
  key: string;
  value: string;
}

/** One broker. It can be stopped, or killed, and started again on the same port with what it had. */
export class KafkaBroker {
  private child: ChildProcess | null = null;
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly classpath: string,
  ) {}

  /** Makes its folder and starts it. */
  static async open(): Promise<KafkaBroker> {
    const classpath = join(await provideKafka(), '*');
    const broker = new KafkaBroker(await freePort(), await mkdtemp(join(tmpdir(), 'sb-kafka-')), classpath);
    await writeFile(broker.settings, await broker.properties());
    const format = ['kafka.tools.StorageTool', 'format', '-t', randomUUID().replaceAll('-', '').slice(0, 22), '-c'];
    await promisify(execFile)('java', [...flags, '-cp', classpath, ...format, broker.settings]);
    await broker.start();
    return broker;
  }

  get at(): string {
    return `127.0.0.1:${this.port}`;
  }
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const child = spawn('java', [...flags, '-cp', this.classpath, 'kafka.Kafka', this.settings], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    this.child = child;
    for (const end = Date.now() + 60_000; Date.now() < end; await sleep(100)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${remedy} Kafka has ended.`);
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [this.at], retries: 0, timeout: 2000 });
      try {
        await admin.listTopics();
        return;
      } catch {
        // Not yet.
      } finally {
        await admin.close().catch(() => undefined);
      }
    }
    throw new Error('Kafka does not answer within a minute.');
  }

  /** SIGTERM, or kill -9; waits until it has gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async dispose(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [this.at] });
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await admin.close();
  }

  /** Puts messages into a topic, in their order. */
  async produce(topic: string, messages: { key: string; value: string }[]): Promise<void> {
    const producer = new Producer({ clientId: 'test', bootstrapBrokers: [this.at], serializers: stringSerializers });
    await producer.send({ messages: messages.map((message) => ({ topic, ...message })), acks: -1 });
    await producer.close();
  }

  /**
   * Reads a topic from its beginning until `enough` says so, or nothing more has come for `quietMs`. The first may take its time: who reads
   * joins a group.
   */
  async consume(topic: string, enough: (seen: Seen[]) => boolean, quietMs = 5000): Promise<Seen[]> {
    const options = { clientId: 'test', groupId: randomUUID(), bootstrapBrokers: [this.at] };
    const consumer = new Consumer({ ...options, deserializers: stringDeserializers, maxWaitTime: 100 });
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST });
    const seen: Seen[] = [];
    const end = Date.now() + longestReadMs;
    let newest = Infinity;
    stream.on('data', ({ partition, key, value }: Message<string, string, string, string>) => {
      seen.push({ partition, key, value });
      newest = Date.now();
    });
    while (!enough(seen) && Date.now() - newest < quietMs && Date.now() < end) await sleep(20);
    await stream.close();
    await consumer.close();
    return seen;
  }

  private get settings(): string {
    return join(this.folder, 'server.properties');
  }

  private async properties(): Promise<string> {
    const controller = await freePort();
    const lines = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `PLAINTEXT://127.0.0.1:${this.port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://${this.at}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': join(this.folder, 'data'),
      'num.partitions': 4,
      'offsets.topic.num.partitions': 1,
      'offsets.topic.replication.factor': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'controlled.shutdown.enable': false,
      // One that was killed comes back as itself once its session is over.
      'broker.session.timeout.ms': 1000,
      'broker.heartbeat.interval.ms': 200,
    };
    return Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }
}
