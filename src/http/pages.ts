/** Pages and browser files: the shareable chat page, the widget, the API document, and a start page. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Bot, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { param, type Reply, type Route, route } from './route.js';

export interface PagesOptions {
  store: Pick<Store, 'bots'>;
  /** The built widget: chat.html, chat.js, chat.css, widget.js. */
  widgetDir: string;
  /** Whether the bot's web channel is on, and how it shall look, as its author set it. */
  web: (appId: string) => Promise<{ enabled: boolean; appearance: unknown; allowedOrigins: string[] | null }>;
  /** Whether the start page names the first bots: where only this machine reaches the hub. Elsewhere a bot's address is for whom it was given to. */
  listed: boolean;
  openApi: () => object;
}

const AppearanceView = z.looseObject({ enabled: z.boolean() }).meta({ id: 'Appearance' });

/** Nothing that could end a directive. */
const plainOrigin = /^https?:\/\/[\w.:[\]-]+$/;
/** Scripts and styles only from here, and none inline. `framedBy`: the origins that may frame the page, which is what the widget does; null: any. */
const policyOf = (framedBy: string[] | null): string =>
  `default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' https: http: data:; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors ${framedBy === null ? '*' : ["'self'", ...framedBy.filter((origin) => plainOrigin.test(origin))].join(' ')}`;
const htmlFor = (framedBy: string[] | null): Record<string, string> => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policyOf(framedBy),
});
const html = htmlFor([]);

const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
/** The only files that are served, so that no path from outside ever reaches the disk. */
const files = ['chat.js', 'chat.css', 'widget.js', 'sign-in.js', 'sign-in.css'];

function startPage(bots: Bot[]): string {
  const rows = bots
    .map((bot) => `<li><a href="/bots/${escapeHtml(bot.appId)}/chat">${escapeHtml(bot.name)}</a></li>`)
    .join('');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Switchboard</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/widget/chat.css"><body class="start"><main><h1>Switchboard</h1><p>The hub is running. 系统正在运行。</p>
<p><a href="/console/">Open the console · 打开控制台</a></p>
${rows && `<h2>Talk to a bot · 与机器人对话</h2><ul>${rows}</ul>`}<p><a href="/sign-in">Sign in · 登录</a> · <a href="/api/docs">API</a> · <a href="/health/ready">health</a></p></main></body></html>`;
}

interface DocumentedPaths {
  paths: Record<string, Record<string, { summary: string }>>;
}
function docsPage(document: object): string {
  const { paths } = document as DocumentedPaths;
  const rows = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(
      ([verb, { summary }]) =>
        `<tr><td><code>${verb.toUpperCase()}</code><td><code>${escapeHtml(path)}</code><td>${escapeHtml(summary)}`,
    ),
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Switchboard API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/widget/chat.css"><body class="start"><main><h1>Switchboard API</h1>
<p>Full document with all shapes: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1). Send <code>Authorization: Bearer TOKEN</code>.</p>
<table>${rows.join('\n')}</table></main></body></html>`;
}

export function pageRoutes(options: PagesOptions): Route[] {
  const { store, widgetDir } = options;
  const file = async (name: string): Promise<Reply> => ({
    headers: {
      'content-type': `${types[name.split('.').at(-1) ?? ''] ?? 'text/plain'}; charset=utf-8`,
      'cache-control': 'no-cache',
      'access-control-allow-origin': '*',
    },
    text: await readFile(join(widgetDir, name), 'utf8'),
  });
  return [
    route({
      method: 'GET',
      path: '/',
      summary: 'A start page; where only this machine reaches the hub, with links to the first bots.',
      access: 'public',
      answers: { 200: { description: 'HTML.', type: 'text/html' } },
      handle: async () => ({
        headers: html,
        text: startPage(options.listed ? (await store.bots.list({ limit: 20 })).items : []),
      }),
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/chat',
      summary: 'A page to talk to the bot, to share by its link or to embed.',
      access: 'public',
      answers: { 200: { description: 'HTML.', type: 'text/html' } },
      handle: async (asked) => {
        const bot = await store.bots.get(param(asked, 'appId'));
        if (!bot) throw new HubError('not_found', 'There is no such bot; check the link.');
        const { appId, name, language } = bot;
        const { appearance, allowedOrigins } = await options.web(appId);
        const facts = escapeHtml(JSON.stringify({ appId, name, language, ...(appearance ? { appearance } : {}) }));
        const page = await readFile(join(widgetDir, 'chat.html'), 'utf8');
        return { headers: htmlFor(allowedOrigins), text: page.replaceAll('{{bot}}', () => facts) };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/appearance',
      summary:
        "How the bot's button and chat look on other pages, as its author set it; `enabled: false`: the web channel is off.",
      access: 'public',
      answers: { 200: { description: 'What was set.', schema: AppearanceView } },
      handle: async (asked) => {
        const bot = await store.bots.get(param(asked, 'appId'));
        if (!bot) throw new HubError('not_found', 'There is no such bot; check the data-app-id of the script tag.');
        const { enabled, appearance } = await options.web(bot.appId);
        return {
          headers: { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' },
          body: { enabled, ...(appearance as object | undefined) },
        };
      },
    }),
    route({
      method: 'GET',
      path: '/widget.js',
      summary: 'The embeddable chat: <script src="…/widget.js" data-app-id="APP_ID"></script>.',
      access: 'public',
      answers: { 200: { description: 'A script.', type: 'text/javascript' } },
      handle: () => file('widget.js'),
    }),
    route({
      method: 'GET',
      path: '/widget/{file}',
      summary: "The chat page's script and style.",
      access: 'public',
      answers: { 200: { description: 'The file.', type: 'text/plain' } },
      handle: (asked) => {
        const name = param(asked, 'file');
        if (!files.includes(name)) return Promise.reject(new HubError('not_found', `There is no file ${name} here.`));
        return file(name);
      },
    }),
    route({
      method: 'GET',
      path: '/api/openapi.json',
      summary: 'This API as an OpenAPI 3.1 document.',
      access: 'public',
      answers: { 200: { description: 'The document.' } },
      handle: () => Promise.resolve({ body: options.openApi() }),
    }),
    route({
      method: 'GET',
      path: '/api/docs',
      summary: 'All routes on one page.',
      access: 'public',
      answers: { 200: { description: 'HTML.', type: 'text/html' } },
      handle: () => Promise.resolve({ headers: html, text: docsPage(options.openApi()) }),
    }),
  ];
}
