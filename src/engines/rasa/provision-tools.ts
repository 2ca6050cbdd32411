/** The programs that provision.ts uses: how one is run, which Python is good enough, where uv comes from. */
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { startChild } from '../../child.js';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What every step of provisioning needs. */
export interface Setup {
  cacheDir: string;
  /** What children get. */
  env: Record<string, string>;
  requirements: string;
  /** First 12 characters of the lock file's hash: another lock file is another environment. */
  hash: string;
  say: (words: string, percent?: number) => void;
  signal?: AbortSignal | undefined;
  pythons?: readonly string[] | undefined;
  uv?: string | undefined;
}
/** A Python that really ran: CPython 3.`minor`. */
export interface Interpreter {
  path: string;
  minor: number;
}
/** How a program ended. */
export interface Ran {
  ok: boolean;
  out: string;
  /** The last lines it wrote to its standard error, or why it could not be started. */
  why: string;
}

/** There is no Rasa on this machine and none could be made. `reason` says why, `remedy` what a person can do. */
export class RasaUnavailable extends Error {
  override readonly name = 'RasaUnavailable';
  constructor(
    readonly reason: string,
    readonly remedy: string,
  ) {
    super(`${reason} ${remedy}`);
  }
}

/** Python 3.x, best first: the sentence encoder begins at 3.9, Rasa ends at 3.10. */
export const minors: readonly number[] = [10, 9];

const windows = process.platform === 'win32';
const probeMs = 10_000;
const installMs = 30 * 60_000;

/** Only these reach a child: no secret of the hub does. */
const allowed =
  /^(PATH|HOME|LANG|LC_\w+|TMPDIR|TEMP|TMP|USERPROFILE|(LOCAL)?APPDATA|SYSTEMROOT|(HTTPS?|ALL|NO)_PROXY|(UV|PIP|SSL|XDG)_\w+|(REQUESTS|CURL)_CA_BUNDLE)$/i;

