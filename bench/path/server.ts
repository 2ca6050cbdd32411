/**
 * One server under measurement, in a process of its own: `node --expose-gc server.js SPEC` with the spec as JSON. `ours` is the whole hub
 * with an engine that answers at once; `bare` is what a platform's own sample does: Koa verifies, answers 200, posts its reply, and keeps
 * nothing. Prints one JSON line `{port}` when it listens; asked by its parent it tells `{cpu}`, the microseconds it has used, or, after `gc`,
 * `{heap}`, the bytes in use after a collection.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Koa from 'koa';
import getRawBody from 'raw-body';
import { Pool } from 'undici';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { Engine, Exit, RunningEngine } from '../../src/contracts.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import { openModelShelf } from '../../src/training/models.js';
import { createStandIn, protocols } from '../../test/support/standins.js';

export interface ServerSpec {
  kind: 'ours' | 'bare';
  dataDir: string;
  /** Where replies are posted. */
  apiRoot: string;
  secret: string;
  appId: string;
}

/** A bot that answers at once: what is measured is the way to it and back. */
function echo(): RunningEngine {
  let gone: (exit: Exit) => void = () => undefined;
  const exited = new Promise<Exit>((resolve) => (gone = resolve));
  const parseOf = (text: string) => ({ text, intent: { name: 'echo', confidence: 1 }, entities: [] });
  return {
    engine: 'rasa',
    pid: null,
    exited,
    reply: ({ sender, text }) =>
      Promise.resolve({ messages: [{ recipient_id: sender, text: `echo ${text}` }], parse: parseOf(text) }),
    parse: (text) => Promise.resolve(parseOf(text)),
    stop: () => Promise.resolve(gone({ code: 0, signal: null })),
    log: () => [],
  };
}
const engine: Engine = { name: 'rasa', needsModel: true, launch: () => Promise.resolve(echo()) };

/** A trained bot, put into a data folder that no hub has open. */
async function seed({ dataDir, appId }: ServerSpec, databaseUrl: string): Promise<void> {
  const store = await openStore(databaseUrl);
  const { digest } = await (await openModelShelf(join(dataDir, 'models'))).putText('bench');
  const now = new Date().toISOString();
  const kind = { language: 'en', template: 'faq', pipeline: 'semantic', engine: 'rasa' } as const;
  const choices = { remoteUrl: null, threshold: null, activeModel: 'm', runtime: null, lateAnswers: 'send' } as const;
  const instances = { min: 0, max: 1 };
  await store.bots.create({ appId, name: 'Bench', ...kind, ...choices, instances, createdAt: now, updatedAt: now });
  const made = { jobId: 'j', bytes: 5, trainSeconds: 0, createdAt: now };
  await store.models.add({
    id: 'm',
    appId,
    engine: 'rasa',
    pipeline: 'semantic',
    archive: digest,
    content: digest,
    ...made,
  });
  await store.settings.set('demo', 'none');
  await store.close();
}

async function ours(spec: ServerSpec): Promise<number> {
  const { PATH = '', HOME = '' } = process.env;
  const config = configOf({ PATH, HOME, PORT: '0', DATA_DIR: spec.dataDir, MIN_FREE_DISK: '1', LOG_LEVEL: 'warn' });
  await seed(spec, config.databaseUrl);
  const logs = openLog({ level: 'warn', pretty: false, write: (line) => void process.stderr.write(line) });
  const connectors = [createStandIn('slack', { apiRoot: spec.apiRoot, secret: spec.secret, limited: false })];
  const rasa = { reason: 'The bench brings its own engine.' };
  const app = await openApp({ config, logs, rasa, standIns: { engines: { rasa: engine }, connectors } });
  process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
  return Number(new URL(app.url).port);
}

async function bare({ apiRoot, secret }: ServerSpec): Promise<number> {
  const platform = new Pool(apiRoot, { connections: 512 });
  const { verify, decode, post } = protocols.slack;
  const koa = new Koa();
  koa.use(async (ctx) => {
    const body = await getRawBody(ctx.req, { limit: 1_000_000 });
    if (!verify({ query: {}, headers: ctx.headers, body }, secret)) return void (ctx.status = 401);
    const { chat, text } = decode(JSON.parse(body.toString()));
    ctx.status = 200;
    ctx.body = '';
    const reply = post(chat, `echo ${text}`);
    const headers = { 'content-type': 'application/json' };
    void platform
      .request({ method: 'POST', path: reply.path, headers, body: JSON.stringify(reply.body) })
      .then((response) => response.body.dump());
  });
  const handle = koa.callback();
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.on('SIGTERM', () => process.exit(0));
  return (server.address() as AddressInfo).port;
}

function heap(): number {
  for (let i = 0; i < 3; i += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const spec = JSON.parse(process.argv[2] ?? '') as ServerSpec;
const port = await (spec.kind === 'ours' ? ours(spec) : bare(spec));
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
process.on('message', (message) => process.send?.(message === 'gc' ? { heap: heap() } : { cpu: cpu() }));
process.on('disconnect', () => process.exit(1));
process.stdout.write(`${JSON.stringify({ port })}\n`);
