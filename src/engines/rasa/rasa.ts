/**
 * The rasa engine: one Rasa process per awake bot, forked from a preloaded parent (warm.ts) or started plainly, reached over a Unix
 * socket behind a secret of its own. Awake means: its `/status` answers 200 and it has parsed a canary.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from '../../child.js';
import type { Bot, Engine, Exit, Json, LoadableModel } from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import { type Actions, type ActionsOptions, idleActions, openActions, writeModules } from './actions.js';
import { type Hang, RasaBot } from './bot.js';
import type { ChannelKey, TrackerChannel } from './channel.js';
import { createParseCache, type ParseCache } from './parse-cache.js';
import { startPlainly, type StartRasa } from './task.js';

export interface RasaOptions {
  /** A Python that has Rasa 3.6. */
  python: string;
  /** The folder that holds our Python package. */
  packageDir: string;
  /** A short private folder (mode 0700): socket paths must stay under 63 bytes, or Sanic's own suffix overruns the system's limit. */
  runtimeDir: string;
  env: Readonly<Record<string, string>>;
  channel: TrackerChannel;
  /** Teaches the log a secret that it must mask. */
  hide: (secret: string) => void;
  /** How its processes are started; absent: plainly, with `python`. */
  start?: StartRasa;
  /** Bytes that what starts them holds. */
  memory?: () => Promise<number>;
  /** Seconds after waking until the models' graphs are traced in the background; null: never (slower answers, a third less memory). */
  traceAfterSeconds?: number | null;
  /** Where bots' own actions may run; absent: nowhere. */
  actions?: ActionsOptions;
  /** Bytes of parses that are kept, of all bots; absent: none. */
  parseCacheBytes?: number;
  launchTimeoutMs?: number;
  hang?: Hang;
}

/**
 * A process that stands still is noticed within ten seconds (RELIABILITY.md F3), one that computes without end within twenty-five. While a
 * bot's networks are traced it was seen to say that it lives after 3 s, on a machine with nothing else to do.
 */
const defaultHang: Hang = { afterMs: 5000, answerMs: 4500, patience: 4 };
/** Long enough to let the first answers have the processor, short enough that a conversation is quick. */
const defaultTraceAfter = 3;
const defaultLaunchMs = 180_000;

/** A line by which a process says that it serves. */
const saysReady = (line: string): boolean => line.startsWith('{"ready"');

/** Waits until the bot is ready. Rejects with `wake_failed` when its process ends or the time is over. */
async function untilReady(
  bot: RasaBot,
  launch: { child: Child; serves: Promise<void>; timeoutMs: number },
): Promise<void> {
  const { child, serves, timeoutMs } = launch;
  const gone = child.exited.then(() => 'gone' as const);
  const outcome = await within(Promise.race([gone, serves]), timeoutMs);
  const ready = outcome === undefined && (await Promise.race([gone, bot.ready()])) === true;
  if (ready) return;
  const late = outcome === null && `its Rasa process was not ready after ${Math.round(timeoutMs / 1000)} s`;
  const dead = outcome === 'gone' && 'its Rasa process ended while it started';
  const last = child
    .lines()
    .filter((line) => line.trim() !== '')
    .at(-1);
  throw new HubError(
    'wake_failed',
    `The bot could not be started: ${late || dead || 'its Rasa process has no working model'}.${last ? ` It said: ${last.slice(0, 300)}` : ''}`,
  );
}

/** Where in its folder a bot's process finds its line to the hub. */
const lineIn = (home: string): string => join(home, 'hub.sock');

/** What is to be launched, and where: a folder and a socket of its own, and its line to the hub. */
interface Place {
  bot: Bot;
  model: LoadableModel;
  home: string;
  socket: string;
  secret: string;
  key: ChannelKey;
  actions: Actions | null;
}

