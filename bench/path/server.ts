/**
 * One server under measurement, in a process of its own: `node --expose-gc server.js SPEC` with the spec as JSON. `ours` is the whole hub
 * with an engine that answers at once; `bare` is what a platform's own sample does: Koa verifies, answers 200, posts its reply, and keeps
 * nothing. Prints one JSON line `{port}` when it listens; asked by its parent it tells `{cpu}`, the microseconds it has used, or, after `gc`,
 * `{heap}`, the bytes in use after a collection.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import getRawBody from 'raw-body';
import { Pool } from 'undici';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import { createStandIn, protocols } from '../../test/support/standins.js';
import { echoEngine, seedBots } from './hub.js';

export interface ServerSpec {
  kind: 'ours' | 'bare';
  dataDir: string;
  /** Where replies are posted. */
  apiRoot: string;
  secret: string;
  appId: string;
}

async function ours(spec: ServerSpec): Promise<number> {
  const { PATH = '', HOME = '' } = process.env;
  const config = configOf({ PATH, HOME, PORT: '0', DATA_DIR: spec.dataDir, MIN_FREE_DISK: '1', LOG_LEVEL: 'warn' });
  await seedBots(config.databaseUrl, { dataDir: spec.dataDir, appIds: [spec.appId] });
  const logs = openLog({ level: 'warn', pretty: false, write: (line) => void process.stderr.write(line) });
  const connectors = [createStandIn('slack', { apiRoot: spec.apiRoot, secret: spec.secret, limited: false })];
  const rasa = { reason: 'The bench brings its own engine.' };
  const app = await openApp({ config, logs, rasa, standIns: { engines: { rasa: echoEngine }, connectors } });
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
