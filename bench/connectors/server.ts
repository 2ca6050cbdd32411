/**
 * One server under measurement, in a process of its own: `node server.js SPEC` with the spec as JSON. `ours`: the whole hub with `bots` bots that
 * answer at once, each connected to the platform; `sample`: what that platform's SDK shows; `floor`: the same, made durable by the least that does
 * it. Prints one JSON line `{port, bots}` when it listens; asked by its parent it tells `{cpu}`, the microseconds that it has used.
 */
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import { echoEngine, seedBots } from '../path/hub.js';
import { durableWeb, samples } from './samples.js';

export interface ServerSpec {
  kind: 'ours' | 'sample' | 'floor';
  platform: string;
  settings: Record<string, unknown>;
  dataDir: string;
  bots: number;
}

async function ours({ platform, settings, dataDir, bots }: ServerSpec): Promise<{ port: number; bots: string[] }> {
  const config = configOf({
    PORT: '0',
    HOME: dataDir,
    DATA_DIR: dataDir,
    MIN_FREE_DISK: '1',
    LOG_LEVEL: 'warn',
    EGRESS_ALLOW: '127.0.0.1',
    // The web's one bot is asked more in these seconds than a bot may be by default.
    RATE_LIMIT_BOT: '0',
    PUBLIC_URL: 'https://hub.example',
  });
  const appIds = Array.from({ length: bots }, (_, n) => `bench-${n}`);
  await seedBots(config.databaseUrl, { dataDir, appIds });
  const logs = openLog({ level: 'error', pretty: false, write: (line) => void process.stderr.write(line) });
  const rasa = { reason: 'The bench brings its own engine.' };
  const app = await openApp({ config, logs, rasa, trains: false, standIns: { engines: { rasa: echoEngine } } });
  for (const appId of appIds) {
    const response = await fetch(`${app.url}/api/v1/bots/${appId}/channels/${platform}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${app.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    });
    if (!response.ok) throw new Error(`${platform} could not be set up: ${await response.text()}`);
  }
  process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
  return { port: Number(new URL(app.url).port), bots: appIds };
}

async function other({ kind, platform, settings, dataDir }: ServerSpec): Promise<{ port: number; bots: string[] }> {
  process.on('SIGTERM', () => process.exit(0));
  const open = kind === 'floor' ? () => durableWeb(dataDir) : samples[platform]!;
  return { port: await open(settings as Record<string, string>), bots: [] };
}

const spec = JSON.parse(process.argv[2] ?? '') as ServerSpec;
const facts = await (spec.kind === 'ours' ? ours(spec) : other(spec));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system });
});
process.on('disconnect', () => process.exit(1));
process.stdout.write(`${JSON.stringify(facts)}\n`);
