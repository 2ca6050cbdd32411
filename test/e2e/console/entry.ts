/** The way in, the first bot, and what the console is when something does not work. */
import assert from 'node:assert/strict';

import { type ConsoleSuite, picture, violations } from '../../support/console.js';
import { newNode } from '../../support/node.js';

export function entry(at: ConsoleSuite): void {
  describe('at first', () => {
    it('lets nobody in without the token, says where it is, and forgets it at the end', async () => {
      const { page, errors } = await at.open('/', { signedIn: false });
      await page.getByRole('button', { name: 'Sign in with a token instead' }).click();
      await page.getByText('data/admin-token').waitFor();
      const token = page.getByRole('textbox', { name: 'Admin token or API key' });
      await token.fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByText('does not know this token').waitFor();
      assert.deepEqual(await violations(page), []);
      await token.fill(at.hub.app.adminToken);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
      assert.equal(
        await page
          .evaluate('JSON.stringify(localStorage)')
          .then((kept) => String(kept).includes(at.hub.app.adminToken)),
        false,
      );
      await page.reload();
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('E-mail address').waitFor();
      assert.equal(await page.evaluate('sessionStorage.length'), 0);
      await page.evaluate(`sessionStorage.setItem('switchboard.token', 'no longer taken')`);
      await page.reload();
      await page.getByLabel('E-mail address').waitFor();
      assert.equal(await page.evaluate('sessionStorage.length'), 0);
      assert.deepEqual(errors, []);
    });

    for (const [locale, titles] of [
      ['en-GB', { nodes: 'Nodes', ready: 'ready', hubs: 'Hubs on this store' }],
      ['zh-CN', { nodes: '节点', ready: '就绪', hubs: '共用此存储的系统' }],
    ] as const) {
      it(`shows in ${locale} the nodes once there are some, and the hubs once there are several`, async () => {
        const { page, errors } = await at.open('/', { locale });
        await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
        assert.equal(await page.getByText(titles.nodes, { exact: true }).count(), 0);
        const node = await newNode({
          ...{ hub: at.hub.url, token: at.hub.app.adminToken },
          env: { NODE_URL: 'east.example' },
        });
        at.atEnd(() => node.stop());
        await node.ready;
        // Several hubs want a MongoDB and a Redis: what the page makes of them is seen by what it is told.
        await page.route('**/api/v1/machine', async (route) => {
          const response = await route.fetch();
          const hubs = [1, 2].map((n) => ({
            id: `h${n}`,
            url: `http://hub-${n}:5005`,
            host: 'h',
            since: '2026-01-01',
          }));
          await route.fulfill({ response, json: { ...((await response.json()) as object), hubs } });
        });
        await page.reload();
        await page.getByText('east.example').waitFor();
        for (const title of [titles.nodes, titles.hubs]) await page.getByRole('heading', { name: title }).waitFor();
        await page.getByText(titles.ready, { exact: true }).first().waitFor();
        await page.getByText('http://hub-2:5005').waitFor();
        assert.deepEqual(await violations(page), []);
        assert.deepEqual(errors, []);
        await page.unroute('**/api/v1/machine');
      });
    }

    it('makes a bot from what is pasted; it answers in the pane beside what it understood, and training tells its end', async () => {
      const { page, errors } = await at.open('/new');
      await page.getByLabel('Name').fill('Cinema');
      await page
        .getByLabel('Questions and answers')
        .fill('Question\tAnswer\nWhat is on tonight?\tA comedy at eight.\nWhat do tickets cost?\tTen euros.\n');
      await page.getByText('3 rows').waitFor();
      await picture(page, 'new-bot');
      await page.getByRole('button', { name: 'Make the bot' }).click();
      await page.getByRole('heading', { name: 'Cinema' }).waitFor();
      await page.getByText('Cinema is trained').waitFor();
      await page.getByRole('textbox', { name: 'Say something' }).fill('what do tickets cost');
      await page.keyboard.press('Enter');
      await page.getByRole('log').getByText('Ten euros.').waitFor();
      const understood = page.getByTestId('understood');
      await understood.getByText(/Intent: /).waitFor();
      assert.match(await understood.innerText(), /\d+ %[\s\S]*understood in \d+ ms, answered in \d+ ms · lite/);
      assert.deepEqual(errors, []);
    });

    it('says what is wrong with a table, row by row, and keeps what was typed', async () => {
      const { page } = await at.open('/new');
      await page.getByLabel('Name').fill('Broken');
      await page
        .getByLabel('Questions and answers')
        .fill('Question\tAnswer\nA question\tAn answer\nA question\tAnother answer\n');
      await page.getByRole('button', { name: 'Make the bot' }).click();
      await page.getByRole('alert').getByText(/row 3/).first().waitFor();
      await page.getByLabel('Questions and answers').fill('Question\tAnswer\nA question\tAn answer\n');
      await page.getByRole('button', { name: 'Make the bot' }).click();
      await page.getByRole('heading', { name: 'Broken' }).waitFor();
      const { items } = (await at.hub.api('GET', '/bots?limit=100')).body as { items: { name: string }[] };
      assert.equal(items.filter(({ name }) => name === 'Broken').length, 1);
    });

    it('is there soon, with what it needs and no more', async () => {
      // A browser that was never here.
      const context = await at.browser.newContext();
      at.atEnd(() => context.close());
      await context.addInitScript(
        `sessionStorage.setItem('switchboard.token', ${JSON.stringify(at.hub.app.adminToken)})`,
      );
      const page = await context.newPage();
      let bytes = 0;
      const sizes: Promise<void>[] = [];
      page.on('requestfinished', (request) => {
        if (!/\/console\/assets\/.*\.js$/.test(request.url())) return;
        sizes.push(request.sizes().then(({ responseBodySize }) => void (bytes += responseBodySize)));
      });
      await page.goto(`${at.hub.url}/console/`);
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
      const ms = await page.evaluate<number>('performance.now()');
      await Promise.all(sizes);
      console.log(
        `      the list of bots is there after ${Math.round(ms)} ms, with ${Math.round(bytes / 1000)} kB of script`,
      );
      assert.ok(bytes > 100_000 && bytes <= 300_000, `${bytes} bytes`);
    });

    it('shows what each bot was asked today and how much in vain, and the nodes where there are some', async () => {
      const { page, errors } = await at.open('/bots/none');
      const answer = (path: string, body: object) =>
        page.route(path, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) }));
      await answer('**/analytics?*', { totals: { messages: 12, fallback: 3 } });
      const usage = { budget: 2 ** 30, used: 2 ** 20, states: { awake: 2, asleep: 7 } };
      await answer('**/api/v1/nodes', {
        items: [
          { id: 'hub', local: true, state: 'ready', usage: null },
          { id: 'n1', address: '10.0.0.7', local: false, state: 'draining', usage },
        ],
      });
      await page.getByRole('link', { name: 'Bots', exact: true }).click();
      const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'Shop', exact: true }) });
      await row.getByRole('cell', { name: /^12/ }).waitFor();
      await row.getByRole('link', { name: '3 unanswered' }).waitFor();
      await page.getByText('takes no new bots').waitFor();
      await page.getByText('2 bots awake · 1 MB / 1.0 GB').waitFor();
      assert.deepEqual(errors, []);
    });

    it('shows another page when one cannot be drawn, and starts again', async () => {
      const { page } = await at.open('/');
      await page.route('**/api/v1/bots?*', (route) =>
        route.fulfill({
          status: 503,
          contentType: 'application/problem+json',
          body: JSON.stringify({ type: 'x', title: 'x', status: 503, code: 'store_down', detail: 'The store rests.' }),
        }),
      );
      // A stream that begins has the page ask anew by itself; one that breaks off does so too.
      await page.route('**/events?*', () => new Promise(() => undefined));
      await page.reload();
      await page.getByText('The store rests.').waitFor();
      await page.unroute('**/api/v1/bots?*');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    });
  });
}
