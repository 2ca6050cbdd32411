/**
 * The private line from Rasa children to the hub's store: trackers over HTTP on Unix sockets. Each child has a socket in its own folder and
 * a secret that stands for its APP_ID, so a child reads and writes the conversations of its own bot and nothing else, no other process
 * comes near its line, and no database address or password ever reaches it.
 *
 *   GET  /trackers/{sender}?all=1   {offset, events} | 404
 *   POST /trackers/{sender}/events  {from, events} -> 204 | 409 when the tracker does not hold exactly `from` events
 *   PUT  /trackers/{sender}         {events} -> 204
 *   GET  /trackers                  [sender]
 *   POST /actions                   what the bot's action server elsewhere answers; 502 when it does not, 404 where the bot has none
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Json, TrackerStore } from '../../contracts.js';
import type { Log } from '../../log.js';
import { traceIdOf, traceIn } from '../../trace.js';
import type { CallActions } from './action-endpoint.js';
import { createTrackers } from './trackers.js';

/** One bot's access to the channel; `close` takes it away. */
export interface ChannelKey {
  secret: string;
  /** The conversation since its last session start, as the child stored it, and how many events are older; null when there are none. */
  tracker(sender: string): ReturnType<TrackerStore['read']>;
  close(): void;
}
/** Where a child comes in, and what its line does. */
export interface Admission {
  /** A path in the child's own folder, which exists; whoever is given that folder may use it. */
  socket: string;
  /** Calls the bot's action server elsewhere. */
  actions?: CallActions | undefined;
  /** Its trackers go nowhere. */
  rehearsal?: boolean;
}
export interface TrackerChannel {
  /** A new secret for a child of this bot, and a socket that listens for it. Rejects when the socket can't be made. */
  admit(appId: string, admission: Admission): Promise<ChannelKey>;
  close(): Promise<void>;
}

/** A tracker with images inlined is large; more than this is a runaway. */
const maxBytes = 20_000_000;
const digest = (secret: string): string => createHash('sha256').update(secret).digest('hex');

interface Answer {
  status: number;
  body?: unknown;
  /** JSON as it came, in place of `body`. */
  text?: string;
}
/** Who a secret stands for. */
interface Admitted {
  appId: string;
  actions: CallActions | undefined;
  trackers: TrackerStore;
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error('tracker too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function read(request: IncomingMessage): Promise<{ from?: unknown; events?: unknown }> {
  return JSON.parse((await bytesOf(request)).toString('utf8')) as { from?: unknown; events?: unknown };
}

async function answer(trackers: TrackerStore, appId: string, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://hub');
  const [, root, name, leaf, ...rest] = url.pathname.split('/');
  if (root !== 'trackers' || rest.length > 0) return { status: 404 };
  if (name === undefined) return { status: 200, body: await trackers.senders(appId) };
  const sender = decodeURIComponent(name);
  if (request.method === 'GET' && leaf === undefined) {
    const found = await trackers.read(appId, sender, url.searchParams.get('all') === '1');
    return found ? { status: 200, body: found } : { status: 404 };
  }
  const body = await read(request);
  if (!Array.isArray(body.events)) return { status: 400 };
  const events = body.events as Json[];
  if (request.method === 'POST' && leaf === 'events' && typeof body.from === 'number') {
    return { status: (await trackers.append(appId, sender, body.from, events)) ? 204 : 409 };
  }
  if (request.method !== 'PUT' || leaf !== undefined) return { status: 404 };
  await trackers.replace(appId, sender, events);
  return { status: 204 };
}

async function act(call: CallActions | undefined, request: IncomingMessage): Promise<Answer> {
  if (!call || request.method !== 'POST') return { status: 404 };
  const { 'content-encoding': contentEncoding } = request.headers;
  return call({
    body: await bytesOf(request),
    contentEncoding,
    trace: traceIn(request.headers['traceparent']) ?? undefined,
  });
}

function send(response: ServerResponse, { status, body, text }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(text ?? (body === undefined ? undefined : JSON.stringify(body)));
}

/** One child's way in. */
interface Door {
  /** Ends what came in by it, too. */
  close(): Promise<void>;
}

/** An HTTP server has one listener and forgets who came by others: so the connections are kept here. */
async function openDoor(path: string, enter: (connection: Socket) => void): Promise<Door> {
  const inside = new Set<Socket>();
  const server = createServer((connection) => {
    inside.add(connection);
    connection.once('close', () => inside.delete(connection));
    enter(connection);
  });
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of inside) connection.destroy();
      }),
  };
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Opens the channel; nobody is let in yet. */
export function openTrackerChannel(options: { trackers: TrackerStore; log: Log }): TrackerChannel {
  const { log } = options;
  // Keyed by hash, so that looking a secret up takes the same time however much of it is right.
  const keys = new Map<string, Admitted>();
  const http = createHttpServer({ keepAliveTimeout: 0 }, (request, response) => {
    const admitted = keys.get(digest((request.headers.authorization ?? '').replace(/^Bearer /, '')));
    if (admitted === undefined) {
      send(response, { status: 401 });
      return;
    }
    const { appId, actions, trackers } = admitted;
    const acts = request.url === '/actions';
    (acts ? act(actions, request) : answer(trackers, appId, request)).then(
      (found) => send(response, found),
      (error: unknown) => {
        const trace = traceIn(request.headers['traceparent']);
        log.error(
          { err: error, appId, ...(trace && { trace: traceIdOf(trace) }) },
          acts ? 'an action server failed' : 'a tracker could not be read or written',
        );
        send(response, { status: acts ? 502 : 503 });
      },
    );
  });
  const doors = new Set<Door>();
  return {
    async admit(appId, { socket, actions, rehearsal = false }) {
      const door = await openDoor(socket, (connection) => http.emit('connection', connection));
      doors.add(door);
      const secret = randomBytes(24).toString('hex');
      const trackers = rehearsal ? createTrackers() : options.trackers;
      keys.set(digest(secret), { appId, actions, trackers });
      return {
        secret,
        tracker: (sender) => trackers.read(appId, sender, false),
        close: () => {
          keys.delete(digest(secret));
          doors.delete(door);
          void door.close();
        },
      };
    },
    close: async () => void (await Promise.all([...doors].map((door) => door.close()))),
  };
}
