/** The remote engine: any HTTP server that speaks Rasa's REST channel, by base URL. It is somebody else's process: never started, never stopped. */
import { request } from 'undici';
import type { BotMessage, Engine, Exit, Parse, RunningEngine, Turn } from '../contracts.js';
import { HubError } from '../errors.js';

const timeoutMs = 30_000;
/** A reply longer than this is not a chat reply. */
const maxBytes = 5_000_000;

/** POSTs JSON and answers the JSON that came back. Rejects with `turn_failed`, naming what the server did but never its URL (it may hold a token). */
async function post(url: string, body: unknown): Promise<unknown> {
  let text: string;
  try {
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    text = await response.body.text();
    if (response.statusCode !== 200)
      throw new HubError('turn_failed', `The remote bot answered with status ${response.statusCode}.`);
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw new HubError('turn_failed', 'The remote bot cannot be reached; check its remoteUrl.', { cause: error });
  }
  if (text.length > maxBytes) throw new HubError('turn_failed', 'The remote bot sent more than 5 MB.');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new HubError('turn_failed', 'The remote bot did not answer with JSON.', { cause: error });
  }
}

class RemoteBot implements RunningEngine {
  readonly engine = 'remote';
  readonly pid = null;
  readonly exited: Promise<Exit>;
  private end: (exit: Exit) => void = () => undefined;

  constructor(private readonly baseUrl: string) {
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async reply(turn: Turn): Promise<{ messages: BotMessage[]; parse: null }> {
    const { sender, text: message, metadata, channel } = turn;
    const answer = await post(`${this.baseUrl}/webhooks/rest/webhook`, {
      sender,
      message,
      metadata,
      input_channel: channel,
    });
    if (!Array.isArray(answer))
      throw new HubError('turn_failed', 'The remote bot did not answer with a list of messages.');
    return { messages: answer as BotMessage[], parse: null };
  }

  async parse(text: string): Promise<Parse> {
    const answer = await post(`${this.baseUrl}/model/parse`, { text });
    const fits = typeof answer === 'object' && answer !== null && 'intent' in answer;
    if (!fits) throw new HubError('turn_failed', 'The remote server does not answer POST /model/parse as Rasa does.');
    return answer as Parse;
  }

  stop(): Promise<void> {
    this.end({ code: 0, signal: null });
    return Promise.resolve();
  }
  log(): string[] {
    return ['This bot runs elsewhere: its log is there.'];
  }
}

/** The engine of bots with a `remoteUrl`. */
export function createRemoteEngine(): Engine {
  return {
    name: 'remote',
    needsModel: false,
    launch(bot) {
      if (!bot.remoteUrl) return Promise.reject(new HubError('invalid', 'A remote bot needs its remoteUrl.'));
      return Promise.resolve(new RemoteBot(bot.remoteUrl.replace(/\/+$/, '')));
    },
  };
}
