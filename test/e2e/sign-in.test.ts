import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';
import { openProvider, type TestProvider } from '../support/openid.js';
import { freePort } from '../support/ports.js';

describe('Signing in, in a browser', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let provider: TestProvider;
  let browser: Browser;
  let bot: string;

  before(async () => {
    // The provider has to know the hub's port before the hub starts.
    const port = await freePort();
    provider = await openProvider(() => `http://127.0.0.1:${port}/sign-in/provider/callback`);
    const { issuer, clientId, clientSecret } = provider;
    const openId = { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret };
    [hub, browser] = await Promise.all([newHub({ env: { PORT: String(port), ...openId } }), openBrowser()]);
    bot = (await hub.api('POST', '/bots', { name: 'x' })).body.appId as string;
    await hub.api('POST', `/bots/${bot}/train?wait=true`, [{ Q: [{ q: 'a' }], A: 'b' }]);
  });
  after(async () => {
    await browser.close();
    await hub.stop();
    await provider.stop();
  });

  const onPage = async (work: (page: Page) => Promise<void>, locale = 'en-GB'): Promise<void> => {
    const context = await browser.newContext({ locale });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy/.test(message.text())) faults.push(message.text());
      });
      await work(page);
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
    }
  };
  const status = (page: Page, path: string): Promise<number> =>
    page.evaluate<number>(`fetch(${JSON.stringify(path)}).then(({ status }) => status)`);
  const throughProvider = async (page: Page, name: string): Promise<void> => {
    await page.goto(`${hub.url}/sign-in`);
    await page.getByRole('link', { name: 'Sign in with your organisation' }).click();
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.locator('button[type=submit]').click();
    await page.waitForURL('**/console/').catch(() => undefined);
    await page.goto(`${hub.url}/sign-in`);
    const heading = page.getByRole('heading', { name: `You are signed in as Name of ${name}.` });
    await heading.waitFor().catch(async (error: unknown) => {
      const log = hub.log.filter((line) => /"level":(?:[45]0)/.test(line)).slice(-3);
      throw new Error(`${page.url()}: ${await page.locator('body').innerText()} ${log.join('\n')}`, { cause: error });
    });
  };

  it('makes the first account by the link, signs out and in, and says what does not fit', () =>
    onPage(async (page) => {
      await page.goto(hub.app.firstUrl ?? '');
      await page.getByLabel('E-mail address').fill('boss@example.org');
      await page.getByLabel('Your name').fill('Boss <b>');
      await page.getByLabel('Password').fill('short');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('alert').filter({ hasText: 'at least 10 characters' }).waitFor();
      await page.getByLabel('Password').fill('four plain words here');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'You are signed in as Boss <b>.' }).waitFor();
      assert.equal(page.url(), `${hub.url}/sign-in`);
      assert.equal(await page.evaluate('document.cookie'), '');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('E-mail address').fill('boss@example.org');
      await page.getByLabel('Password').fill('not this');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').filter({ hasText: 'do not fit' }).waitFor();
      await page.getByLabel('Password').fill('four plain words here');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'You are signed in as' }).waitFor();
      await page.goto(hub.app.firstUrl ?? '');
      await page.reload();
      await page.getByRole('alert').filter({ hasText: 'already or is too old' }).waitFor();
    }));

  it('is in Chinese for who reads Chinese', () =>
    onPage(async (page) => {
      await page.goto(`${hub.url}/sign-in`);
      await page.getByRole('button', { name: '登录' }).waitFor();
      assert.equal(await page.evaluate('document.documentElement.lang'), 'zh');
    }, 'zh-CN'));

  it('by an OpenID provider gives the roles of its realm, and takes them when it does, on open streams too', () =>
    onPage(async (page) => {
      provider.roles.set('ann', ['switchboard-viewer', `editor:${bot}`, 'uma_authorization']);
      await throughProvider(page, 'ann');
      const me = await page.evaluate<Record<string, unknown>>(
        `fetch('/api/v1/session').then((answer) => answer.json())`,
      );
      assert.deepEqual([me['kind'], me['role'], me['bots']], ['user', 'viewer', { [bot]: 'editor' }]);
      assert.deepEqual([await status(page, `/api/v1/bots/${bot}`), await status(page, '/api/v1/users')], [200, 403]);
      await page.evaluate(
        `void (window.stream = new EventSource('/api/v1/bots/${bot}/logs?follow')).addEventListener('error', () => (window.cut = true))`,
      );
      await eventually(() => page.evaluate<boolean>('window.stream.readyState === 1'));
      provider.roles.set('ann', []);
      await eventually(() => page.evaluate<boolean>('window.cut === true'));
      await eventually(() => page.evaluate<boolean>('window.stream.readyState === 2'));
      assert.equal(await status(page, `/api/v1/bots/${bot}`), 404);
      provider.closed.add('ann');
      await eventually(async () => (await status(page, '/api/v1/session')) === 401);
    }));

  it('by an OpenID provider is told no more of one bot once its role there has gone, and goes on with the others', () =>
    onPage(async (page) => {
      const other = (await hub.api('POST', '/bots', { name: 'y' })).body.appId as string;
      for (const appId of [bot, other])
        await hub.api('POST', `/bots/${appId}/messages`, { sender: 's', message: 'hello' });
      provider.roles.set('eve', [`viewer:${bot}`, `viewer:${other}`]);
      await throughProvider(page, 'eve');
      await page.evaluate(
        `window.told = []; void (window.stream = new EventSource('/api/v1/events')).addEventListener('conversation', (event) => window.told.push(JSON.parse(event.data).appId))`,
      );
      await eventually(() => page.evaluate<boolean>('window.stream.readyState === 1'));
      let round = 0;
      /** Of which bots a change of conversations is told now. */
      const told = async (): Promise<string[]> => {
        await page.evaluate('window.told = []');
        for (const appId of [other, bot])
          await hub.api('PUT', `/bots/${appId}/conversations/s/tags`, { tags: [`round ${(round += 1)}`] });
        const all = (): Promise<string[]> => page.evaluate<string[]>('window.told');
        await eventually(async () => (await all()).includes(bot));
        return (await all()).sort();
      };
      await eventually(async () => (await told()).length === 2);
      provider.roles.set('eve', [`viewer:${bot}`]);
      await eventually(async () => (await told()).join() === bot);
      assert.equal(await page.evaluate('window.stream.readyState'), 1);
      assert.equal(await status(page, `/api/v1/bots/${other}`), 404);
      await page.evaluate('window.stream.close()');
    }));

  it('by an OpenID provider takes only an answer to what this browser began, of this provider', () =>
    onPage(async (page) => {
      const begun = await fetch(`${hub.url}/sign-in/provider`, { redirect: 'manual' });
      assert.equal(begun.status, 302);
      const location = new URL(begun.headers.get('location') ?? '');
      assert.equal(location.searchParams.get('redirect_uri'), `${hub.url}/sign-in/provider/callback`);
      assert.equal(location.searchParams.get('code_challenge_method'), 'S256');
      for (const name of ['state', 'nonce', 'code_challenge'])
        assert.ok((location.searchParams.get(name) ?? '').length >= 43, name);
      const cookie = begun.headers.get('set-cookie')?.split(';')[0] ?? '';
      const state = location.searchParams.get('state') ?? '';
      // A code that somebody else got, with what this browser began; and with nothing begun at all.
      const answer = async (query: string, headers: Record<string, string>): Promise<number> => {
        const response = await fetch(`${hub.url}/sign-in/provider/callback?${query}`, { headers });
        assert.equal(response.headers.get('set-cookie'), null);
        return response.status;
      };
      assert.equal(await answer(`code=stolen&state=${state}&iss=${provider.issuer}`, {}), 401);
      assert.equal(await answer(`code=stolen&state=other&iss=${provider.issuer}`, { cookie }), 401);
      assert.equal(
        await answer(`code=stolen&state=${state}&iss=${provider.issuer}`, { cookie }),
        401,
        'its ticket is used up',
      );
      await page.goto(`${hub.url}/sign-in/provider/callback?code=x&state=y`);
      await page.getByText('The sign-in failed').waitFor();
    }));

  it('by an OpenID provider takes no answer whose state is not the one it began with, whatever else fits', () =>
    onPage(async (page) => {
      // As the browser does it, but for the last step: the answer is kept back.
      const { request } = page.context();
      let [url, answer] = [`${hub.url}/sign-in/provider`, ''];
      let response = await request.get(url, { maxRedirects: 0 });
      for (let steps = 0; answer === '' && steps < 12; steps += 1) {
        const next = response.headers()['location'];
        if (next === undefined) {
          const [, action = ''] = /action="([^"]+)"/.exec(await response.text()) ?? [];
          const prompt = /name="prompt" value="(\w+)"/.exec(await response.text())?.[1] ?? '';
          const form = { prompt, login: 'finn', password: 'any' };
          response = await request.post((url = new URL(action, url).href), { form, maxRedirects: 0 });
        } else if ((url = new URL(next, url).href).includes('/sign-in/provider/callback')) answer = url;
        else response = await request.get(url, { maxRedirects: 0 });
      }
      const changed = new URL(answer);
      assert.ok((changed.searchParams.get('code') ?? '') !== '', answer);
      changed.searchParams.set('state', 'x'.repeat(43));
      await page.goto(changed.href);
      await page.getByText('The sign-in failed').waitFor();
      assert.equal(await status(page, '/api/v1/session'), 401);
    }));

  it('by an OpenID provider takes no code that another provider gave', async () => {
    const other = await openProvider(() => `${hub.url}/sign-in/provider/callback`);
    try {
      await onPage(async (page) => {
        // The browser begins here, and an attacker leads it through their own provider, which sends it back with a code of its own.
        await page.goto(`${hub.url}/sign-in`);
        const begun = await page.context().request.get(`${hub.url}/sign-in/provider`, { maxRedirects: 0 });
        const led = new URL(begun.headers()['location'] ?? '');
        await page.goto(`${other.issuer}/auth${led.search}`);
        await page.locator('input[name=login]').fill('eve');
        await page.locator('input[name=password]').fill('any');
        await page.locator('button[type=submit]').click();
        await page.locator('button[type=submit]').click();
        await page.getByText('The sign-in failed').waitFor();
        assert.equal(await status(page, '/api/v1/session'), 401);
      });
    } finally {
      await other.stop();
    }
  });
});
