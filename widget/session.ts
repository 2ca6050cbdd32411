/** The line to the hub: one session over as many connections as it takes. What is said waits here until the hub has stored it. */
import { io, type Socket } from 'socket.io-client';

import {
  type Ack,
  type BotUttered,
  type HistoryItem,
  type Progress,
  type Typing,
  type UserEcho,
  ownClient,
} from '../connectors/web/protocol.js';
import type { Memory, Outgoing } from './memory.js';

/** `refused`: the hub answers, but not for this bot or this page. */
export type Line = 'connecting' | 'online' | 'lost' | 'offline' | 'refused';

export type Delivery = 'pending' | 'sent' | 'failed';

export interface SessionOptions {
  hub: string;
  appId: string;
  memory: Memory;
  /** In which the person reads; a bot with several languages begins in it. */
  locale: string;
  /** The newest message up to which the page misses nothing. */
  complete: () => string | undefined;
  on: {
    line(line: Line): void;
    history(items: HistoryItem[]): void;
    bot(message: BotUttered): void;
    echo(item: UserEcho): void;
    typing(typing: boolean): void;
    progress(progress: Progress): void;
    delivery(id: string, state: Delivery): void;
  };
}
export interface Session {
  /** Sends the message as soon as there is a connection. */
  say(message: Outgoing): void;
  /** Tries a message again that failed. */
  retry(id: string): void;
}

const ackMs = 10_000;
const tries = 4;
const refusedMs = 5000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class HubSession implements Session {
  private readonly socket: Socket;
  private confirmed = false;
  private sending = false;
  private readonly given = new Map<string, number>();

  constructor(private readonly options: SessionOptions) {
    const { hub, appId } = options;
    const transports = ['websocket', 'polling'];
    this.socket = io(`${hub}/bots/${appId}`, {
      auth: { client: ownClient },
      transports,
      tryAllTransports: true,
      reconnectionDelay: 400,
      reconnectionDelayMax: 5000,
    });
    this.listen();
  }

  say(message: Outgoing): void {
    this.options.memory.outbox = [...this.options.memory.outbox, message];
    void this.send();
  }

  retry(id: string): void {
    this.given.delete(id);
    this.options.on.delivery(id, 'pending');
    void this.send();
  }

  private listen(): void {
    const { socket, options } = this;
    const { on } = options;
    on.line(navigator.onLine ? 'connecting' : 'offline');
    socket.on('connect', () => void this.ask());
    socket.on('disconnect', (reason) => this.lost(reason));
    socket.on('connect_error', () => this.unreachable());
    socket.on('session_confirm', (id: string) => this.begin(id));
    socket.on('session_history', (items: HistoryItem[]) => on.history(items));
    socket.on('bot_uttered', (message: unknown) => on.bot(isObject(message) ? message : { custom: message }));
    socket.on('user_echo', (item: UserEcho) => on.echo(item));
    socket.on('bot_typing', (state: Typing) => on.typing(state.typing));
    socket.on('bot_progress', (progress: Progress) => on.progress(progress));
    addEventListener('offline', () => on.line('offline'));
    addEventListener('online', () => this.back());
  }

  /** Asks for the session of last time, and for what was said since. */
  private async ask(): Promise<void> {
    const request = { session_id: this.options.memory.session, last: this.options.complete() };
    const { id } = this.socket;
    try {
      const ack = (await this.socket.timeout(ackMs).emitWithAck('session_request', request)) as Ack;
      if (ack.ok || !ack.retry) return;
    } catch {
      // No answer: asked again below, unless the connection went with it.
    }
    await sleep(2000);
    if (this.socket.connected && this.socket.id === id) void this.ask();
  }

  private begin(id: string): void {
    this.options.memory.session = id;
    this.confirmed = true;
    this.options.on.line('online');
    void this.send();
  }

  private lost(reason: string): void {
    this.confirmed = false;
    this.options.on.typing(false);
    this.options.on.line(navigator.onLine ? 'lost' : 'offline');
    // The client comes back by itself unless the server told it to go.
    if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), 1000);
  }

  private unreachable(): void {
    const refused = !this.socket.active;
    this.options.on.line(!navigator.onLine ? 'offline' : refused ? 'refused' : 'lost');
    if (refused) setTimeout(() => this.socket.connect(), refusedMs);
  }

  /** The browser says the network is back: no reason to sit out the delay. */
  private back(): void {
    const alive = this.confirmed && this.socket.connected;
    this.options.on.line(alive ? 'online' : 'lost');
    if (!alive) this.socket.disconnect().connect();
  }

  /** Sends what waits, in order, one at a time. */
  private async send(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    for (let next = this.waiting(); next; next = this.waiting()) await this.deliver(next);
    this.sending = false;
  }

  private waiting(): Outgoing | undefined {
    return this.confirmed
      ? this.options.memory.outbox.find((message) => (this.given.get(message.id) ?? 0) < tries)
      : undefined;
  }

  private async deliver(message: Outgoing): Promise<void> {
    const count = (this.given.get(message.id) ?? 0) + 1;
    this.given.set(message.id, count);
    const ack = await this.give(message);
    if (ack === null && !this.socket.connected) this.given.set(message.id, count - 1);
    else if (ack?.ok) this.stored(message);
    else if (ack?.retry === false || count >= tries) this.fail(message);
    else await sleep(1500 * count);
  }

  /** Null when no answer came. */
  private async give({ id, text, payload }: Outgoing): Promise<Ack | null> {
    const { memory, locale } = this.options;
    const said = { message: text, id, payload, session_id: memory.session, metadata: { locale } };
    try {
      return (await this.socket.timeout(ackMs).emitWithAck('user_uttered', said)) as Ack;
    } catch {
      return null;
    }
  }

  private stored(message: Outgoing): void {
    const { memory, on } = this.options;
    memory.outbox = memory.outbox.filter((other) => other.id !== message.id);
    on.delivery(message.id, 'sent');
  }

  /** It stays in the outbox, and is tried again when the person asks or comes back. */
  private fail(message: Outgoing): void {
    this.given.set(message.id, tries);
    this.options.on.delivery(message.id, 'failed');
  }
}

const isObject = (value: unknown): value is BotUttered =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Connects, and stays connected as long as the page is open. */
export const openSession = (options: SessionOptions): Session => new HubSession(options);
