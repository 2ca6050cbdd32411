/** The remote engine: any HTTP server that speaks Rasa's REST channel, by base URL. It is somebody else's process: never started, never stopped. */
import { Agent, type Dispatcher, request } from 'undici';
import type { Bot, BotMessage, Engine, Exit, Json, Parse, RunningEngine, Turn } from '../contracts.js';
import type { Egress } from '../egress.js';
import { HubError } from '../errors.js';
import { placeOf } from '../happened.js';
import { type Breaker, type BreakerLimits, breakerLimits, createBreaker } from './breaker.js';

const timeoutMs = 30_000;
const lookMs = 5000;
/** A reply longer than this is not a chat reply. */
const maxBytes = 5_000_000;
/** Nothing had left when the connection failed with one of these. */
const unsent = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];
/** Means the same to whoever reads it and nothing to Rasa, which obeys a text that begins with `/`. */
const fullWidthSlash = '\uff0f';

class RemoteBot implements RunningEngine {
  readonly engine = 'remote';
  readonly pid = null;
  readonly exited: Promise<Exit>;
  private end: (exit: Exit) => void = () => undefined;

  constructor(
    private readonly baseUrl: string,
    private readonly line: { dispatcher: Dispatcher; breaker: Breaker; headers: Record<string, string> },
  ) {
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async reply(turn: Turn): Promise<{ messages: BotMessage[]; parse: null }> {
    const { sender, metadata, channel } = turn;
    const body = { sender, message: wordsOf(turn), metadata, input_channel: channel };
    const traced = turn.trace === undefined ? {} : { traceparent: turn.trace };
    const answer = await this.post('/webhooks/rest/webhook', body, traced).catch((error: unknown) =>
      this.afterFailure(turn, error),
    );
    if (!Array.isArray(answer))
      throw new HubError('turn_failed', 'The remote bot did not answer with a list of messages.');
    if (answer.length === 0) await this.believe(turn);
    return { messages: answer as BotMessage[], parse: null };
  }

  async parse(text: string): Promise<Parse> {
    const answer = await this.post('/model/parse', { text });
    const fits = typeof answer === 'object' && answer !== null && 'intent' in answer;
    if (!fits) throw new HubError('turn_failed', 'The remote server does not answer POST /model/parse as Rasa does.');
    return answer as Parse;
  }

  /** Rasa's own tracker, where its HTTP API is on; a plain webhook server has none. */
  async tracker(sender: string): Promise<Json[] | null> {
    if (this.line.breaker.open) return null;
    const path = `/conversations/${encodeURIComponent(sender)}/tracker?include_events=ALL`;
    const answer = await this.look(path);
    const events =
      answer?.status === 200 ? (parsed(answer.text) as { events?: unknown } | undefined)?.events : undefined;
    return Array.isArray(events) ? (events as Json[]) : null;
  }

  stop(): Promise<void> {
    this.end({ code: 0, signal: null });
    return Promise.resolve();
  }
  log(): string[] {
    return ['This bot runs elsewhere: its log is there.'];
  }

  /** Without a tracker to look at nobody knows whether a turn whose answer was lost did happen: then it must not be tried again. */
  private async afterFailure(turn: Turn, error: unknown): Promise<never> {
    if (!(error instanceof LostAnswer) || (await this.tracker(turn.sender)) !== null) throw error;
    throw new HubError(
      'turn_timeout',
      `${error.message} Whether it has answered is not known, so it is not asked again.`,
      {
        cause: error,
      },
    );
  }

  /** Rasa's REST channel answers `[]` when its model is missing or an action broke, as well as when the bot has nothing to say. */
  private async believe(turn: Turn): Promise<void> {
    const events = await this.tracker(turn.sender);
    if (events && placeOf(events, turn.metadata) < 0)
      throw new HubError('turn_failed', 'The remote bot answered nothing, and its tracker does not know the message.');
    const status = (await this.look('/status'))?.status;
    if (status === undefined || status === 409)
      throw new HubError('turn_failed', 'The remote bot answered nothing: it has no model loaded or has gone.');
  }

  /** Status and body of a GET; null when there was no answer. */
  private async look(path: string): Promise<{ status: number; text: string } | null> {
    try {
      const { dispatcher, headers } = this.line;
      const limits = { headersTimeout: lookMs, bodyTimeout: lookMs, dispatcher, headers };
      const response = await request(`${this.baseUrl}${path}`, limits);
      return { status: response.statusCode, text: await response.body.text() };
    } catch {
      return null;
    }
  }

  /** POSTs JSON and answers the JSON that came back. Rejects with `turn_failed`, naming what the server did but never its URL (it may hold a token). */
  private async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> {
    const { text } = await this.line.breaker.run(async () => {
      const answer = await this.send(path, JSON.stringify(body), headers);
      if (answer.status === 200) return answer;
      throw new HubError('turn_failed', `The remote bot answered with status ${answer.status}.`);
    });
    if (text.length > maxBytes) throw new HubError('turn_failed', 'The remote bot sent more than 5 MB.');
    const answer = parsed(text);
    if (answer === undefined) throw new HubError('turn_failed', 'The remote bot did not answer with JSON.');
    return answer;
  }

  private async send(
    path: string,
    body: string,
    more: Record<string, string>,
  ): Promise<{ status: number; text: string }> {
    const { dispatcher } = this.line;
    const headers = { ...more, ...this.line.headers, 'content-type': 'application/json', accept: 'application/json' };
    try {
      const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, dispatcher };
      const response = await request(`${this.baseUrl}${path}`, { method: 'POST', headers, body, ...limits });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (unsent.includes(code))
        throw new HubError('turn_failed', 'The remote bot cannot be reached; check its remoteUrl.', { cause: error });
      throw new LostAnswer('turn_failed', 'The remote bot broke the connection off or took too long.', {
        cause: error,
      });
    }
  }
}

/** The request went out and no answer came back. */
class LostAnswer extends HubError {}

/** What is sent: the words, which must not pass for an intent when somebody typed them (`/restart`); a button's payload as it is. */
function wordsOf({ text, payload }: Turn): string {
  return payload ? text : text.replace(/^\s*\//, (start) => start.replace('/', fullWidthSlash));
}

/** The value of a JSON text; undefined when it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface RemoteOptions {
  /** Opens what a bot's server is called with (`Bot.remoteAuth`); bots without are not asked for. */
  openAuth?: (appId: string, sealed: string) => string;
  breaker?: BreakerLimits;
}

/** The engine of bots with a `remoteUrl`. The address that `egress` admits is the one that is connected to. */
export function createRemoteEngine(
  egress: Pick<Egress, 'refusal' | 'lookup'>,
  { openAuth = (_, sealed) => sealed, breaker: limits = breakerLimits }: RemoteOptions = {},
): Engine {
  const dispatcher = new Agent({ connect: { lookup: egress.lookup }, maxResponseSize: maxBytes });
  const opened = ({ appId, remoteUrl, remoteAuth }: Bot): RemoteBot => {
    if (!remoteUrl) throw new HubError('invalid', 'A remote bot needs its remoteUrl.');
    const refusal = egress.refusal(remoteUrl);
    if (refusal) throw new HubError('wake_failed', `The remote bot is not called: ${refusal}`);
    const headers = remoteAuth ? { authorization: openAuth(appId, remoteAuth) } : {};
    const line = { dispatcher, headers, breaker: createBreaker('The remote bot', limits) };
    return new RemoteBot(remoteUrl.replace(/\/+$/, ''), line);
  };
  return { name: 'remote', needsModel: false, launch: (bot) => Promise.resolve(bot).then(opened) };
}
