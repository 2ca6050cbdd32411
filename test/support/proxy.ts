/** A line between a client and a server that can be cut: by hand, or at the first message that matches. */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** `before`: the server never gets the message. `after`: it does, and its answer is lost. */
export interface Cut {
  when: 'before' | 'after';
  /** Bytes that the message contains. */
  at: Buffer;
  /** Whether the line stays dead until `heal`. */
  stays: boolean;
}

/** Listens on a port of its own and passes everything on to `target`. */
export class CuttingProxy {
  port = 0;
  /** Times the line was cut. */
  cuts = 0;
  private next: Cut | null = null;
  private dead = false;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server = createServer((client) => this.join(client));

  constructor(private readonly target: () => number) {}

  async open(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  /** Cuts the line at the next message that matches. */
  cutAt(cut: Cut): void {
    this.next = cut;
  }

  /** Cuts all lines now. */
  cut(): void {
    this.cuts += 1;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.dead = false;
  }

  private join(client: Socket): void {
    if (this.dead) return void client.destroy();
    const server = connect(this.target(), '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => this.pass(chunk, server));
    server.pipe(client);
  }

  private pass(chunk: Buffer, server: Socket): void {
    const cut = this.next;
    if (!cut || !chunk.includes(cut.at)) return void server.write(chunk);
    this.next = null;
    this.dead = cut.stays;
    if (cut.when === 'before') return this.cut();
    // What the server answers goes nowhere.
    server.unpipe();
    server.write(chunk, () => setTimeout(() => this.cut(), 200));
  }
}

/** The bytes by which a MongoDB command names itself and its collection. */
export function commandOn(command: 'insert' | 'update' | 'find' | 'delete', collection: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32LE(collection.length + 1);
  return Buffer.concat([Buffer.from(`${command}\0`), length, Buffer.from(`${collection}\0`)]);
}
