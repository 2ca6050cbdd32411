/**
 * Fake chat platforms. They sign and deliver events, send them again by their own rules until they get a 2xx, take replies, and keep a
 * journal of their own: what the hub says of itself counts for nothing here.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Json } from '../../src/contracts.js';
import { type PlatformEvent, type PlatformName, protocols } from '../support/standins.js';

export interface JournalEvent extends PlatformEvent {
  appId: string;
  platform: PlatformName;
  /** Times by the clock of `performance`; the first posting (Infinity before it), and the first 2xx. */
  postedAt: number;
  ackedAt: number | null;
  statuses: number[];
  /** From posting to 2xx, of the delivery that was acknowledged. */
  ackMs: number | null;
}
export interface JournalReply {
  platform: PlatformName;
  chat: string;
  text: string;
  at: number;
}
/** What a platform does with a reply that comes in. */
export type Verdict =
  | { kind: 'take' }
  /** 429: its Retry-After in seconds. */
  | { kind: 'limit'; seconds: number; scope: 'conversation' | 'bot' }
  /** Takes it, and the answer never arrives. */
  | { kind: 'lose' }
  | { kind: 'refuse' };

export interface PlatformOptions {
  /** The hub's base URL; it may change with a restart. */
  hubUrl: () => string;
  secret: string;
  /** All pauses of the platform's retry rules are multiplied by this. */
  timeScale: number;
}

/** Seconds before the n-th repeat (RELIABILITY.md, section 1). Undefined: it gives up. */
const retries: Record<PlatformName, (n: number) => number | undefined> = {
  slack: (n) => [0, 60, 300][n],
  telegram: (n) => (n === 0 ? 0 : Math.min(2 ** n, 60)),
  teams: (n) => (n < 20 ? 15 : undefined),
};
const ackTimeoutMs = { slack: 3000, telegram: 60_000, teams: 15_000 };

export class FakePlatform {
  readonly events: JournalEvent[] = [];
  readonly replies: JournalReply[] = [];
  /** Every sending the hub tried, taken or not. */
  readonly attempts: JournalReply[] = [];
  verdict: (reply: { chat: string; text: string }) => Verdict = () => ({ kind: 'take' });
  private readonly chats = new Map<string, Promise<unknown>>();
  private readonly agent = new Agent({ connections: 64 });
  /** For an event that is timed: it does not wait for a connection behind those that are sent again. */
  readonly ownLine = new Agent({ connections: 1 });
  private readonly server = createServer((incoming, response) => void this.take(incoming, response));

  constructor(
    readonly name: PlatformName,
    private readonly options: PlatformOptions,
  ) {}

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await Promise.all([this.agent.destroy(), this.ownLine.destroy()]);
  }

  /** Delivers an event until it is acknowledged or the platform's rules say to give up. Telegram keeps one in flight per chat. */
  async say(appId: string, event: PlatformEvent): Promise<JournalEvent> {
    const noted: JournalEvent = {
      ...event,
      appId,
      platform: this.name,
      postedAt: Infinity,
      ackedAt: null,
      statuses: [],
      ackMs: null,
    };
    this.events.push(noted);
    if (this.name !== 'telegram') return this.persist(noted);
    const key = `${appId} ${event.chat}`;
    const turn = (this.chats.get(key) ?? Promise.resolve()).then(() => this.persist(noted));
    this.chats.set(key, turn);
    return turn;
  }

  /** Posts the event once more, whatever became of it; answers the status, 0 for none. */
  async post(event: JournalEvent, dispatcher = this.agent): Promise<number> {
    const { headers, body } = this.delivery(event);
    const started = performance.now();
    // A copy may overtake the event itself, which waits in its chat: who is answered first must not be held against the hub then.
    event.postedAt = Math.min(event.postedAt, started);
    const status = await request(`${this.options.hubUrl()}/webhooks/${this.name}/${event.appId}`, {
      method: 'POST',
      headers,
      body,
      dispatcher,
      headersTimeout: ackTimeoutMs[this.name],
    }).then(
      async (response) => {
        await response.body.dump();
        return response.statusCode;
      },
      () => 0,
    );
    event.statuses.push(status);
    if (status >= 200 && status < 300 && event.ackedAt === null) {
      event.ackedAt = performance.now();
      event.ackMs = event.ackedAt - started;
    }
    return status;
  }

  /** The event as this platform sends it, signed. */
  protected delivery(event: PlatformEvent): { headers: Record<string, string>; body: string } {
    const { encode, sign } = protocols[this.name];
    const body = JSON.stringify(encode(event));
    return { headers: { 'content-type': 'application/json', ...sign(body, this.options.secret) }, body };
  }

  /** Notes a reply; answers what becomes of it. */
  protected judge(reply: JournalReply): Verdict {
    this.attempts.push(reply);
    const verdict = this.verdict(reply);
    if (verdict.kind === 'take' || verdict.kind === 'lose') this.replies.push(reply);
    return verdict;
  }

  /** What the bots' channels are set to, where real connectors talk to this platform. */
  settings(): Json | null {
    return null;
  }

  private async persist(event: JournalEvent): Promise<JournalEvent> {
    for (let n = 0; ; n += 1) {
      await this.post(event);
      const pause = retries[this.name](n);
      if (event.ackedAt !== null || pause === undefined) return event;
      await sleep(Math.max(20, pause * 1000 * this.options.timeScale));
    }
  }

  private async take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
    const reply = {
      platform: this.name,
      ...protocols[this.name].posted(incoming.url ?? '', body),
      at: performance.now(),
    };
    const verdict = this.judge(reply);
    if (verdict.kind === 'lose') return void incoming.socket.destroy();
    if (verdict.kind === 'refuse') return answer(response, 403, { ok: false, error: 'blocked' });
    if (verdict.kind === 'take') return answer(response, 200, { ok: true, id: '1' });
    response.setHeader('retry-after', String(verdict.seconds));
    answer(response, 429, { ok: false, scope: verdict.scope, parameters: { retry_after: verdict.seconds } });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
