/** The console as four people use it who have no mouse. */
import assert from 'node:assert/strict';

import type { Locator, Page } from 'playwright-core';

import type { ConsoleSuite } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

/** More stops than any page has. */
const most = 120;

/** Whether what has the focus looks otherwise than without. */
const isMarked = `(() => {
  const element = document.activeElement;
  for (const box of [element, element.parentElement]) box.style.transition = 'none';
  // Some mark the box around it instead.
  const look = () => [element, element.parentElement].map((box) => {
    const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(box);
    return [outline, boxShadow, borderColor, backgroundColor].join();
  }).join();
  const focused = look();
  element.blur();
  const plain = look();
  element.focus();
  return focused !== plain;
})()`;

/** Goes on by Tab until the focus is on `wanted`, where it can be seen. */
async function reach(page: Page, wanted: Locator): Promise<void> {
  await wanted.waitFor();
  // Tab passes by what cannot be pressed yet.
  await eventually(() => wanted.isEnabled());
  for (let stops = 0; stops < most; stops += 1) {
    if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) {
      assert.ok(await page.evaluate<boolean>(isMarked), `the focus is not seen on ${String(wanted)}`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  assert.fail(`${String(wanted)} is not reached by Tab`);
}

async function press(page: Page, wanted: Locator, key = 'Enter'): Promise<void> {
  await reach(page, wanted);
  await page.keyboard.press(key);
}

async function write(page: Page, wanted: Locator, text: string): Promise<void> {
  await reach(page, wanted);
  await page.keyboard.insertText(text);
}

/** `shop`: a bot that is trained; `desk`: one that calls for a person. */
export function keyboard(at: ConsoleSuite, shop: () => string, desk: string): void {
  describe('by keyboard alone', () => {
    it('an author pastes questions, has a bot and asks it', async () => {
      const { page, errors } = await at.open('/');
      await press(page, page.getByRole('link', { name: 'New bot' }).first());
      await write(page, page.getByLabel('Name'), 'Garden');
      await write(
        page,
        page.getByLabel('Questions and answers'),
        'Question\tAnswer\nWhen is the garden open?\tFrom ten.\nWho waters the roses?\tThe rain.\n',
      );
      await press(page, page.getByRole('button', { name: 'Make the bot' }));
      await page.getByText('Garden is trained').waitFor();
      await write(page, page.getByRole('textbox', { name: 'Say something' }), 'who waters the roses');
      await page.keyboard.press('Enter');
      await page.getByRole('log').getByText('The rain.').waitFor();
      assert.deepEqual(errors, []);
    });

    it('an operator finds a bot, puts it to sleep and wakes it', async () => {
      const { page, errors } = await at.open('/');
      await press(page, page.getByRole('link', { name: 'Shop', exact: true }).first());
      await press(page, page.getByRole('link', { name: 'Process & options' }));
      const state = async (): Promise<string> => (await at.hub.api('GET', `/bots/${shop()}`)).body.state as string;
      await at.hub.api('POST', `/bots/${shop()}/wake`);
      await press(page, page.getByRole('button', { name: 'Put to sleep' }));
      await eventually(async () => (await state()) === 'asleep');
      await press(page, page.getByRole('button', { name: 'Wake', exact: true }));
      await eventually(async () => (await state()) === 'awake');
      assert.deepEqual(errors, []);
    });

    it('a developer makes a key, keeps it and revokes it', async () => {
      const { page, errors } = await at.open(`/bots/${shop()}`);
      await press(page, page.getByRole('link', { name: 'Access', exact: true }));
      await reach(page, page.getByRole('tab', { selected: true }));
      await page.keyboard.press('ArrowRight');
      await page.getByRole('tab', { name: 'Keys', selected: true }).waitFor();
      await write(page, page.getByLabel('Name'), 'Client');
      await press(page, page.getByRole('button', { name: 'Make a key' }));
      const key = await page.getByTestId('secret').innerText();
      const status = async (): Promise<number> =>
        (await fetch(`${at.hub.url}/api/v1/bots/${shop()}`, { headers: { authorization: `Bearer ${key}` } })).status;
      assert.equal(await status(), 200);
      await press(page, page.getByRole('button', { name: 'I have kept it' }));
      const revoke = page.getByRole('row').filter({ hasText: 'Client' }).getByRole('button', { name: 'Revoke' });
      await press(page, revoke);
      // The dialog has the focus, keeps it, and gives it back where it came from.
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await eventually(() => revoke.evaluate((element) => element === element.ownerDocument.activeElement));
      await page.keyboard.press('Enter');
      await press(page, page.getByRole('dialog').getByRole('button', { name: 'Revoke' }));
      await eventually(async () => (await status()) === 401);
      assert.deepEqual(errors, []);
    });

    it('an agent takes a conversation over, answers, and gives it back', async () => {
      const context = await at.browser.newContext({ locale: 'en-GB' });
      at.atEnd(() => context.close());
      const chat = await context.newPage();
      await chat.goto(`${at.hub.url}/bots/${desk}/chat`);
      await write(chat, chat.getByLabel('Your message'), 'a person, please');
      await chat.keyboard.press('Enter');
      await chat.getByText('I call one.').waitFor();
      const { page, errors } = await at.open('/');
      await press(page, page.getByRole('link', { name: /Waiting people/ }));
      await press(page, page.getByRole('row').filter({ hasText: 'waits for a person' }).getByRole('link'));
      await press(page, page.getByRole('button', { name: 'Take over' }));
      await write(page, page.getByLabel('Answer the person'), 'Here I am.');
      await page.keyboard.press('Enter');
      await chat.getByText('Here I am.').waitFor();
      await press(page, page.getByRole('button', { name: 'Give back to the bot' }));
      await page.getByRole('button', { name: 'Take over' }).waitFor();
      assert.deepEqual(errors, []);
    });
  });
}
