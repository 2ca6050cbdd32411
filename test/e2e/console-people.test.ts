import assert from 'node:assert/strict';

import type { Browser, Page } from 'playwright-core';

import { openBrowser } from '../support/browser.js';
import { openConsole, picture, violations } from '../support/console.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';

const good = 'four plain words here';

describe('accounts in the console', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let browser: Browser;
  let appId: string;
  const cleanups: (() => Promise<void>)[] = [];
  const open = async (path: string): Promise<{ page: Page; errors: string[] }> => {
    const { close, ...opened } = await openConsole(browser, hub, { path, signedIn: false });
    cleanups.push(close);
    return opened;
  };
  /** Takes an invitation by the API; the cookie is that of the page. */
  const invited = async (page: Page, body: { login: string; role?: string; bots?: Record<string, string> }) => {
    const { url } = (await hub.api('POST', '/users/invitations', body)).body as { url: string };
    const data = { token: url.split('#')[1], name: body.login, password: good };
    const taken = await page.context().request.put(`${hub.url}/api/v1/session/link`, { data });
    assert.equal(taken.status(), 200);
  };
  const enter = async (page: Page, login: string, password = good): Promise<void> => {
    await page.getByLabel('E-mail address').fill(login);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.keyboard.press('Enter');
  };
  before(async () => {
    [hub, browser] = await Promise.all([newHub(), openBrowser()]);
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
    await hub.api('POST', `/bots/${appId}/train?wait=true`, [{ Q: [{ q: 'opening hours' }], A: 'From 9 to 5.' }]);
  });
  after(async () => {
    await browser.close();
    await hub.stop();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('lets the first admin in by the link of the first start, out, and in again with the password', async () => {
    const { page, errors } = await open('/');
    await page.goto(hub.app.firstUrl ?? '');
    await page.getByLabel('E-mail address').fill('boss@example.org');
    await page.getByLabel('Your name').fill('Boss <img src=x onerror=alert(1)>');
    await page.getByLabel('Password').fill(good);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('link', { name: 'Go on' }).click();
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    await page.getByText('Boss <img src=x onerror=alert(1)>').waitFor();
    const cookies = async (): Promise<string[]> =>
      (await page.context().cookies()).filter(({ httpOnly }) => httpOnly).map(({ value }) => value);
    const [session = ''] = await cookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('E-mail address').waitFor();
    const headers = { cookie: `switchboard_session=${session}` };
    assert.equal((await fetch(`${hub.url}/api/v1/session`, { headers })).status, 401, 'the session has ended');
    assert.deepEqual(await cookies(), []);
    await enter(page, 'boss@example.org', 'something else entirely');
    await page.getByRole('alert').getByText('do not fit').waitFor();
    assert.deepEqual(await violations(page), []);
    await picture(page, 'sign-in');
    await page.getByRole('textbox', { name: 'Password' }).fill(good);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0, 'no script holds what opens the hub');
    // A change, with the cookie alone: the page sends along what the hub asks for.
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByLabel('Present password').fill(good);
    await page.getByLabel('New password').fill('five plain words this time');
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    await page.getByText('The password is changed').waitFor();
    assert.deepEqual(errors, []);
  });

  it('shows an invitation once, changes roles, shuts out, and removes', async () => {
    const { page, errors } = await open('/');
    await invited(page, { login: 'admin@example.org', role: 'admin' });
    await page.goto(`${hub.url}/console/settings/users`);
    await page.getByLabel('E-mail address').fill('ann@example.org');
    await page.getByRole('combobox', { name: 'Role', exact: true }).click();
    await page.getByRole('option', { name: 'Viewer' }).click();
    await page.getByRole('button', { name: 'Invite' }).click();
    const link = await page.getByTestId('secret').innerText();
    assert.match(link, /\/sign-in#[\w-]{20,}/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    assert.ok(!(await page.content()).includes(link.split('#')[1] ?? '-'));

    const other = await open('/');
    await other.page.goto(link);
    await other.page.getByLabel('Your name').fill('Ann');
    await other.page.getByLabel('Password').fill(good);
    await other.page.getByRole('button', { name: 'Create account' }).click();
    await other.page.getByRole('link', { name: 'Go on' }).click();
    await other.page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    assert.equal(await other.page.getByRole('link', { name: 'New bot' }).count(), 0, 'a viewer makes no bots');

    await page.reload();
    await page.getByRole('combobox', { name: 'Role of Ann' }).click();
    await page.getByRole('option', { name: 'Builder' }).click();
    const ann = async (): Promise<{ role: string; active: boolean } | undefined> =>
      ((await hub.api('GET', '/users')).body.items as { login: string; role: string; active: boolean }[]).find(
        ({ login }) => login === 'ann@example.org',
      );
    await eventually(async () => (await ann())?.role === 'builder');
    await other.page.reload();
    await other.page.getByRole('link', { name: 'New bot' }).first().waitFor();

    const row = page.getByRole('row').filter({ hasText: 'ann@example.org' });
    await picture(page, 'users');
    await row.getByRole('button', { name: 'Reset link' }).click();
    assert.match(await page.getByTestId('secret').innerText(), /\/sign-in#/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await row.getByRole('button', { name: 'Shut out' }).click();
    await row.getByText('shut out').waitFor();
    await other.page.reload();
    await other.page.getByLabel('E-mail address').waitFor();
    await row.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await eventually(async () => (await ann()) === undefined);
    await page.getByRole('tab', { name: 'Audit log' }).click();
    await page.getByText('/users/invitations').first().waitFor();
    await picture(page, 'audit');
    assert.deepEqual([...errors, ...other.errors], []);
  });

  it('offers somebody with a role on one bot what that role may do, and no other bot', async () => {
    const hidden = (await hub.api('POST', '/bots', { name: 'Hidden' })).body.appId as string;
    const { page, errors } = await open('/');
    await invited(page, { login: 'viewer@example.org', bots: { [appId]: 'viewer' } });
    await page.goto(`${hub.url}/console/`);
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    assert.equal(await page.getByText('Hidden').count(), 0);
    await page.getByRole('link', { name: 'Shop', exact: true }).click();
    await page.getByRole('grid').getByText('opening hours').waitFor();
    for (const name of ['Train', 'Import', 'New question', 'Try it'])
      assert.equal(await page.getByRole('button', { name, exact: true }).count(), 0, name);
    await page.getByRole('grid').getByText('opening hours').click();
    await page.getByText('You may read this').waitFor();
    assert.equal(await page.getByLabel('Answer', { exact: true }).isDisabled(), true);
    await page.keyboard.press('Escape');
    for (const name of ['Access', 'New bot', 'Dead letters'])
      assert.equal(await page.getByRole('link', { name, exact: true }).count(), 0, name);
    for (const path of ['process', 'channels', 'training', 'conversations']) {
      await page.goto(`${hub.url}/console/bots/${appId}/${path}`);
      await page.getByRole('heading', { level: 2 }).first().waitFor();
    }
    await page.goto(`${hub.url}/console/bots/${hidden}`);
    await page.getByText(`There is no bot ${hidden}`).waitFor();
    // Live, though they have no role on the hub.
    await page.goto(`${hub.url}/console/bots/${appId}/process`);
    await hub.api('POST', `/bots/${appId}/park`);
    await page.getByText('asleep').first().waitFor();
    await hub.api('POST', `/bots/${appId}/wake`);
    await page.getByText('Shop is running').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Put to sleep' }).count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
    assert.deepEqual(errors, []);
  });

  it('shows a key once, which opens the hub until it is revoked', async () => {
    const { close, page, errors } = await openConsole(browser, hub, { path: `/bots/${appId}/access/keys` });
    cleanups.push(close);
    await page.getByLabel('Name').fill('CI');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const key = await page.getByTestId('secret').innerText();
    const status = async (): Promise<number> =>
      (await fetch(`${hub.url}/api/v1/bots/${appId}`, { headers: { authorization: `Bearer ${key}` } })).status;
    assert.equal(await status(), 200);
    await picture(page, 'key');
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('row').filter({ hasText: 'CI' }).waitFor();
    assert.ok(!(await page.content()).includes(key));
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('No key yet').waitFor();
    assert.equal(await status(), 401);

    await page.getByRole('tab', { name: 'Retention' }).click();
    await page.getByLabel('Days that conversations are kept').fill('30');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    assert.deepEqual((await hub.api('GET', `/bots/${appId}/retention`)).body, { days: 30 });

    await page.goto(`${hub.url}/console/settings/templates`);
    await page.getByRole('combobox', { name: 'Bot' }).click();
    await page.getByRole('option', { name: 'Shop' }).click();
    await page.getByLabel('Name').fill('our-shop');
    await page.getByRole('button', { name: 'Save as a template' }).click();
    await page.getByRole('row').filter({ hasText: 'our-shop' }).getByText('1 pairs').waitFor();
    await picture(page, 'templates');
    await page.getByRole('row').filter({ hasText: 'our-shop' }).getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await eventually(async () => (await hub.api('GET', '/templates/our-shop')).status === 404);
    assert.deepEqual(errors, []);
  });
});
