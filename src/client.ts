/**
 * A client of the hub's API, typed by the schemas that the hub itself checks with (wire.ts). It needs `fetch` and nothing else, so it runs
 * in Node and in a browser.
 */
import type { z } from 'zod';
import type {
  BotChange,
  BotCreate,
  BotMessageWire,
  BotWire,
  JobWire,
  LogLineWire,
  ModelWire,
  ParseWire,
  ProblemWire,
  ProjectImportWire,
} from './wire.js';

export interface ClientOptions {
  /** Base URL of the hub, without `/api/v1`. */
  url: string;
  /** A token or an API key; absent: the browser's session cookie. */
  key?: string;
  /** What the hub wants to hear with changes by session cookie. */
  csrfToken?: string;
  /** In place of the global one. */
  fetch?: typeof fetch;
}
export interface Page<T> {
  items: T[];
  next: string | null;
}
/** The hub answered with a problem. */
export class HubRefusal extends Error {
  override readonly name = 'HubRefusal';
  constructor(
    readonly status: number,
    readonly problem: ProblemWire,
  ) {
    super(problem.detail);
  }
}
/** No hub answered at the URL. */
export class HubUnreachable extends Error {
  override readonly name = 'HubUnreachable';
}

export interface Call {
  /** Sent as JSON, or as it is with its `type`. */
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** One event of a stream. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** Each method rejects with `HubRefusal` or `HubUnreachable`. */
export interface Client {
  bots(): Promise<BotWire[]>;
  bot(appId: string): Promise<BotWire>;
  createBot(bot: z.input<typeof BotCreate>): Promise<BotWire>;
  changeBot(appId: string, change: z.input<typeof BotChange>): Promise<BotWire>;
  files(appId: string): Promise<string[]>;
  readFile(appId: string, path: string): Promise<Uint8Array>;
  /** Replaces the bot's project by that of a tar.gz or zip: all of it, or nothing. */
  replaceProject(appId: string, archive: Uint8Array): Promise<ProjectImportWire>;
  /** Answers the job's id. */
  train(appId: string, options?: { force?: boolean }): Promise<string>;
  job(jobId: string): Promise<JobWire>;
  jobs(appId: string): Promise<JobWire[]>;
  /** The job and each change of it until it has ended, with the new lines of its log. */
  watchJob(jobId: string, signal?: AbortSignal): AsyncGenerator<JobWire & { lines: string[] }>;
  models(appId: string): Promise<ModelWire[]>;
  parse(appId: string, text: string): Promise<ParseWire>;
  say(appId: string, message: { sender: string; message: string }): Promise<BotMessageWire[]>;
  logs(appId: string): Promise<LogLineWire[]>;
  /** The log so far and each new line, until `signal` aborts. */
  followLogs(appId: string, signal?: AbortSignal): AsyncGenerator<LogLineWire>;
  /** What any other route answers: `path` below `/api/v1`. */
  get(path: string): Promise<unknown>;
  /** Any other route. */
  call(method: Method, path: string, call?: Call): Promise<Response>;
  /** The events of any other stream, until it ends or `signal` aborts. */
  events(path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent>;
}

/** The events of a response body, as they come. */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let pending = '';
  const decoder = new TextDecoder();
  // Not every browser can iterate a stream.
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      pending += decoder.decode(read.value, { stream: true });
      const blocks = pending.split('\n\n');
      pending = blocks.pop() ?? '';
      for (const block of blocks) {
        const fieldOf = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
        if (fieldOf('data') !== '') yield { event: fieldOf('event'), data: fieldOf('data') };
      }
    }
  } finally {
    // Whoever stops reading hangs up.
    await reader.cancel().catch(() => undefined);
  }
}

const segment = (text: string): string => encodeURIComponent(text);
const filePath = (appId: string, path: string): string =>
  `/bots/${segment(appId)}/files/${path.split('/').map(segment).join('/')}`;

class HttpClient implements Client {
  constructor(private readonly options: ClientOptions) {}

