/** The page where people sign in, take an invitation and set a new password. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Route, route } from '../route.js';

/** Scripts and styles only from here, none inline, and no other page frames it. */
export const pagePolicy =
  "default-src 'none'; connect-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export function signInPage({ widgetDir }: { widgetDir: string }): Route {
  return route({
    method: 'GET',
    path: '/sign-in',
    summary: 'A page to sign in, to take an invitation, or to set a new password.',
    access: 'public',
    answers: { 200: { description: 'HTML.', type: 'text/html' } },
    handle: async () => ({
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy },
      text: await readFile(join(widgetDir, 'sign-in.html'), 'utf8'),
    }),
  });
}
