/** An endpoint that is sent signed events, as a subscriber would write it: it checks each signature with the library of Standard Webhooks. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  id: string;
  appId: string;
  conversation: string;
  channel: string | null;
  position: number;
  events: Record<string, unknown>[];
}
export class Receiver {
  secret = '';
  /** What was taken, in the order it came. */
  readonly taken: Received[] = [];
  /** Every request, whatever came of it. */
  readonly asked: { headers: IncomingHttpHeaders; conversation: string }[] = [];
  /** Requests whose signature was wrong. */
  forged = 0;
  /** The status of the answer; 204 when it answers nothing. */
  answer: (received: Received) => number | Promise<number> | undefined = () => undefined;
  private readonly server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      void this.take(request.headers, body).then((status) => {
        response.writeHead(status, status === 302 ? { location: `${this.url}/elsewhere` } : {});
        response.end(status >= 400 ? 'no, thank you' : undefined);
      });
    });
  });

  static async open(port = 0): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.server.listen(port, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  /** The texts or names of the events of a conversation, in the order they were taken. */
  said(conversation: string): unknown[] {
    const events = this.taken.filter((one) => one.conversation === conversation).flatMap((one) => one.events);
    return events.map((event) => event['text'] ?? event['name'] ?? event['event']);
  }
  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close').catch(() => undefined);
  }

  private async take(headers: IncomingHttpHeaders, body: string): Promise<number> {
    try {
      new Webhook(this.secret).verify(body, headers as Record<string, string>);
    } catch {
      this.forged += 1;
      return 401;
    }
    const { data } = JSON.parse(body) as { data: Omit<Received, 'id'> };
    const received = { id: String(headers['webhook-id']), ...data };
    this.asked.push({ headers, conversation: data.conversation });
    const status = (await this.answer(received)) ?? 204;
    if (status < 300) this.taken.push(received);
    return status;
  }
}
