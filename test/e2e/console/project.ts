/** A bot's Rasa project. */
import assert from 'node:assert/strict';

import { type ConsoleSuite, picture, violations } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

export function project(at: ConsoleSuite): void {
  describe('a bot’s project', () => {
    let appId: string;
    before(async () => {
      appId = (await at.hub.api('POST', '/bots', { name: 'Travel', template: 'story' })).body.appId as string;
    });
    const stored = async (path: string): Promise<unknown> =>
      (await at.hub.api('GET', `/bots/${appId}/files/${path}`)).body;

    it('edits files, marks what is refused at its line and keeps what was typed, makes files and removes them', async () => {
      const { page, errors } = await at.open(`/bots/${appId}/project`);
      await page.getByRole('navigation', { name: 'Files' }).getByRole('link', { name: 'domain.yml' }).click();
      const editor = page.getByRole('textbox', { name: 'domain.yml' });
      await editor.getByText('intents').first().waitFor();
      const before = await stored('domain.yml');
      await editor.click();
      await page.keyboard.press('Control+Home');
      await page.keyboard.type('broken: [1\n');
      await page.getByText('Changed, not saved yet').waitFor();
      await page.keyboard.press('Control+s');
      await page
        .getByRole('alert')
        .getByText(/Line \d+:/)
        .waitFor();
      await page.locator('.cm-lint-marker-error').first().waitFor();
      assert.equal(await stored('domain.yml'), before, 'nothing was written');
      await editor.getByText('broken: [1').waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'project');
      await editor.click();
      await page.keyboard.press('Control+a');
      await page.evaluate(`(() => {
      const data = new DataTransfer();
      data.setData('text/plain', ${JSON.stringify(`# mended\n${String(before)}`)});
      document.querySelector('.cm-content').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    })()`);
      // Who looks elsewhere meanwhile finds what was typed.
      await page.getByRole('link', { name: 'Training' }).click();
      await page.getByRole('link', { name: 'Stories & project' }).click();
      const tree = page.getByRole('navigation', { name: 'Files' });
      await tree.getByRole('link', { name: 'domain.yml' }).getByLabel('Changed, not saved yet').waitFor();
      await tree.getByRole('link', { name: 'domain.yml' }).click();
      await editor.getByText('# mended').waitFor();
      // What is typed on while it is saved is kept, also for who looks elsewhere then.
      let save: () => void = () => undefined;
      const saving = new Promise<void>((resolve) => (save = resolve));
      await page.route('**/files/domain.yml', (route) => saving.then(() => route.continue()));
      await page.getByRole('button', { name: 'Save' }).click();
      await editor.click();
      await page.keyboard.press('Control+Home');
      await page.keyboard.type('# more\n');
      save();
      await page.getByText('The file is saved').waitFor();
      await page.unroute('**/files/domain.yml');
      await page.getByRole('link', { name: 'Training' }).click();
      await page.getByRole('link', { name: 'Stories & project' }).click();
      await tree.getByRole('link', { name: 'domain.yml' }).click();
      await editor.getByText('# more').waitFor();
      await page.getByRole('button', { name: 'Save' }).click();
      await tree.getByLabel('Changed, not saved yet').waitFor({ state: 'detached' });
      assert.match(String(await stored('domain.yml')), /^# more\n# mended/);
      assert.equal(await page.locator('.cm-lint-marker-error').count(), 0);

      await page.getByLabel('Path of a new file').fill('data/more.yml');
      await page.getByRole('button', { name: 'New file' }).click();
      await page.getByRole('textbox', { name: 'data/more.yml' }).waitFor();
      assert.match(page.url(), /\/project\/data\/more\.yml$/);
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('Choose a file').waitFor();
      await eventually(async () => (await at.hub.api('GET', `/bots/${appId}/files/data/more.yml`)).status === 404);
      assert.deepEqual(errors, []);
    });

    it('is read, and not changed, by who may only read it', async () => {
      const key = { name: 'Reader', role: 'viewer' };
      const { key: token } = (await at.hub.api('POST', `/bots/${appId}/api-keys`, key)).body as { key: string };
      const { page, errors } = await at.open('/', { signedIn: false });
      // Until then it may forget a token, since nobody is signed in.
      await page.getByLabel('Password').waitFor();
      await page.evaluate(`sessionStorage.setItem('switchboard.token', ${JSON.stringify(token)})`);
      await page.goto(`${at.hub.url}/console/bots/${appId}/project/domain.yml`);
      const editor = page.getByRole('textbox', { name: 'domain.yml' });
      await editor.getByText('intents').first().waitFor();
      await editor.click();
      await page.keyboard.type('typed');
      assert.doesNotMatch(await editor.innerText(), /typed/);
      for (const name of ['Save', 'Delete', 'New file', 'Check the project'])
        assert.equal(await page.getByRole('button', { name, exact: true }).count(), 0, name);
      assert.deepEqual(errors, []);
    });

    it('draws stories and rules that begin alike as one, in the dark too', async () => {
      const story = (name: string, last: string): string =>
        `  - story: ${name}\n    steps:\n      - intent: shared_beginning\n      - action: ${last}\n`;
      const text = `version: "3.1"\nstories:\n${story('<img src=x onerror=alert(1)>', 'utter_one')}${story('second', 'utter_two')}`;
      await fetch(`${at.hub.url}/api/v1/bots/${appId}/files/data/drawn.yml`, {
        method: 'PUT',
        body: text,
        headers: { authorization: `Bearer ${at.hub.app.adminToken}`, 'content-type': 'text/plain' },
      });
      const { page, errors } = await at.open(`/bots/${appId}/project/domain.yml`, { colorScheme: 'dark' });
      await page.getByText('intents').first().waitFor();
      assert.deepEqual(await violations(page), []);
      await page.getByText('Stories as a graph').click();
      const graph = page.getByRole('region', { name: 'Stories and rules' });
      await graph.getByText('utter_two').waitFor();
      assert.equal(await graph.getByText('shared_beginning').count(), 1);
      await graph.getByText('<img src=x onerror=alert(1)>').waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'graph');
      assert.deepEqual(errors, []);
    });
  });
}
