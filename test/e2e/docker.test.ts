/**
 * The images and the compose file, on a machine without a container engine: every command of the Dockerfile runs in an empty folder as a
 * user who is not root, and what compose would start runs as plain processes with compose's commands and environments.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Compose, composeOf, demandedBy, type Service } from '../support/compose.js';
import { Builder, healthy, type Image, pathIn, stagesOf, start } from '../support/dockerfile.js';
import { eventually, realRasa } from '../support/hub.js';
import { MongoServer } from '../support/mongo.js';
import { freePort } from '../support/ports.js';

const composeFile = 'docker/compose.yml';
const secrets = Object.fromEntries(demandedBy(composeFile).map((name) => [name, `${name.toLowerCase()}-0123456789`]));
const stages = stagesOf(readFileSync('docker/Dockerfile', 'utf8'));

/** What would run in containers: the hosts of compose's network are ports of this machine. */
class Cluster {
  readonly compose: Compose = composeOf(composeFile, secrets);
  readonly output: Record<string, string> = {};
  private readonly children: ChildProcess[] = [];
  private readonly mongo = new MongoServer();
  private readonly ports = { hub: 0, redis: 0 };
  private folder = '';

  constructor(private readonly builder: Builder) {}

  service(name: string): Service {
    return this.compose.services[name]!;
  }
  get url(): string {
    return `http://127.0.0.1:${this.ports.hub}`;
  }
  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'sb-compose-'));
    this.ports.hub = await freePort();
    this.ports.redis = await freePort();
    await Promise.all([this.mongo.start(), this.redis()]);
  }
  /** Redis with compose's command, until compose's check of it is content. */
  private async redis(): Promise<void> {
    const { command = [], healthcheck, environment = {} } = this.service('redis');
    const port = String(this.ports.redis);
    const [program = '', ...words] = command;
    this.watch('redis', spawn(program, [...words, '--port', port, '--bind', '127.0.0.1', '--dir', this.folder]));
    const [, check = '', ...asked] = healthcheck?.test ?? [];
    const env = { ...environment, PATH: process.env['PATH'] };
    const execute = promisify(execFile);
    await eventually(async () => {
      const { stdout } = await execute(check, ['-p', port, ...asked], { env }).catch(() => ({ stdout: '' }));
      return stdout.trim() === 'PONG';
    });
  }
  /** A service of ours in a container of its own. */
  async run(name: string): Promise<{ image: Image; env: Record<string, string>; child: ChildProcess }> {
    const service = this.service(name);
    const image = await this.builder.container(await this.builder.build(service.build!.target), name);
    const env = { ...this.environment(service), HOST: '127.0.0.1', PORT: String(this.ports.hub) };
    const child = start({ ...image, cmd: service.command ?? image.cmd }, env);
    this.watch(name, child);
    return { image, env, child };
  }
  /** The test's MongoDB server has no accounts. */
  private environment({ environment = {} }: Service): Record<string, string> {
    const there = (value: string): string =>
      value
        .replace(/^mongodb:\/\/switchboard:[^@]+@mongo:27017\/(\w+)\?authSource=admin$/, (_, name: string) =>
          this.mongo.url(name),
        )
        .replace('@redis:6379', `@127.0.0.1:${this.ports.redis}`)
        .replace('//hub:5005', `//127.0.0.1:${this.ports.hub}`);
    return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, there(value)]));
  }
  private watch(name: string, child: ChildProcess): void {
    this.output[name] = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output[name] = `${this.output[name] ?? ''}${chunk.toString()}`));
    this.children.push(child);
  }
  async close(): Promise<void> {
    for (const child of this.children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await this.mongo.dispose();
    await rm(this.folder, { recursive: true, force: true });
  }
}