  bots = (): Promise<BotWire[]> => this.all('/bots');
  bot = (appId: string): Promise<BotWire> => this.json('GET', `/bots/${segment(appId)}`);
  createBot: Client['createBot'] = (bot) => this.json('POST', '/bots', { body: bot });
  changeBot: Client['changeBot'] = (appId, change) => this.json('PATCH', `/bots/${segment(appId)}`, { body: change });
  job = (jobId: string): Promise<JobWire> => this.json('GET', `/jobs/${segment(jobId)}`);
  jobs = (appId: string): Promise<JobWire[]> => this.all(`/bots/${segment(appId)}/jobs`);
  models = (appId: string): Promise<ModelWire[]> => this.all(`/bots/${segment(appId)}/models`);
  parse: Client['parse'] = (appId, text) => this.json('POST', `/bots/${segment(appId)}/parse`, { body: { text } });
  say: Client['say'] = (appId, message) => this.json('POST', `/bots/${segment(appId)}/messages`, { body: message });
  logs = (appId: string): Promise<LogLineWire[]> => this.all(`/bots/${segment(appId)}/logs`);
  get = (path: string): Promise<unknown> => this.json('GET', path);

  async files(appId: string): Promise<string[]> {
    return (await this.all<{ path: string }>(`/bots/${segment(appId)}/files`)).map(({ path }) => path);
  }
  async readFile(appId: string, path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.call('GET', filePath(appId, path))).arrayBuffer());
  }
  replaceProject: Client['replaceProject'] = (appId, archive) =>
    this.json('PUT', `/bots/${segment(appId)}/project`, { body: archive, type: 'application/gzip' });
  async train(appId: string, { force = false }: { force?: boolean } = {}): Promise<string> {
    const path = `/bots/${segment(appId)}/train${force ? '?force=true' : ''}`;
    return (await this.json<{ jobId: string }>('POST', path)).jobId;
  }
  async *watchJob(jobId: string, signal?: AbortSignal): AsyncGenerator<JobWire & { lines: string[] }> {
    for await (const { data } of this.events(`/jobs/${segment(jobId)}/events`, signal))
      yield JSON.parse(data) as JobWire & { lines: string[] };
  }
  async *followLogs(appId: string, signal?: AbortSignal): AsyncGenerator<LogLineWire> {
    const path = `/bots/${segment(appId)}/logs?follow=true`;
    for await (const { data } of this.events(path, signal)) yield JSON.parse(data) as LogLineWire;
  }

  async *events(path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
    const { body } = await this.call('GET', path, signal ? { signal } : {});
    if (body) yield* eventsIn(body);
  }

  /** All pages of a list. */
  private async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `?cursor=${segment(cursor)}`;
      const page: Page<T> = await this.json<Page<T>>('GET', `${path}${query}`);
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  }

  private async json<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    return (await (await this.call(method, path, call)).json()) as T;
  }

  async call(method: Method, path: string, { body, type, headers = {}, signal }: Call = {}): Promise<Response> {
    const { url, key, csrfToken, fetch: ask = fetch } = this.options;
    const base = url.replace(/\/+$/, '');
    const sent = type === undefined ? JSON.stringify(body) : (body as Uint8Array<ArrayBuffer>);
    let response: Response;
    try {
      response = await ask(`${base}/api/v1${path}`, {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(csrfToken === undefined ? {} : { 'x-csrf-token': csrfToken }),
          ...headers,
          ...(body === undefined ? {} : { 'content-type': type ?? 'application/json' }),
        },
        ...(body === undefined ? {} : { body: sent }),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new HubUnreachable(`No hub answers at ${base}.`, { cause: error });
    }
    if (!response.ok) throw new HubRefusal(response.status, await problemIn(response));
    return response;
  }
}

/** What the hub says is wrong; in its shape also where something else answered. */
async function problemIn(response: Response): Promise<ProblemWire> {
  const text = await response.text();
  const strange = { type: 'about:blank', title: 'No hub', status: response.status, code: 'strange_answer' };
  if (!(response.headers.get('content-type') ?? '').includes('json'))
    return { ...strange, detail: `What answers there is no hub: status ${response.status}.` };
  return JSON.parse(text) as ProblemWire;
}

/** Nothing is asked until a method is called. */
export function createClient(options: ClientOptions): Client {
  return new HttpClient(options);
}
