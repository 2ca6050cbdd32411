/** The way through an OpenID provider: there, and back. */
import { HubError } from '../../errors.js';
import { type Reply, type Route, route } from '../route.js';
import { pagePolicy } from './pages.js';
import { cookieOf } from './sessions.js';

export interface ProviderRoutesOptions {
  openId: {
    begin(): Promise<{ url: string; secret: string }>;
    finish(given: { secret: string | undefined; query: string }): Promise<{
      user: { id: string; name: string };
      secret: string;
      expiresAt: string;
    }>;
  };
  publicUrl: () => string;
}
export const callbackPath = '/sign-in/provider/callback';

const cookie = 'switchboard_sign_in';
const cookieForm = new RegExp(`(?:^|;\\s*)${cookie}=([\\w-]{20,200})(?:;|$)`);

/** A page, and not a redirect: the browser came from another site, and takes a SameSite=Strict cookie along only from a page of ours. */
const page = (words: string, onward: boolean): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Switchboard</title>
${onward ? '<meta http-equiv="refresh" content="0; url=/console/">' : ''}<link rel="icon" href="data:,"><link rel="stylesheet" href="/widget/sign-in.css"></head>
<body><main><h1>Switchboard</h1><p role="status">${words}</p><p><a class="button" href="${onward ? '/console/' : '/sign-in'}">Go on · 继续</a></p></main></body></html>`;
const html = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy };
const failure = 'The sign-in failed; begin it again. 登录失败，请重新开始。';
const unanswered = 'The sign-in service does not answer; try again in a moment. 登录服务暂无响应，请稍后再试。';

export function providerRoutes({ openId, publicUrl }: ProviderRoutesOptions): Route[] {
  const secure = (): string => (publicUrl().startsWith('https:') ? '; Secure' : '');
  const refusal = (error: unknown): Reply => {
    if (!(error instanceof HubError)) throw error;
    const words = error.code === 'provider_unavailable' ? unanswered : failure;
    return { status: error.status, headers: html, text: page(words, false) };
  };
  return [
    route({
      method: 'GET',
      path: '/sign-in/provider',
      summary: 'To the sign-in page of the OpenID provider (OIDC_ISSUER).',
      access: 'public',
      answers: { 302: { description: 'There.' } },
      handle: async () => {
        try {
          const { url, secret } = await openId.begin();
          // Lax: it has to come along when the provider sends the browser back.
          const set = `${cookie}=${secret}; Path=${callbackPath}; Max-Age=600; HttpOnly; SameSite=Lax${secure()}`;
          return { status: 302, headers: { location: url, 'set-cookie': set } };
        } catch (error) {
          return refusal(error);
        }
      },
    }),
    route({
      method: 'GET',
      path: callbackPath,
      summary: 'Back from the OpenID provider: signs in.',
      access: 'public',
      audited: true,
      answers: { 200: { description: 'HTML; the answer sets the session cookie.', type: 'text/html' } },
      handle: async ({ headers: { cookie: cookies }, url }) => {
        try {
          const secret = typeof cookies === 'string' ? cookieForm.exec(cookies)?.[1] : undefined;
          const done = await openId.finish({ secret, query: url.split('?').slice(1).join('?') });
          const set = cookieOf(publicUrl(), done.secret, new Date(done.expiresAt));
          const by = { id: done.user.id, name: done.user.name };
          return { by, headers: { ...html, 'set-cookie': set }, text: page('Signed in. 已登录。', true) };
        } catch (error) {
          return refusal(error);
        }
      },
    }),
  ];
}
