/** One awake bot of the rasa engine: its Rasa process behind a Unix socket and a secret, and beside it that of its own actions, if it has any. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Child } from '../../child.js';
import type { ApiRequest, ApiResponse, Exit, Json, Parse, RunningEngine, Turn, TurnResult } from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import { happenedIn } from '../../happened.js';
import type { ChannelKey } from './channel.js';
import { privateBytes, processorTicks, residentBytes } from './memory.js';
import type { ParseCache } from './parse-cache.js';

const turnTimeoutMs = 60_000;
/** How long a broken connection, or a turn whose actions have gone, waits for news of the process. */
const goneMs = 2000;
/** How long a turn that failed waits for news that the process of its actions has died, while that seems to live. */
const actionsGoneMs = 500;
/** Long enough to be given a processor on a machine with too much to do. */
const worksMs = 300;
/** Characters, as the web channel and the REST routes take. Slack lets 40,000 through, and 16,000 brought a classic bot to its memory cap. */
const longestText = 8000;
const canary = 'Are you there?';
const turnPath = '/webhooks/switchboard/webhook';

/** When a process counts as one that stands still. */
export interface Hang {
  /** When a turn has waited so long, the process is asked whether it lives, again and again until nothing waits. */
  afterMs: number;
  /** What it gets to say so. Silent, it is ended: at once when it has done nothing meanwhile … */
  answerMs: number;
  /** … and after so many times in a row when it has: a long computation, or a machine with too much to do, is no hang yet. */
  patience: number;
}

/** What one bot's process is made of. */
export interface BotParts {
  model: string;
  child: Child;
  /** The process of its own actions; null where it has none. */
  actions: Child | null;
  /** When all of it has gone. */
  exited: Promise<Exit>;
  socket: string;
  secret: string;
  key: ChannelKey;
  /** What models have understood already. */
  parses: ParseCache;
  hang: Hang;
  /** The newest lines of its processes, oldest first. */
  log: () => string[];
}

/** What goes with a request. */
interface Asked {
  body?: unknown;
  line?: Pool;
  headers?: Record<string, string>;
}

/** Throws `text_too_long`: what a network's attention takes grows with the square of a text's length. */
function refuseLong({ length }: string): void {
  if (length <= longestText) return;
  const detail = `A bot is asked ${longestText} characters at most, and this text has ${length}. Send it in parts.`;
  throw new HubError('text_too_long', detail);
}

