/**
 * HTTP/1.1 over bare sockets, as little of it as the bench needs: the driver shares two cores with what it measures, so it must cost next to
 * nothing. Bodies carry a content-length; nothing else is understood.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

export interface HttpMessage {
  /** The first line. */
  start: string;
  body: string;
}

/** Cuts a byte stream into messages. */
function createReader(onMessage: (message: HttpMessage) => void): (chunk: Buffer) => void {
  let pending = '';
  return (chunk) => {
    // One character a byte, so that lengths are right whatever the body says.
    pending += chunk.toString('latin1');
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (pending.length < end + 4 + length) return;
      const body = pending.slice(end + 4, end + 4 + length);
      pending = pending.slice(end + 4 + length);
      onMessage({ start: head.slice(0, head.indexOf('\r\n')), body });
    }
  };
}

/** A server that answers every request with the same JSON. */
export interface Sink {
  port: number;
  close(): void;
}

/** Takes what is posted and tells `onBody`. */
export async function openSink(onBody: (body: string) => void): Promise<Sink> {
  const answer = '{"ok":true}';
  const response = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const read = createReader(({ body }) => {
      socket.write(response);
      onBody(body);
    });
    socket.on('data', read).on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export interface Request {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** One keep-alive connection with one request on its way at a time. */
export class Line {
  private waiting: ((status: number) => void) | null = null;
  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    const answered = (status: number): void => {
      const resolve = this.waiting;
      this.waiting = null;
      resolve?.(status);
    };
    socket.on(
      'data',
      createReader(({ start }) => answered(Number(start.split(' ')[1]))),
    );
    socket.on('error', () => socket.destroy());
    socket.on('close', () => answered(0));
  }

  static async open(port: number): Promise<Line> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Line(socket);
  }

  /** Answers the status; 0 when the connection broke. */
  post({ path, headers, body }: Request): Promise<number> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${path} HTTP/1.1\r\nhost: hub\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n`;
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(head + body);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}
