/** A fake Slack that also speaks Socket Mode. */
import type { IncomingMessage } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Json } from '../../../src/contracts.js';
import type { Act, Reply } from '../../../src/lab/platforms/platform.js';
import { FakeSlack } from '../../../src/lab/platforms/slack.js';

const appToken = 'xapp-fake-slack-app-token';

export class FakeSlackSockets extends FakeSlack {
  /** With an app-level token. */
  socketMode = false;
  /** Sockets that are open now, and envelopes that were acknowledged. */
  readonly sockets = new Set<WebSocket>();
  readonly acknowledged = new Set<string>();
  /** What apps.connections.open answers instead, when set. */
  openError: string | null = null;
  private readonly socketServer = new WebSocketServer({ server: this.server, path: '/link' });

  constructor() {
    super();
    this.socketServer.on('connection', (socket) => {
      this.sockets.add(socket.on('close', () => this.sockets.delete(socket)));
      socket.on('message', (data: Buffer) => {
        const { envelope_id } = JSON.parse(data.toString()) as { envelope_id?: string };
        if (envelope_id) this.acknowledged.add(envelope_id);
      });
      socket.send(JSON.stringify({ type: 'hello', num_connections: 1, connection_info: { app_id: 'A1' } }));
    });
  }

  override async close(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.socketServer.close();
    await super.close();
  }

  override settings(): Json {
    return { ...super.settings(), ...(this.socketMode ? { appToken } : {}) };
  }

  /** Sends an event over an open socket, as Socket Mode does. */
  emit(act: Act, envelopeId = act.id): void {
    const [socket] = this.sockets;
    socket?.send(
      JSON.stringify({
        type: 'events_api',
        envelope_id: envelopeId,
        payload: this.envelope(act),
        accepts_response_payload: false,
      }),
    );
  }

  protected override call(path: string, body: Json, request: IncomingMessage): Promise<Reply> {
    if (path !== '/api/apps.connections.open') return super.call(path, body, request);
    const refused = (error: string): Reply => ({ status: 200, body: { ok: false, error } });
    if (this.openError) return Promise.resolve(refused(this.openError));
    const given = body['token'] ?? (request.headers.authorization ?? '').replace('Bearer ', '');
    if (given !== appToken) return Promise.resolve(refused('invalid_auth'));
    return Promise.resolve({ status: 200, body: { ok: true, url: `${this.url.replace('http', 'ws')}/link` } });
  }
}
