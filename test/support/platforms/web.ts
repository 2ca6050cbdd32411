/** Browsers at a bot's web channel, as a platform: each chat is a person with one socket, who comes back with the same session. */
import { io, type Socket } from 'socket.io-client';
import { ownClient } from '../../../connectors/web/protocol.js';
import type { Json } from '../../../src/contracts.js';
import { type Act, type Delivery, FakePlatform, type Part, type Reply } from '../../../src/lab/platforms/platform.js';

interface Uttered {
  text?: string;
  quick_replies?: { title: string; payload: string }[];
  message_id?: string;
}
interface Ack {
  ok: boolean;
  retry?: boolean;
}
let pressed = 0;

export class FakeWeb extends FakePlatform {
  readonly name = 'web';
  override readonly lacks: Partial<Record<Part, string>> = {
    forgeries: 'anybody may talk; who may read what is in web-guards.test.ts',
    limits: 'a browser asks nobody to wait',
    slowness: 'what a browser does with a frame holds nobody up; slow sockets are fault F21',
    'lost receipts': 'a reply is not acknowledged: who comes back asks for the history (fault F20)',
    refusals: 'a browser takes everything',
    'long posts': 'a page shows a text whole; nothing is cut',
    restart: 'a reply that nobody is there for waits in the history (fault F20, web.test.ts)',
    off: 'a page learns only that there is no such bot (web-guards.test.ts)',
    groups: 'a session is one person',
    'odd events': 'a browser sends nothing but what the person says',
    secrets: 'it has none',
    'half characters': 'half of a character pair is refused in words (web-guards.test.ts)',
  };
  protected readonly repeats = [0, 1, 2, 4];
  protected readonly ackSeconds = 10;
  private readonly sockets = new Map<string, Socket>();

  override address(hubUrl: string, appId: string): string {
    return `${hubUrl}/bots/${appId}`;
  }
  chat(n: number): string {
    return `person-${n}`;
  }
  group(n: number): string {
    return this.chat(n);
  }
  settings(): Json {
    return {};
  }
  sign(body: string): Delivery {
    return { headers: {}, body };
  }
  deliver({ id, chat, text }: Act): Delivery {
    return this.sign(JSON.stringify({ chat, id: `event-${id}`, message: text }));
  }
  odd(): [] {
    return [];
  }
  forgeries(): [] {
    return [];
  }
  /** A press is a message that says so; what becomes of its word is in web-guards.test.ts. */
  forgedPress(): null {
    return null;
  }

  override close(): Promise<void> {
    for (const socket of this.sockets.values()) socket.disconnect();
    return super.close();
  }

  /** The status that a refusal of this kind would have over HTTP. */
  override async post(bot: string, { body }: Delivery): Promise<number> {
    const payload = parsed(body);
    const chat = (payload as { chat?: unknown } | null)?.chat;
    const socket = this.socket(bot, typeof chat === 'string' ? chat : 'nobody');
    return new Promise((resolve) => {
      const absent = (): void => resolve(404);
      socket.once('connect_error', absent);
      void socket
        .timeout(this.ackSeconds * 1000)
        .emitWithAck('user_uttered', payload)
        .then(
          ({ ok, retry }: Ack) => resolve(ok ? 200 : retry ? 503 : 422),
          () => resolve(0),
        )
        .finally(() => socket.off('connect_error', absent));
    });
  }

  protected call(): Promise<Reply> {
    return Promise.resolve({ status: 404, body: null });
  }

  private socket(bot: string, chat: string): Socket {
    const key = `${bot} ${chat}`;
    const known = this.sockets.get(key);
    if (known) return known;
    const socket = io(bot, { auth: { client: ownClient }, transports: ['websocket'], forceNew: true });
    socket.on('bot_uttered', (uttered: Uttered) => this.shown(chat, uttered));
    this.sockets.set(key, socket);
    return socket;
  }

  private shown(chat: string, uttered: Uttered): void {
    const buttons = (uttered.quick_replies ?? []).map(({ title, payload }) => ({
      title,
      press: this.sign(JSON.stringify({ chat, id: `press-${(pressed += 1)}`, message: payload, payload: true })),
    }));
    const post = { chat, text: uttered.text ?? '', buttons, sent: { ...uttered }, at: performance.now() };
    this.attempts.push(post);
    this.posts.push(post);
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
