/** One bot's web channel: who is connected in which session, what they said, and what they are told. Knows no socket library. */
import { randomUUID } from 'node:crypto';

import type {
  BotMessage,
  Connection,
  ConnectionContext,
  Delivery,
  SendResult,
  StoredMessage,
} from '../../src/contracts.js';
import { HubError, hubErrorOf } from '../../src/errors.js';
import { offeredTitle } from '../message/message.js';
import { createTyping } from '../message/typing.js';
import { bareOf, framesOf, historyOf } from './frames.js';
import { createAbsence, type Absence } from './elsewhere.js';
import { createRateLimit } from './limit.js';
import { sessionRequestOf, userUtteredOf, type Uttered } from './payloads.js';
import { createProgressWatch } from './progress.js';
import type { Ack, ServerEvents, UserEcho } from './protocol.js';
import type { Session, Sessions } from './session.js';
import { webSettingsOf } from './settings.js';

/** One connected browser tab, or any other client. */
export interface Client {
  readonly id: string;
  /** One of our own pages: it knows messages by their ids, and shows a text of several paragraphs as one. */
  readonly ours: boolean;
  emit<E extends keyof ServerEvents>(event: E, data: ServerEvents[E]): void;
  /** As `emit`, under a name that the bot's settings chose. */
  emitAs(event: string, data: unknown): void;
  /** Cuts the line in a way that a client answers by coming back. */
  close(): void;
}
/** What a client may do. Neither rejects nor throws, whatever the payload. */
export interface Visit {
  session(payload: unknown): Promise<Ack>;
  utter(payload: unknown): Promise<Ack>;
  end(): void;
}
export interface WebConnection extends Connection {
  /** Origins that the bot's settings name; null: any. */
  readonly origins: readonly string[] | null;
  /** What clients call the event of a person's message. */
  readonly userMessageEvent: string;
  readonly size: number;
  visit(client: Client): Visit;
}
export interface WebConnectionOptions {
  context: ConnectionContext;
  sessions: Sessions;
  /** The latest messages of a conversation, oldest first. */
  history(appId: string, conversation: string): Promise<StoredMessage[]>;
  /** Milliseconds. */
  now: () => number;
  failed(error: unknown, what: string): void;
  /** Called when the connection closes, before its clients are cut off. */
  closed(): void;
}

const windowMs = 10_000;
const messagesPerSession = 20;
/** More than messages: a client that comes back asks for its session before it sends what waited. */
const eventsPerClient = 40;
/** A page shows by itself that a message is under way: the sign may wait until the answer takes its time. */
const typingAfterMs = 200;

/** `to` names the message an answer belongs to, so that its frames have the same ids live and in the history. */
const addressOf = (session: Session, id: string): string => `${session.name}:${id}`;
const sessionIn = (address: string): string => address.slice(0, address.indexOf(':'));
const messageIn = (address: string): string => address.slice(address.indexOf(':') + 1);
const conversationOf = (session: Session): string => `web:${session.name}`;

class Channel implements WebConnection {
  readonly origins: readonly string[] | null;
  readonly userMessageEvent: string;
  private readonly settings;
  private readonly rooms = new Map<string, Set<Client>>();
  private readonly places = new Map<Client, Session | null>();
  private readonly mayAct;
  private readonly maySpeak;
  private readonly progress;
  /** The same channel at other hubs; null where there are none. */
  private readonly elsewhere: Absence | null;
  private readonly typist = createTyping((to) => this.showTyping(to, true), typingAfterMs);

