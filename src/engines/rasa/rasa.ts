/**
 * The rasa engine: one Rasa process per awake bot, forked from a preloaded parent (warm.ts) or started plainly, reached over a Unix
 * socket behind a secret of its own. Awake means: its `/status` answers 200 and it has parsed a canary.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'undici';
import type { Child } from '../../child.js';
import type {
  Bot,
  Engine,
  Exit,
  Json,
  LoadableModel,
  Parse,
  RunningEngine,
  Turn,
  TurnResult,
} from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import type { ChannelKey, TrackerChannel } from './channel.js';
import { privateBytes } from './memory.js';
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
  launchTimeoutMs?: number;
  /** When a turn has waited so long, the process is asked whether it lives, and gets `answerMs` to say so. */
  hang?: { afterMs: number; answerMs: number };
}

const turnTimeoutMs = 60_000;
/** A process that stands still is noticed within ten seconds (RELIABILITY.md F3). One that only works long answers in time. */
const defaultHang = { afterMs: 5000, answerMs: 4500 };
/** How long a broken connection waits for news of its process. */
const goneMs = 2000;
const canary = 'Are you there?';
/** Long enough to let the first answers have the processor, short enough that a conversation is quick. */
const defaultTraceAfter = 3;

/** A line by which a process says that it serves. */
const saysReady = (line: string): boolean => line.startsWith('{"ready"');

/** What one bot's process is made of. */
interface BotParts {
  model: string;
  child: Child;
  exited: Promise<Exit>;
  socket: string;
  secret: string;
  key: ChannelKey;
  hang: { afterMs: number; answerMs: number };
}

class RasaBot implements RunningEngine {
  readonly engine = 'rasa';
  readonly exited: Promise<Exit>;
  private readonly http: Pool;
  /** A line of its own: the question whether the process lives must not wait behind its turns. */
  private readonly pulse: Pool;
  private pending = 0;
  private watch: NodeJS.Timeout | undefined;

  constructor(private readonly parts: BotParts) {
    const { socket: socketPath, exited } = parts;
    this.exited = exited;
    const limits = { headersTimeout: turnTimeoutMs, bodyTimeout: turnTimeoutMs };
    this.http = new Pool('http://rasa', { socketPath, connections: 16, ...limits });
    this.pulse = new Pool('http://rasa', { socketPath, connections: 1 });
  }

  get pid(): number | null {
    return this.parts.child.pid;
  }

  async reply(turn: Turn): Promise<TurnResult> {
    const body = {
      sender: turn.sender,
      message: turn.text,
      literal: !turn.payload,
      input_channel: turn.channel,
      metadata: turn.metadata,
    };
    const { status, json } = await this.call('/webhooks/switchboard/webhook', body);
    if (status === 200) return { ...(json as TurnResult), model: this.parts.model };
    const error = (json as { error?: { message?: string } } | null)?.error?.message ?? `status ${status}`;
    throw new HubError('turn_failed', `Rasa failed on this message: ${error}`);
  }

  tracker(sender: string): Promise<Json[] | null> {
    return this.parts.key.events(sender);
  }

  async parse(text: string): Promise<Parse> {
    const { status, json } = await this.call('/model/parse', { text });
    if (status !== 200) throw new HubError('turn_failed', `Rasa could not parse this text: status ${status}.`);
    return json as Parse;
  }

  /** Is the model loaded and does it understand? A server without a model still says it is up, so both are asked. */
  async ready(): Promise<boolean> {
    const up = await this.request('GET', '/status').catch(() => null);
    if (up?.status !== 200) return false;
    await this.parse(canary);
    return true;
  }

  async memory(): Promise<number | null> {
    return this.pid === null ? null : privateBytes(this.pid);
  }

  async stop(graceMs?: number): Promise<void> {
    await this.parts.child.stop(graceMs);
    await this.exited;
    clearInterval(this.watch);
    await Promise.all([this.http.destroy(), this.pulse.destroy()]);
  }

  log(): string[] {
    return this.parts.child.lines();
  }

