/** A real Redis server for tests, on a free port, with nothing in it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './ports.js';

/** A server that can be stopped and started again with what it had. */
export class TestRedis {
  private server: ChildProcess | null = null;
  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  /** Starts one; `args` are redis-server's, e.g. `--maxmemory 3mb`. */
  static async open(args: string[] = []): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), await mkdtemp(join(tmpdir(), 'sb-redis-')));
    await redis.start(args);
    return redis;
  }
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }
  get pid(): number {
    return this.server?.pid ?? 0;
  }
  /** Every write is on disk before it is answered: what was there when it was killed is there when it comes back. */
  async start(args: string[] = []): Promise<void> {
    const words = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', ...args];
    const server = spawn('redis-server', [...words, '--appendonly', 'yes', '--appendfsync', 'always'], {
      stdio: 'ignore',
    });
    this.server = server;
    const failed = once(server, 'exit').then(
      ([code]) => {
        throw new Error(`redis-server ended with exit code ${String(code)}: is its port ${this.port} another's?`);
      },
      (error: unknown) => {
        throw new Error(`redis-server does not start: ${String(error)}. Debian: apt-get install redis-server`);
      },
    );
    failed.catch(() => undefined);
    await Promise.race([failed, this.answering()]);
  }
  /** kill -9. */
  async kill(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server || server.exitCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }
  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
  /** Runs one command. */
  cli(...words: string[]): string {
    return execFileSync('redis-cli', ['-p', String(this.port), ...words], { encoding: 'utf8' }).trim();
  }
  /** Resolves when it answers itself, and no other Redis on its port. */
  private async answering(): Promise<void> {
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(30)) {
      const client = new Redis({ port: this.port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
      client.on('error', () => undefined);
      try {
        await client.connect();
        if (new RegExp(`^process_id:${this.pid}\r?$`, 'm').test(await client.info('server'))) return;
      } catch {
        // Not yet.
      } finally {
        client.disconnect();
      }
    }
    throw new Error('redis-server does not answer within 10 s');
  }
}
