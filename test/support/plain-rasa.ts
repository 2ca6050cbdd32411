/** Rasa as everybody runs it: `rasa train` and `rasa run --enable-api` on a port, without a line of ours but the components on the path. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Pool } from 'undici';
import { type Child, startChild } from '../../src/child.js';
import { configOf } from '../../src/config.js';
import { freePort } from './ports.js';
import type { RasaProject } from './rasa-projects.js';

/** Archives that no test asked for in so long are removed from the cache. */
const keptDays = 14;
export const packageDir = join(process.cwd(), 'src', 'engines', 'rasa');
/** The package's folder, and the project's own modules behind it. */
export const pathOf = ({ modules }: RasaProject): string =>
  modules === null ? packageDir : [packageDir, modules].join(delimiter);

/** The one difference that is allowed between two Rasas that are compared: none. Both get this environment. */
function environment(project: RasaProject, home: string): Record<string, string> {
  return {
    ...configOf(process.env).childEnv,
    HOME: home,
    TMPDIR: home,
    PYTHONPATH: pathOf(project),
    TF_CPP_MIN_LOG_LEVEL: '3',
    RASA_TELEMETRY_ENABLED: 'false',
  };
}

/** A plain Rasa knows nothing of us: when this process ends before it has ended the other, its group is killed. */
function endsWithUs(child: Child): Child {
  const kill = (): void => {
    if (child.pid !== null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  void child.exited.then(() => process.off('exit', kill));
  return child;
}

export async function writeProject(folder: string, { files }: RasaProject): Promise<void> {
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** `rasa train`, cold, in a folder of its own. Answers the archive's place in `target` and the seconds it took. */
export async function plainTrain(python: string, project: RasaProject, target: string): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), 'sb-plain-'));
  try {
    await writeProject(home, project);
    const began = performance.now();
    const args = ['-m', 'rasa', 'train', '--fixed-model-name', 'model', '--out', 'models'];
    const child = endsWithUs(startChild({ command: python, args, cwd: home, env: environment(project, home) }));
    const { code } = await child.exited;
    const seconds = (performance.now() - began) / 1000;
    const words = child.lines().slice(-20).join('\n');
    assert.equal(code, 0, `rasa train failed on ${project.name}:\n${words}`);
    await rename(join(home, 'models', 'model.tar.gz'), target);
    return seconds;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Everything an archive is made of: the project, the runtime, and our components where the project names them. */
async function fingerprint(python: string, project: RasaProject): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([dirname(python), project.files]));
  if (!project.files.some(({ content }) => content.includes('switchboard_rasa')))
    return hash.digest('hex').slice(0, 16);
  const ours = join(packageDir, 'switchboard_rasa');
  const trains =
    /^(components|selector|prototypes|ngrams|encoder|fallback|threshold|importer|exact|foreign_\w+)\.(py|txt)$/;
  for (const name of (await readdir(ours)).filter((file) => trains.test(file)).sort())
    hash.update(await readFile(join(ours, name)));
  return hash.digest('hex').slice(0, 16);
}

async function removeForgotten(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const { mtimeMs } = await stat(join(folder, name));
    if (Date.now() - mtimeMs > keptDays * 86_400_000) await rm(join(folder, name), { force: true });
  }
}

/** A trained archive of the project, from the per-user cache when nothing it is made of has changed. */
export async function archiveOf(python: string, project: RasaProject): Promise<string> {
  const folder = join(configOf(process.env).cacheDir, 'test-models');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${project.name}-${await fingerprint(python, project)}.tar.gz`);
  const now = new Date();
  // Its time says when it was last of use.
  const there = await utimes(path, now, now).then(
    () => true,
    () => false,
  );
  if (there) return path;
  await removeForgotten(folder);
  const draft = `${path}.${process.pid}`;
  await plainTrain(python, project, draft);
  await rename(draft, path);
  return path;
}

export interface PlainRasa {
  pid: number;
  url: string;
  /** Milliseconds from start to the first right answer of `/status` and a parse. */
  readyMs: number;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** `rasa run actions` for a project that brings some, and what names it in an endpoints file; null for others. */
async function plainActions(
  python: string,
  project: RasaProject,
  home: string,
): Promise<{ child: Child; endpoint: string } | null> {
  if (!project.files.some(({ path, content }) => path.startsWith('actions/') && content.includes('class ')))
    return null;
  await writeProject(home, project);
  const port = await freePort();
  const args = ['-m', 'rasa', 'run', 'actions', '-p', `${port}`];
  const child = endsWithUs(startChild({ command: python, args, cwd: home, env: environment(project, home) }));
  return { child, endpoint: `action_endpoint:\n  url: http://127.0.0.1:${port}/webhook\n` };
}

/** More words for `rasa run`, and what then has to follow each path. */
export interface PlainOptions {
  words?: string[];
  query?: string;
  /** Lines of its endpoints.yml, where the model is not a file: then `archive` is null. */
  endpoints?: string;
  /** Lines of its credentials.yml, beside the REST channel. */
  credentials?: string;
}

/** Starts `rasa run --enable-api` with the REST channel on a free port and waits until it has parsed something. */
export async function plainRasa(
  python: string,
  project: RasaProject,
  archive: string | null,
  { words = [], query = '', endpoints = '', credentials = '' }: PlainOptions = {},
): Promise<PlainRasa> {
  const home = await mkdtemp(join(tmpdir(), 'sb-plain-'));
  await writeFile(join(home, 'credentials.yml'), `rest:\n${credentials}`);
  const port = await freePort();
  const actions = await plainActions(python, project, home);
  await writeFile(join(home, 'own-endpoints.yml'), `${actions?.endpoint ?? ''}${endpoints}`);
  const began = performance.now();
  const model = archive === null ? [] : ['-m', archive];
  const args = ['-m', 'rasa', 'run', ...model, '--enable-api', '-i', '127.0.0.1', '-p', `${port}`];
  const child = endsWithUs(
    startChild({
      command: python,
      args: [...args, ...['--credentials', 'credentials.yml', ...words], ...['--endpoints', 'own-endpoints.yml']],
      cwd: home,
      env: environment(project, home),
    }),
  );
  const http = new Pool(`http://127.0.0.1:${port}`, { connections: 128, headersTimeout: 120_000 });
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> => {
    const answer = await http.request({
      method,
      path: `${path}${query}`,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    assert.equal(answer.statusCode, 200, `plain Rasa answered ${answer.statusCode} to ${method} ${path}: ${text}`);
    return JSON.parse(text);
  };
  const stop = async (): Promise<void> => {
    await child.stop();
    await actions?.child.stop();
    await http.destroy();
    await rm(home, { recursive: true, force: true });
  };
  const gone: { yes: boolean } = { yes: false };
  void child.exited.then(() => (gone.yes = true));
  const until = Date.now() + 400_000;
  for (;;) {
    const up = await call('POST', '/model/parse', { text: 'Are you there?' }).catch(() => null);
    if (up !== null) break;
    if (gone.yes || Date.now() > until) {
      await stop();
      assert.fail(`plain Rasa did not start with ${archive ?? endpoints}:\n${child.lines().slice(-20).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    readyMs: performance.now() - began,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    stop,
  };
}