  constructor(private readonly options: WebConnectionOptions) {
    this.settings = webSettingsOf(options.context.settings);
    this.origins = this.settings.allowedOrigins ?? null;
    this.userMessageEvent = this.settings.userMessageEvent;
    this.mayAct = createRateLimit(eventsPerClient, windowMs, options.now);
    this.maySpeak = createRateLimit(messagesPerSession, windowMs, options.now);
    this.progress = createProgressWatch({
      ask: () => options.context.progress(),
      tell: (progress) => this.places.forEach((_, client) => client.emit('bot_progress', progress)),
      audience: () => this.places.size > 0,
      failed: (error) => options.failed(error, 'the progress of the bot is not known'),
    });
    const { elsewhere } = options.context;
    this.elsewhere = elsewhere
      ? createAbsence(elsewhere, {
          said: (to, reply, part) => this.showHere(to, reply, part),
          typing: (to, typing) => this.tellTyping(to, typing),
          echo: (session, echo) => this.rooms.get(session)?.forEach((client) => client.emit('user_echo', echo)),
          stored: (to) => this.options.history(this.appId, `web:${sessionIn(to)}`),
        })
      : null;
  }

  get size(): number {
    return this.places.size;
  }

  visit(client: Client): Visit {
    this.places.set(client, null);
    void this.progress.greet((progress) => client.emit('bot_progress', progress));
    let line: Promise<unknown> = Promise.resolve();
    // In order per client, as it was typed; the limit comes first, so that the line of a flooding client stays short.
    const inLine = (work: () => Promise<void>): Promise<Ack> => {
      if (!this.mayAct(client.id)) return Promise.resolve(refusal(tooFast()));
      const turn = line.then(work).then(
        (): Ack => ({ ok: true }),
        (error: unknown) => this.refuse(error),
      );
      line = turn;
      return turn;
    };
    return {
      session: (payload) => inLine(() => this.session(client, payload)),
      utter: (payload) => inLine(() => this.utter(client, payload)),
      end: () => this.end(client),
    };
  }

  /** What was left in the outbox, by a release that put it there for instance. */
  send(to: string, said: Delivery): Promise<SendResult> {
    this.show(to, said);
    return Promise.resolve({ outcome: 'sent' });
  }

  /** Whoever is away finds the reply in the history. */
  show(to: string, { reply, part }: Pick<Delivery, 'part' | 'reply'>): void {
    this.showHere(to, reply, part);
    this.elsewhere?.said(to, reply, part);
  }

  /** To those who are connected here. */
  private showHere(to: string, reply: BotMessage, part: number): void {
    this.elsewhere?.shown(to, part);
    const room = this.rooms.get(sessionIn(to)) ?? [];
    for (const client of room) {
      const bodies = client.ours ? framesOf(messageIn(to), reply, part).map(({ body }) => body) : bareOf(reply);
      for (const body of bodies) this.tell(client, body);
    }
    // Who is answered so quickly that it was not shown needs no word that it is over.
    if (this.typist.set(to, false)) this.showTyping(to, false);
    this.progress.answered(to);
  }

  /** Our own pages know the usual name of the event only. */
  private tell(client: Client, body: unknown): void {
    const { botMessageEvent } = this.settings;
    client.emit('bot_uttered', body);
    if (botMessageEvent !== 'bot_uttered') client.emitAs(botMessageEvent, body);
  }

  typing(to: string, working: boolean): void {
    this.typist.set(to, working);
    if (working) return;
    // Always: a page that was reloaded meanwhile shows the sign by itself.
    this.showTyping(to, false);
    this.progress.answered(to);
  }

  private showTyping(to: string, typing: boolean): void {
    this.tellTyping(to, typing);
    this.elsewhere?.typing(to, typing);
  }

  private tellTyping(to: string, typing: boolean): void {
    this.rooms.get(sessionIn(to))?.forEach((client) => client.emit('bot_typing', { typing }));
  }

  close(): Promise<void> {
    this.typist.close();
    this.elsewhere?.close();
    this.progress.close();
    this.options.closed();
    for (const client of this.places.keys()) client.close();
    return Promise.resolve();
  }

  private get appId(): string {
    return this.options.context.bot.appId;
  }

  private refuse(error: unknown): Ack {
    if (!(error instanceof HubError) || error.status >= 500) this.options.failed(error, 'a web client was refused');
    return refusal(hubErrorOf(error));
  }

