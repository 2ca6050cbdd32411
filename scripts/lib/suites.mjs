/** The parts of `npm test`. Each answers { passed, failed, skipped, failures } and never rejects for a test that fails; `failures` are words. */
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npm, run, say } from './run.mjs';

const timeoutMs = 25 * 60_000;
const pythonMs = 20 * 60_000;
/** Nobody is asked anything: a test run has no terminal. `out` is a file descriptor, or `inherit`. */
const stdioTo = (out) => ['ignore', out, out];

/** Gives `work` a file to print to, and prints what is in it once that has ended: for parts that run beside others. */
export async function printedAtTheEnd(work) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-output-'));
  const path = join(folder, 'output');
  const out = openSync(path, 'a');
  try {
    return await work(out);
  } finally {
    closeSync(out);
    process.stdout.write(readFileSync(path));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Linter and formatter, one check. */
export async function lint(root, out) {
  const { code } = await run(npm('run', '--silent', 'lint'), { cwd: root, stdio: stdioTo(out) });
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  return code === 0 ? { ...counts, passed: 1 } : { ...counts, failed: 1, failures: ['lint: see its output above'] };
}

/** The tests of our Python package, with the interpreter that runs it. */
export async function pytest(root, { python, out }) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-pytest-'));
  const report = join(folder, 'report.xml');
  try {
    // What a test's process leaves behind when it is killed goes with the folder.
    const ours = { PYTHONPATH: join(root, 'src', 'engines', 'rasa'), PYTHONDONTWRITEBYTECODE: '1', TMPDIR: folder };
    const env = { ...process.env, ...ours };
    const words = [
      python,
      '-m',
      'pytest',
      '-v',
      '-p',
      'no:cacheprovider',
      '-o',
      'faulthandler_timeout=240',
      `--junitxml=${report}`,
      'test/python',
    ];
    const { code } = await run(words, { cwd: root, env, stdio: stdioTo(out), group: true, timeoutMs: pythonMs });
    return verdict('pytest', code, junitCounts(textOf(report) ?? ''));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sums the suites of a JUnit report. */
export function junitCounts(xml) {
  const sum = (name) =>
    [...xml.matchAll(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`, 'g'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    );
  const failed = sum('failures') + sum('errors');
  const skipped = sum('skipped');
  const cases = [...xml.matchAll(/<testcase ([^>]*)><(?:failure|error) ([^>]*)>/g)];
  return {
    passed: sum('tests') - failed - skipped,
    failed,
    skipped,
    failures: cases.map(([, test, why]) => `pytest: ${test}\n${why}`),
  };
}

/**
 * TypeScript tests, in one process. `part`: one of `parts` below. `args` are mocha's, a test file among
 * them (as source or compiled) replaces the whole list. `env` is added to the environment.
 */
export async function mocha(root, { part, args = [], env, out = 'inherit' }) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-mocha-'));
  const note = join(folder, 'note.json');
  try {
    const words = [
      process.execPath,
      '--enable-source-maps',
      'node_modules/mocha/bin/mocha.js',
      ...mochaArgs(root, part, args),
    ];
    const options = {
      cwd: root,
      env: { ...process.env, ...env, SWITCHBOARD_TEST_NOTE: note },
      stdio: stdioTo(out),
      group: true,
      timeoutMs,
    };
    const watch = watching(note);
    const { code } = await run(words, { ...options, started: watch.begin }).finally(watch.stop);
    const { passed = 0, failed = 0, skipped = 0, failures = [], ended, now = 'loading the test files' } = noteIn(note);
    const early = ended ? [] : [`Mocha ended early (exit code ${code}) at: ${now}`];
    return verdict('mocha', ended ? code : code || 1, {
      passed,
      failed,
      skipped,
      failures: [...failures, ...early],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mochaArgs(root, part, args) {
  const isFile = (word) => /\.test\.[jt]s$/.test(word);
  const named = args.filter(isFile).map((word) => word.replace(/^(?:\.\/)?(?!dist\/)/, 'dist/').replace(/ts$/, 'js'));
  const strict = process.env.CI ? ['--forbid-only', '--forbid-pending'] : [];
  const files = named.length > 0 ? named : testFiles(root, part);
  return ['--reporter', './scripts/lib/reporter.mjs', ...strict, ...args.filter((word) => !isFile(word)), ...files];
}

/** The parts of the TypeScript tests, by the path below dist/test/. */
const parts = {
  all: () => true,
  units: (name) => !name.startsWith('e2e/'),
};

function testFiles(root, part) {
  return testNames(root)
    .filter((name) => parts[part](name))
    .map((name) => `dist/test/${name}`);
}

/** The names of the end-to-end tests: `chat` for test/e2e/chat.test.ts. */
export function endToEnd(root) {
  return testNames(root)
    .filter((name) => !parts.units(name))
    .map((name) => name.slice('e2e/'.length, -'.test.js'.length));
}

function testNames(root) {
  const names = readdirSync(join(root, 'dist', 'test'), { recursive: true }).map((name) => name.replaceAll('\\', '/'));
  return names.filter((name) => name.endsWith('.test.js')).sort();
}

/** Ends mocha when what runs now has had its time; the reporter says in its note what that is. */
function watching(note) {
  let timer;
  const look = (kill) => {
    const { until = Infinity, now } = noteIn(note);
    if (Date.now() < until) return;
    say(`Ended by force, it hangs: ${now}`);
    kill('SIGKILL');
  };
  return { begin: (_child, kill) => (timer = setInterval(() => look(kill), 2000)), stop: () => clearInterval(timer) };
}

function noteIn(path) {
  return JSON.parse(textOf(path) ?? '{}');
}

/** No test at all, and an exit code that the counts do not explain, are failures. */
function verdict(name, code, counts) {
  const why = unexplained(code, counts);
  if (!why) return counts;
  return { ...counts, failed: counts.failed + 1, failures: [...counts.failures, `${name} ${why}`] };
}

function unexplained(code, { passed, failed, skipped }) {
  if (code === 124) return 'took too long and was ended.';
  if (passed + failed + skipped === 0) return `found no tests (exit code ${code}).`;
  return code !== 0 && failed === 0 && `ended with exit code ${code}.`;
}

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