describe('The Dockerfile and the compose file', function () {
  this.timeout(5 * 60_000);
  let builder: Builder;
  let cluster: Cluster;
  before(async () => {
    const rasa = realRasa();
    const python = 'python' in rasa ? rasa.python : '';
    builder = await new Builder(stages, { context: '.', user: '10001:10001', python }).open();
    cluster = new Cluster(builder);
  });
  after(async () => {
    await cluster.close();
    await builder.dispose();
  });

  it('name no secret, and ask for each one that is missing', () => {
    const readme = readFileSync('README.md', 'utf8');
    const made = /for name in ([A-Z_ ]+); do/.exec(readme)?.[1]?.split(' ') ?? [];
    assert.deepEqual(made.sort(), Object.keys(secrets).sort());
    assert.throws(() => composeOf(composeFile, { ...secrets, ADMIN_TOKEN: '' }), /ADMIN_TOKEN is missing a value/);
  });
  it('copy nothing that .dockerignore keeps from them', () => {
    const admitted = readFileSync('.dockerignore', 'utf8').split('\n');
    assert.equal(admitted[0], '*');
    const copied = [...stages.values()]
      .flatMap(({ steps }) => steps)
      .filter(({ word, rest }) => word === 'COPY' && !rest.startsWith('--from'));
    const sources = copied.flatMap(({ rest }) => rest.split(' ').slice(0, -1));
    assert.ok(sources.length > 5);
    for (const source of sources) assert.ok(admitted.includes(`!${source.split('/')[0]!}`), source);
  });
  it('give each service an init process, no capabilities, time to stop, and a port on loopback alone', () => {
    for (const name of ['hub', 'node', 'trainer']) {
      const { init, cap_drop, security_opt, stop_grace_period, depends_on } = cluster.service(name);
      assert.deepEqual([init, cap_drop, security_opt], [true, ['ALL'], ['no-new-privileges:true']]);
      assert.ok(Number.parseInt(stop_grace_period ?? '', 10) > 10);
      if (name !== 'node') assert.equal(depends_on!['redis']!.condition, 'service_healthy');
    }
    const published = Object.values(cluster.compose.services).flatMap(({ ports = [] }) => ports);
    assert.deepEqual(published, ['127.0.0.1:5005:5005']);
  });
  it('build images that are not root and cannot write their own program', async () => {
    const targets = ['standalone', 'hub', 'node', 'trainer', 'trainer-gpu'];
    const images: Image[] = [];
    for (const target of targets) images.push(await builder.build(target));
    const [standalone, hub, , , gpu] = images as [Image, Image, Image, Image, Image];
    assert.deepEqual([...new Set(builder.replaced)].sort(), [
      'apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*',
      'npm ci --include=dev',
      'npm ci --omit=dev',
      'npm run build',
      'pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock',
    ]);
    const roles = images.map(({ cmd }) => cmd.at(-1));
    assert.deepEqual(roles, ['start', '--no-engines', 'node', 'trainer', 'trainer']);
    for (const { user } of images) assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
    for (const image of images.filter((each) => each !== hub))
      assert.ok(existsSync(pathIn(image, image.env['RASA_PYTHON']!)), image.env['RASA_PYTHON']);
    assert.equal(gpu.env['RASA_PYTHON'], '/usr/bin/python3');
    assert.equal(hub.env['RASA_PYTHON'], 'none');
    if (process.getuid?.() !== 0) return;
    for (const image of [standalone, hub]) {
      assert.equal(statSync(pathIn(image, '/app/dist/src/main.js')).uid, 0);
      assert.equal(statSync(pathIn(image, '/data')).uid, 10001);
    }
  });
  it('run: the hub is well, its trainer trains the demo bot, which answers on the node, and all end in order', async () => {
    await cluster.open();
    const hub = await cluster.run('hub');
    await eventually(() => healthy(hub.image, hub.env), 60);
    const [node, trainer] = [await cluster.run('node'), await cluster.run('trainer')];
    const api = async (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${secrets['ADMIN_TOKEN']!}`, 'content-type': 'application/json' };
      return (await fetch(`${cluster.url}/api/v1${path}`, { ...init, headers })).json() as Promise<
        Record<string, unknown>
      >;
    };
    const { store, queue } = await api('/machine');
    assert.deepEqual(
      [store, queue].map((place) => (place as { kind: string }).kind),
      ['mongodb', 'bull'],
    );
    await eventually(async () => (await api('/bots/demo'))['activeModel'] !== null, 120);
    const body = JSON.stringify({ sender: 'anna', message: 'What is Switchboard?' });
    const [reply] = (await api('/bots/demo/messages', { method: 'POST', body })) as unknown as {
      text: string;
      metadata: unknown;
    }[];
    assert.match(reply!.text, /^Switchboard is a hub for many Rasa bots/);
    assert.deepEqual(reply!.metadata, { engine: 'rasa' });
    assert.match(cluster.output['trainer']!, /Rasa parent ready/);
    const [request] = (await api('/requests?limit=1'))['items'] as { node: string | null }[];
    assert.equal(request!.node, hostname(), 'the hub has no Rasa: the node has answered');
    for (const { child } of [trainer, node, hub]) {
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      assert.equal(code, 0);
    }
    for (const secret of Object.values(secrets))
      for (const words of Object.values(cluster.output)) assert.ok(!words.includes(secret));
  });
});
