#!/usr/bin/env node
/**
 * The command line. Each command reads the settings from the environment (`switchboard config` prints them all), and loads what it runs
 * when it runs it: those that only speak to a hub shall not load one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { App } from './app.js';
import type { BackupParts } from './backup/lines.js';
import { addCommands } from './cli/index.js';
import { exitCodes } from './cli/output.js';
import { type Config, ConfigError, configOf, exampleEnv } from './config.js';
import type { Store } from './contracts.js';
import type { RasaRuntime as ProvisionedRasa } from './engines/rasa/provision.js';
import type { Logs } from './log.js';

/** Exit codes follow sysexits: 78 is a configuration error. */
const badConfig = 78;

/** Signals this close together are one. */
const echoMs = 1000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

function readConfig(): Config {
  try {
    return configOf(process.env, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    process.exit(badConfig);
  }
}

/** Finds or makes a Python with Rasa; a machine where none can be had gets the lite engine, and is told why. */
async function findRasa(
  config: Config,
  { log }: Logs,
  signal: AbortSignal,
): Promise<ProvisionedRasa | { reason: string }> {
  if (config.rasaPython === 'none')
    return { reason: 'RASA_PYTHON=none: Rasa is switched off; bots answer with the lite engine.' };
  const { provisionRasa, RasaUnavailable } = await import('./engines/rasa/provision.js');
  try {
    return await provisionRasa({
      cacheDir: config.cacheDir,
      env: process.env,
      rasaPython: config.rasaPython,
      progress: (words) => log.info(words),
      signal,
    });
  } catch (error) {
    if (!(error instanceof RasaUnavailable)) throw error;
    log.warn(`Rasa is not available: ${error.reason} ${error.remedy} Until then bots answer with the lite engine.`);
    return { reason: `${error.reason} ${error.remedy}` };
  }
}

function greet(app: App, logs: Logs): void {
  const { url, chatUrl, firstUrl, movedTo } = app;
  if (movedTo !== null) return void logs.log.info({ url, hub: movedTo }, 'listening, deactivated');
  logs.log.info(
    { url, console: `${url}/console/`, ...(chatUrl ? { chat: chatUrl } : {}), docs: `${url}/api/docs` },
    'listening',
  );
  if (firstUrl)
    logs.log.info({ url: firstUrl }, 'nobody has an account yet: make the first one, which is an admin, here');
}

async function openLogs(config: Config): Promise<Logs> {
  const { openLog } = await import('./log.js');
  const logs = openLog({ level: config.logLevel, pretty: process.stdout.isTTY });
  for (const secret of [
    config.adminToken,
    config.trainerToken,
    config.nodeToken,
    config.metricsToken,
    config.secretKey,
    config.secretKeyPrevious,
    config.backupPassphrase,
    config.oidcClientSecret,
  ])
    if (secret) logs.hide(secret);
  for (const url of [config.redisUrl, config.databaseUrl, config.modelStorage]) {
    const password = /^[\w+]+:\/\/[^:/]*:(.+)@/.exec(url ?? '')?.[1];
    if (password) logs.hide(password);
  }
  return logs;
}

/** `trains`: false leaves the trainings to trainers elsewhere. `engines`: whether it runs bots itself. */
async function start(trains: boolean, engines: 'always' | 'alone' | 'never'): Promise<void> {
  const config = readConfig();
  if (!trains && !config.redisUrl) {
    complain(
      'A hub that does not train needs REDIS_URL, by which trainers take its jobs; `switchboard start` trains itself.',
    );
    process.exit(badConfig);
  }
  await serve(config, async ({ logs, running, rasa }) => {
    const { openApp } = await import('./app.js');
    const app = await openApp({ config, logs, trains, engines, rasa });
    running.app = app;
    greet(app, logs);
  });
}

/** A trainer for a host of its own. */
async function train(): Promise<void> {
  const config = readConfig();
  await serve(config, async ({ logs, running, rasa, signal }) => {
    const { openTrainer } = await import('./trainer.js');
    running.app = await openTrainer({ config, logs, rasa: 'python' in rasa ? rasa : null, signal });
  });
}

/** A node for a host of its own. */
async function node(): Promise<void> {
  const config = readConfig();
  await serve(config, async ({ logs, running, rasa }) => {
    const { openNode } = await import('./node.js');
    const opened = await openNode({ config, logs, rasa });
    running.app = opened;
    await opened.ready.catch(async (error: unknown) => {
      await opened.stop();
      throw error;
    });
  });
}

interface Serving {
  logs: Logs;
  /** What a signal ends, as soon as it is there. */
  running: Running;
  rasa: ProvisionedRasa | { reason: string };
  /** Aborts when a signal comes before it is up. */
  signal: AbortSignal;
}

/** Finds Rasa, opens something, and lets it run until a signal comes. */
async function serve(config: Config, open: (serving: Serving) => Promise<void>): Promise<void> {
  const logs = await openLogs(config);
  const starting = new AbortController();
  const { signal } = starting;
  const running: Running = {};
  const end = onSignals(starting, running, logs);
  try {
    await open({ logs, running, signal, rasa: await findRasa(config, logs, signal) });
  } catch (error) {
    if (signal.aborted) process.exit(0);
    throw error;
  }
  if (signal.aborted) await end();
}

/** An emulated platform in the browser, in front of a bot of a running hub. */
async function lab(platform: string, appId: string, { port }: { port: string }): Promise<void> {
  const config = readConfig();
  const [{ openLog }, { openLab }] = await Promise.all([import('./log.js'), import('./lab.js')]);
  const logs = openLog({ level: 'warn', pretty: process.stdout.isTTY });
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new Error(`--port ${port}: give a number up to 65535.`);
  const running: Running = {};
  onSignals(new AbortController(), running, logs);
  const opened = await openLab({ config, logs, platform, appId, port: Number(port) });
  running.app = { stop: () => opened.stop().then(() => true) };
  say(`${opened.url}  Type there; Ctrl-C ends the lab.`);
}

/** What the signals stop. */
interface Running {
  app?: { stop(): Promise<boolean> };
}

/** The first signal stops in order, the second at once. */
function onSignals(starting: AbortController, running: Running, { log }: Logs): () => Promise<void> {
  const end = async (): Promise<void> => {
    const inTime = await running.app?.stop();
    process.exit(inTime === false ? 1 : 0);
  };
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Ctrl-C arrives twice at once: from the terminal, and passed on by `npm start`.
      if (starting.signal.aborted && Date.now() - first < echoMs) return;
      if (starting.signal.aborted) process.exit(1);
      first = Date.now();
      log.info({ signal }, 'stopping; once more to stop at once');
      starting.abort();
      if (running.app) void end();
    });
  }
  return end;
}

