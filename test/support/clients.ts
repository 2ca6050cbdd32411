/** The web channel with real socket.io clients: what the test files of connectors/web.ts share. */
import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';

import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';

import { type Ack, type HistoryItem, ownClient } from '../../connectors/web/protocol.js';
import { openStandIn, type StandIn, type StandInOptions } from './web.js';

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;
type Connect = (hub: StandIn, appId?: string, options?: ClientOptions) => Socket;
export interface WebFixture {
  newHub(options?: StandInOptions): Promise<StandIn>;
  newClient(url: string, options?: ClientOptions): Socket;
  byNamespace: Connect;
  byPath: Connect;
}

/** Call it inside a `describe`: what it opens is closed after each test. */
export function webFixture(): WebFixture {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const newClient = (url: string, options: ClientOptions = {}): Socket => {
    const auth = { client: ownClient };
    const client = io(url, { auth, forceNew: true, reconnection: false, transports: ['websocket'], ...options });
    cleanups.push(() => client.disconnect());
    return client;
  };
  return {
    async newHub(options) {
      const hub = await openStandIn(options);
      cleanups.push(() => hub.close());
      return hub;
    },
    newClient,
    byNamespace: (hub, appId = 'a', options = {}) => newClient(`${hub.url}/bots/${appId}`, options),
    byPath: (hub, appId = 'a', options = {}) => newClient(hub.url, { path: `/bots/${appId}/socket.io`, ...options }),
  };
}

/** The next event of this name; rejects when none comes in three seconds. */
export const next = <T>(client: Socket, event: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} came`)), 3000);
    client.once(event, (value: T) => {
      clearTimeout(timer);
      resolve(value);
    });
  });

/** Sends a `user_uttered`; answers its acknowledgement. */
export const say = (client: Socket, payload: unknown): Promise<Ack> =>
  client.timeout(3000).emitWithAck('user_uttered', payload) as Promise<Ack>;

/** Asks for a session; answers its id and history. */
export async function session(client: Socket, request: unknown = {}): Promise<{ id: string; history: HistoryItem[] }> {
  const [id, history] = [next<string>(client, 'session_confirm'), next<HistoryItem[]>(client, 'session_history')];
  client.emit('session_request', request);
  return { id: await id, history: await history };
}

/** All events of this name from now on. */
export function collect<T>(client: Socket, event: string): T[] {
  const seen: T[] = [];
  client.on(event, (value: T) => seen.push(value));
  return seen;
}

/** Waits until `test` holds; rejects after three seconds. */
export async function until(what: string, test: () => boolean): Promise<void> {
  for (const start = Date.now(); Date.now() - start < 3000; await sleep(5)) if (test()) return;
  assert.fail(`not within 3 s: ${what}`);
}

/** `connected`, or why not. */
export const outcome = (client: Socket): Promise<string> =>
  new Promise((resolve) => {
    client.once('connect', () => resolve('connected'));
    client.once('connect_error', (error) => resolve(error.message));
  });
