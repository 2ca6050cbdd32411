/**
 * Runs a Dockerfile without an engine: each stage in a folder of its own, its commands as a user who is not root. What would come from
 * elsewhere (base images, npm and pip downloads) and what the compiler makes is put in place from what this machine has; every other command
 * runs as it stands.
 */
import { execFile, type ChildProcess, spawn } from 'node:child_process';
import { chown, cp, link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const isRoot = process.getuid?.() === 0;

interface Step {
  word: string;
  rest: string;
}
interface Stage {
  from: string;
  steps: Step[];
}
/** A stage that was built, or a container of it: a root folder, and how it is run. */
export interface Image {
  /** The folder that stands for `/`. */
  root: string;
  /** Folders inside it that are somewhere else, by their path. */
  mounts: Record<string, string>;
  workdir: string;
  env: Record<string, string>;
  user: string;
  cmd: string[];
  healthcheck: string[];
  volumes: string[];
}

/** The stages of a Dockerfile by name; build arguments have their defaults. Throws for an instruction that the builder does not know. */
export function stagesOf(text: string): Map<string, Stage> {
  const stages = new Map<string, Stage>();
  const args = new Map<string, string>();
  let stage: Stage | null = null;
  for (const line of text.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
    const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'ARG') args.set(rest.split('=')[0] ?? '', rest.split('=')[1] ?? '');
    else if (word === 'FROM') {
      const [, from = '', name = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      stage = { from: from.replace(/\$\{(\w+)\}/, (_, arg: string) => args.get(arg) ?? ''), steps: [] };
      stages.set(name, stage);
    } else if (stage && /^(WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|HEALTHCHECK|CMD)$/.test(word))
      stage.steps.push({ word, rest });
    else throw new Error(`the Dockerfile has an instruction that is not known here: ${line}`);
  }
  return stages;
}

/** Words that run `words` as the image's user; who is not root already runs them as himself. */
export function asUser(user: string, words: string[]): string[] {
  if (!isRoot) return words;
  const [uid = '', gid = uid] = user.split(':');
  // The packages of the machine that runs the tests may lie where only root can read.
  const bounding = BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  const caps = (bounding >> 2n) & 1n ? '-all,+dac_read_search' : '-all';
  const flags = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs'];
  return ['setpriv', ...flags, `--inh-caps=${caps}`, `--ambient-caps=${caps}`, `--bounding-set=${caps}`, ...words];
}

/** A path of the image on this machine. */
export function pathIn({ root, mounts }: Image, path: string): string {
  const mount = Object.keys(mounts).find((at) => path === at || path.startsWith(`${at}/`));
  return mount === undefined ? join(root, path) : join(mounts[mount] ?? '', path.slice(mount.length));
}

/** The environment of the image, its paths being those of this machine. */
export function environmentIn(image: Image): Record<string, string> {
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '' };
  for (const [name, value] of Object.entries(image.env))
    env[name] = value.startsWith('/') ? pathIn(image, value) : value;
  return env;
}

export interface BuilderOptions {
  /** The folder that the Dockerfile copies from. */
  context: string;
  /** The user of its commands until it names one. */
  user: string;
  /** A Python that has Rasa. */
  python: string;
}

/** Builds stages, each once. */
export class Builder {
  /** Commands whose downloads were replaced. */
  readonly replaced: string[] = [];
  private readonly built = new Map<string, Promise<Image>>();
  private folder = '';

  constructor(
    private readonly stages: Map<string, Stage>,
    private readonly options: BuilderOptions,
  ) {}

  async open(): Promise<this> {
    this.folder = await mkdtemp(join(tmpdir(), 'sb-docker-'));
    await execute('chmod', ['755', this.folder]);
    return this;
  }

  /** Builds a stage and those that it needs. Rejects with what the command said that failed. */
  build(name: string): Promise<Image> {
    const image = this.built.get(name) ?? this.make(name);
    this.built.set(name, image);
    return image;
  }

  /** A new container of an image: its volumes are its own. */
  async container(image: Image, name: string): Promise<Image> {
    const mounts: Record<string, string> = {};
    for (const path of ['/data', ...image.volumes]) {
      const folder = join(this.folder, `${name}${path.replaceAll('/', '-')}`);
      await execute('cp', ['-a', join(image.root, path), folder]);
      mounts[path] = folder;
    }
    return { ...image, mounts };
  }

  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private async make(name: string): Promise<Image> {
    const stage = this.stages.get(name);
    if (!stage) throw new Error(`the Dockerfile has no stage ${name}`);
    const image = this.stages.has(stage.from)
      ? { ...(await this.build(stage.from)) }
      : await this.base(name, stage.from);
    for (const step of stage.steps) await this.step(image, step);
    return image;
  }

  /** The base images have Node, or Python with pip, or neither. */
  private async base(name: string, from: string): Promise<Image> {
    const root = join(this.folder, name);
    const bin = join(root, 'usr', 'local', 'bin');
    await mkdir(bin, { recursive: true });
    await this.own(root);
    if (from.startsWith('python:')) await this.python(bin);
    else if (from.startsWith('node:')) await linked(process.execPath, join(bin, 'node'));
    const { user } = this.options;
    return { root, mounts: {}, workdir: '/', env: {}, user, cmd: [], healthcheck: [], volumes: [] };
  }

