/** What `npm start` and `npm test` do first: the right Node, the locked packages, a build that is not older than its sources. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { withLock } from './lock.mjs';
import { StepFailed, npm, run, say, step } from './run.mjs';

/** What a build is made from. */
const sources = [
  'src',
  'connectors',
  'widget',
  'console',
  'test',
  'bench',
  'templates',
  'scripts/assets.mjs',
  'tsconfig.json',
  'package-lock.json',
];

/**
 * Installs and builds what is missing or older than its sources, and says each step; when nothing has to be done it says nothing. Two
 * processes of one checkout take turns. Rejects with `StepFailed`.
 */
export async function prepare(root) {
  checkNode(root);
  if (installState(root) === 'fresh' && buildIsFresh(root)) return;
  const waiting = (pid) => say(`Waiting for process ${pid}, which is installing or building in this checkout ...`);
  await withLock(join(root, 'dist', '.switchboard', 'lock'), waiting, async () => {
    await install(root);
    if (!buildIsFresh(root)) await build(root);
  });
}

/** Throws `StepFailed` in words when this Node is older than package.json allows. */
export function checkNode(root, version = process.versions.node) {
  const needed = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace(/^>=\s*/, '');
  const [have, want] = [version, needed].map((text) => text.split('.').map(Number));
  const difference = want.map((number, i) => have[i] - number).find((number) => number !== 0) ?? 0;
  if (difference < 0)
    throw new StepFailed(
      `Node ${needed} or newer is needed, this is ${version}. Install it from https://nodejs.org and start again.`,
    );
}

async function install(root) {
  const state = installState(root);
  if (state === 'fresh') return;
  const pids = hubsAlive(root);
  if (state === 'changed' && pids.length > 0) {
    say(
      `package-lock.json changed, but a hub of this checkout is running (process ${pids.join(', ')}): going on with the packages that are there.`,
    );
    return;
  }
  await step('Installing packages', () => must(['ci', '--include=dev'], root));
  writeFileSync(stampOfInstall(root), lockHash(root));
}

async function build(root) {
  // Taken first: what is saved while the build runs is built next time.
  const hash = sourceHash(root);
  await step('Building', () => must(['run', '--silent', 'build'], root));
  mkdirSync(dirname(stampOfBuild(root)), { recursive: true });
  writeFileSync(stampOfBuild(root), hash);
}

async function must(args, root) {
  const { code, stopped } = await run(npm(...args), { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (stopped) throw new StepFailed(`Stopped by ${stopped}.`, code || 1);
  if (code !== 0) throw new StepFailed(`npm ${args.join(' ')} failed with exit code ${code}.`, code);
}

const stampOfInstall = (root) => join(root, 'node_modules', '.switchboard-lock');
const stampOfBuild = (root) => join(root, 'dist', '.switchboard', 'build');

/**
 * `missing` without node_modules, `changed` when what is installed is not what package-lock.json says, else `fresh`. An install made by
 * hand is adopted.
 */
export function installState(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'missing';
  const hash = lockHash(root);
  if (textOf(stampOfInstall(root)) === hash) return 'fresh';
  if (!isInstalled(root)) return 'changed';
  writeFileSync(stampOfInstall(root), hash);
  return 'fresh';
}

/** Compares npm's own list of what it installed with package-lock.json. */
function isInstalled(root) {
  const text = textOf(join(root, 'node_modules', '.package-lock.json'));
  if (text === null) return false;
  const installed = JSON.parse(text).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** True when the sources are those that were built last. */
export function buildIsFresh(root) {
  return textOf(stampOfBuild(root)) === sourceHash(root);
}

/** A hash of the names, sizes and times of everything a build is made from. Reads no file; never fails for one that is not there. */
export function sourceHash(root) {
  const hash = createHash('sha256');
  for (const source of sources)
    visit(join(root, source), (path, { mtimeMs, size }) => hash.update(`${relative(root, path)} ${mtimeMs} ${size}\n`));
  return hash.digest('hex');
}

function visit(path, each) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory()) return each(path, found);
  const names = readdirSync(path).filter((name) => !/^(\.|__pycache__$|node_modules$)/.test(name));
  for (const name of names.sort()) visit(join(path, name), each);
}

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** The process ids of hubs that run from this checkout. Empty where the system does not tell. */
export function hubsAlive(root) {
  const main = join(resolve(root), 'dist', 'src', 'main.js');
  return process.platform === 'linux' ? hubsInProc(main) : hubsInPs(main);
}

function hubsInProc(main) {
  const runs = (pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      return (
        /node[^/]*$/.test(words[0]) &&
        words.slice(1).some((word) => word.endsWith('main.js') && resolve(cwd, word) === main)
      );
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && runs(name))
    .map(Number);
}

function hubsInPs(main) {
  try {
    const lines = execFileSync('ps', ['-axo', 'pid=,command='], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n');
    return lines.filter((line) => line.includes(main)).map((line) => Number.parseInt(line, 10));
  } catch {
    return [];
  }
}
