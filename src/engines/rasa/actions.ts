/**
 * Where a bot's custom actions run: in a process of their own beside the bot's, where its project brings Python and the operator allows that
 * (CUSTOM_CODE), or on the server that its endpoints.yml names, which the hub calls for it. Both belong to the model that was trained with them.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { Child, LineRing } from '../../child.js';
import { createLineRing } from '../../child.js';
import type { Bot, Json, LoadableModel, ProjectFile, TrainingContent } from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import { actionEndpointOf, type CallActions, callElsewhere, type EgressGuard } from './action-endpoint.js';
import type { StartRasa } from './task.js';

export interface ActionsOptions {
  /** Says which URLs of authors are called. */
  egress: EgressGuard;
  /** Is Python run that bots' projects bring? */
  customCode: boolean;
}
export interface ActionsPlace extends ActionsOptions {
  /** Where its folder is made. */
  runtimeDir: string;
  start: StartRasa;
  /** Teaches the log a secret that it must mask. */
  hide: (secret: string) => void;
  timeoutMs: number;
}
export interface Actions {
  /** What the bot's Rasa process is told of them. */
  spec: Json;
  /** Calls the server elsewhere, for the hub's end of the bot's line; undefined where the bot's own process has them. */
  call: CallActions | undefined;
  child: Child | null;
  /** Takes what the bot's other process writes, so that its log has both in the order written. */
  heard(line: string): void;
  /** The newest lines of both. */
  lines(): string[];
  /** Ends the process, if any, and removes its folder. Never rejects; may be called twice. */
  stop(): Promise<void>;
}

const graceMs = 2000;

/** Actions that do nothing, for a bot that only rehearses: what they would book or send must not happen twice. Null where a model has none. */
export function idleActions(model: LoadableModel): Actions | null {
  if (model.pipeline !== 'project') return null;
  const text = JSON.stringify({ events: [], responses: [] });
  return {
    spec: { through: 'hub' },
    call: () => Promise.resolve({ status: 200, text }),
    child: null,
    ...journalOf(createLineRing()),
    stop: () => Promise.resolve(),
  };
}

/** Does the project bring actions in Python? */
export const bringsActions = (files: readonly ProjectFile[]): boolean =>
  files.some(({ path }) => path === 'actions.py' || /^actions\/.+\.py$/.test(path));

/**
 * Opens what `model` was trained with; null where it has none. Rejects with `wake_failed`, saying what is wrong with its endpoints.yml or what
 * its process said before it ended.
 */
export async function openActions(place: ActionsPlace, bot: Bot, model: LoadableModel): Promise<Actions | null> {
  // Only the projects of this pipeline are used; the content of others need not be read at each wake.
  if (model.pipeline !== 'project') return null;
  const { files } = JSON.parse(await readFile(model.contentPath, 'utf8')) as TrainingContent;
  if (place.customCode && bringsActions(files)) return startOwn(place, bot, files);
  const endpoint = actionEndpointOf(files, place.egress);
  if (endpoint === null) return null;
  if ('fault' in endpoint) throw new HubError('wake_failed', `The bot could not be started: ${endpoint.fault}`);
  return {
    spec: { through: 'hub' },
    call: callElsewhere(endpoint, place.egress),
    child: null,
    ...journalOf(createLineRing()),
    stop: () => Promise.resolve(),
  };
}

/** A process that serves the project's own actions, on a loopback port that only who has its secret may use. */
async function startOwn(place: ActionsPlace, bot: Bot, files: readonly ProjectFile[]): Promise<Actions> {
  const home = join(place.runtimeDir, `actions-${randomBytes(4).toString('hex')}`);
  const secret = randomBytes(24).toString('hex');
  place.hide(secret);
  const project = join(home, 'project');
  const journal = journalOf(createLineRing());
  const clear = (): Promise<void> => rm(home, { recursive: true, force: true });
  let listening: (port: number) => void = () => undefined;
  const port = new Promise<number>((settle) => (listening = settle));
  const onStdoutLine = (line: string): void => {
    journal.heard(line);
    const said = portIn(line);
    if (said !== null) listening(said);
  };
  const spec = { appId: bot.appId, project, secret };
  const task = { command: 'actions', runtime: bot.runtime, light: true, home, spec, onStdoutLine } as const;
  let child: Child;
  try {
    await writeFiles(project, files);
    child = await place.start({ ...task, onStderrLine: (line) => journal.heard(line) });
  } catch (error) {
    await clear();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await child.stop(graceMs);
    await clear();
  };
  const outcome = await within(Promise.race([port, child.exited]), place.timeoutMs);
  if (typeof outcome === 'number') return { spec: specOf(outcome, secret), call: undefined, child, ...journal, stop };
  await stop();
  throw new HubError('wake_failed', `The bot could not be started: ${troubleOf(outcome === null, child.lines())}`);
}

const specOf = (port: number, secret: string): Json => ({
  url: `http://127.0.0.1:${port}/webhook`,
  headers: { 'x-switchboard-secret': secret },
});

/** Why its own actions do not serve, with the last thing that their process said. */
function troubleOf(late: boolean, lines: string[]): string {
  const last = lines.filter((line) => line.trim() !== '').at(-1);
  const what = late ? 'the process of its actions did not get ready' : 'its actions could not be loaded';
  return `${what}.${last ? ` It said: ${last.slice(0, 300)}` : ' Mend actions.py and train again.'}`;
}

function journalOf(ring: LineRing): Pick<Actions, 'heard' | 'lines'> {
  const splitter = ring.splitter();
  return { heard: (line) => splitter.push(Buffer.from(`${line}\n`)), lines: () => ring.lines() };
}

/**
 * Writes the Python of the project that `model` was trained from into `folder`, for components that its config.yml names; false where there is
 * none, or where it is not run.
 */
export async function writeModules(
  { customCode }: Pick<ActionsOptions, 'customCode'>,
  model: LoadableModel,
  folder: string,
): Promise<boolean> {
  if (model.pipeline !== 'project' || !customCode) return false;
  const { files } = JSON.parse(await readFile(model.contentPath, 'utf8')) as TrainingContent;
  const own = files.filter(({ path }) => path.endsWith('.py'));
  if (own.length > 0) await writeFiles(folder, own);
  return own.length > 0;
}

async function writeFiles(folder: string, files: readonly ProjectFile[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { path, content } of files) {
    const target = resolve(folder, path);
    if (!target.startsWith(folder + sep))
      throw new HubError('wake_failed', `The file ${path} lies outside the project. Rename it and train again.`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

/** The port of a line by which the process says that it serves; null for any other line. */
function portIn(line: string): number | null {
  const match = /^\{"ready": \{"port": (\d+)\}\}$/.exec(line);
  return match ? Number(match[1]) : null;
}
