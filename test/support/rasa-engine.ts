/** The rasa engine as `src/app.ts` wires it, without a hub: real processes, a real tracker channel and a real store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import type { Engine, RunningEngine } from '../../src/contracts.js';
import { openTrackerChannel } from '../../src/engines/rasa/channel.js';
import { createRasaEngine } from '../../src/engines/rasa/rasa.js';
import { openWarmRasa } from '../../src/engines/rasa/warm.js';
import { openLog } from '../../src/log.js';
import { openStore } from '../../src/stores/index.js';
import { someBot, someModel } from './engines.js';

export interface RealEngine {
  readonly engine: Engine;
  /** Wakes a new bot with this archive. */
  launch(appId: string, archivePath: string): Promise<RunningEngine>;
  /** Ends what all bots share; each launched bot is ended by who launched it. */
  close(): Promise<void>;
}

/** `packageDir`: the folder of our Python package, and whatever else its bots import, as a search path. */
export async function openRealEngine(python: string, packageDir: string, parseCacheBytes = 0): Promise<RealEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-engine-'));
  const store = await openStore(`sqlite:${join(folder, 'db')}`);
  const { log } = openLog({ level: 'silent', pretty: false });
  const channel = openTrackerChannel({ trackers: store.trackers, log });
  const { childEnv: env, cacheDir, rasaTraceSeconds: traceAfterSeconds } = configOf(process.env);
  const pythons = { '': python };
  const encoderDir = join(cacheDir, 'encoder');
  const warm = openWarmRasa({ pythons, packageDir, runtimeDir: folder, encoderDir, env, log });
  const engine = createRasaEngine({
    python,
    packageDir,
    runtimeDir: folder,
    env,
    channel,
    hide: () => undefined,
    start: (task) => warm.start(task),
    memory: () => warm.memory(),
    traceAfterSeconds,
    parseCacheBytes,
    launchTimeoutMs: 400_000,
  });
  return {
    engine,
    async launch(appId, archivePath) {
      const bot = someBot({ appId });
      await store.bots.create(bot);
      return engine.launch(bot, { ...someModel({ appId }), archivePath, contentPath: archivePath });
    },
    async close() {
      await warm.stop();
      await channel.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
