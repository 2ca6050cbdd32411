import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Prepare {
  checkNode(root: string, version: string): void;
  installState(root: string): string;
  buildIsFresh(root: string): boolean;
  sourceHash(root: string): string;
  hubsAlive(root: string): number[];
}
const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
const prepare = (await import(join(scripts, 'lib', 'prepare.mjs'))) as Prepare;
interface Suites {
  junitCounts: (xml: string) => object;
  mocha: (root: string, options: object) => Promise<{ failed: number; failures: string[] }>;
}
const { junitCounts, mocha: mochaPart } = (await import(join(scripts, 'lib', 'suites.mjs'))) as Suites;

/** A small checkout: its build writes one line in a journal, waits while there is a file `hold`, and writes a hub that does what its first word after `start` says. */
class Checkout {
  readonly root = mkdtempSync(join(tmpdir(), 'switchboard-start-'));
  constructor() {
    cpSync(scripts, join(this.root, 'scripts'), { recursive: true });
    this.write(
      'package.json',
      JSON.stringify({ type: 'module', engines: { node: '>=20.19.0' }, scripts: { build: 'node build.mjs' } }),
    );
    this.lock('1.0.0');
    this.installed('1.0.0');
    this.write('build.mjs', buildScript);
    this.write('src/main.ts', '1');
  }
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }
  lock(version: string): void {
    this.write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/koa': { version } } }));
  }
  installed(version: string): void {
    this.write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/koa': { version } } }));
  }
  /** Lets the build go on. */
  release(): void {
    rmSync(join(this.root, 'hold'), { force: true });
  }
  builds(): number {
    const path = join(this.root, 'journal');
    return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
  }
  start(...words: string[]): { child: ChildProcess; output: () => string; code: Promise<number | null> } {
    const child = spawn(process.execPath, [join(this.root, 'scripts/start.mjs'), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const code = new Promise<number | null>((resolve) => child.on('close', (exit) => resolve(exit)));
    return { child, output: () => output, code };
  }
}
const buildScript = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('journal', '.');
while (existsSync('hold')) await new Promise((resolve) => setTimeout(resolve, 50));
mkdirSync('dist/src', { recursive: true });
writeFileSync('dist/src/main.js', \`
  console.log('hub ' + process.argv.slice(2).join(' '));
  if (process.argv[3] === 'quit') process.exit(5);
  setInterval(() => {}, 1000);
  process.on('SIGTERM', () => { console.log('stopping'); process.exit(7); });
\`);`;

async function heard(run: { output: () => string }, words: string): Promise<void> {
  for (let waited = 0; waited < 20_000 && !run.output().includes(words); waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(run.output().includes(words), `waited for "${words}" in: ${run.output()}`);
}

describe('npm start', () => {
  let checkout: Checkout;
  beforeEach(() => (checkout = new Checkout()));
  afterEach(() => rmSync(checkout.root, { recursive: true, force: true, maxRetries: 5 }));

  it('installs when nothing is installed or something else is, and adopts an install made by hand', () => {
    const { root } = checkout;
    const stamp = join(root, 'node_modules/.switchboard-lock');
    assert.equal(prepare.installState(root), 'fresh');
    assert.ok(existsSync(stamp));
    checkout.lock('1.0.1');
    assert.equal(prepare.installState(root), 'changed');
    checkout.installed('1.0.1');
    assert.equal(prepare.installState(root), 'fresh');
    rmSync(join(root, 'node_modules'), { recursive: true });
    assert.equal(prepare.installState(root), 'missing');
  });

  it('sees a source that was changed, added or removed, and nothing else', () => {
    const { root } = checkout;
    const hashes = [prepare.sourceHash(root)];
    const look = (): number => hashes.push(prepare.sourceHash(root));
    utimesSync(join(root, 'src/main.ts'), 1000, 1000);
    look();
    checkout.write('connectors/slack.ts', '');
    look();
    rmSync(join(root, 'connectors/slack.ts'));
    checkout.write('widget/console/a.ts', '');
    look();
    checkout.write('src/engines/rasa/requirements.lock', 'x');
    look();
    assert.equal(new Set(hashes).size, 5);
    checkout.write('src/engines/rasa/__pycache__/a.pyc', '');
    checkout.write('docs/a.md', '');
    assert.equal(prepare.sourceHash(root), hashes.at(-1));
  });

  it('refuses an old Node in words', () => {
    assert.doesNotThrow(() => prepare.checkNode(checkout.root, '20.19.0'));
    assert.doesNotThrow(() => prepare.checkNode(checkout.root, '22.0.0'));
    assert.throws(
      () => prepare.checkNode(checkout.root, '20.18.3'),
      /Node 20\.19\.0 or newer is needed, this is 20\.18\.3/,
    );
  });

  it('builds once for two starts at the same time, hands the words on and answers with the exit code of the hub', async () => {
    checkout.write('hold', '');
    const first = checkout.start('quit', '--port', '1');
    await heard(first, 'Building');
    const second = checkout.start('quit');
    await heard(second, 'Waiting for process');
    checkout.release();
    assert.deepEqual(await Promise.all([first.code, second.code]), [5, 5]);
    assert.match(first.output(), /hub start quit --port 1/);
    assert.match(second.output(), /Waiting for process \d+, which is installing or building/);
    assert.equal(checkout.builds(), 1);
    assert.equal(prepare.buildIsFresh(checkout.root), true);
    const third = checkout.start('quit');
    await third.code;
    assert.equal(third.output(), 'hub start quit\n', 'nothing to do, nothing to say');
  });

  it('takes over from a start that was killed while it built', async () => {
    checkout.write('hold', '');
    const first = checkout.start('quit');
    await heard(first, 'Building');
    first.child.kill('SIGKILL');
    checkout.release();
    await first.code;
    const second = checkout.start('quit');
    assert.equal(await second.code, 5);
    assert.doesNotMatch(second.output(), /Waiting/);
  });

  it('passes SIGTERM on, knows a hub that is alive and leaves its packages alone', async () => {
    const first = checkout.start();
    await heard(first, 'hub start');
    const [pid] = prepare.hubsAlive(checkout.root);
    assert.ok(pid && pid !== first.child.pid);
    assert.deepEqual(prepare.hubsAlive(join(checkout.root, 'other')), []);
    checkout.lock('1.0.1');
    const second = checkout.start('quit');
    assert.equal(await second.code, 5);
    assert.match(second.output(), new RegExp(`a hub of this checkout is running \\(process ${pid}\\): going on`));
    first.child.kill('SIGTERM');
    assert.equal(await first.code, 7);
    assert.match(first.output(), /stopping/);
  });

  it('says that the build failed and exits with its code', async () => {
    checkout.write('build.mjs', 'process.exit(3)');
    const run = checkout.start();
    assert.equal(await run.code, 3);
    assert.match(run.output(), /npm run --silent build failed with exit code 3/);
  });
});

describe('npm test', () => {
  it('reads the counts of pytest, and what failed', () => {
    const xml =
      '<testsuites name="x"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="1"><testcase classname="a" name="b" time="1"><failure message="assert 1 == 2">...</failure></testcase></testsuite></testsuites>';
    const failures = ['pytest: classname="a" name="b" time="1"\nmessage="assert 1 == 2"'];
    assert.deepEqual(junitCounts(xml), { passed: 4, failed: 3, skipped: 3, failures });
    assert.deepEqual(junitCounts(''), { passed: 0, failed: 0, skipped: 0, failures: [] });
  });

  it('keeps what failed, with its file and its reason, to say it again at the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'switchboard-failing-'));
    try {
      for (const part of ['scripts', 'node_modules']) symlinkSync(join(scripts, '..', part), join(folder, part));
      mkdirSync(join(folder, 'dist', 'test'), { recursive: true });
      const test = `describe('sums', () => it('add up', () => { throw new Error('two and two are five'); }));`;
      writeFileSync(join(folder, 'dist', 'test', 'sums.test.js'), test);
      const { failed, failures } = await mochaPart(folder, { part: 'all', out: 'ignore' });
      assert.equal(failed, 1);
      assert.match(failures[0] ?? '', /sums\.test\.js: sums add up\nError: two and two are five\n/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
