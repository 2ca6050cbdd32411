/** The HTTP server and its patience: how long a request may take to come, and how many connections one address may hold. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface GuardOptions {
  /** Has this address as many connections as it may have? And one more of them, to be called once it is gone. */
  full(address: string): boolean;
  enter(address: string): () => void;
  /** A body that comes more slowly than this, once its time of grace is over, is cut off. */
  pace?: BodyPace;
}
export interface BodyPace {
  graceMs: number;
  bytesPerSecond: number;
}

/** An honest sender on a poor line is through in this time, or goes on at a pace of 128 kbit/s. */
const defaultPace: BodyPace = { graceMs: 15_000, bytesPerSecond: 16_000 };

/** Whoever opens a connection, or begins a request, has sent its headers within ten seconds. An upload of any size has ended in a quarter of an hour. */
export const createHttpServer = (): Server =>
  createServer({ headersTimeout: 10_000, requestTimeout: 15 * 60_000, connectionsCheckingInterval: 5000 });

/** Guards a server whose listeners are all there already: socket.io hides requests from those that came before it. */
export function guardServer(server: Server, { full, enter, pace = defaultPace }: GuardOptions): void {
  server.on('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? '';
    if (full(from)) return void socket.destroy();
    socket.once('close', enter(from));
  });
  const bodies = new Set<Body>();
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { headers, socket } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
    bodies.add({ request, response, since: performance.now(), before: socket.bytesRead });
  });
  const look = setInterval(() => {
    for (const body of bodies) {
      if (body.request.complete || body.request.socket.destroyed) bodies.delete(body);
      else if (isSlow(body, pace)) cut(body);
    }
  }, pace.graceMs / 15);
  look.unref();
  server.once('close', () => clearInterval(look));
}

/** A body that is still coming. */
interface Body {
  request: IncomingMessage;
  response: ServerResponse;
  since: number;
  /** What its connection had brought before it. */
  before: number;
}

function isSlow({ request, since, before }: Body, { graceMs, bytesPerSecond }: BodyPace): boolean {
  const late = performance.now() - since - graceMs;
  return late > 0 && request.socket.bytesRead - before < (late / 1000) * bytesPerSecond;
}

/** As Node itself does it for a request that takes too long. */
function cut({ request: { socket }, response }: Body): void {
  if (!response.headersSent) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  socket.destroy();
}
