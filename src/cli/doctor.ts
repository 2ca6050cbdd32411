/** `doctor`: what is missing or misconfigured, on this machine and at the hub, and how to mend it. */
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Client, HubRefusal } from '../client.js';
import type { Config } from '../config.js';
import { freeDisk } from '../machine.js';
import { CliError, exitCodes, type Output } from './output.js';
import type { Target } from './target.js';

/** One thing that was looked at. `warn`: it works, and could be better. */
interface Finding {
  what: string;
  state: 'ok' | 'warn' | 'bad';
  detail: string;
}
export interface DoctorOptions {
  /** Throws, in words, what does not fit. */
  config: () => Config;
  target: () => Target;
  client: (target: Target) => Client;
  output: Output;
}

const leastNode = [20, 19];
const ok = (what: string, detail: string): Finding => ({ what, state: 'ok', detail });
const warn = (what: string, detail: string): Finding => ({ what, state: 'warn', detail });
const bad = (what: string, detail: string): Finding => ({ what, state: 'bad', detail });
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > (leastNode[0] ?? 0) || (major === leastNode[0] && minor >= (leastNode[1] ?? 0));
  return fits ? ok('Node', process.versions.node) : bad('Node', `${process.versions.node}: install 20.19 or newer.`);
}

async function data({ dataDir, minFreeDisk }: Config): Promise<Finding> {
  const writable = (folder: string): Promise<boolean> =>
    access(folder, constants.W_OK).then(
      () => true,
      (error: unknown) =>
        (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== folder
          ? writable(dirname(folder))
          : false,
    );
  if (!(await writable(dataDir)))
    return bad('DATA_DIR', `${dataDir} cannot be written: give this user the right, or set another.`);
  const free = await freeDisk(dataDir).catch(() => null);
  if (free !== null && free < minFreeDisk)
    return bad(
      'DATA_DIR',
      `${gigabytes(free)} are free at ${dataDir}, and MIN_FREE_DISK asks for ${gigabytes(minFreeDisk)}: trainings wait.`,
    );
  return ok('DATA_DIR', `${dataDir}${free === null ? '' : `, ${gigabytes(free)} free`}`);
}

async function rasa({ rasaPython, cacheDir }: Config): Promise<Finding> {
  if (rasaPython === 'none') return warn('Rasa', 'RASA_PYTHON=none: bots answer with the lite engine.');
  if (rasaPython !== null) {
    const there = await access(rasaPython, constants.X_OK).then(
      () => true,
      () => false,
    );
    return there
      ? ok('Rasa', rasaPython)
      : bad('Rasa', `RASA_PYTHON=${rasaPython} cannot be run: name a Python that has Rasa 3.6.`);
  }
  const names = await readdir(cacheDir).catch(() => [] as string[]);
  const found = names.find((name) => name.startsWith('rasa-'));
  return found
    ? ok('Rasa', `${cacheDir}/${found}`)
    : warn('Rasa', 'not installed yet: the next start of the hub does it, about 2.6 GB.');
}

async function machine(options: DoctorOptions): Promise<Finding[]> {
  let config: Config;
  try {
    config = options.config();
  } catch (error) {
    return [node(), bad('settings', wordsOf(error))];
  }
  return [node(), ok('settings', 'all fit'), await data(config), await rasa(config)];
}

interface Ready {
  status: string;
  queue: string;
}
async function health<T>(url: string, path: string): Promise<T> {
  const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return (await response.json()) as T;
}

async function service(url: string): Promise<Finding[]> {
  let ready: Ready;
  try {
    ready = await health<Ready>(url, '/health/ready');
  } catch (error) {
    return [
      bad('hub', `${url} is not in service (${wordsOf(error)}): start it with npm start, or name another with --hub.`),
    ];
  }
  const engine = await health<{ engine: string; reason: string | null }>(url, '/health/engine');
  return [
    ok('hub', url),
    ready.status === 'ok' ? ok('training queue', 'takes jobs') : bad('training queue', ready.queue),
    engine.reason === null ? ok('engine', engine.engine) : warn('engine', `${engine.engine}: ${engine.reason}`),
  ];
}

interface Channel {
  name: string;
  on: boolean;
  reason: string | null;
  lastError: string | null;
  lastErrorAt: string | null;
  lastEventAt: string | null;
}
const ails = ({ on, lastErrorAt, lastEventAt }: Channel): boolean =>
  on && lastErrorAt !== null && (lastEventAt === null || lastErrorAt > lastEventAt);

/** Bots that do not answer, and channels whose last news was an error. */
async function bots(client: Client): Promise<Finding[]> {
  const found: Finding[] = [];
  const all = await client.bots();
  for (const { appId, state, reason, activeModel, engine } of all) {
    if (state === 'quarantined') found.push(bad(`bot ${appId}`, reason ?? 'quarantined'));
    if (activeModel === null && engine !== 'remote') found.push(warn(`bot ${appId}`, 'it has no model: train it.'));
    const { items } = (await client.get(`/bots/${encodeURIComponent(appId)}/channels`)) as { items: Channel[] };
    for (const channel of items.filter(ails))
      found.push(bad(`bot ${appId}, ${channel.name}`, channel.lastError ?? 'its last news was an error'));
  }
  return [ok('bots', `${all.length}`), ...found];
}

/** Whose rights bots' processes have. Who may not see the machine hears nothing of it. */
async function users(client: Client): Promise<Finding[]> {
  const machine = (await client.get('/machine').catch((error: unknown) => {
    if (error instanceof HubRefusal && error.status === 403) return null;
    throw error;
  })) as { childUids?: { own: boolean; reason: string | null } } | null;
  const what = "users of bots' processes";
  if (machine?.childUids?.own) return [ok(what, 'each process has its own')];
  const reason = machine?.childUids?.reason ?? null;
  return reason === null ? [] : [warn(what, `all run as the hub's user: ${reason}.`)];
}

interface NodeShown {
  address: string;
  local: boolean;
  state: string;
  version: string;
}
/** Machines that run bots; nothing for a key that may not see them. */
async function nodes(client: Client): Promise<Finding[]> {
  const shown = await client.get('/nodes').catch((error: unknown) => {
    if (error instanceof HubRefusal && [403, 404].includes(error.status)) return { items: [] };
    throw error;
  });
  const { items } = shown as { items: NodeShown[] };
  const hub = items.find(({ local }) => local);
  const others = items.filter(({ local }) => !local);
  const old = others.filter(({ version }) => version !== hub?.version);
  return [
    ...(others.length > 0 ? [ok('nodes', others.map(({ address }) => address).join(', '))] : []),
    ...others
      .filter(({ state }) => state === 'draining')
      .map(({ address }) =>
        warn(`node ${address}`, 'it takes no bots: stop it, or POST /nodes/ID/drain {"on": false}.'),
      ),
    ...old.map(({ address, version }) =>
      warn(`node ${address}`, `release ${version}, the hub has ${hub?.version ?? 'another'}: install the same.`),
    ),
  ];
}

async function atHub(options: DoctorOptions): Promise<Finding[]> {
  let target: Target;
  try {
    target = options.target();
  } catch (error) {
    return [bad('key', wordsOf(error))];
  }
  const found = await service(target.url);
  if (found.some(({ what, state }) => what === 'hub' && state === 'bad')) return found;
  try {
    const client = options.client(target);
    const looked = [...(await users(client)), ...(await nodes(client)), ...(await bots(client))];
    return [...found, ok('key', `from ${target.keyFrom}`), ...looked];
  } catch (error) {
    const denied = error instanceof HubRefusal && error.status === 401;
    return [
      ...found,
      denied ? bad('key', `the one from ${target.keyFrom} does not fit: ${error.message}`) : bad('hub', wordsOf(error)),
    ];
  }
}

const marks = { ok: 'ok  ', warn: 'note', bad: 'BAD ' };

/** Ends with `failed` when something is bad. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const findings = [...(await machine(options)), ...(await atHub(options))];
  const lines = findings.map(({ what, state, detail }) => `${marks[state]} ${what}: ${detail}`);
  options.output.result(findings, lines);
  const count = findings.filter(({ state }) => state === 'bad').length;
  if (count > 0) throw new CliError(`${count} to mend.`, exitCodes.failed);
}
