/**
 * A real server that speaks MongoDB's protocol, for tests: mongo-java-server from Maven Central, started by Java. Its jars are fetched once
 * per user.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { provideJars } from './jars.js';
import { freePort } from './ports.js';

const source = fileURLToPath(new URL('../../../test/support/mongo/', import.meta.url));
/** Named after what test/support/mongo/pom.xml asks for. */
const jars = 'mongo-java-server-1.47.0';
const remedy =
  'The MongoDB tests need Java 11 or newer and Maven (Debian: apt-get install default-jdk-headless maven).';

/** Answers the folder of the server's jars, fetched now if need be. Rejects with an Error that says what to install. */
export const provideMongo = (say?: (line: string) => void): Promise<string> =>
  provideJars({ name: jars, pom: join(source, 'pom.xml'), remedy, say });

/** One server on one file. It can be stopped and started again on the same port and data. */
export class MongoServer {
  port = 0;
  private child: ChildProcess | null = null;
  private folder = '';

  /** Starts it; after `stop`, with what it held. Rejects in words when Java is missing. */
  async start(): Promise<this> {
    const classpath = join(await provideMongo(), '*');
    // Of those that nobody is given while it is stopped.
    if (this.port === 0) this.port = await freePort();
    if (this.folder === '') this.folder = await mkdtemp(join(tmpdir(), 'switchboard-mongo-'));
    const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classpath];
    const args = [join(source, 'MongoServerForTests.java'), join(this.folder, 'data'), String(this.port)];
    const child = spawn('java', [...flags, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2000)));
    const outcome = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([line]) => Number(line)),
      once(child, 'exit').then(() => `${remedy} Java said: ${words}`),
      once(child, 'error').then(([error]) => `${remedy} (${(error as Error).message})`),
    ]);
    if (typeof outcome === 'string') throw new Error(outcome);
    this.port = outcome;
    return this;
  }

  /** The URL of a database of it; through `port`, where that is somebody between. */
  url(database: string, port = this.port): string {
    return `mongodb://127.0.0.1:${port}/${database}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** SIGTERM, and waits until it has gone. */
  async stop(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }

  /** Stops it and removes what it held. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