  private async session(client: Client, payload: unknown): Promise<void> {
    const { session_id, last } = sessionRequestOf(payload);
    const known = this.recognised(session_id) ?? (this.settings.sessionPersistence ? null : this.places.get(client));
    const session = known ?? this.options.sessions.issue(this.appId);
    this.enter(client, session);
    client.emit('session_confirm', session.token);
    const stored = known ? await this.stored(session) : [];
    client.emit('session_history', historyOf(stored, messageIn, last));
  }

  private async utter(client: Client, payload: unknown): Promise<void> {
    const said = userUtteredOf(payload);
    const text = said.message ?? '';
    // rasa-webchat opens with a `user_uttered` that has no message.
    if (text.trim() === '') throw new HubError('invalid', 'There is no message.');
    const session = this.sessionOf(client, said);
    if (!this.maySpeak(session.name)) throw tooFast();
    const id = said.id ?? randomUUID();
    const address = addressOf(session, id);
    const title = await this.offered(session, said);
    const message = {
      conversation: conversationOf(session),
      eventId: address,
      to: address,
      text,
      payload: title !== null,
    };
    this.progress.waiting(address);
    this.elsewhere?.waiting(address);
    await this.options.context.receive({ ...message, metadata: said.metadata ?? said.customData ?? {} });
    const others = this.others(client, session);
    if (others.length === 0 && !this.elsewhere) return;
    const time = new Date(this.options.now()).toISOString();
    const echo: UserEcho = { from: 'user', id, text: title ?? text, time, waiting: true };
    for (const tab of others) tab.emit('user_echo', echo);
    this.elsewhere?.echo(session.name, echo);
  }

  /** The session of an id; none where each connection is a session of its own. */
  private recognised(id: string | null | undefined): Session | null {
    return this.settings.sessionPersistence ? this.options.sessions.recognise(this.appId, id ?? undefined) : null;
  }

  /** The session a message belongs to: the one its id proves, else the client's own, else a new one, which the client is told. */
  private sessionOf(client: Client, said: Uttered): Session {
    const own = this.places.get(client);
    // The one that it is in needs no proof.
    if (own && (said.session_id ?? own.token) === own.token) return own;
    const present = this.recognised(said.session_id) ?? own;
    const session = present ?? this.options.sessions.issue(this.appId);
    this.enter(client, session);
    if (!present) client.emit('session_confirm', session.token);
    return session;
  }

  /** The title of the button whose payload this is; null when the bot offered no such button, whatever the client says. */
  private async offered(session: Session, said: Uttered): Promise<string | null> {
    const text = said.message ?? '';
    if (!said.payload && !text.startsWith('/')) return null;
    return offeredTitle(await this.stored(session), text);
  }

  private stored(session: Session): Promise<StoredMessage[]> {
    return this.options.history(this.appId, conversationOf(session));
  }

  private others(client: Client, session: Session): Client[] {
    return [...(this.rooms.get(session.name) ?? [])].filter((other) => other !== client);
  }

  private enter(client: Client, session: Session): void {
    // It may have gone while its event stood in line.
    if (!this.places.has(client)) return;
    this.leave(client);
    this.places.set(client, session);
    this.rooms.set(session.name, (this.rooms.get(session.name) ?? new Set()).add(client));
  }

  private leave(client: Client): void {
    const name = this.places.get(client)?.name;
    if (name === undefined) return;
    const room = this.rooms.get(name);
    room?.delete(client);
    if (room?.size === 0) this.rooms.delete(name);
  }

  private end(client: Client): void {
    this.leave(client);
    this.places.delete(client);
  }
}

const tooFast = (): HubError => new HubError('mailbox_full', 'Too many messages at once: wait ten seconds.');
const refusal = (error: HubError): Ack => ({ ok: false, code: error.code, error: error.message, retry: error.retry });

/** The channel of `context.bot`. Throws for settings that `webSettings` refuses. */
export const createWebConnection = (options: WebConnectionOptions): WebConnection => new Channel(options);
