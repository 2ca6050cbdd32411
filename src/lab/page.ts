/** The lab's page, for this machine alone: other pages that the author has open can neither read nor use it. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { Json } from '../contracts.js';
import type { Desk } from './desk.js';

export interface PageOptions {
  desk: Desk;
  /** Shown on top. */
  facts: { platform: string; appId: string; bot: string; settings: Json };
  /** Is the bot's own channel connected to this platform? */
  connected(): Promise<boolean>;
  /** The built page: lab.html, lab.js, lab.css. */
  folder: string;
  /** 0: any. */
  port: number;
}
const Text = z.string().min(1).max(4000);
const DeedBody = z.union([
  z.strictObject({ kind: z.enum(['say', 'duplicate', 'limited']), text: Text }),
  z.strictObject({ kind: z.literal('forged') }),
  z.strictObject({ kind: z.literal('press'), button: z.string().regex(/^\d{1,9}\.\d{1,3}$/) }),
]);
const files: Record<string, { name: string; type: string }> = {
  '/': { name: 'lab.html', type: 'text/html; charset=utf-8' },
  '/lab.js': { name: 'lab.js', type: 'text/javascript' },
  '/lab.css': { name: 'lab.css', type: 'text/css' },
};
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const mostBytes = 20_000;

/** A name that leads here from elsewhere (DNS rebinding), and a page of another origin, are refused. */
function isOurs({ headers }: IncomingMessage): boolean {
  const { host = '', origin } = headers;
  return /^(?:127\.0\.0\.1|localhost):\d+$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > mostBytes) return null;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

async function answer(options: PageOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const say = (status: number, type: string, body: string | Buffer): void => {
    const headers = { 'content-type': type, 'content-security-policy': policy, 'cache-control': 'no-store' };
    response.writeHead(status, { ...headers, 'x-content-type-options': 'nosniff' }).end(body);
  };
  const file = files[path];
  if (!isOurs(request)) return void say(403, 'text/plain', 'The lab answers its own page alone.');
  if (file && request.method === 'GET')
    return void say(200, file.type, await readFile(join(options.folder, file.name)));
  if (path === '/state' && request.method === 'GET') {
    const state = { ...options.facts, connected: await options.connected(), lines: options.desk.lines() };
    return void say(200, 'application/json', JSON.stringify(state));
  }
  if (path !== '/deeds' || request.method !== 'POST') return void say(404, 'text/plain', 'There is nothing here.');
  if (!/^application\/json/.test(request.headers['content-type'] ?? ''))
    return void say(415, 'text/plain', 'Send JSON.');
  const deed = DeedBody.safeParse(await bodyOf(request));
  if (!deed.success) return void say(422, 'text/plain', 'That is nothing that can be done here.');
  await options.desk.act(deed.data);
  say(200, 'application/json', '{}');
}

/** Listens on 127.0.0.1. Rejects when the port is taken. */
export async function openPage(options: PageOptions): Promise<{ url: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
