/** Finds the Chromium that the browser tests drive, and installs Debian's when there is none and it may. */
import { execFile, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';

export interface ChromiumOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** Hears what is done, in words. */
  say: (line: string) => void;
  /** Install it where that is possible, and fail where it is not; otherwise a missing one is answered with null. */
  install: boolean;
}

const usual = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * Answers the path of a Chromium that runs: CHROMIUM_PATH, one in the usual places, or Debian's package, installed now when this process
 * may. Rejects with an Error that says what to do when CHROMIUM_PATH does not run, or `install` is set and nothing else helped.
 */
export async function findChromium({ env, say, install }: ChromiumOptions): Promise<string | null> {
  const given = env['CHROMIUM_PATH'];
  if (given) {
    if (await runs(given)) return given;
    throw new Error(`CHROMIUM_PATH (${given}) does not run. Set it to a Chromium or Chrome, or leave it empty.`);
  }
  const found = await firstOf(usual);
  if (found || !install) return found;
  if (process.getuid?.() === 0 && (await exists('/usr/bin/apt-get'))) await aptInstall(env, say);
  const installed = await firstOf(usual);
  if (installed) return installed;
  throw new Error(
    'The browser tests need Chromium. Install it (Debian: apt-get install chromium), or set CHROMIUM_PATH to one.',
  );
}

async function firstOf(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if (await runs(path)) return path;
  return null;
}

async function runs(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: 20_000 }, (error) => resolve(error === null));
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function aptInstall(env: ChromiumOptions['env'], say: (line: string) => void): Promise<void> {
  say('Installing Chromium with apt-get, a minute or two');
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const start = Date.now();
    const tick = setInterval(() => say(`apt-get ${args[0] ?? ''}, ${Math.round((Date.now() - start) / 1000)} s`), 5000);
    const problem = await apt(args, env).finally(() => clearInterval(tick));
    if (problem) say(`apt-get ${args.join(' ')} failed: ${problem}`);
  }
}

/** Answers null when it went well, else its last words. */
async function apt(args: string[], env: ChromiumOptions['env']): Promise<string | null> {
  return new Promise((resolve) => {
    let words = '';
    const child = spawn('apt-get', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-500)));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? null : words.trim() || `exit code ${code ?? 'unknown'}`));
  });
}
