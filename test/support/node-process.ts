/** The node role in a process of its own, for tests that kill it: with a stand-in for Rasa, or with real Rasa. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import type { Engine, RunningEngine } from '../../src/contracts.js';
import { createEgress } from '../../src/egress.js';
import { createRemoteEngine } from '../../src/engines/remote.js';
import { openLog } from '../../src/log.js';
import { openNode } from '../../src/node.js';
import { saying, scriptedEngine } from './engines.js';
import { nodeToken, type ProcessSpec } from './node.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as ProcessSpec;
const dataDir = spec.dataDir ?? (await mkdtemp(join(tmpdir(), 'sb-node-')));
await mkdir(dataDir, { recursive: true });
const { PATH = '', HOME = '' } = process.env;
const openblas = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('OPENBLAS_')));
const config = configOf({
  ...{ PATH, HOME, ...openblas, DATA_DIR: dataDir, MIN_FREE_DISK: '1m', MIN_FREE_MEMORY: '1m', NODE_URL: spec.address },
  HUB_URL: [spec.hub].flat().join(','),
  NODE_TOKEN: spec.token ?? nodeToken,
  ...spec.env,
});
/** As Rasa's engine to the hub; what it says comes from a server that outlives this process. */
function journaled(base: string): Engine {
  const remote = createRemoteEngine(createEgress(['127.0.0.1']));
  return {
    name: 'rasa',
    needsModel: true,
    launch: async (bot, model) => {
      const running = await remote.launch({ ...bot, remoteUrl: `${base}/n${bot.appId}` }, model);
      return Object.create(running, { engine: { value: 'rasa' } }) as RunningEngine;
    },
  };
}

const engine = scriptedEngine();
engine.answer = async (turn) => {
  // Long enough to be killed meanwhile.
  await new Promise((resolve) => setTimeout(resolve, turn.text === 'slow' ? 60_000 : 5));
  return saying(turn, `${spec.address}: ${turn.text}`);
};
const python = process.env['SWITCHBOARD_TEST_PYTHON'];
const node = await openNode({
  config,
  logs: openLog({ level: 'info', pretty: false, write: (line) => void process.stderr.write(line) }),
  rasa: spec.standIn || !python ? { reason: 'A stand-in answers.' } : { python },
  ...(spec.standIn && {
    standIns: { rasa: spec.journal ? journaled(spec.journal) : engine, tellMs: 100, hello: { gpus: [] } },
  }),
});
const stop = async (): Promise<void> => {
  await node.stop();
  if (spec.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  process.exit(0);
};
process.on('SIGTERM', () => void stop());
// It ends with the test that started it, however that ends.
process.on('disconnect', () => void stop());
await node.ready;
process.stdout.write('ready\n');