/** Runs `work` on the store that the settings name; no hub may use it meanwhile. */
async function withStore<T>(work: (store: Store, config: Config) => Promise<T>): Promise<T> {
  const config = readConfig();
  const { openStore } = await import('./stores/index.js');
  const store = await openStore(config.databaseUrl);
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

/** Runs `work` on the store and the shelf that the settings name; no hub may use them meanwhile. */
async function withParts<T>(work: (parts: BackupParts) => Promise<T>): Promise<T> {
  return withStore(async (store, { dataDir, modelStorage, backupPassphrase: passphrase }) => {
    const { openShelf } = await import('./training/shelf.js');
    return work({ store, shelf: await openShelf(modelStorage, join(dataDir, 'models')), dataDir, passphrase });
  });
}

const program = new Command('switchboard').description('A hub that puts many Rasa bots behind every chat channel.');
program
  .command('start', { isDefault: true })
  .description('hub, engines and trainer in one process tree')
  .action(() => start(true, 'always'));
program
  .command('hub')
  .option('--no-engines', 'run no bots here, also while no node is there')
  .description('hub alone: trainings are left to trainers (REDIS_URL), bots to nodes as soon as one is there')
  .action(({ engines }: { engines: boolean }) => start(false, engines ? 'alone' : 'never'));
program
  .command('trainer')
  .description('a trainer for a host of its own: REDIS_URL, HUB_URL, TRAINER_TOKEN')
  .action(train);
program.command('node').description('a node for a host of its own, which runs bots: HUB_URL, NODE_TOKEN').action(node);
program
  .command('migrate')
  .description("bring the store's schema up to date and exit")
  .action(async () => {
    const { migrateStore } = await import('./stores/index.js');
    const { from, to, steps } = await migrateStore(readConfig().databaseUrl);
    say(from === to ? `The schema is up to date (version ${to}).` : `Schema ${from} -> ${to}: ${steps.join(', ')}.`);
  });
program
  .command('backup')
  .argument('<file>')
  .description('write the whole hub (store, model files, secrets) to a new file; stop the hub first')
  .action(async (file: string) => {
    const { backUp } = await import('./backup/write.js');
    const { backupPassphrase } = readConfig();
    const { bots, messages, files, missing } = await withParts((parts) => backUp(parts, file));
    const care = backupPassphrase
      ? 'It is sealed: keep the passphrase apart from it.'
      : 'It holds secrets: keep it safe, or set BACKUP_PASSPHRASE to have it sealed.';
    say(`${file}: ${bots} bots, ${messages} messages, ${files} model files. ${care}`);
    if (missing.length > 0) say(`${missing.length} model files were gone and are not in it; train those bots again.`);
  });
program
  .command('restore')
  .argument('<file>')
  .description('put a backup into the empty store and data folder that the settings name, of any kind')
  .action(async (file: string) => {
    const { restore } = await import('./backup/restore.js');
    const { bots, messages, files } = await withParts((parts) => restore(parts, file));
    say(`Restored ${bots} bots, ${messages} messages, ${files} model files. The admin token is that of the backup.`);
  });
program
  .command('deactivate')
  .argument('<url>', 'address of the hub that takes over')
  .description(
    'after a backup: this hub refuses from its next start on, says where the other is, and hands on what platforms send',
  )
  .action(async (url: string) => {
    const { deactivate } = await import('./backup/moved.js');
    const hub = await withStore((store, { publicUrl }) => deactivate(store, url, publicUrl));
    say(`Deactivated in favour of ${hub}. Start it again, so that it says so; switchboard activate takes it back.`);
  });
program
  .command('activate')
  .description('take a deactivation back; only while the hub that took over does not run')
  .action(async () => {
    const { activate } = await import('./backup/moved.js');
    const hub = await withStore(activate);
    say(hub === null ? 'This hub is in use; nothing was changed.' : `Active again; ${hub} must not run any more.`);
  });
program
  .command('lab')
  .argument('<platform>', 'slack, telegram or teams')
  .argument('<appId>', 'the bot to talk to')
  .option('--port <port>', 'of the page; 0: any', '0')
  .description('try a bot on an emulated chat platform in the browser, with no account; the hub must be running')
  .action(lab);
program
  .command('config')
  .description('print all settings with their meaning and defaults')
  .action(() => say(exampleEnv().trimEnd()));

addCommands(program, {
  env: process.env,
  streams: {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    tty: process.stderr.isTTY,
  },
  input: process.stdin,
  config: () => configOf(process.env, (path) => readFileSync(path, 'utf8')),
  exit: (code) => void (process.exitCode = code),
});
// A command line that does not fit ends as sysexits says; help and version end well.
for (const command of [program, ...program.commands]) {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodes.usage));
}

program.parseAsync().catch((error: unknown) => {
  complain(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
