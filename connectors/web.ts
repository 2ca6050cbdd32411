/**
 * The web channel: one socket.io server for all bots, for our widget and for any Rasa socket.io client. The only importer of socket.io.
 * A bot is reached by namespace `/bots/{appId}` on path `/socket.io`, or by path `/bots/{appId}/socket.io` in the default namespace.
 */
import { type IncomingMessage as Request, ServerResponse, type Server as HttpServer } from 'node:http';

import { Server, type Namespace, type Socket } from 'socket.io';

import type { ConnectionContext, Connector, StoredMessage } from '../src/contracts.js';
import { hubErrorOf } from '../src/errors.js';
import { createWebConnection, type Client, type WebConnection } from './web/connection.js';
import { originFits } from './web/origin.js';
import { type Ack, ownClient } from './web/protocol.js';
import { createSessions } from './web/session.js';
import { webSettings } from './web/settings.js';

export interface WebOptions {
  /** Does this bot exist now? Asked at every connection, besides the bot's channel being open here. */
  exists(appId: string): Promise<boolean>;
  /** The latest messages of a conversation, oldest first; a hundred are plenty. */
  history(appId: string, conversation: string): Promise<StoredMessage[]>;
  /** Signs session ids: secret, and the same after a restart, or every open conversation starts anew. */
  sessionKey: string | Uint8Array;
  /** Where people reach the hub, when it stands behind a proxy that changes the Host header. */
  publicUrl?: string | undefined;
  /** Open connections in all; more are refused. 10,000 when absent. */
  maxConnections?: number | undefined;
  /** Open connections of one bot. 2,000 when absent. */
  maxConnectionsPerBot?: number | undefined;
  /** Judges who calls, by the address; absent: everybody may. */
  callers?: Callers | undefined;
  log?: { warn(detail: object, message: string): void } | undefined;
  /** Milliseconds; the clock of the rate limits. */
  now?: (() => number) | undefined;
}

export interface Callers {
  /** Rejects with `rate_limited` for who sends too many requests. */
  mayCall(request: Request): Promise<void>;
  /** Has its address as many connections as it may have? */
  full(request: Request): boolean;
  /** One more of them; to be called once it is gone. */
  enter(request: Request): () => void;
}

const enginePath = /^(?:\/bots\/([\w.~-]{1,128}))?\/socket\.io\/?(?=\?|$)/;
const namespaceName = /^\/bots\/([\w.~-]{1,128})$/;

class WebConnector implements Connector {
  readonly name = 'web';
  readonly settings = webSettings;
  private readonly bots = new Map<string, WebConnection>();
  /** Which bot's path a request came by. */
  private readonly botOf = new WeakMap<Request, string>();
  private readonly sessions;
  private io: Server | null = null;

  constructor(private readonly options: WebOptions) {
    this.sessions = createSessions(options.sessionKey);
  }

  attach(server: HttpServer): void {
    const io = new Server(server, {
      path: '/socket.io',
      serveClient: false,
      allowEIO3: true,
      maxHttpBufferSize: 64 * 1024,
      cleanupEmptyChildNamespaces: true,
      // Any page may try: no cookie is read here, and `admit` decides who comes in. Old clients send credentials.
      cors: { origin: true, credentials: true },
      allowRequest: (request, answer) =>
        void this.refusalOf(request).then((refusal) => answer(refusal, refusal === null)),
    });
    this.count(io, this.options.callers);
    // Before Engine.IO, which took over the server's listeners just now and knows one path only.
    server.prependListener('request', (request) => this.route(request));
    server.prependListener('upgrade', (request) => this.route(request));
    this.welcome(io.of('/'));
    this.welcome(
      io.of(
        (name, _auth, answer) =>
          void this.find(namespaceName.exec(name)?.[1]).then((bot) => answer(null, bot !== null)),
      ),
    );
    this.io = io;
  }

  open(context: ConnectionContext): WebConnection {
    const { appId } = context.bot;
    const connection = createWebConnection({
      context,
      sessions: this.sessions,
      history: (bot, conversation) => this.options.history(bot, conversation),
      now: this.options.now ?? Date.now,
      failed: (error, what) => this.options.log?.warn({ appId, err: error }, what),
      closed: () => {
        if (this.bots.get(appId) === connection) this.bots.delete(appId);
      },
    });
    void this.bots.get(appId)?.close();
    this.bots.set(appId, connection);
    return connection;
  }

  async close(): Promise<void> {
    await Promise.all([...this.bots.values()].map((connection) => connection.close()));
    // Not io.close(), which closes the HTTP server: that belongs to the app.
    this.io?.engine.close();
  }

