#!/usr/bin/env node
/**
 * `npm run test:fuzz`: lints the served OpenAPI document (redocly), then has schemathesis make requests from it against a fresh hub with
 * the lite engine. Both programs are installed once, at fixed versions, into the per-user cache. A 5xx, an answer that the document does
 * not name, or one that does not fit its schema is a failure. Words after `--` go to schemathesis: `-- --max-examples 300` is a long run.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './lib/prepare.mjs';
import { npm, run, say, step, StepFailed } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const versions = { schemathesis: '4.32.5', redocly: '2.77.0' };
const key = 'fuzz-key-of-a-hub-that-lives-for-minutes';
/**
 * Left out: streams that end when their job does or never; what other programs' APIs decide (Rasa's own, platforms'); what needs a Rasa,
 * which is 503 without; and what would take the one bot away from the other requests.
 */
const leftOut = '^(/bots/|/webhooks/|/metrics|.*/events$|.*/logs$|.*/validate$)';

async function must(words, options) {
  const { code } = await run(words, options);
  if (code !== 0) throw new StepFailed(`${words.slice(0, 3).join(' ')} ended with code ${code}.`);
}

/** A Python program in an environment of its own; answers its path. */
async function pythonTool(cache, name) {
  const folder = join(cache, `${name}-${versions[name]}`);
  if (!existsSync(join(folder, '.complete'))) {
    rmSync(folder, { recursive: true, force: true });
    await must(['python3', '-m', 'venv', folder]);
    await must([
      join(folder, 'bin', 'pip'),
      'install',
      '--quiet',
      '--disable-pip-version-check',
      `${name}==${versions[name]}`,
    ]);
    writeFileSync(join(folder, '.complete'), '');
  }
  return join(folder, 'bin', name);
}

/** redocly, in a folder of its own: this project does not need it. */
async function redocly(cache) {
  const folder = join(cache, `redocly-${versions.redocly}`);
  const bin = join(folder, 'node_modules', '.bin', 'redocly');
  if (!existsSync(bin)) {
    await must(
      npm(
        'install',
        '--prefix',
        folder,
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        `@redocly/cli@${versions.redocly}`,
      ),
    );
  }
  return bin;
}

/** A hub on a free port; resolves with its URL. */
function startHub(dataDir) {
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: '0',
    RASA_PYTHON: 'none',
    ADMIN_TOKEN: key,
    LOG_LEVEL: 'info',
  };
  const child = spawn(process.execPath, [join(root, 'dist/src/main.js'), 'start'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /"url":"(http:[^"]+)"/.exec(text);
      if (found) resolve(found[1]);
      if (text.length > 100_000) text = text.slice(-1000);
    });
    child.once('exit', (code) => reject(new StepFailed(`the hub ended with code ${code}: ${text}`)));
  });
  return { child, url };
}

async function main(words) {
  await prepare(root);
  const { configOf } = await import(new URL('../dist/src/config.js', import.meta.url).href);
  const { cacheDir } = configOf(process.env);
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-fuzz-'));
  const hub = startHub(dataDir);
  try {
    const url = await hub.url;
    const document = join(dataDir, 'openapi.json');
    writeFileSync(document, await (await fetch(`${url}/api/openapi.json`)).text());
    const linter = await step('Providing redocly', () => redocly(cacheDir));
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    await step('Lint', () =>
      must([linter, 'lint', document, '--config', join(root, 'scripts/lib/redocly.yaml'), '--max-problems', '400'], {
        env,
      }),
    );
    const fuzzer = await step('Providing schemathesis', () => pythonTool(cacheDir, 'schemathesis'));
    const config = join(root, 'scripts/lib/schemathesis.toml');
    const flags = ['--url', url, '--exclude-path-regex', leftOut, '--exclude-operation-id', 'deleteApiV1BotsByAppId'];
    const fuzz = [fuzzer, '--config-file', config, 'run', document, ...flags, ...words];
    const known = { ...process.env, SWITCHBOARD_FUZZ_KEY: key };
    await step('Fuzz', () => must(fuzz, { cwd: dataDir, env: known }), { ticks: false });
  } finally {
    hub.child.removeAllListeners('exit');
    hub.child.kill('SIGTERM');
    await new Promise((resolve) => hub.child.once('exit', resolve));
    rmSync(dataDir, { recursive: true, force: true });
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  say(error.name === 'StepFailed' ? error.message : error.stack);
  process.exitCode = error.code > 0 ? error.code : 1;
}
