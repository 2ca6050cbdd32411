/** Accounts, roles and keys. */
import assert from 'node:assert/strict';

import type { Page } from 'playwright-core';

import { type ConsolePage, type ConsoleSuite, picture, violations, walkTo } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

const good = 'four plain words here';
/** Buttons that change something. */
const changing =
  /^(?:Save|Delete|Check|Forget|Train|Use this|Back one version|Take over|Run the tests|Write a test|Put to sleep|Wake|Restart|Answer|Add)/;

/** The hub has no account yet. */
export function people(at: ConsoleSuite): void {
  describe('accounts', () => {
    let appId: string;
    const open = (path: string): Promise<Pick<ConsolePage, 'page' | 'errors'>> => at.open(path, { signedIn: false });
    /** Takes an invitation by the API; the cookie is that of the page. */
    const invited = async (page: Page, body: { login: string; role?: string; bots?: Record<string, string> }) => {
      const { url } = (await at.hub.api('POST', '/users/invitations', body)).body as { url: string };
      const data = { token: url.split('#')[1], name: body.login, password: good };
      const taken = await page.context().request.put(`${at.hub.url}/api/v1/session/link`, { data });
      assert.equal(taken.status(), 200);
    };
    const enter = async (page: Page, login: string, password = good): Promise<void> => {
      await page.getByLabel('E-mail address').fill(login);
      await page.getByRole('textbox', { name: 'Password' }).fill(password);
      await page.keyboard.press('Enter');
    };
    before(async () => {
      appId = (await at.hub.api('POST', '/bots', { name: 'Kiosk' })).body.appId as string;
      await at.hub.api('POST', `/bots/${appId}/train?wait=true`, [{ Q: [{ q: 'opening hours' }], A: 'From 9 to 5.' }]);
    });

    it('lets the first admin in by the link of the first start, out, and in again with the password', async () => {
      const { page, errors } = await open('/');
      await page.goto(at.hub.app.firstUrl ?? '');
      await page.getByLabel('E-mail address').fill('boss@example.org');
      await page.getByLabel('Your name').fill('Boss <img src=x onerror=alert(1)>');
      await page.getByLabel('Password').fill(good);
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('link', { name: 'Go on' }).click();
      await page.getByRole('link', { name: 'Kiosk', exact: true }).waitFor();
      await page.getByText('Boss <img src=x onerror=alert(1)>').waitFor();
      const cookies = async (): Promise<string[]> =>
        (await page.context().cookies()).filter(({ httpOnly }) => httpOnly).map(({ value }) => value);
      const [session = ''] = await cookies();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('E-mail address').waitFor();
      const headers = { cookie: `switchboard_session=${session}` };
      assert.equal((await fetch(`${at.hub.url}/api/v1/session`, { headers })).status, 401, 'the session has ended');
      assert.deepEqual(await cookies(), []);
      await enter(page, 'boss@example.org', 'something else entirely');
      await page.getByRole('alert').getByText('do not fit').waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'sign-in');
      await page.getByRole('textbox', { name: 'Password' }).fill(good);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Kiosk', exact: true }).waitFor();
      await page.reload();
      await page.getByRole('link', { name: 'Kiosk', exact: true }).waitFor();
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
      await page.goto(`${at.hub.url}/console/settings/users`);
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
      await other.page.getByRole('link', { name: 'Kiosk', exact: true }).waitFor();
      assert.equal(await other.page.getByRole('link', { name: 'New bot' }).count(), 0, 'a viewer makes no bots');

      await page.reload();
      await page.getByRole('combobox', { name: 'Role of Ann' }).click();
      await page.getByRole('option', { name: 'Builder' }).click();
      const ann = async (): Promise<{ role: string; active: boolean } | undefined> =>
        ((await at.hub.api('GET', '/users')).body.items as { login: string; role: string; active: boolean }[]).find(
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
      await row.getByRole('button', { name: 'Let in' }).waitFor();
      const own = page.getByRole('row').filter({ hasText: 'admin@example.org' });
      assert.equal(
        await own.getByRole('button', { name: /Shut out|Delete/ }).count(),
        0,
        'nobody shuts themselves out',
      );
      // Where they are, at the next thing that is asked for, be it by the page itself before they click.
      const signIn = other.page.getByLabel('E-mail address');
      await other.page.getByRole('link', { name: 'Kiosk', exact: true }).or(signIn).first().click();
      await signIn.waitFor();
      await row.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await eventually(async () => (await ann()) === undefined);
      await page.getByRole('tab', { name: 'Audit log' }).click();
      await page.getByText('/users/invitations').first().waitFor();
      await picture(page, 'audit');
      assert.deepEqual([...errors, ...other.errors], []);
    });

    it('offers somebody with a role on one bot what that role may do, and no other bot', async () => {
      const hidden = (await at.hub.api('POST', '/bots', { name: 'Hidden' })).body.appId as string;
      const { page, errors } = await open('/');
      await invited(page, { login: 'viewer@example.org', bots: { [appId]: 'viewer' } });
      // Somebody who sees all was here before, in this very tab.
      await invited(page, { login: 'second@example.org', role: 'admin' });
      await page.reload();
      await page.getByRole('link', { name: 'Hidden', exact: true }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await enter(page, 'viewer@example.org');
      await page.getByRole('link', { name: 'Kiosk', exact: true }).waitFor();
      assert.equal(await page.getByText('Hidden').count(), 0);
      await page.getByRole('link', { name: 'Kiosk', exact: true }).click();
      await page.getByRole('grid').getByText('opening hours').waitFor();
      for (const name of ['Train', 'Import', 'New question', 'Try it'])
        assert.equal(await page.getByRole('button', { name, exact: true }).count(), 0, name);
      await page.getByRole('grid').getByText('opening hours').click();
      await page.getByText('You may read this').waitFor();
      assert.equal(await page.getByLabel('Answer', { exact: true }).isDisabled(), true);
      await page.keyboard.press('Escape');
      for (const name of ['Access', 'New bot', 'Dead letters'])
        assert.equal(await page.getByRole('link', { name, exact: true }).count(), 0, name);
      for (const path of ['channels', 'training', 'conversations', 'misses', 'tests', 'tests/rules', 'process']) {
        await walkTo(page, `/bots/${appId}/${path}`);
        if (path === 'channels') {
          await page.getByRole('button', { name: /^Slack/ }).click();
          await page.getByLabel('Signing Secret').waitFor();
        }
        const offered = await page.getByRole('main').getByRole('button', { disabled: false }).allInnerTexts();
        assert.deepEqual(
          offered.filter((words) => changing.test(words)),
          [],
          path,
        );
      }
      await page.goto(`${at.hub.url}/console/bots/${hidden}`);
      await page.getByText(`There is no bot ${hidden}`).waitFor();
      // Live, though they have no role on the at.hub. Asleep before: a state that comes and goes between two looks is told to nobody.
      await at.hub.api('POST', `/bots/${appId}/park`);
      const stream = page.waitForResponse(/\/events\?/);
      await page.goto(`${at.hub.url}/console/bots/${appId}/process`);
      assert.equal((await stream).status(), 200);
      await page.getByText('asleep', { exact: true }).first().waitFor();
      await at.hub.api('POST', `/bots/${appId}/wake`);
      await page.getByText('awake', { exact: true }).first().waitFor();
      assert.equal(await page.getByRole('button', { name: 'Put to sleep' }).count(), 0);
      assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
      assert.deepEqual(errors, []);
    });

    it('shows a key once, which opens the hub until it is revoked', async () => {
      const { page, errors } = await at.open(`/bots/${appId}/access/keys`);
      await page.getByLabel('Name').fill('CI');
      await page.getByRole('button', { name: 'Make a key' }).click();
      const key = await page.getByTestId('secret').innerText();
      const status = async (): Promise<number> =>
        (await fetch(`${at.hub.url}/api/v1/bots/${appId}`, { headers: { authorization: `Bearer ${key}` } })).status;
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
      assert.deepEqual((await at.hub.api('GET', `/bots/${appId}/retention`)).body, { days: 30 });

      await page.goto(`${at.hub.url}/console/settings/templates`);
      await page.getByRole('combobox', { name: 'Bot' }).click();
      await page.getByRole('option', { name: 'Kiosk' }).click();
      await page.getByLabel('Name').fill('our-shop');
      await page.getByRole('button', { name: 'Save as a template' }).click();
      await page.getByRole('row').filter({ hasText: 'our-shop' }).getByText('1 pairs').waitFor();
      await picture(page, 'templates');
      await page.getByRole('row').filter({ hasText: 'our-shop' }).getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await eventually(async () => (await at.hub.api('GET', '/templates/our-shop')).status === 404);
      assert.deepEqual(errors, []);
    });
  });
}
