/** What the lab's hub takes for a bot: it speaks Rasa's REST channel, and asks the bot of the real hub by its API. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubAddress {
  /** Base URL of the hub. */
  url: string;
  token: string;
}
export interface BridgeOptions {
  hub: HubAddress;
  appId: string;
  /** Told in words when the bot could not answer. */
  failed(reason: string): void;
}
export interface Bridge {
  readonly url: string;
  close(): void;
}
interface Turn {
  sender: string;
  message: string;
  metadata: { switchboard_event?: string };
}

/** One call of the hub's API; answers status and body, which is JSON. Rejects when no hub answers. */
export async function callHub(
  { url, token }: HubAddress,
  path: string,
  { method = 'GET', body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Asks the bot; null when it could not answer. `run`: each lab has conversations of its own, and counts its messages from one. */
async function ask({ hub, appId, failed }: BridgeOptions, run: string, turn: Turn): Promise<unknown> {
  try {
    const { status, body } = await callHub(hub, `/bots/${encodeURIComponent(appId)}/messages`, {
      method: 'POST',
      body: { sender: `lab ${run} ${turn.sender}`, message: turn.message },
      headers: { 'idempotency-key': turn.metadata.switchboard_event ?? '' },
    });
    if (status === 200) return body;
    failed(`The bot could not answer: ${(body as { detail?: string }).detail ?? `status ${status}`}`);
  } catch {
    failed(`The hub at ${hub.url} does not answer any more.`);
  }
  return null;
}

/** Listens on a free port of this machine. */
export async function openBridge(options: BridgeOptions): Promise<Bridge> {
  const run = randomBytes(4).toString('hex');
  const server: Server = createServer((request, response) => {
    // There is no tracker to look into: what is known of a turn is what came back.
    if (request.method !== 'POST') return void response.writeHead(404).end();
    void textOf(request)
      .then((text) => ask(options, run, JSON.parse(text) as Turn))
      .then((replies) => response.writeHead(replies === null ? 502 : 200).end(JSON.stringify(replies)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
