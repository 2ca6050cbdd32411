/** The chat page in real Chromium, with a stand-in for the hub behind it: what the test files of widget/ share. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { build } from 'esbuild';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

import type { Appearance } from '../../connectors/web/protocol.js';
import type { BotMessage } from '../../src/contracts.js';
import { openBrowser } from './browser.js';
import { openStandIn, type StandIn, type StandInOptions } from './web.js';

/** The tests run compiled, from dist; `npm test` starts them in the checkout. */
const source = (name: string): string => `${process.cwd()}/widget/${name}`;
const policy =
  "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' https: http: data:; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";
const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/** The smallest picture there is. */
export const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
/** A reply with a text. */
export const say = (text: string, more: Partial<BotMessage> = {}): BotMessage => ({ recipient_id: 'x', text, ...more });

/** What a module of widget/ exports that needs no page. */
export async function loaded<T>(name: string): Promise<T> {
  const { outputFiles } = await build({ entryPoints: [source(name)], bundle: true, format: 'esm', write: false });
  return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`)) as T;
}

/** The bundles by file name, as the build makes them. */
export async function bundled(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: [source('chat.ts'), source('widget.ts')],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    outdir: '/virtual',
    write: false,
  });
  return new Map(outputFiles.map((file) => [file.path.replace('/virtual/', ''), file.text]));
}

type Served = Required<Pick<ChatOptions, 'name' | 'host' | 'appearance'>>;
const serve =
  (bundles: Map<string, string>, { name, host, appearance }: Served): RequestListener =>
  (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const bot = escapeHtml(JSON.stringify({ appId: 'a', name, language: 'en', appearance }));
    const send = (type: string, body: string, headers = {}): void =>
      void response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, ...headers }).end(body);
    if (path === '/bots/a/chat') {
      const page = readFileSync(source('chat.html'), 'utf8').replaceAll('{{bot}}', () => bot);
      send('text/html', page, { 'content-security-policy': policy });
    } else if (path === '/widget/chat.js') send('text/javascript', bundles.get('chat.js') ?? '');
    else if (path === '/widget.js') send('text/javascript', bundles.get('widget.js') ?? '');
    else if (path === '/widget/chat.css') send('text/css', readFileSync(source('chat.css'), 'utf8'));
    else if (path === '/bots/a/appearance') send('application/json', JSON.stringify({ enabled: true, ...appearance }));
    else if (path === '/site')
      send('text/html', host, { 'content-security-policy': "default-src 'self' *; script-src * ; style-src 'none'" });
    else response.writeHead(404).end();
  };

export interface ChatOptions extends StandInOptions {
  /** The bot's name. */
  name?: string;
  /** How the bot's author wants it to look. */
  appearance?: Appearance;
  /** The page at `/site`, which may embed the chat. */
  host?: string;
  context?: BrowserContextOptions;
  /** The page to open; the chat page when absent. */
  path?: string;
}
/** `errors`: scripts that failed, refusals by the content policy, and dialogs, which a script of ours never opens. */
export interface OpenChat {
  hub: StandIn;
  page: Page;
  errors: string[];
}

function watched(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => {
    const network = /ERR_|WebSocket connection|Failed to load resource/.test(line.text());
    if (line.type() === 'error' && !network) errors.push(line.text());
  });
  page.on('dialog', (dialog) => {
    errors.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return errors;
}

/** Call it inside a `describe`: answers the way to open a hub and a page on it, which are closed after each test. */
export function chatFixture(): (options?: ChatOptions) => Promise<OpenChat> {
  const cleanups: (() => unknown)[] = [];
  let browser: Browser;
  let bundles: Map<string, string>;
  before(async () => {
    [browser, bundles] = await Promise.all([openBrowser(), bundled()]);
  });
  after(() => browser.close());
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return async (options = {}) => {
    const { name = 'Opening Hours', host = '', appearance = {}, context = {}, path = '/bots/a/chat' } = options;
    const hub = await openStandIn({ http: serve(bundles, { name, host, appearance }), ...options });
    cleanups.push(() => hub.close());
    const tab = await browser.newContext({ locale: 'en-GB', viewport: { width: 1100, height: 760 }, ...context });
    cleanups.push(() => tab.close());
    const page = await tab.newPage();
    const errors = watched(page);
    await page.goto(hub.url + path);
    return { hub, page, errors };
  };
}

/** Where the person writes. */
export const input = (page: Page): Locator => page.getByRole('textbox', { name: 'Your message' });
/** The texts of all bubbles. */
export const messages = (page: Page): Promise<string[]> => page.locator('.message .bubble').allInnerTexts();
/** Writes and sends. */
export async function tell(page: Page, text: string): Promise<void> {
  await input(page).fill(text);
  await input(page).press('Enter');
}
/** Waits until `test` holds; rejects after `limit` milliseconds. */
export async function until(what: string, test: () => Promise<boolean> | boolean, limit = 8000): Promise<void> {
  for (const start = Date.now(); Date.now() - start < limit; await sleep(25)) if (await test()) return;
  assert.fail(`not within ${limit} ms: ${what}`);
}
/** Waits until exactly these bubbles are there. */
export const shows = (page: Page, expected: string[]): Promise<void> =>
  until(
    `messages ${JSON.stringify(expected)}`,
    async () => JSON.stringify(await messages(page)) === JSON.stringify(expected),
  ).catch(async (error: unknown) => assert.deepEqual(await messages(page), expected, String(error)));
