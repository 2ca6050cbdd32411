/** From a pasted table to a colleague's answer on Slack. */
import assert from 'node:assert/strict';

import type { Page } from 'playwright-core';

import { configOf } from '../../../src/config.js';
import { openLab } from '../../../src/lab.js';
import { openLog } from '../../../src/log.js';
import { type ConsoleSuite, picture } from '../../support/console.js';

/** The emulated Slack of the command that the console shows. */
interface Lab {
  page: Page;
  /** What it says to put into a field of the channel. */
  setting(label: string): Promise<string>;
  say(text: string): Promise<void>;
  /** Waits until the person there has been told this. */
  heard(text: string): Promise<void>;
}
async function labOf({ hub, browser, atEnd }: ConsoleSuite, appId: string): Promise<Lab> {
  const config = configOf({ HUB_URL: hub.url, ADMIN_TOKEN: hub.app.adminToken, DATA_DIR: hub.dataDir });
  const logs = openLog({ level: 'warn', pretty: false, write: () => undefined });
  const lab = await openLab({ config, logs, platform: 'slack', appId, port: 0 });
  atEnd(() => lab.stop());
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 760, height: 860 } });
  atEnd(() => context.close());
  const page = await context.newPage();
  await page.goto(lab.url);
  await page.getByText("Connect the bot's own Slack channel").click();
  return {
    page,
    setting: (label) => page.locator('dt', { hasText: label }).locator('+ dd code').innerText(),
    async say(text) {
      await page.getByLabel('Message').fill(text);
      await page.keyboard.press('Enter');
    },
    heard: (text) => page.getByRole('listitem').getByText(text, { exact: true }).waitFor({ timeout: 30_000 }),
  };
}

export function journey(at: ConsoleSuite): void {
  describe('as a new author walks it', () => {
    it('makes a bot whose first answer is Rasa’s, connects the lab’s Slack, and a colleague takes a conversation over and gives it back', async () => {
      const { page, errors } = await at.open('/new');
      await page.getByLabel('Name').fill('Cinema');
      await page
        .getByLabel('Questions and answers')
        .fill(
          'What is on tonight?\tA comedy at eight.\nWhat do tickets cost?\tTen euros.\nWhere can I park?\tBehind the house.\n',
        );
      await page.getByRole('button', { name: 'Make the bot' }).click();
      await page.getByRole('textbox', { name: 'Say something' }).fill('how much is a ticket');
      await page.keyboard.press('Enter');
      await page.getByRole('log').getByText('Ten euros.').waitFor({ timeout: 120_000 });
      const understood = page.getByTestId('understood');
      await understood.getByText(/· rasa/).waitFor();
      console.log(`      ${(await understood.innerText()).replaceAll('\n', ' | ')}`);
      assert.match(await understood.innerText(), /Intent: /);
      await picture(page, 'try');

      const appId = /bots\/([^/]+)/.exec(page.url())?.[1] ?? '';
      await page.getByRole('link', { name: 'Channels' }).click();
      await page.getByRole('button', { name: /^Slack/ }).click();
      await page.getByText(`npm run -s switchboard -- lab slack ${appId}`).waitFor();
      const slack = await labOf(at, appId);
      const channel = page.getByRole('region').filter({ hasText: 'Signing Secret' });
      await channel.getByLabel('Bot User OAuth Token').fill(await slack.setting('Bot User OAuth Token'));
      await channel.getByLabel('Signing Secret').fill(await slack.setting('Signing Secret'));
      await channel.getByRole('button', { name: 'Further settings' }).click();
      await channel.getByLabel('Address of Slack').fill(await slack.setting('Address of Slack'));
      await channel.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Slack is saved').waitFor();
      await channel.getByRole('button', { name: 'Check' }).click();
      await channel.getByText('It works', { exact: true }).waitFor();
      await picture(page, 'slack');
      await slack.page.getByText("by the bot's own Slack channel").waitFor();

      await page.getByRole('link', { name: 'Conversations' }).click();
      const list = page.getByRole('list', { name: 'Conversations' });
      await slack.say('where can I leave my car');
      await list.getByText('where can I leave my car').waitFor();
      await slack.heard('Behind the house.');
      await list.getByText('where can I leave my car').click();
      const transcript = page.getByRole('log', { name: 'What was said' });
      await transcript.getByText('Behind the house.').waitFor();
      await page.getByRole('button', { name: 'Take over' }).click();
      await page.getByLabel('Answer the person').fill('This is Ann: gate B.');
      await page.keyboard.press('Enter');
      await slack.heard('This is Ann: gate B.');
      await slack.say('what do tickets cost');
      await transcript.getByText('to admin').waitFor();
      await page.getByRole('button', { name: 'Give back to the bot' }).click();
      await page.getByText('the bot answers').first().waitFor();
      assert.equal(await slack.page.getByText('Ten euros.').count(), 0, 'the bot was silent');
      await slack.say('and what do the tickets cost');
      await slack.heard('Ten euros.');
      await transcript.getByText('Ten euros.').waitFor();
      await picture(page, 'conversations');
      await picture(slack.page, 'lab');
      assert.deepEqual(errors, []);
    });

    it('marks what Rasa’s validator finds at its line', async () => {
      const id = (await at.hub.api('POST', '/bots', { name: 'Travel', template: 'story' })).body.appId as string;
      const rules =
        'version: "3.1"\nrules:\n  - rule: lost\n    steps:\n      - intent: nowhere_defined\n      - action: utter_greet\n';
      await fetch(`${at.hub.url}/api/v1/bots/${id}/files/data/lost.yml`, {
        method: 'PUT',
        body: rules,
        headers: { authorization: `Bearer ${at.hub.app.adminToken}`, 'content-type': 'text/plain' },
      });
      const { page, errors } = await at.open(`/bots/${id}/project/data/lost.yml`);
      await page.getByRole('textbox', { name: 'data/lost.yml' }).waitFor();
      await page.getByRole('button', { name: 'Check the project' }).click();
      const findings = page.getByRole('list', { name: 'What was found' });
      await findings
        .getByText(/nowhere_defined/)
        .first()
        .waitFor({ timeout: 60_000 });
      await page.locator('.cm-lint-marker').first().waitFor();
      await picture(page, 'findings');
      await page.goto(`${at.hub.url}/console/bots/${id}/findings`);
      const found = page.getByRole('region', { name: 'Project files' });
      await found
        .getByText(/nowhere_defined/)
        .first()
        .waitFor({ timeout: 60_000 });
      await found
        .getByRole('link', { name: /^data\/lost\.yml/ })
        .first()
        .waitFor();
      assert.deepEqual(errors, []);
    });
  });
}
