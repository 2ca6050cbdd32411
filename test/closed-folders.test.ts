import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeToOthers } from '../src/app/parts.js';
import { type Config, configOf } from '../src/config.js';

describe('What a hub keeps, where its bots have users of their own', () => {
  it('is closed to them, however its folders were made; a folder that is meant for all stays so', async function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') this.skip();
    const folder = await mkdtemp(join(tmpdir(), 'sb-closed-'));
    const made = async (name: string, mode: number): Promise<string> => {
      const path = join(folder, name);
      await mkdir(path);
      await chmod(path, mode);
      return path;
    };
    const [dataDir, models] = [await made('data', 0o755), await made('models', 0o775)];
    const shared = await made('shared', 0o1777);
    const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);
    const config = (storage: string): Config =>
      configOf({ DATA_DIR: dataDir, DATABASE_URL: `sqlite:${dataDir}`, MODEL_STORAGE: `file:${storage}` });
    await closeToOthers(config(models));
    await closeToOthers(config(shared));
    const modes = await Promise.all([dataDir, models, shared].map(modeOf));
    assert.deepEqual(modes, ['750', '770', '1777']);
    await rm(folder, { recursive: true });
  });
});