/** An awake bot whose processes are `parts`. */
export class RasaBot implements RunningEngine {
  readonly engine = 'rasa';
  readonly exited: Promise<Exit>;
  private readonly http: Pool;
  /** A line of its own: the question whether the process lives must not wait behind its turns. */
  private readonly pulse: Pool;
  private pending = 0;
  /** How often in a row it was asked in vain whether it lives. */
  private silent = 0;
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
    refuseLong(turn.text);
    const tracker = await this.conversation(turn.sender);
    // Whoever took it before may have been given up and have ended it all the same. Only where it stands as it does here a new turn is stored.
    const done = happenedIn(tracker?.events ?? [], turn);
    if (done) return { ...done, model: this.parts.model };
    const body = {
      sender: turn.sender,
      tracker,
      message: turn.text,
      literal: !turn.payload,
      input_channel: turn.channel,
      metadata: turn.metadata,
    };
    const headers = turn.trace === undefined ? {} : { traceparent: turn.trace };
    const { status, json } = await this.watched(() => this.request('POST', turnPath, { body, headers }));
    if (status === 200) return { ...(json as TurnResult), model: this.parts.model };
    // Its actions may have died under the turn: who asks again shall meet the successor of both.
    if (this.parts.actions) {
      const gone = (await residentBytes(this.parts.actions.pid ?? 0)) === 0;
      await within(this.exited, gone ? goneMs : actionsGoneMs);
    }
    const error = (json as { error?: { message?: string } } | null)?.error?.message ?? `status ${status}`;
    throw new HubError('turn_failed', `Rasa failed on this message: ${error}`);
  }

  /** What the process would ask for as its first thing, sent along instead. */
  private conversation(sender: string): ReturnType<ChannelKey['tracker']> {
    return this.parts.key.tracker(sender).catch((cause: unknown) => {
      throw new HubError('turn_failed', "The bot's conversation could not be read.", { cause });
    });
  }

  async tracker(sender: string): Promise<Json[] | null> {
    return (await this.parts.key.tracker(sender))?.events ?? null;
  }

  async parse(text: string, language?: string): Promise<Parse> {
    refuseLong(text);
    const { parses, model } = this.parts;
    return parses.of(language ? `${model} ${language}` : model, text, () => this.understand(text, language));
  }

  private async understand(text: string, language?: string): Promise<{ parse: Parse; bytes: number }> {
    const path = language ? '/webhooks/switchboard/parse' : '/model/parse';
    const { status, json, bytes } = await this.call(path, { text, ...(language && { language }) });
    if (status !== 200) throw new HubError('turn_failed', `Rasa could not parse this text: status ${status}.`);
    return { parse: json as Parse, bytes };
  }

  async api({ limitMs, ...request }: ApiRequest): Promise<ApiResponse> {
    if (limitMs !== undefined) return this.explained(() => this.send(request, { limitMs }));
    return this.watched(() => this.send(request));
  }

  /** Is the model loaded and does it understand? A server without a model still says it is up, so both are asked. */
  async ready(): Promise<boolean> {
    const up = await this.request('GET', '/status').catch(() => null);
    if (up?.status !== 200) return false;
    // Not by `parse`: a model that understood it once says nothing of this process.
    await this.understand(canary);
    return true;
  }

  async memory(): Promise<number | null> {
    const pids = [this.pid, this.parts.actions?.pid ?? null].filter((pid) => pid !== null);
    const sizes = await Promise.all(pids.map(privateBytes));
    return sizes.length === 0 || sizes.includes(null)
      ? null
      : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  async stop(graceMs?: number): Promise<void> {
    await this.parts.child.stop(graceMs);
    await this.exited;
    clearInterval(this.watch);
    await Promise.all([this.http.destroy(), this.pulse.destroy()]);
  }

  log(): string[] {
    return this.parts.log();
  }

  private call(path: string, body: unknown): Promise<{ status: number; json: unknown; bytes: number }> {
    return this.watched(() => this.request('POST', path, { body }));
  }

  /** Asks now and then, while `work` lasts, whether the process lives. */
  private async watched<T>(work: () => Promise<T>): Promise<T> {
    this.pending += 1;
    this.watch ??= setInterval(() => void this.look(), this.parts.hang.afterMs);
    try {
      const answer = await this.explained(work);
      this.silent = 0;
      return answer;
    } finally {
      this.pending -= 1;
      if (this.pending === 0) clearInterval(this.watch);
      if (this.pending === 0) this.watch = undefined;
    }
  }

  /** Makes a broken line a HubError. */
  private async explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test((error as { code?: string }).code ?? ''))
        throw new HubError('turn_timeout', 'The bot has worked on this for too long without an answer.');
      // Mostly it has died: who asks again shall meet its successor, not the same dead socket.
      await within(this.exited, goneMs);
      throw new HubError('turn_failed', "The bot's Rasa process did not answer.", { cause: error });
    }
  }

  /** Ends a process that stands still: its turns fail at once then, and its successor takes them. */
  private async look(): Promise<void> {
    const { answerMs, patience } = this.parts.hang;
    const alive = await within(
      this.request('GET', '/status', { line: this.pulse }).then(
        () => true,
        () => true,
      ),
      answerMs,
    );
    this.silent = alive === null && this.pending > 0 ? this.silent + 1 : 0;
    if (this.silent === 0) return;
    if (this.silent < patience && (await this.works())) return;
    if (this.pending > 0) await this.parts.child.stop(0);
  }

  /** Does it use a processor just now? */
  private async works(): Promise<boolean> {
    const before = await processorTicks(this.pid ?? 0);
    await sleep(worksMs);
    return (await processorTicks(this.pid ?? 0)) > before;
  }

  private async request(
    method: 'GET' | 'POST',
    path: string,
    { body, line = this.http, headers: more = {} }: Asked = {},
  ): Promise<{ status: number; json: unknown; bytes: number }> {
    const headers = { 'content-type': 'application/json', ...more };
    const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const response = await this.send({ method, path, headers, body: bytes }, { line });
    const text = response.body.toString('utf8');
    return {
      status: response.status,
      bytes: response.body.length,
      json: text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as unknown) : null,
    };
  }

  private async send(
    { method, path, headers, body }: Omit<ApiRequest, 'limitMs'>,
    { line = this.http, limitMs = turnTimeoutMs }: { line?: Pool; limitMs?: number } = {},
  ): Promise<ApiResponse> {
    const response = await line.request({
      method,
      path,
      headers: { ...headers, 'x-switchboard-secret': this.parts.secret },
      headersTimeout: limitMs,
      bodyTimeout: limitMs,
      ...(body.length === 0 ? {} : { body }),
    });
    const answered = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return { status: response.statusCode, headers: Object.fromEntries(answered), body: bytes };
  }
}
