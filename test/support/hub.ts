/** The one fixture: a whole hub on a free port and a fresh data folder, ended with its test. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, type AppOptions, openApp, type RasaRuntime } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';

export interface TestHub {
  app: App;
  url: string;
  dataDir: string;
  /** Every log line so far. */
  log: string[];
  /** Calls the admin API; answers status, headers and the parsed body. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  stop(): Promise<void>;
}
export interface ApiAnswer {
  status: number;
  headers: Headers;
  // Answers of many shapes are compared in tests; each assertion says which shape it means.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}
export interface HubOptions {
  env?: Record<string, string>;
  rasa?: RasaRuntime;
  /** Opens an existing data folder; the caller removes it. */
  dataDir?: string;
  standIns?: AppOptions['standIns'];
  /** False: a hub that leaves trainings to trainers elsewhere. */
  trains?: boolean;
  /** Whether it runs bots itself. */
  engines?: AppOptions['engines'];
}

/** The Python with Rasa that `npm test` provisioned; fails with words when a test is run by hand without it. */
export function realRasa(): RasaRuntime {
  const python = process.env['SWITCHBOARD_TEST_PYTHON'];
  assert.ok(python, 'set SWITCHBOARD_TEST_PYTHON to a Python that has Rasa 3.6, or run npm test, which provisions one');
  return { python };
}

/** Without `rasa` the hub answers with the lite engine: the same routes, no Python. */
export async function newHub(options: HubOptions = {}): Promise<TestHub> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'sb-test-')));
  const log: string[] = [];
  const logs = openLog({ level: 'info', pretty: false, write: (line) => void log.push(line) });
  const { PATH = '', HOME = '', LANG = 'C.UTF-8' } = process.env;
  const openblas = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('OPENBLAS_')));
  const config = configOf({
    PATH,
    HOME,
    LANG,
    ...openblas,
    PORT: '0',
    DATA_DIR: dataDir,
    MIN_FREE_DISK: '1m',
    ...options.env,
  });
  const rasa = options.rasa ?? { reason: 'This test runs without Rasa.' };
  const app = await openApp({
    config,
    rasa,
    logs,
    trains: options.trains ?? true,
    ...(options.engines && { engines: options.engines }),
    ...(options.standIns ? { standIns: options.standIns } : {}),
  });
  return {
    app,
    url: app.url,
    dataDir,
    log,
    api: (method, path, body, headers) => callApi(app, { method, path, body, headers }),
    async stop() {
      await app.stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface Call {
  method: string;
  path: string;
  body: unknown;
  headers: Record<string, string> | undefined;
}
async function callApi(app: App, { method, path, body, headers }: Call): Promise<ApiAnswer> {
  const response = await fetch(`${app.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${app.adminToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: json ? (JSON.parse(text) as unknown) : text };
}

/** Waits until `condition` answers something true; fails after `seconds`. */
export async function eventually<T>(condition: () => T | Promise<T>, seconds = 10): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `waited ${seconds} s in vain`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
