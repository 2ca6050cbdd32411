/** A bot's versions, channels, process, and what was given up. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type ConsoleSuite, picture } from '../../support/console.js';
import { eventually } from '../../support/hub.js';
import { trained } from './shop.js';

/** `shop`: a bot that is trained. */
export function setup(at: ConsoleSuite, shop: () => string): void {
  describe('setting a bot up', () => {
    it('shows trainings with their log, compares two versions and goes back', async () => {
      const id = await trained(at.hub, 'Versions');
      await at.hub.api('POST', `/bots/${id}/train?wait=true`, [
        { Q: [{ q: 'When are you open?' }], A: 'Around the clock.' },
      ]);
      const { page, errors } = await at.open(`/bots/${id}/training`);
      await page.getByRole('button', { name: 'Log' }).first().click();
      await page.locator('.sb-log').waitFor();
      await page.getByRole('button', { name: 'Compare' }).click();
      await page
        .getByRole('dialog')
        .getByText(/\+ .*Around the clock/)
        .waitFor();
      await picture(page, 'compare');
      await page.keyboard.press('Escape');
      const active = async (): Promise<string> => (await at.hub.api('GET', `/bots/${id}`)).body.activeModel as string;
      const before = await active();
      await page.getByRole('button', { name: 'Back one version' }).click();
      await page.getByText('The version answers now').waitFor();
      const now = await active();
      assert.notEqual(now, before);
      // Until the table is read anew, its button is that of the version that answers already.
      const answering = page.getByRole('row').filter({ hasText: 'answers now' });
      await answering.locator(`a[href$="version=${now}"]`).waitFor();
      await page.getByRole('button', { name: 'Use this' }).click();
      await eventually(async () => (await active()) === before);
      assert.deepEqual(errors, []);
    });

    it('sets a channel up, names what is wrong, and keeps secrets out of sight', async () => {
      const { page, errors } = await at.open(`/bots/${shop()}/channels`);
      await page.getByRole('button', { name: /^Slack/ }).click();
      await page.getByText(`${at.hub.url}/webhooks/slack/${shop()}`).waitFor();
      await page.getByLabel('Signing Secret').fill('short');
      await page.getByRole('button', { name: 'Save' }).click();
      await page
        .getByRole('alert')
        .getByText(/signingSecret/)
        .first()
        .waitFor();
      await page.getByLabel('Signing Secret').fill('0123456789abcdef0123456789abcdef');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Slack is saved').waitFor();
      const slack = (await at.hub.api('GET', `/bots/${shop()}/channels/slack`)).body as {
        secrets: Record<string, boolean>;
      };
      assert.equal(slack.secrets['signingSecret'], true);
      await page.getByPlaceholder('set; leave empty to keep it').waitFor();
      assert.ok(!(await page.content()).includes('0123456789abcdef'));
      await page.getByRole('button', { name: 'Check' }).click();
      await page.getByText('It does not work yet').waitFor();

      await page.getByRole('button', { name: /^REST/ }).click();
      await page.getByRole('textbox', { name: 'Callback address' }).fill('http://10.0.0.1/');
      await page
        .getByRole('region')
        .filter({ hasText: 'Callback address' })
        .getByRole('button', { name: 'Save' })
        .click();
      await page
        .getByRole('alert')
        .getByText(/callbackUrl/)
        .first()
        .waitFor();
      await page.getByRole('textbox', { name: 'Callback address' }).fill('');
      await page
        .getByRole('region')
        .filter({ hasText: 'Callback address' })
        .getByRole('button', { name: 'Save' })
        .click();
      await page.getByText('REST is saved').waitFor();
      const rest = (await at.hub.api('GET', `/bots/${shop()}/channels/rest`)).body as { settings: object };
      assert.deepEqual(
        rest.settings,
        { enabled: true },
        'who may call was not decided by a form that nobody filled in',
      );
      assert.deepEqual(errors, []);
    });

    it('shows how the chat will look while it is chosen, and pages get it so', async () => {
      const { page, errors } = await at.open(`/bots/${shop()}/channels`);
      await page.getByRole('button', { name: /^Web/ }).click();
      await page.getByText(`src="${at.hub.url}/widget.js" data-app-id="${shop()}"`).waitFor();
      const form = page.getByRole('region').filter({ hasText: 'Look of the chat' });
      await form.getByLabel('Title of the chat').fill('Ask the shop');
      await form.getByRole('textbox', { name: 'Colour' }).fill('#0b6b50');
      await form.getByLabel('Greeting beside the button').fill('Need help?');
      await form.getByLabel('Welcome (').fill('Hi from {name}');
      const preview = page.frameLocator('iframe[title="The chat as it will look"]');
      await preview.getByText('Hi from Ask the shop').waitFor();
      await form.getByText('Right to left').click();
      await preview.locator('html[dir=rtl]').waitFor();
      await form.getByText('English').click();
      await preview.locator('html[dir=ltr]').getByText('Hi from Ask the shop').waitFor();
      await picture(page, 'widget');
      await form.getByLabel('Picture of the bot').fill('ftp://x');
      // The preview is drawn anew meanwhile, and asks for no such picture.
      await form.getByLabel('Title of the chat').fill('Ask us');
      await preview.getByText('Hi from Ask us').waitFor();
      await form.getByLabel('Title of the chat').fill('Ask the shop');
      await preview.getByText('Hi from Ask the shop').waitFor();
      await form.getByRole('button', { name: 'Save' }).click();
      await page
        .getByRole('alert')
        .getByText(/avatar/)
        .first()
        .waitFor();
      assert.equal((await at.hub.api('GET', `/bots/${shop()}/channels/web`)).body.settings.appearance, undefined);
      await form.getByLabel('Picture of the bot').fill('');
      await form.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Web is saved').waitFor();
      const response = await fetch(`${at.hub.url}/bots/${shop()}/appearance`);
      assert.equal(response.headers.get('access-control-allow-origin'), '*');
      assert.deepEqual(await response.json(), {
        ...{ enabled: true, title: 'Ask the shop', color: '#0b6b50', greeting: 'Need help?' },
        texts: { hello: 'Hi from {name}' },
      });
      assert.equal((await fetch(`${at.hub.url}/bots/none/appearance`)).status, 404);
      assert.deepEqual(errors, []);
    });

    it('wakes a bot and puts it to sleep, as others see at once, and keeps options', async () => {
      const { page, errors } = await at.open(`/bots/${shop()}/process`);
      await at.hub.api('POST', `/bots/${shop()}/park`);
      await page.getByText('asleep', { exact: true }).first().waitFor();

      // What happens after the page has asked, and before it hears of news.
      await at.hub.api('POST', `/bots/${shop()}/wake`);
      let parked: () => void = () => undefined;
      const park = new Promise<void>((resolve) => (parked = resolve));
      await page.route('**/events?*', async (route) => {
        await park;
        await route.continue();
      });
      await page.reload();
      await page.getByRole('button', { name: 'Put to sleep' }).waitFor();
      await at.hub.api('POST', `/bots/${shop()}/park`);
      parked();
      await page.getByText('asleep', { exact: true }).first().waitFor();
      await page.unroute('**/events?*');

      await at.hub.api('POST', `/bots/${shop()}/wake`);
      await page.getByText('awake', { exact: true }).first().waitFor();
      // Told whoever learns of it first, the stream or what is asked anew.
      await page.getByText('Shop is running').waitFor();
      await page.getByRole('button', { name: 'Put to sleep' }).click();
      await eventually(async () => ((await at.hub.api('GET', `/bots/${shop()}`)).body.state as string) === 'asleep');
      await page.getByLabel('What it says when it does not know').fill('Ask my colleague.');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('counts from the next training').waitFor();
      const bot = (await at.hub.api('GET', `/bots/${shop()}`)).body as { options: object; threshold: null };
      assert.deepEqual([bot.options, bot.threshold], [{ fallback: 'Ask my colleague.' }, null]);
      await page.getByLabel('Components of your own').fill('[{"name": "NoSuchThing"}]');
      await page.getByRole('button', { name: 'Save' }).click();
      await page
        .getByText(/NoSuchThing/)
        .first()
        .waitFor();
      assert.deepEqual(errors, []);
    });

    it('shows what was given up with its reason, and tries it again', async () => {
      let status = 302;
      const platform = createServer((_, response) => void response.writeHead(status).end());
      await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve));
      at.atEnd(() => new Promise<void>((resolve) => platform.close(() => resolve())));
      const id = await trained(at.hub, 'Post');
      const callbackUrl = `http://127.0.0.1:${(platform.address() as AddressInfo).port}/`;
      await at.hub.api('PUT', `/bots/${id}/channels/rest`, { callbackUrl });
      await fetch(`${at.hub.url}/bots/${id}/webhooks/callback/webhook`, {
        method: 'POST',
        body: JSON.stringify({ sender: 'anna', message: 'opening hours' }),
      });
      const letters = async (): Promise<unknown[]> =>
        (await at.hub.api('GET', '/dead-letters')).body.items as unknown[];
      await eventually(async () => (await letters()).length === 1);
      const { page, errors } = await at.open('/dead-letters');
      await page.getByText(/status 302/).waitFor();
      await page.getByText('opening hours').waitFor();
      await picture(page, 'dead-letters');
      status = 200;
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('Nothing was given up').waitFor();
      await eventually(async () => (await letters()).length === 0);
      assert.deepEqual(errors, []);
    });
  });
}
