/** Servers that stand in for cloud storage in tests, each installed once into the per-user cache by its own package manager. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface ToolsOptions {
  /** Where they are kept, `cacheDir` of the settings. */
  cacheDir: string;
  env: NodeJS.ProcessEnv;
  /** Any Python 3.8 or newer. */
  python: string;
  say: (line: string) => void;
}
interface Tool {
  name: string;
  /** The program that is run, within the tool's folder. */
  program: string;
  install(folder: string, options: ToolsOptions): Promise<void>;
}
const longMs = 15 * 60_000;

async function installPython(folder: string, requirement: string, { env, python }: ToolsOptions): Promise<void> {
  await execute(python, ['-m', 'venv', folder], { env, timeout: longMs });
  await execute(join(folder, 'bin', 'pip'), ['install', '-q', requirement], { env, timeout: longMs });
}

const tools = {
  azurite: {
    name: 'azurite-3.35.0',
    program: 'node_modules/azurite/dist/src/blob/main.js',
    async install(folder, { env }) {
      await writeFile(join(folder, 'package.json'), '{"private":true}');
      const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', 'azurite@3.35.0'];
      await execute('npm', words, { cwd: folder, env, timeout: longMs });
    },
  },
  moto: {
    name: 'moto-5.2.5',
    program: 'bin/moto_server',
    install: (folder, options) => installPython(folder, 'moto[server,s3]==5.2.5', options),
  },
  gcs: {
    name: 'gcp-storage-emulator-2026.7.19',
    program: 'bin/gcp-storage-emulator',
    install: (folder, options) => installPython(folder, 'gcp-storage-emulator==2026.7.19', options),
  },
} satisfies Record<string, Tool>;

/** Answers the path of the tool's program, installing it now when it is not there. Rejects with the installer's last words. */
export async function provideTool(which: keyof typeof tools, options: ToolsOptions): Promise<string> {
  const tool: Tool = tools[which];
  const folder = join(options.cacheDir, 'tools', tool.name);
  const program = join(folder, tool.program);
  const complete = join(folder, '.complete');
  if (existsSync(complete)) return program;
  options.say(`Installing ${tool.name} for the tests, a minute or two, once`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await tool.install(folder, options);
  await writeFile(complete, '');
  return program;
}

/** Debian's redis-server, installed now when it is not there and this process may. Rejects in words that say what to do. */
export async function provideRedis(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<void> {
  const runs = (): Promise<boolean> =>
    execute('redis-server', ['--version'], { env }).then(
      () => true,
      () => false,
    );
  if (await runs()) return;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing redis-server with apt-get');
    const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: longMs };
    await execute('apt-get', ['update'], options).catch(() => undefined);
    await execute('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], options).catch(
      () => undefined,
    );
  }
  if (await runs()) return;
  throw new Error('The tests need Redis: install redis-server (Debian: apt-get install redis-server).');
}