  private async call(path: string, body: unknown): Promise<{ status: number; json: unknown }> {
    this.pending += 1;
    this.watch ??= setInterval(() => void this.look(), this.parts.hang.afterMs);
    try {
      return await this.request('POST', path, body);
    } catch (error) {
      if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test((error as { code?: string }).code ?? ''))
        throw new HubError(
          'turn_timeout',
          `The bot has worked on this for ${turnTimeoutMs / 1000} s without an answer.`,
        );
      // Mostly it has died: who asks again shall meet its successor, not the same dead socket.
      await within(this.exited, goneMs);
      throw new HubError('turn_failed', "The bot's Rasa process did not answer.", { cause: error });
    } finally {
      this.pending -= 1;
      if (this.pending === 0) clearInterval(this.watch);
      if (this.pending === 0) this.watch = undefined;
    }
  }

  /** Ends a process that stands still: its turns fail at once then, and its successor takes them. */
  private async look(): Promise<void> {
    const { answerMs } = this.parts.hang;
    const alive = await within(
      this.request('GET', '/status', undefined, this.pulse).then(
        () => true,
        () => true,
      ),
      answerMs,
    );
    if (alive === null && this.pending > 0) await this.parts.child.stop(0);
  }

  private async request(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    line = this.http,
  ): Promise<{ status: number; json: unknown }> {
    const response = await line.request({
      method,
      path,
      headers: { 'x-switchboard-secret': this.parts.secret, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return {
      status: response.statusCode,
      json: text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as unknown) : null,
    };
  }
}

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

/** What a bot's process is told. */
function specOf(
  options: RasaOptions,
  parts: { bot: Bot; model: LoadableModel; socket: string; secret: string; key: ChannelKey },
): Json & { appId: string } {
  const { bot, model, socket, secret, key } = parts;
  const hub = { socket: options.channel.socket, secret: key.secret };
  const traceAfter = options.traceAfterSeconds === undefined ? defaultTraceAfter : options.traceAfterSeconds;
  const { appId, language } = bot;
  return { appId, language, model: model.archivePath, socket, secret, hub, traceAfter };
}

/** The engine of trained bots on machines that have Rasa. */
export function createRasaEngine(options: RasaOptions): Engine {
  const start: StartRasa = options.start ?? ((task) => Promise.resolve(startPlainly(options, task)));
  return {
    name: 'rasa',
    needsModel: true,
    ...(options.memory ? { memory: options.memory } : {}),
    async launch(bot, model) {
      if (!model?.archivePath) throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
      const id = randomBytes(4).toString('hex');
      const home = join(options.runtimeDir, id);
      const socket = join(options.runtimeDir, `${id}.sock`);
      const secret = randomBytes(24).toString('hex');
      const key = options.channel.admit(bot.appId);
      options.hide(secret);
      options.hide(key.secret);
      await mkdir(home, { mode: 0o700 });
      const clear = async (): Promise<void> => {
        key.close();
        await Promise.all([rm(home, { recursive: true, force: true }), rm(socket, { force: true })]);
      };
      let serving: () => void = () => undefined;
      const serves = new Promise<void>((resolve) => (serving = resolve));
      const child = await start({
        command: 'run',
        runtime: bot.runtime,
        light: model.pipeline === 'semantic',
        home,
        spec: specOf(options, { bot, model, socket, secret, key }),
        onStdoutLine: (line) => void (saysReady(line) && serving()),
      }).catch(async (error: unknown) => {
        await clear();
        throw error;
      });
      const exited = child.exited.then(async (exit) => {
        await clear();
        return exit;
      });
      const running = new RasaBot({
        model: model.id,
        child,
        exited,
        socket,
        secret,
        key,
        hang: options.hang ?? defaultHang,
      });
      try {
        await untilReady(running, { child, serves, timeoutMs: options.launchTimeoutMs ?? 180_000 });
      } catch (error) {
        await running.stop();
        throw error;
      }
      return running;
    },
  };
}
