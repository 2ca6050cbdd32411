/**
 * A bot that outlives the hub: it speaks Rasa's REST channel and tracker, says `echo …`, and counts its own turns. One server stands for
 * many bots, each at a base URL of its own.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface Said {
  sender: string;
  message: string;
  metadata: { switchboard_event?: string };
}
type TrackerEvent = { event: 'user'; text: string; metadata: Said['metadata'] } | { event: 'bot'; text: string };

export class JournalBot {
  /** Turns that ran, by the text of the message. */
  readonly turns = new Map<string, number>();
  /** How long a turn takes, or that it breaks; by the text of the message. */
  behave: (text: string) => { ms: number } | 'break' = () => ({ ms: 2 });
  private readonly trackers = new Map<string, TrackerEvent[]>();
  private readonly server = createServer((request, response) => void this.serve(request, response));

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, bot = '', , sender = ''] = (request.url ?? '').split('/');
    if (request.method === 'GET') {
      const events = this.trackers.get(`${bot} ${decodeURIComponent(sender)}`) ?? [];
      return void response.end(JSON.stringify({ events }));
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const answer = await this.turn(bot, JSON.parse(Buffer.concat(chunks).toString()) as Said);
    if (answer === null) return void request.socket.destroy();
    response.end(JSON.stringify(answer));
  }

  /** As Rasa does: the tracker is saved once, at the end of the turn, whether or not anybody still listens. */
  private async turn(bot: string, said: Said): Promise<unknown> {
    const behaviour = this.behave(said.message);
    this.turns.set(said.message, (this.turns.get(said.message) ?? 0) + 1);
    if (behaviour === 'break') return null;
    await sleep(behaviour.ms);
    const text = `echo ${said.message}`;
    const key = `${bot} ${said.sender}`;
    const events: TrackerEvent[] = [
      { event: 'user', text: said.message, metadata: said.metadata },
      { event: 'bot', text },
    ];
    this.trackers.set(key, [...(this.trackers.get(key) ?? []), ...events]);
    return [{ recipient_id: said.sender, text }];
  }
}