  /** Counts requests and connections by address. Polling needs no open connection, so that those of the server do not tell. */
  private count({ engine }: Server, callers: Callers | undefined): void {
    if (!callers) return;
    engine.use((request: Request, response: ServerResponse, next: (error?: Error) => void) => {
      callers.mayCall(request).then(
        () => next(),
        (error: unknown) => {
          // Of an upgrade this is no response; its line is cut.
          if (!(response instanceof ServerResponse)) return void next(hubErrorOf(error));
          const wait = String(hubErrorOf(error).options.afterSeconds ?? 1);
          response.writeHead(429, { 'retry-after': wait }).end();
        },
      );
    });
    engine.on('connection', (line: { request: Request; once(event: 'close', listener: () => void): void }) =>
      line.once('close', callers.enter(line.request)),
    );
  }

  /** Leads a bot's own path to the one path Engine.IO serves. */
  private route(request: Request): void {
    const [path, appId] = enginePath.exec(request.url ?? '') ?? [];
    if (path === undefined) return;
    request.url = `/socket.io/${(request.url ?? '').slice(path.length)}`;
    if (appId !== undefined) this.botOf.set(request, appId);
  }

  /** The open channel of a bot that exists. Never rejects: a store that does not answer counts as no. */
  private async find(appId: string | undefined): Promise<WebConnection | null> {
    const connection = appId === undefined ? undefined : this.bots.get(appId);
    if (appId === undefined || !connection) return null;
    try {
      return (await this.options.exists(appId)) ? connection : null;
    } catch (error) {
      this.options.log?.warn({ appId, err: error }, 'a web client was refused: whether its bot exists is not known');
      return null;
    }
  }

  /** Why a handshake is refused; null when it is not. On the common path the bot is not known yet: see `admit`. */
  private async refusalOf(request: Request): Promise<string | null> {
    if ((this.io?.engine.clientsCount ?? 0) >= (this.options.maxConnections ?? 10_000)) return 'Too many connections.';
    if (this.options.callers?.full(request)) return 'Too many connections.';
    const appId = this.botOf.get(request);
    return appId === undefined ? null : refusalBy(await this.find(appId), request, this.options);
  }

  private welcome(namespace: Pick<Namespace, 'use' | 'on'>): void {
    namespace.use((socket, next) => {
      void this.admit(socket).then((refusal) => next(refusal === null ? undefined : new Error(refusal)));
    });
    namespace.on('connection', (socket: Socket) => this.connected(socket));
  }

  /** Why a socket may not join its namespace; null when it may. A request that came by one bot's path reaches no other bot. */
  private async admit(socket: Socket): Promise<string | null> {
    const byPath = this.botOf.get(socket.request);
    const byName = namespaceName.exec(socket.nsp.name)?.[1];
    // A client of socket.io 2 is put into the default namespace first, whichever it asks for; nothing happens to it there.
    if (byPath === undefined && byName === undefined && socket.conn.protocol === 3) return null;
    if (byPath !== undefined && byName !== undefined) return 'Use the default namespace on this path.';
    return refusalBy(await this.find(byPath ?? byName), socket.request, this.options);
  }

  private connected(socket: Socket): void {
    const appId = this.botOf.get(socket.request) ?? namespaceName.exec(socket.nsp.name)?.[1];
    const connection = appId === undefined ? undefined : this.bots.get(appId);
    const visit = connection?.visit(clientOf(socket));
    if (!connection || !visit) {
      // Its bot went away between its admission and now; an old client in the default namespace stays, with nobody to talk to.
      if (appId !== undefined) socket.conn.close();
      return;
    }
    socket.on('session_request', (...args: unknown[]) => void visit.session(args[0]).then(ackOf(args)));
    for (const event of new Set(['user_uttered', connection.userMessageEvent])) {
      socket.on(event, (...args: unknown[]) => void visit.utter(args[0]).then(ackOf(args)));
    }
    socket.on('disconnect', () => visit.end());
    socket.on('error', (error) => this.options.log?.warn({ appId, err: error }, 'a web socket failed'));
  }
}

function refusalBy(connection: WebConnection | null, request: Request, options: WebOptions): string | null {
  if (!connection) return 'There is no such bot here.';
  if (!originFits(request.headers, connection.origins, options.publicUrl)) return 'This page may not talk to the bot.';
  if (connection.size >= (options.maxConnectionsPerBot ?? 2000)) return 'Too many connections.';
  return null;
}

const clientOf = (socket: Socket): Client => ({
  id: socket.id,
  ours: socket.handshake.auth['client'] === ownClient,
  emit: (event, data) => void socket.emit(event, data),
  emitAs: (event, data) => void socket.emit(event, data),
  // The transport, not the socket: a client that is told to disconnect does not come back by itself.
  close() {
    socket.conn.close();
  },
});

/** Where a client asked for an acknowledgement, the way to give it; it is always the last argument. */
function ackOf(args: unknown[]): (ack: Ack) => void {
  const last: unknown = args.at(-1);
  return (ack) => {
    if (typeof last === 'function') (last as (ack: Ack) => void)(ack);
  };
}

/** The web channel, still without its HTTP server: `attach` comes after the server has its own request handler. */
export const createWebConnector = (options: WebOptions): Connector => new WebConnector(options);