/** The part of `env` that a child gets. Never fails. */
export function allowedOf(env: Environment): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => allowed.test(entry[0]) && entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/** The interpreter of a virtual environment. */
export function pythonIn(folder: string): string {
  return windows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

/** How long a program may take (half an hour), and who hears its lines. */
export interface RunOptions {
  timeoutMs?: number;
  onLine?: (line: string) => void;
}

/** Runs a program to its end. Whatever happens to it is in the answer; rejects only with the signal's reason, after ending it. */
export async function run(
  setup: Setup,
  words: string[],
  { timeoutMs = installMs, onLine }: RunOptions = {},
): Promise<Ran> {
  const { cacheDir, signal, env } = setup;
  const [command = '', ...args] = words;
  signal?.throwIfAborted();
  const out: string[] = [];
  const errors: string[] = [];
  const hear = (lines: string[]) => (line: string) => {
    lines.push(line.trim());
    onLine?.(line);
  };
  const child = startChild({ command, args, cwd: cacheDir, env, onStdoutLine: hear(out), onStderrLine: hear(errors) });
  const stop = (): void => void child.stop();
  const timer = setTimeout(stop, timeoutMs);
  signal?.addEventListener('abort', stop, { once: true });
  const exit = await child.exited;
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  const why = exit.reason ?? (errors.slice(-3).join(' ') || `it ended with ${exit.signal ?? exit.code ?? 'nothing'}`);
  return { ok: exit.code === 0, out: out.join('\n'), why };
}

const probe = 'import platform, sys; print(platform.python_implementation(), *sys.version_info[:2], sys.executable)';

/** What a Python says of itself; null for a shim that refuses, another implementation, Python 2, or nothing that runs. */
async function probePython(setup: Setup, path: string): Promise<Interpreter | null> {
  const ran = await run(setup, [path, '-I', '-c', probe], { timeoutMs: probeMs });
  const [, minor, executable] = /^CPython 3 (\d+) (.+)$/m.exec(ran.out) ?? [];
  return ran.ok && minor && executable ? { path: executable, minor: Number(minor) } : null;
}

/** `best` can run Rasa; `any` can at least install uv. Both are undefined when there is none. */
export async function findPython(setup: Setup): Promise<{ best?: Interpreter; any?: Interpreter }> {
  let best: Interpreter | undefined;
  let any: Interpreter | undefined;
  for (const path of setup.pythons ?? (await candidates(setup.env))) {
    const found = await probePython(setup, path);
    if (!found) continue;
    if (found.minor >= 8) any ??= found;
    if (minors.includes(found.minor) && found.minor > (best?.minor ?? 0)) best = found;
    if (best?.minor === minors[0]) break;
  }
  return { ...(best && { best }), ...(any && { any }) };
}

/** Every interpreter there may be, likely ones first, each file once. */
async function candidates(env: Environment): Promise<string[]> {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? '/';
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  const folders = [...onPath, ...(await Promise.all(usualFolders(home).map(expand))).flat()];
  const names = windows ? ['python.exe'] : ['python3.10', 'python3.9', 'python3', 'python'];
  const files = new Map<string, string>();
  for (const path of folders.flatMap((folder) => names.map((name) => join(folder, name)))) {
    const file = await executableOf(path);
    if (file && !files.has(file)) files.set(file, path);
  }
  return [...files.values()].sort((a, b) => rankOf(a) - rankOf(b));
}

/** Where pyenv, asdf, uv, conda, Homebrew and people put their interpreters; `*` stands for one folder. */
function usualFolders(home: string): string[] {
  const condas = ['miniconda3', 'anaconda3', 'miniforge3', 'mambaforge', '.conda'].map((name) => join(home, name));
  return [
    ...['.pyenv/versions/*/bin', '.asdf/installs/python/*/bin', '.local/share/uv/python/*/bin', '.local/bin'].map(
      (path) => join(home, path),
    ),
    ...[...condas, '/opt/conda'].flatMap((conda) => [join(conda, 'bin'), join(conda, 'envs/*/bin')]),
    ...['/opt/*/bin', '/usr/local/bin', '/usr/bin', join(home, 'AppData/Local/Programs/Python/*')],
  ];
}

async function expand(pattern: string): Promise<string[]> {
  const [base = '', rest] = pattern.split('*');
  if (rest === undefined) return [base];
  const names = await readdir(base).catch(() => []);
  return names.map((name) => join(base, name, rest));
}

/** The real file behind a path that may be executed; null when there is none. */
async function executableOf(path: string): Promise<string | null> {
  return access(path, constants.X_OK).then(
    () => realpath(path),
    () => null,
  );
}

/** The version a path promises: 3.10, 3.9, none, another. Only the order of trying depends on it. */
function rankOf(path: string): number {
  if (/3\.?10(?!\d)/.test(path)) return 0;
  if (/3\.?9(?!\d)/.test(path)) return 1;
  return /3\.?\d/.test(path) ? 3 : 2;
}

/** The uv of this machine when it runs, otherwise one of ours in the cache, installed by `python`. Rejects with `RasaUnavailable`. */
export async function findUv(setup: Setup, python: Interpreter | undefined): Promise<string> {
  const tools = join(setup.cacheDir, 'tools');
  const own = join(tools, windows ? 'Scripts/uv.exe' : 'bin/uv');
  for (const uv of [setup.uv ?? 'uv', own]) {
    if ((await run(setup, [uv, '--version'], { timeoutMs: probeMs })).ok) return uv;
  }
  const remedy = 'Install uv (https://docs.astral.sh/uv/), or on Debian python3-venv, and start again.';
  if (!python) throw new RasaUnavailable('There is neither uv nor a Python on this machine.', remedy);
  setup.say('Installing uv', 1);
  const made = await run(setup, [python.path, '-m', 'venv', '--clear', tools]);
  const ran = made.ok ? await run(setup, [pythonIn(tools), '-m', 'pip', 'install', '--quiet', 'uv']) : made;
  if (!ran.ok) {
    throw new RasaUnavailable(`uv, which installs Rasa, could not be installed itself: ${ran.why || ran.out}.`, remedy);
  }
  return own;
}

/** The last resort: uv downloads a Python into the cache. Rejects with `RasaUnavailable`. */
export async function downloadPython(setup: Setup, uv: string): Promise<Interpreter> {
  setup.say('No Python 3.10 or 3.9 runs on this machine: downloading one', 1);
  const folder = join(setup.cacheDir, 'python');
  const ran = await run(setup, [uv, 'python', 'install', '--no-bin', '--install-dir', folder, '3.10']);
  for (const bin of await expand(join(folder, windows ? '*' : '*/bin'))) {
    const found = await probePython(setup, join(bin, windows ? 'python.exe' : 'python3.10'));
    if (found) return found;
  }
  const reason = `No Python 3.10 or 3.9 runs on this machine, and none could be downloaded: ${ran.why}.`;
  throw new RasaUnavailable(reason, 'Install Python 3.10, or set RASA_PYTHON to a Python that has Rasa 3.6.');
}

const stages = /^\s*(Resolved|Downloading|Building|Downloaded|Built|Prepared|Installed) (.*)/;

/** Makes progress of what uv says. The big packages are announced when their download begins and when it ends. */
export function narrateUv(setup: Setup): (line: string) => void {
  let begun = 0;
  let done = 0;
  return (line) => {
    const [, verb = '', rest = ''] = stages.exec(line) ?? [];
    if (verb === 'Downloading' || verb === 'Building') begun += 1;
    if (verb === 'Downloaded' || verb === 'Built') done += 1;
    if (verb === 'Resolved') setup.say(`Fetching ${rest.split(' in ')[0] ?? ''}`, 10);
    else if (verb === 'Prepared') setup.say('Installing the packages', 40);
    else if (begun > 0 && verb !== 'Installed' && verb !== '') {
      setup.say(`${verb} ${rest}, ${done} of ${begun} large packages done`, 10 + Math.floor((30 * done) / begun));
    }
  };
}
