/** The node role in a process of its own, for tests that kill it: with a stand-in for Rasa, or with real Rasa. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import { openNode } from '../../src/node.js';
import { saying, scriptedEngine } from './engines.js';
import { nodeToken, type ProcessSpec } from './node.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as ProcessSpec;
const dataDir = await mkdtemp(join(tmpdir(), 'sb-node-'));
const { PATH = '', HOME = '' } = process.env;
const openblas = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('OPENBLAS_')));
const config = configOf({
  ...{ PATH, HOME, ...openblas, DATA_DIR: dataDir, MIN_FREE_DISK: '1m', MIN_FREE_MEMORY: '1m', NODE_URL: spec.address },
  HUB_URL: [spec.hub].flat().join(','),
  NODE_TOKEN: spec.token ?? nodeToken,
  ...spec.env,
});
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
  ...(spec.standIn && { standIns: { rasa: engine, tellMs: 100, hello: { gpus: [] } } }),
});
const stop = async (): Promise<void> => {
  await node.stop();
  await rm(dataDir, { recursive: true, force: true });
  process.exit(0);
};
process.on('SIGTERM', () => void stop());
// It ends with the test that started it, however that ends.
process.on('disconnect', () => void stop());
await node.ready;
process.stdout.write('ready\n');
