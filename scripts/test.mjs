#!/usr/bin/env node
/**
 * `npm test`: provides what the tests need, then runs linter, pytest and mocha. `--quick` leaves out linter, pytest and the end-to-end
 * tests; other words go to mocha, which then runs alone. What failed is said again at the end; the last line of its output is
 * `N passed, N failed, N skipped`; the exit code is 0 when nothing failed. A part that is missing is a failure.
 */
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { prepare } from './lib/prepare.mjs';
import { say, step } from './lib/run.mjs';
import { endToEnd, lint, mocha, printedAtTheEnd, pytest } from './lib/suites.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Imports what the build made of a source file. */
function built(path) {
  return import(new URL(`../dist/${path}`, import.meta.url).href);
}

/** Answers the environment that tells the tests where Rasa's Python and Chromium are. */
async function provide(quick, signal) {
  const { provisionRasa } = await built('src/engines/rasa/provision.js');
  const { configOf } = await built('src/config.js');
  const { findChromium } = await built('test/support/chromium.js');
  const { provideRedis } = await built('test/support/tools.js');
  const { provideMongo } = await built('test/support/mongo.js');
  const { provideKafka } = await built('test/support/kafka.js');
  const progress = (words, percent) => say(percent === undefined ? words : `${String(percent).padStart(3)} % ${words}`);
  const { env } = process;
  const { python } = await provisionRasa({
    cacheDir: configOf(env).cacheDir,
    rasaPython: env.RASA_PYTHON ?? null,
    env,
    progress,
    signal,
  });
  await provideRedis(env, say);
  await provideMongo(say);
  await provideKafka(say);
  const chromium = await findChromium({ env, say, install: !quick });
  return { SWITCHBOARD_TEST_PYTHON: python, ...(chromium && { SWITCHBOARD_TEST_CHROMIUM: chromium }) };
}

const still = { ticks: false };

/** So many suites run side by side: each mostly waits for something, so one alone leaves the processors idle half of the time. */
const lanes = 3;
/** The end-to-end tests that take longest, in the order in which they begin: a long one at the end would run alone. */
const longest = [
  'rasa-same',
  'storage',
  'chart',
  'faults',
  'connectors',
  'console',
  'warm',
  'trainer',
  'console-rasa',
  'rasa-diff',
];

/** All suites, beside the linter, which runs already; what a suite prints is shown once it has ended. Answers their counts. */
async function everything(env, linted, signal) {
  const python = env.SWITCHBOARD_TEST_PYTHON;
  const typescript = (name, options) => [`mocha, ${name}`, (out) => mocha(root, { ...options, env, out })];
  const others = endToEnd(root).filter((name) => !longest.includes(name));
  const waiting = [
    typescript('units', { part: 'units' }),
    ['pytest', (out) => pytest(root, { python, out })],
    ...[...longest, ...others].map((name) => typescript(name, { args: [`test/e2e/${name}.test.ts`] })),
  ];
  const counts = [];
  const lane = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const [name, suite] = next;
      counts.push(await printedAtTheEnd((out) => step(name, () => suite(out), still)));
    }
  };
  const afterLint = linted.then(lane);
  await Promise.all([afterLint, ...Array.from({ length: lanes - 1 }, lane)]);
  return [await linted, ...counts];
}

/** Prepares and runs what is asked for; answers the counts of each part. */
async function results(quick, args, signal) {
  await prepare(root);
  const providing = () => step('Providing Rasa, the test servers and Chromium', () => provide(quick, signal), still);
  if (!quick && args.length === 0) {
    // The linter needs nothing that has to be provided, and is one of those that run side by side.
    const linted = printedAtTheEnd((out) => step('lint', () => lint(root, out), still));
    return everything(await providing(), linted, signal);
  }
  const env = await providing();
  const part = quick ? 'units' : 'all';
  return [await step('mocha', () => mocha(root, { part, args, env }), still)];
}

/** Adds up what the parts answer. What keeps one from running is one failure, in words, and ends the run. */
async function main(words) {
  const tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => stop.abort(new Error(`Stopped by ${signal}.`)));
  const args = words.filter((word) => word !== '--quick');
  try {
    for (const counts of await results(words.includes('--quick'), args, stop.signal)) {
      for (const key of ['passed', 'failed', 'skipped']) tally[key] += counts[key];
      tally.failures.push(...counts.failures);
    }
    stop.signal.throwIfAborted();
  } catch (error) {
    tally.failures.push(error.name === 'TypeError' ? error.stack : error.message);
    tally.failed += 1;
  }
  return tally;
}

const { passed, failed, skipped, failures } = await main(process.argv.slice(2));
for (const failure of failures) say(`\nFAILED ${failure}`);
say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
