/** Events to an HTTPS endpoint: one request for what was stored of a conversation at once, signed (signature.ts), within fifteen seconds. */
import { Agent, request } from 'undici';
import type { Egress } from '../egress.js';
import { itemId } from './rasa-events.js';
import { signedHeaders } from './signature.js';
import type { Sending, Sent, Sink } from './sink.js';

export interface WebhookOptions {
  url: string;
  /** The secrets that are valid now, the newest first. */
  secrets: () => readonly string[];
  /** Absent: the operator named the URL, so it may be private. */
  egress?: Egress;
  /** Milliseconds since 1970; the machine's clock when absent. */
  now?: () => number;
}
const timeoutMs = 15_000;
const parallel = 16;
/** What a subscriber says of a failure: its beginning, for who looks at it. */
const mostWords = 200;

/** The sink of one endpoint. */
export function createWebhookSink({ url, secrets, egress, now = Date.now }: WebhookOptions): Sink {
  const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const connect = { timeout: timeoutMs, ...(egress && { lookup: egress.lookup }) };
  const agent = new Agent({ connect, connections: parallel, ...limits });
  const post = async (sending: Sending): Promise<Sent> => {
    const { id, body } = messageOf(sending);
    const signed = signedHeaders(secrets(), { id, timestamp: Math.floor(now() / 1000), body });
    const headers = { 'content-type': 'application/json', 'user-agent': 'switchboard', ...signed };
    // Not followed: a redirect could lead anywhere, and the schedule counts it as a failure.
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal });
    const { statusCode: status } = answer;
    if (status >= 200 && status < 300) {
      await answer.body.dump();
      return { outcome: 'sent' };
    }
    const words = await beginningOf(answer.body);
    const reason = `The endpoint answered with status ${status}${words === '' ? '.' : `: ${words}`}`;
    return { outcome: status === 410 ? 'gone' : 'failed', reason };
  };
  return {
    parallel,
    send: async (sending) => {
      const refusal = egress?.refusal(url) ?? null;
      if (refusal !== null) return { outcome: 'failed', reason: refusal };
      return post(sending).catch((error: unknown): Sent => ({ outcome: 'failed', reason: reasonOf(error) }));
    },
    close: () => agent.destroy(),
  };
}

/** The first words of a body, whatever its length. */
async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  for await (const piece of body) return piece.toString('utf8').slice(0, mostWords).trim();
  return '';
}

/** The request that says this. `type` and `timestamp` as Standard Webhooks has them. */
function messageOf({ item, events }: Sending): { id: string; body: string } {
  const { appId, conversation, channel, position, at: timestamp } = item;
  const data = { appId, conversation, channel, position, events };
  return { id: itemId(item), body: JSON.stringify({ type: 'conversation.events', timestamp, data }) };
}

/** Why nobody answered, in words that name no URL. */
function reasonOf(error: unknown): string {
  const { code = '', name = '', message = '' } = error as { code?: string; name?: string; message?: string };
  if (name === 'TimeoutError' || /TIMEOUT/.test(code)) return 'The endpoint did not answer within 15 seconds.';
  return `The endpoint cannot be reached (${/private address/.test(message) ? message : code || name}).`;
}