/** What a bot's process is told. */
function specOf(
  options: RasaOptions,
  { bot, model, home, socket, secret, key, actions }: Place,
): Json & { appId: string } {
  const hub = { socket: lineIn(home), secret: key.secret };
  const traceAfter = options.traceAfterSeconds === undefined ? defaultTraceAfter : options.traceAfterSeconds;
  const { appId, language } = bot;
  const served = actions ? { actions: actions.spec } : {};
  const modelFile = `${model.id}.tar.gz`;
  return { appId, language, model: model.archivePath, modelFile, socket, secret, hub, traceAfter, ...served };
}

/** The engine of trained bots on machines that have Rasa. */
export function createRasaEngine(options: RasaOptions): Engine {
  const parses = createParseCache(options.parseCacheBytes ?? 0);
  const start: StartRasa = options.start ?? ((task) => Promise.resolve(startPlainly(options, task)));
  return {
    name: 'rasa',
    needsModel: true,
    ...(options.memory ? { memory: options.memory } : {}),
    async launch(bot, model, { rehearsal = false } = {}) {
      if (!model?.archivePath) throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
      const place = await openPlace(options, start, { bot, model, rehearsal });
      const clear = (): Promise<void> => clearPlace(place);
      try {
        return await launchIn({ ...options, parses }, start, place);
      } catch (error) {
        await clear();
        throw error;
      }
    },
  };
}

async function openPlace(
  options: RasaOptions,
  start: StartRasa,
  { bot, model, rehearsal }: { bot: Bot; model: LoadableModel; rehearsal: boolean },
): Promise<Place> {
  const { runtimeDir, channel, hide, launchTimeoutMs = defaultLaunchMs } = options;
  const opened = async (place: ActionsOptions): Promise<Actions | null> =>
    openActions({ ...place, runtimeDir, start, hide, timeoutMs: launchTimeoutMs }, bot, model);
  const actions = rehearsal ? idleActions(model) : options.actions ? await opened(options.actions) : null;
  const id = randomBytes(4).toString('hex');
  const secret = randomBytes(24).toString('hex');
  const home = join(runtimeDir, id);
  try {
    await mkdir(home, { mode: 0o700 });
    const key = await channel.admit(bot.appId, { socket: lineIn(home), actions: actions?.call, rehearsal });
    hide(secret);
    hide(key.secret);
    return { bot, model, home, socket: join(runtimeDir, `${id}.sock`), secret, key, actions };
  } catch (error) {
    await actions?.stop();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** Ends its action process, if any, and leaves nothing of it. */
async function clearPlace({ key, home, socket, actions }: Place): Promise<void> {
  key.close();
  await Promise.all([actions?.stop(), rm(home, { recursive: true, force: true }), rm(socket, { force: true })]);
}

async function launchIn(
  options: RasaOptions & { parses: ParseCache },
  start: StartRasa,
  place: Place,
): Promise<RasaBot> {
  const { bot, model, actions } = place;
  let serving: () => void = () => undefined;
  const serves = new Promise<void>((resolve) => (serving = resolve));
  const modules = join(place.home, 'modules');
  const own = options.actions ? await writeModules(options.actions, model, modules) : false;
  const child = await start({
    command: 'run',
    runtime: bot.runtime,
    light: model.pipeline === 'semantic',
    home: place.home,
    spec: { ...specOf(options, place), ...(own ? { modules } : {}) },
    onStdoutLine: (line) => {
      actions?.heard(line);
      if (saysReady(line)) serving();
    },
    ...(actions ? { onStderrLine: (line: string) => actions.heard(line) } : {}),
  });
  const exited = child.exited.then(async (exit): Promise<Exit> => {
    await clearPlace(place);
    return exit;
  });
  // Neither is of use without the other: the pool starts both anew.
  void actions?.child?.exited.then(() => child.stop(0));
  const { socket, secret, key } = place;
  const hang = options.hang ?? defaultHang;
  const log = (): string[] => (actions ?? child).lines();
  const running = new RasaBot({
    model: model.id,
    child,
    actions: actions?.child ?? null,
    exited,
    socket,
    secret,
    key,
    parses: options.parses,
    hang,
    log,
  });
  try {
    await untilReady(running, { child, serves, timeoutMs: options.launchTimeoutMs ?? defaultLaunchMs });
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}
