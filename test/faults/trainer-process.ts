/**
 * A trainer in a process of its own, to be killed or blocked: `node trainer-process.js SPEC`. Prints `ready` when it takes jobs and
 * `job APP_ID` when it has one. A message `{block: ms}` from its parent stops its event loop for so long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { standInTrainer } from '../support/trainer.js';
import { configOf } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import { openTrainer } from '../../src/trainer.js';

export interface TrainerSpec {
  redis: string;
  hub: string;
  token: string;
  dataDir: string;
  lockMs: number;
  jobMs: number;
  /** It shows the label `gpu`. */
  cuda?: boolean;
}
const spec = JSON.parse(process.argv[2] ?? '') as TrainerSpec;
const config = configOf({
  PATH: process.env['PATH'],
  DATA_DIR: spec.dataDir,
  MIN_FREE_DISK: '1',
  REDIS_URL: spec.redis,
  HUB_URL: spec.hub,
  TRAINER_TOKEN: spec.token,
  MAX_PARALLEL_TRAININGS: '1',
});
const logs = openLog({ level: 'warn', pretty: false, write: (line) => void process.stderr.write(line) });
const train = standInTrainer({
  ready: async (appId, signal) => {
    process.stdout.write(`job ${appId}\n`);
    await sleep(spec.jobMs, undefined, { signal });
  },
});
await openTrainer({
  config,
  logs,
  rasa: null,
  signal: new AbortController().signal,
  standIn: { train, lockMs: spec.lockMs, cuda: spec.cuda ?? false },
});
process.on('message', ({ block }: { block: number }) => {
  const end = performance.now() + block;
  while (performance.now() < end);
});
process.on('disconnect', () => process.exit(1));
process.stdout.write('ready\n');