  private async python(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'python3'), `#!/bin/sh\nexec ${this.options.python} "$@"\n`, { mode: 0o755 });
  }

  private async step(image: Image, { word, rest }: Step): Promise<void> {
    if (word === 'COPY') await this.copy(image, rest);
    else if (word === 'RUN') await this.run(image, rest);
    else if (word === 'ENV')
      image.env = {
        ...image.env,
        ...Object.fromEntries(rest.split(' ').map((pair) => pair.split('=') as [string, string])),
      };
    else if (word === 'USER') image.user = rest;
    else if (word === 'VOLUME') image.volumes = [...image.volumes, rest];
    else if (word === 'CMD') image.cmd = JSON.parse(rest) as string[];
    else if (word === 'HEALTHCHECK') image.healthcheck = JSON.parse(rest.replace(/^.*?CMD /, '')) as string[];
    else if (word === 'WORKDIR') {
      image.workdir = rest;
      await mkdir(join(image.root, rest), { recursive: true });
      await this.own(join(image.root, rest));
    }
  }

  private async copy(image: Image, rest: string): Promise<void> {
    const [, stage, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? [];
    const words = paths.split(' ');
    const to = words.pop() ?? '';
    const source = stage === undefined ? this.options.context : (await this.build(stage)).root;
    for (const from of words) {
      const target = join(
        image.root,
        to.startsWith('/') ? to : join(image.workdir, to),
        to.endsWith('/') ? from.replace(/^.*\//, '') : '',
      );
      await mkdir(dirname(target), { recursive: true });
      if (from.endsWith('node_modules')) await execute('cp', ['-al', join(source, from), target]);
      else
        await cp(join(source, from), target, {
          recursive: true,
          preserveTimestamps: true,
          filter: (path) => !path.includes('__pycache__'),
        });
    }
  }

  private async run(image: Image, command: string): Promise<void> {
    const cwd = join(image.root, image.workdir);
    const instead = await this.instead(image, command);
    if (instead !== command) this.replaced.push(command);
    if (instead === null) return;
    // Who is not root can give what he makes to nobody but himself.
    const here = isRoot ? instead : instead.replace(/ -[og] \d+/g, '');
    const mapped = here.replace(/(?<=\s)\/[\w./-]+/g, (path) => join(image.root, path));
    const [program = '', ...words] = asUser(image.user, ['sh', '-c', mapped]);
    await execute(program, words, { cwd, env: { ...environmentIn(image), HOME: image.root } });
  }

  /** What is run for a command: itself, or what is left of it once downloads and the compiler's work are in place. */
  private async instead({ root, workdir }: Image, command: string): Promise<string | null> {
    const { context } = this.options;
    const cwd = join(root, workdir);
    if (/^apt-get update && apt-get install .* python3 /.test(command)) {
      await this.python(join(root, 'usr', 'bin'));
      return null;
    }
    if (/^npm ci --(omit|include)=dev$/.test(command)) {
      await readFile(join(cwd, 'package-lock.json'));
      await execute('cp', ['-al', join(context, 'node_modules'), join(cwd, 'node_modules')]);
      return null;
    }
    if (/^pip install .*--require-hashes -r \S+$/.test(command)) {
      await readFile(join(cwd, command.replace(/^.* /, '')));
      return null;
    }
    if (command !== 'npm run build') return command;
    const { scripts } = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8')) as {
      scripts: { build: string };
    };
    await readFile(join(cwd, 'tsconfig.json'));
    await cp(join(context, 'dist'), join(cwd, 'dist'), { recursive: true, preserveTimestamps: true });
    if (isRoot) await execute('chown', ['-R', this.options.user, join(cwd, 'dist')]);
    // It removes what has no source: a folder that was not copied is missing in the image too.
    return scripts.build.replace(/^tsc -p \. && /, '');
  }

  private async own(path: string): Promise<void> {
    const [uid = '0', gid = uid] = this.options.user.split(':');
    if (isRoot) await chown(path, Number(uid), Number(gid));
  }
}

async function linked(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => cp(from, to));
}

/** Starts what an image runs, with `env` over its own. */
export function start(image: Image, env: Record<string, string>): ChildProcess {
  const [program = '', ...words] = asUser(image.user, inside(image, image.cmd));
  return spawn(program, words, {
    cwd: join(image.root, image.workdir),
    env: { ...environmentIn(image), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Does the image's own check say that it is well? */
export async function healthy(image: Image, env: Record<string, string>): Promise<boolean> {
  const [program = '', ...words] = asUser(image.user, inside(image, image.healthcheck));
  return execute(program, words, { env: { ...environmentIn(image), ...env } }).then(
    () => true,
    () => false,
  );
}

/** A command of the image, Node being the one that was copied into it. */
const inside = (image: Image, [program = '', ...words]: string[]): string[] => [
  program === 'node' ? join(image.root, 'usr/local/bin/node') : program,
  ...words,
];
