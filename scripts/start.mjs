#!/usr/bin/env node
/**
 * `npm start`: installs and builds what is missing, then runs the hub. Words after `--` go to `switchboard start`. It needs nothing but
 * Node; the hub's exit code is its own.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './lib/prepare.mjs';
import { run } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A message leaves many short-lived objects behind: four times Node's usual room for them lets the collector run less often. */
const flags = ['--max-semi-space-size=64'];

async function start() {
  await prepare(root);
  const { code } = await run([
    process.execPath,
    ...flags,
    join(root, 'dist', 'src', 'main.js'),
    'start',
    ...process.argv.slice(2),
  ]);
  return code;
}

try {
  process.exitCode = await start();
} catch (error) {
  process.stderr.write(`${error.name === 'StepFailed' ? error.message : error.stack}\n`);
  process.exitCode = error.code > 0 ? error.code : 1;
}
