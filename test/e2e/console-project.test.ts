import assert from 'node:assert/strict';

import type { Browser, Page } from 'playwright-core';

import { openBrowser } from '../support/browser.js';
import { openConsole, picture, violations } from '../support/console.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';

describe('a bot’s project in the console', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let browser: Browser;
  let appId: string;
  const cleanups: (() => Promise<void>)[] = [];
  before(async () => {
    [hub, browser] = await Promise.all([newHub(), openBrowser()]);
    appId = (await hub.api('POST', '/bots', { name: 'Travel', template: 'story' })).body.appId as string;
  });
  after(async () => {
    await browser.close();
    await hub.stop();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  const open = async (
    path: string,
    colorScheme: 'light' | 'dark' = 'light',
  ): Promise<{ page: Page; errors: string[] }> => {
    const { close, ...opened } = await openConsole(browser, hub, { path, colorScheme });
    cleanups.push(close);
    return opened;
  };
  const stored = async (path: string): Promise<unknown> => (await hub.api('GET', `/bots/${appId}/files/${path}`)).body;

  it('edits files, marks what is refused at its line and keeps what was typed, makes files and removes them', async () => {
    const { page, errors } = await open(`/bots/${appId}/project`);
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
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The file is saved').waitFor();
    assert.match(String(await stored('domain.yml')), /^# mended/);
    assert.equal(await page.locator('.cm-lint-marker-error').count(), 0);

    await page.getByLabel('Path of a new file').fill('data/more.yml');
    await page.getByRole('button', { name: 'New file' }).click();
    await page.getByRole('textbox', { name: 'data/more.yml' }).waitFor();
    assert.match(page.url(), /\/project\/data\/more\.yml$/);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Choose a file').waitFor();
    await eventually(async () => (await hub.api('GET', `/bots/${appId}/files/data/more.yml`)).status === 404);
    assert.deepEqual(errors, []);
  });

  it('draws stories and rules that begin alike as one, in the dark too', async () => {
    const story = (name: string, last: string): string =>
      `  - story: ${name}\n    steps:\n      - intent: shared_beginning\n      - action: ${last}\n`;
    const text = `version: "3.1"\nstories:\n${story('<img src=x onerror=alert(1)>', 'utter_one')}${story('second', 'utter_two')}`;
    await fetch(`${hub.url}/api/v1/bots/${appId}/files/data/drawn.yml`, {
      method: 'PUT',
      body: text,
      headers: { authorization: `Bearer ${hub.app.adminToken}`, 'content-type': 'text/plain' },
    });
    const { page, errors } = await open(`/bots/${appId}/project/domain.yml`, 'dark');
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
