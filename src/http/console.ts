/** The console's page and files, as the build left them. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../errors.js';
import { param, type Reply, type Route, route } from './route.js';

/** Scripts from here alone; the styles that the component kit writes at run time carry the page's nonce. Nobody may frame it. */
const policyOf = (nonce: string): string =>
  `default-src 'self'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' https: http: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'`;
const types: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};
/** Their names change with their content. */
const forever = 'public, max-age=31536000, immutable';

const page = { description: 'HTML.', type: 'text/html' };

/** `folder`: the built console, `index.html` and `assets/`, each file beside its gzip. */
export function consoleRoutes(folder: string): Route[] {
  let names: Promise<Set<string>> | undefined;
  /** The only files that are served, so that no path from outside ever reaches the disk. */
  const known = (): Promise<Set<string>> =>
    (names ??= readdir(join(folder, 'assets')).then(
      (found) => new Set(found),
      () => new Set<string>(),
    ));
  const index = async (): Promise<Reply> => {
    const nonce = randomBytes(16).toString('base64');
    const html = await readFile(join(folder, 'index.html'), 'utf8').catch((cause: unknown) => {
      throw new HubError('not_found', 'The console is not built here: npm run build.', { cause });
    });
    return {
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policyOf(nonce) },
      text: html.replaceAll('{{nonce}}', nonce),
    };
  };
  const file = async (name: string, encodings: unknown): Promise<Reply> => {
    const names = await known();
    const type = types[name.split('.').at(-1) ?? ''];
    if (!names.has(name) || type === undefined)
      throw new HubError('not_found', `There is no file ${name} of the console (any more): load the page again.`);
    const zipped = typeof encodings === 'string' && /\bgzip\b/.test(encodings) && names.has(`${name}.gz`);
    return {
      headers: {
        'content-type': type,
        'cache-control': forever,
        vary: 'accept-encoding',
        ...(zipped ? { 'content-encoding': 'gzip' } : {}),
      },
      stream: createReadStream(join(folder, 'assets', zipped ? `${name}.gz` : name)) as AsyncIterable<Buffer>,
    };
  };
  return [
    route({
      method: 'GET',
      path: '/console',
      summary: 'The console: bots, their questions and answers, training, channels.',
      access: 'public',
      answers: { 200: page },
      handle: index,
    }),
    route({
      method: 'GET',
      path: '/console/assets/{file}',
      summary: "The console's scripts and styles, under names that change with their content.",
      access: 'public',
      answers: { 200: { description: 'The file.', type: 'text/plain' } },
      handle: (asked) => file(param(asked, 'file'), asked.headers['accept-encoding']),
    }),
    route({
      method: 'GET',
      path: '/console/{path}',
      summary: 'Any page of the console, to link to.',
      access: 'public',
      answers: { 200: page },
      handle: index,
    }),
  ];
}
