import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { newHub, realRasa, type TestHub } from '../support/hub.js';

/** What a newcomer does: opens the printed chat link while the demo bot is still in training, waits, and talks. */
describe('the demo bot in a browser', function () {
  this.timeout(180_000);
  let hub: TestHub;
  let browser: Browser;
  before(async () => {
    [hub, browser] = await Promise.all([newHub({ rasa: realRasa() }), openBrowser()]);
  });
  after(async () => {
    await browser.close();
    await hub.stop();
  });

  it('says what it waits for, answers from Rasa, and shows the conversation again after a reload', async () => {
    const page = await browser.newPage({ viewport: { width: 900, height: 720 } });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    assert.ok(hub.app.chatUrl);
    await page.goto(hub.app.chatUrl);
    await page
      .getByText(/in training|waking/i)
      .first()
      .waitFor({ timeout: 15_000 });
    await page.getByRole('textbox').fill('How can I make a bot of my own?');
    await page.keyboard.press('Enter');
    await page.getByText(/POST/).first().waitFor({ timeout: 120_000 });
    await page.getByRole('textbox').fill('Welche Sprachen verstehst du?');
    await page.keyboard.press('Enter');
    await page
      .getByText(/sixteen|16/)
      .first()
      .waitFor({ timeout: 20_000 });
    await page.getByText('Rasa').first().waitFor({ timeout: 5000 });
    mkdirSync('docs/pictures', { recursive: true });
    if (process.env['UPDATE_PICTURES']) {
      await page.waitForTimeout(1000);
      await page.screenshot({ path: 'docs/pictures/chat.png' });
    }
    await page.reload();
    await page.getByText('How can I make a bot of my own?').waitFor({ timeout: 15_000 });
    const { items } = (await hub.api('GET', '/bots/demo/conversations')).body as {
      items: { id: string; channel: string }[];
    };
    assert.equal(items[0]?.channel, 'web');
    const log = (await hub.api('GET', `/bots/demo/conversations/${encodeURIComponent(items[0].id)}`)).body as {
      items: { replies: { metadata: { engine: string } }[] }[];
    };
    assert.ok(log.items.every(({ replies }) => replies.every(({ metadata }) => metadata.engine === 'rasa')));
    // Like Rasa, its API decodes no id in a path.
    const tracker = await fetch(`${hub.url}/bots/demo/conversations/${items[0].id}/tracker`, {
      headers: { authorization: `Bearer ${hub.app.adminToken}` },
    });
    const { events } = (await tracker.json()) as { events: { event: string; metadata?: { locale?: string } }[] };
    assert.equal(
      events.findLast(({ event }) => event === 'user')?.metadata?.locale,
      await page.evaluate('navigator.language'),
    );
    assert.deepEqual(errors, []);
  });
});
