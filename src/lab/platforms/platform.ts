/**
 * Fake chat platforms for the real connectors, in the lab and in the tests. They sign and deliver, repeat by their own rules until they get a 2xx, check what they are sent as
 * the real ones do, and keep a journal of their own. The facts are those of RELIABILITY.md, section 1.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../contracts.js';

/** A request that goes to the hub as it stands. */
export interface Delivery {
  headers: Record<string, string | string[]>;
  body: string;
}
/** Something a person does. `id` makes it one event: the same id is the same event. */
export interface Act {
  id: string;
  chat: string;
  text: string;
  /** In a group: does the text name the bot? Absent: a direct conversation. */
  group?: 'named' | 'unnamed';
  /** Absent: a person. */
  by?: 'bot';
}
/** A post as people see it. */
export interface Post {
  chat: string;
  text: string;
  buttons: { title: string; press: Delivery }[];
  /** What the hub sent, as it stands. */
  sent: Json;
  /** By the clock of `performance`. */
  at: number;
}
/** What the platform does with a post that comes in. */
export type Verdict =
  { kind: 'take'; afterMs?: number } | { kind: 'limit'; seconds: number } | { kind: 'lose' } | { kind: 'refuse' };

export interface Forgery {
  what: string;
  delivery: Delivery;
}
export interface Odd {
  what: string;
  delivery: Delivery;
}

/** What not every platform has. */
export type Part =
  | 'forgeries'
  | 'limits'
  | 'slowness'
  | 'lost receipts'
  | 'refusals'
  | 'long posts'
  | 'restart'
  | 'off'
  | 'groups'
  | 'odd events'
  | 'half characters'
  | 'secrets';

export abstract class FakePlatform {
  abstract readonly name: string;
  /** Parts of the conformance suite that cannot apply, each with the reason. */
  readonly lacks: Readonly<Partial<Record<Part, string>>> = {};
  /** Ids of a direct conversation and of a group. */
  abstract chat(n: number): string;
  abstract group(n: number): string;
  /** Any body, with the proof that it is the platform's. */
  abstract sign(body: string): Delivery;
  /** Settings that connect a bot to this platform. */
  abstract settings(): Json;
  /** A message as the platform delivers it, signed for `secretOf`'s bot. */
  abstract deliver(act: Act): Delivery;
  /** Thirty requests that the platform never sent. */
  abstract forgeries(act: Act): Forgery[];
  /** Real events that are no message for the bot: edits, deletions, the bot's own and other bots' messages. */
  abstract odd(chat: string): Odd[];
  /** A press of a button that the bot did not offer, as far as a client of this platform can send one; null where it cannot. */
  abstract forgedPress(chat: string): Delivery | null;
  /** Handles a call of the bot's; `path` is below the API root. */
  protected abstract call(path: string, body: Json, request: IncomingMessage): Promise<Reply>;
  /** Pauses before repeats, in seconds; afterwards it gives up. */
  protected abstract readonly repeats: number[];
  protected abstract readonly ackSeconds: number;

  readonly posts: Post[] = [];
  /** Every post the hub tried, taken or not. */
  readonly attempts: Post[] = [];
  verdict: (post: Post) => Verdict = () => ({ kind: 'take' });
  /** All pauses are multiplied by this. */
  timeScale = 0.01;
  protected url = '';
  protected readonly server: Server = createServer((request, response) => void this.serve(request, response));

  async open(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    return Promise.resolve();
  }

  /** Where this platform calls a bot. */
  address(hubUrl: string, appId: string): string {
    return `${hubUrl}/webhooks/${this.name}/${appId}`;
  }

  /** Posts a request once; answers the status. */
  async post(webhook: string, { headers, body }: Delivery): Promise<number> {
    const list = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      [value].flat().map((one) => [name, one]),
    );
    const response = await fetch(webhook, {
      method: 'POST',
      headers: list,
      body,
      signal: AbortSignal.timeout(this.ackSeconds * 1000),
    });
    await response.text();
    return response.status;
  }

  /** Delivers by the platform's rules; answers the statuses, the last is a 2xx unless it gave up. */
  async say(webhook: string, act: Act): Promise<number[]> {
    const statuses: number[] = [];
    const delivery = this.deliver(act);
    for (const pause of [0, ...this.repeats]) {
      await sleep(pause * 1000 * this.timeScale);
      statuses.push(await this.post(webhook, delivery).catch(() => 0));
      const last = statuses.at(-1) ?? 0;
      if (last >= 200 && last < 300) break;
    }
    return statuses;
  }

  /** Notes a post and answers as `verdict` says; `limited` and `refused` are the platform's own words for that. */
  protected async take(
    post: Post,
    answers: { taken: Reply; limited(seconds: number): Reply; refused: Reply },
  ): Promise<Reply> {
    this.attempts.push(post);
    const verdict = this.verdict(post);
    if (verdict.kind === 'limit') return answers.limited(verdict.seconds);
    if (verdict.kind === 'refuse') return answers.refused;
    if (verdict.kind === 'take' && verdict.afterMs) await sleep(verdict.afterMs);
    this.posts.push(post);
    return verdict.kind === 'lose' ? { status: 0, body: null } : answers.taken;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const reply = await this.call(request.url ?? '', bodyOf(text, request), request);
    // Status 0: it was taken, and the answer is lost.
    if (reply.status === 0) return void request.socket.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(JSON.stringify(reply.body));
  }
}
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

function bodyOf(text: string, { headers }: IncomingMessage): Json {
  if (text === '') return {};
  if (/json/.test(headers['content-type'] ?? '')) return JSON.parse(text) as Json;
  const form = Object.entries(Object.fromEntries(new URLSearchParams(text)));
  return Object.fromEntries(
    form.map(([key, value]) => [key, /^[[{]/.test(value) ? (JSON.parse(value) as unknown) : value]),
  );
}
