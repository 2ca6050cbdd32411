/**
 * A bot that outlives the hub: it speaks Rasa's REST channel and tracker, says `echo …`, and counts its own turns. One server stands for
 * many bots, each at a base URL of its own. One whose URL begins with `/n` stands for a process on a node: it dies with it, and so does the
 * turn that it is taking.
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

/** Does this bot of the journal stand for a process on a node? */
export const onNode = (bot: string): boolean => bot.startsWith('n');

export class JournalBot {
  /** Turns that ran, by the text of the message. */
  readonly turns = new Map<string, number>();
  /** When each of them was taken, by `performance.now()`. */
  readonly times = new Map<string, number[]>();
  /** How long a turn takes, or that it breaks; by the text of the message. */
  behave: (text: string, bot: string) => { ms: number } | 'break' = () => ({ ms: 2 });
  /** Turns that died with the node that they ran on. */
  died = 0;
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
    const gone = (): boolean => onNode(bot) && request.socket.destroyed;
    const answer = await this.turn(bot, JSON.parse(Buffer.concat(chunks).toString()) as Said, gone);
    if (answer === null) return void request.socket.destroy();
    response.end(JSON.stringify(answer));
  }

  /**
   * As Rasa does: the tracker is saved once, at the end of the turn, whether or not anybody still listens. On a node the process may have died
   * meanwhile (`gone`), and what its hub keeps is added to only where it is as it was when the turn began.
   */
  private async turn(bot: string, said: Said, gone: () => boolean): Promise<unknown> {
    const behaviour = this.behave(said.message, bot);
    const key = `${bot} ${said.sender}`;
    const kept = (): TrackerEvent[] => this.trackers.get(key) ?? [];
    const from = kept().length;
    if (onNode(bot)) {
      // The engine looks into the very conversation that the turn will be added to.
      const { switchboard_event: id } = said.metadata;
      const done = kept().findIndex((event) => event.event === 'user' && event.metadata.switchboard_event === id);
      if (done >= 0) return [{ recipient_id: said.sender, text: kept()[done + 1]?.text }];
    } else this.count(said.message);
    if (behaviour === 'break') return null;
    await sleep(behaviour.ms);
    if (gone()) this.died += 1;
    if (onNode(bot)) {
      if (gone() || kept().length !== from) return null;
      this.count(said.message);
    }
    const text = `echo ${said.message}`;
    const events: TrackerEvent[] = [
      { event: 'user', text: said.message, metadata: said.metadata },
      { event: 'bot', text },
    ];
    this.trackers.set(key, [...kept(), ...events]);
    return [{ recipient_id: said.sender, text }];
  }

  private count(text: string): void {
    this.turns.set(text, (this.turns.get(text) ?? 0) + 1);
    this.times.set(text, [...(this.times.get(text) ?? []), performance.now()]);
  }
}
