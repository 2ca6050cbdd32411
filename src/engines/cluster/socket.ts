/**
 * Lines between nodes and hubs: websockets that the node opens, so that it needs no port of its own and works from behind any firewall. Each end
 * asks the other every second whether it lives. The only importer of ws.
 */
import type { IncomingMessage, Server } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

/** An open line. Frames arrive whole and in order, or not at all. */
export interface Line {
  send(frame: Buffer): void;
  /** Called once, before anything is sent over it; what arrived earlier is handed over then. */
  listen(on: { frame: (frame: Buffer) => void; closed: (why: Closed) => void }): void;
  close(code: number, reason: string): void;
}
/** How it ended: the code and the words of the other end where it said goodbye; 1006 where it fell silent. */
export interface Closed {
  code: number;
  reason: string;
}
/** How an upgrade is answered that nobody wants. */
export interface Refusal {
  status: number;
  body: string;
}
export interface LiveLimits {
  /** How often each end asks. */
  askMs: number;
  /** After so long without a sign of life the line is cut. */
  silentMs: number;
}

export const liveLimits: LiveLimits = { askMs: 1000, silentMs: 3000 };
export const fellSilent = 1006;
const dialMs = 10_000;
/** A tracker with images inlined is large, and so is what Rasa's own API takes. */
const maxPayload = 64 * 2 ** 20;

class SocketLine implements Line {
  private readonly timer: NodeJS.Timeout;
  private heardAt = performance.now();
  private lookedAt = performance.now();

  constructor(
    private readonly socket: WebSocket,
    { askMs, silentMs }: LiveLimits,
  ) {
    socket.pause();
    const heard = (): void => void (this.heardAt = performance.now());
    for (const sign of ['ping', 'pong', 'message'] as const) socket.on(sign, heard);
    // What ended it shows in `close`.
    socket.on('error', () => undefined);
    this.timer = setInterval(() => this.look(askMs, silentMs), askMs).unref();
    socket.once('close', () => clearInterval(this.timer));
  }

  send(frame: Buffer): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  listen({ frame, closed }: Parameters<Line['listen']>[0]): void {
    this.socket.on('message', (data) => frame(data as Buffer));
    if (this.socket.readyState === WebSocket.CLOSED) queueMicrotask(() => closed({ code: fellSilent, reason: '' }));
    else this.socket.once('close', (code, reason) => closed({ code, reason: reason.toString('utf8') }));
    this.socket.resume();
  }

  close(code: number, reason: string): void {
    // A close frame holds 123 bytes of words.
    this.socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString('utf8')
        .replace(/\ufffd+$/, ''),
    );
    setTimeout(() => this.socket.terminate(), 1000).unref();
  }

  private look(askMs: number, silentMs: number): void {
    const now = performance.now();
    // Who stood still oneself has heard nobody.
    if (now - this.lookedAt > 2 * askMs) this.heardAt = now;
    this.lookedAt = now;
    if (now - this.heardAt > silentMs) this.socket.terminate();
    else this.socket.ping();
  }
}

/** Thrown by `dial` when the hub answered and would not have the node. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly status: number,
    words: string,
  ) {
    super(words);
  }
}

export interface DialOptions {
  token: string;
  /** Of several that stand behind the name in the URL; absent: whichever the system takes. */
  address?: string | undefined;
  limits?: LiveLimits | undefined;
}

/** Opens a line. Rejects with `Refused`, or with what the network says. */
export function dial(url: string, { token, address, limits = liveLimits }: DialOptions): Promise<Line> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), {
    ...(address !== undefined && { lookup: lookupOf(address) }),
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: dialMs,
    perMessageDeflate: false,
    maxPayload,
    followRedirects: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(new SocketLine(socket, limits)));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void (chunks.length < 10 && chunks.push(chunk)));
      response.on('end', () => reject(new Refused(response.statusCode ?? 0, wordsOf(Buffer.concat(chunks)))));
      response.on('error', reject);
    });
  });
}

/** As `dns.lookup`, with one answer to every question. */
function lookupOf(address: string): LookupFunction {
  const family = isIP(address);
  return (_host, { all }, answer) => (all ? answer(null, [{ address, family }]) : answer(null, address, family));
}

/** The detail of a problem document, or the text as it came. */
function wordsOf(body: Buffer): string {
  const text = body.toString('utf8').slice(0, 500);
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text;
  }
}

export interface AcceptOptions<T> {
  path: string;
  /** Who is this? Answers what is known of them, or how they are refused; a rejection is answered 503. */
  judge(request: IncomingMessage): Promise<{ caller: T } | Refusal>;
  opened(line: Line, caller: T): void;
  limits?: LiveLimits;
}

/** Takes lines at `path` of the server; other upgrades are left to others. */
export function acceptLines<T>(server: Server, options: AcceptOptions<T>): void {
  const { path, judge, opened, limits = liveLimits } = options;
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload });
  const take = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    socket.on('error', () => undefined);
    const verdict = await judge(request).catch((): Refusal => ({ status: 503, body: '{}' }));
    if (socket.destroyed) return;
    if (!('caller' in verdict)) refuse(socket, verdict);
    else sockets.handleUpgrade(request, socket, head, (open) => opened(new SocketLine(open, limits), verdict.caller));
  };
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split('?')[0] === path) void take(request, socket, head);
  });
}

function refuse(socket: Duplex, { status, body }: Refusal): void {
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'connection: close',
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
