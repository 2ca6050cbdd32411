import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { Page } from 'playwright-core';
import { configOf } from '../../src/config.js';
import { type Lab, openLab } from '../../src/lab.js';
import type { Line } from '../../src/lab/desk.js';
import { openLog } from '../../src/log.js';
import { EchoBot } from '../contract/connector.js';
import { openBrowser } from '../support/browser.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';

describe('the channel lab', function () {
  this.timeout(60_000);
  const bot = new EchoBot();
  const logs = openLog({ level: 'warn', pretty: false, write: () => undefined });
  let hub: TestHub;
  let appId: string;
  let lab: Lab;

  const configured = (change: Record<string, string> = {}) =>
    configOf({ HUB_URL: hub.url, ADMIN_TOKEN: hub.app.adminToken, DATA_DIR: hub.dataDir, ...change });
  const open = (platform: string, to = appId, config = configured()): Promise<Lab> =>
    openLab({ config, logs, platform, appId: to, port: 0 });
  const act = async (deed: object): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${lab.url}/deeds`, { method: 'POST', headers, body: JSON.stringify(deed) })).status;
  };
  const lines = async (): Promise<Line[]> =>
    ((await (await fetch(`${lab.url}/state`)).json()) as { lines: Line[] }).lines;
  const line = (words: RegExp): Promise<Line> =>
    eventually(async () => (await lines()).find(({ text }) => words.test(text)));

  before(async () => {
    const remoteUrl = await bot.open();
    hub = await newHub({ env: { EGRESS_ALLOW: '127.0.0.1' } });
    const { body } = await hub.api('POST', '/bots', { name: 'Shop', engine: 'remote', remoteUrl });
    ({ appId } = body as { appId: string });
    bot.answer = (text) =>
      text === 'menu'
        ? [{ text: 'Choose **one**', buttons: [{ title: 'Yes', payload: '/affirm' }] }]
        : [{ text: `echo ${text}` }];
  });
  after(async () => {
    await hub.stop();
    bot.close();
  });

  for (const platform of ['slack', 'telegram', 'teams']) {
    describe(`of ${platform}`, () => {
      before(async () => {
        lab = await open(platform);
        bot.turns.length = 0;
      });
      after(() => lab.stop());

      it('delivers, shows what was sent, and brings a press back', async () => {
        assert.equal(await act({ kind: 'say', text: 'menu' }), 200);
        const { buttons, who, sent } = await line(/^Choose one/);
        assert.deepEqual([who, buttons.length, typeof sent], ['bot', 1, 'object']);
        await act({ kind: 'press', button: buttons[0]!.id });
        await line(/^echo \/affirm$/);
        const { body } = await hub.api('GET', `/bots/${appId}/conversations`);
        assert.ok((body as { items: { id: string }[] }).items.some(({ id }) => /^lab [\da-f]{8} \w+:/.test(id)));
      });

      it('sends what the platform never signed, and a message twice', async () => {
        bot.turns.length = 0;
        await act({ kind: 'forged' });
        await line(/^A forged delivery .* the hub said 40[13] and did not take it\.$/);
        await act({ kind: 'duplicate', text: 'twice' });
        await line(/^Delivered twice; the hub said 200 and 200\./);
        await line(/^echo twice$/);
        assert.deepEqual(bot.turns, ['twice']);
      });

      it('meets an answer with a limit, and says when it came again', async () => {
        await act({ kind: 'limited', text: 'slowly' });
        await line(/^The answer met status 429/);
        const [, seconds] = /after ([\d.]+) s/.exec((await line(/^It came again/)).text) ?? [];
        assert.ok(Number(seconds) >= 1.9, `after ${seconds} s`);
        await line(/^echo slowly$/);
      });

      it('delivers to the bot’s own channel once its author has connected that', async () => {
        const state = async () =>
          (await (await fetch(`${lab.url}/state`)).json()) as { connected: boolean; settings: object };
        const path = `/bots/${appId}/channels/${platform}`;
        assert.equal((await state()).connected, false);
        assert.equal((await hub.api('PUT', path, (await state()).settings)).status, 200);
        await eventually(async () => (await state()).connected);
        await act({ kind: 'say', text: 'by the channel' });
        await line(/^echo by the channel$/);
        const { body } = await hub.api('GET', `/bots/${appId}/conversations?channel=${platform}`);
        assert.equal((body as { items: unknown[] }).items.length, 1);
        await hub.api('DELETE', path);
        await eventually(async () => !(await state()).connected);
      });
    });
  }

  describe('in a browser', () => {
    let page: Page;
    let close: () => Promise<void>;
    before(async () => {
      lab = await open('slack');
      const browser = await openBrowser();
      close = () => browser.close();
      page = await browser.newPage();
      await page.goto(lab.url);
    });
    after(async () => {
      await close();
      await lab.stop();
    });

    it('shows the rendered reply, and does each deed by its button', async () => {
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      const say = async (text: string, button: string): Promise<void> => {
        await page.getByLabel('Message').fill(text);
        await page.getByRole('button', { name: button, exact: true }).click();
      };
      const shows = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor({ timeout: 15_000 });
      await shows('Shop on an emulated Slack');
      await say('menu', 'Send');
      await shows('Choose one');
      await page.getByRole('button', { name: 'Yes', exact: true }).click();
      await shows('echo /affirm');
      await page.getByText('What the hub sent').first().click();
      await shows(/"channel": "D1"/);
      await page.getByRole('button', { name: 'Forge', exact: true }).click();
      await shows(/the hub said 401 and did not take it/);
      await say('both', 'Send twice');
      await shows('the hub said 200 and 200');
      await say('<img src=x onerror=alert(1)>', 'Send, then limit');
      await shows(/It came again after/);
      await shows('echo <img src=x onerror=alert(1)>');
      assert.deepEqual([faults, await page.locator('img').count()], [[], 0]);
    });
  });

  it('answers no page but its own, and takes nothing that it does not know', async () => {
    lab = await open('slack');
    try {
      const { port } = new URL(lab.url);
      const status = (headers: Record<string, string>, body?: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const path = body === undefined ? '/state' : '/deeds';
          const asked = request(
            { host: '127.0.0.1', port, path, method: body === undefined ? 'GET' : 'POST', headers },
            (response) => resolve(response.resume().statusCode),
          );
          asked.on('error', reject).end(body);
        });
      const json = { 'content-type': 'application/json' };
      assert.equal(await status({}), 200);
      assert.equal(await status({ host: 'evil.example' }), 403);
      assert.equal(await status({ origin: 'https://evil.example' }), 403);
      assert.equal(await status({ 'content-type': 'text/plain' }, '{"kind":"forged"}'), 415);
      for (const body of ['', '{}', '{"kind":"say"}', '{"kind":"press","button":"__proto__"}', 'x'.repeat(30_000)]) {
        assert.equal(await status(json, body), 422, body.slice(0, 40));
      }
    } finally {
      await lab.stop();
    }
  });

  it('says what is missing', async () => {
    await assert.rejects(open('fax'), /no lab for fax; there are: slack, telegram, teams/);
    await assert.rejects(open('slack', 'nobody'), new RegExp(`no bot nobody; it has: .*${appId}`));
    const elsewhere = configured({ HUB_URL: 'http://127.0.0.1:9' });
    await assert.rejects(open('slack', appId, elsewhere), /No hub answers at http:\/\/127\.0\.0\.1:9\./);
    const wrong = configured({ ADMIN_TOKEN: 'another-token-0123456789' });
    await assert.rejects(open('slack', appId, wrong), /answers 401: set ADMIN_TOKEN/);
  });

  it('tells in the chat why the bot could not answer', async () => {
    lab = await open('telegram');
    try {
      bot.behave = () => Promise.reject(new Error('broken'));
      await act({ kind: 'say', text: 'break' });
      await line(/^The bot could not answer: /);
    } finally {
      bot.behave = () => Promise.resolve();
      await lab.stop();
    }
  });
});
