/** A stand-in for the hub behind the real web connector: an HTTP server, bots that answer by a script, and a memory for a store. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { createWebConnector, type WebOptions } from '../../connectors/web.js';
import type {
  BotMessage,
  BotProgress,
  Connection,
  ConnectionContext,
  Json,
  StoredMessage,
} from '../../src/contracts.js';
import { HubError } from '../../src/errors.js';

export interface StandInOptions {
  web?: Partial<WebOptions>;
  /** Settings of each bot's channel, by APP_ID; a bot is there when and only when it has an entry. */
  bots?: Record<string, { settings?: Json }>;
  /** What a bot answers; it repeats what was said when absent. */
  answer?: (text: string) => BotMessage[] | Promise<BotMessage[]>;
  /** Is the next message refused? */
  refuse?: () => boolean | Promise<boolean>;
  /** Answers what is not socket.io; 418 when absent. */
  http?: RequestListener;
  progress?: () => BotProgress | Promise<BotProgress>;
}
export interface StandIn {
  readonly url: string;
  readonly port: number;
  /** What the hub stored, in order, of all bots. */
  readonly stored: StoredMessage[];
  /** Requests that reached the handler beneath socket.io. */
  readonly requests: string[];
  readonly connections: Map<string, Connection>;
  open(appId: string, settings?: Json): void;
  /** Cuts every connection, as a crash does; listens again at once on the same port. */
  cut(): void;
  close(): Promise<void>;
}

export const awake: BotProgress = { ready: true, state: 'awake', training: null, engineInUse: 'rasa', problem: null };

/** Listens on a free port of 127.0.0.1; bot `a` and `b` are there unless `bots` says otherwise. */
export async function openStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { bots = { a: {}, b: {} } } = options;
  const stored: StoredMessage[] = [];
  const requests: string[] = [];
  const connections = new Map<string, Connection>();
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (options.http) return void options.http(request, response);
    response.writeHead(418).end('teapot');
  });
  const sockets = new Set<import('node:net').Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));

  const settle = async (message: StoredMessage): Promise<void> => {
    const replies = (await options.answer?.(message.text)) ?? [
      { recipient_id: message.conversation, text: `You said ${message.text}` },
    ];
    Object.assign(message, { state: 'answered', replies, ms: 5 });
    await sendAll(connections.get(message.appId), message.to, replies);
    if (replies.length === 0) connections.get(message.appId)?.typing?.(message.to, false);
  };
  const contextOf = (appId: string, settings: Json): ConnectionContext => ({
    bot: { appId, name: appId, language: 'en' },
    settings,
    publicUrl: null,
    history: () => Promise.resolve([]),
    failed: () => undefined,
    async receive(incoming) {
      await sleep(5);
      if (await options.refuse?.()) throw new HubError('invalid', 'refused by the stand-in');
      if (stored.some((message) => message.appId === appId && message.eventId === incoming.eventId)) return;
      const message: StoredMessage = {
        ...incoming,
        appId,
        channel: 'web',
        id: `m${stored.length}`,
        number: stored.length,
        state: 'received',
        error: null,
        replies: [],
        intent: null,
        confidence: null,
        delivered: false,
        maybeTwice: false,
        ms: null,
        receivedAt: new Date().toISOString(),
      };
      stored.push(message);
      connections.get(appId)?.typing?.(message.to, true);
      void settle(message);
    },
    ask: () => Promise.reject(new Error('not asked here')),
    progress: async () => (await options.progress?.()) ?? awake,
  });
  const connector = createWebConnector({
    exists: (appId) => Promise.resolve(Object.hasOwn(bots, appId)),
    history: (appId, conversation) =>
      Promise.resolve(stored.filter((one) => one.appId === appId && one.conversation === conversation)),
    sessionKey: 'test key',
    ...options.web,
  });
  connector.attach?.(server);
  const open = (appId: string, settings: Json = {}): void =>
    void connections.set(appId, connector.open(contextOf(appId, settings)));
  for (const [appId, { settings }] of Object.entries(bots)) open(appId, settings);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stored,
    requests,
    connections,
    open,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async close() {
      await connector.close();
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends replies as the hub's outbox does: one after the other, each with its place among them. */
export async function sendAll(connection: Connection | undefined, to: string, replies: BotMessage[]): Promise<void> {
  const { signal } = new AbortController();
  for (const [part, reply] of replies.entries())
    await connection?.send(to, { messageId: 'm', part, reply, limitMs: 10_000, signal });
}
