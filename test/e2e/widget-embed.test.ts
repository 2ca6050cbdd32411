import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';

import type { BotMessage } from '../../src/contracts.js';
import { chatFixture, pixel, say, tell, until } from '../support/chat.js';
import { violations } from '../support/console.js';

describe('the widget on another page', function () {
  this.timeout(30_000);
  const newChat = chatFixture();
  const tag = (attributes = ''): string => `<script src="/widget.js" data-app-id="a"${attributes}></script>`;
  const host = (script: string): string =>
    `<!doctype html><html lang="en"><title>A shop</title>${script}<h1>Welcome</h1>`;
  const style = `getComputedStyle(document.querySelector('[data-switchboard]').shadowRoot.querySelector('button'))`;
  const listening = `window.heard = []; for (const name of ['ready', 'open', 'close', 'message', 'unread'])
    addEventListener('switchboard:' + name, ({ detail }) => heard.push(name + (name === 'unread' ? detail.unread : '')))`;

  it('looks as its author wants, greets once a visit, and is run by the page', async () => {
    const appearance = {
      title: 'Ask Ann',
      color: '#ffe066',
      position: 'left',
      greeting: 'Need help? <b>',
      greetingSeconds: 0,
    } as const;
    let closed = (): void => undefined;
    const close = new Promise<void>((resolve) => (closed = resolve));
    const answer = async (text: string): Promise<BotMessage[]> => {
      if (text === 'again') await close;
      return [say(`re ${text}`), say('and more')];
    };
    // What fades in is too faint until it is there.
    const context = { reducedMotion: 'reduce' } as const;
    const { page, errors } = await newChat({ host: host(tag()), path: '/site', appearance, answer, context });
    await page.addInitScript(listening);
    const button = page.getByRole('button', { name: 'Ask Ann' });
    await page.getByRole('status').getByText('Need help? <b>').waitFor();
    const box = await button.boundingBox();
    assert.ok(box && box.x < 100, 'in the left corner');
    const colours = await page.evaluate(`${style}.backgroundColor + ${style}.color`);
    assert.equal(colours, 'rgb(255, 224, 102)rgb(0, 0, 0)');
    assert.deepEqual(await violations(page), []);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await page.getByText('Need help?').count(), 0);
    await page.reload();
    await button.waitFor();
    await sleep(200);
    assert.equal(await page.getByText('Need help?').count(), 0, 'not twice in a visit');

    await page.evaluate('Switchboard.say("from the page")');
    const frame = page.frameLocator('iframe');
    for (const text of ['re from the page', 'and more']) await frame.getByText(text).waitFor();
    assert.equal(await page.evaluate('Switchboard.isOpen'), true);
    await frame.getByRole('textbox', { name: 'Your message' }).fill('again');
    await page.keyboard.press('Enter');
    await page.evaluate('Switchboard.close()');
    assert.equal(await page.evaluate('Switchboard.isOpen'), false);
    closed();
    await page.getByRole('button', { name: 'Ask Ann (2 unread)' }).waitFor();
    assert.equal(await page.evaluate('Switchboard.unread'), 2);
    await page.evaluate('Switchboard.toggle()');
    assert.equal(await page.evaluate('Switchboard.unread'), 0);
    const heard = await page.evaluate<string[]>('heard');
    assert.deepEqual(
      heard.filter((name) => name !== 'message'),
      ['ready', 'open', 'close', 'unread1', 'unread2', 'unread0', 'open'],
    );
    // Who has talked here before hears of answers without opening it first.
    await page.reload();
    await page.locator('iframe').waitFor({ state: 'attached' });
    assert.equal(await page.locator('iframe').isVisible(), false);
    assert.deepEqual(errors, []);
  });

  it('takes its look from the tag where the page forbids to ask, and is not there where the channel is off', async () => {
    const { page } = await newChat({
      host: host(
        `<meta http-equiv="content-security-policy" content="connect-src 'none'">${tag(' data-title="Our chat" data-color="#0b6b50"')}`,
      ),
      path: '/site',
    });
    const button = page.getByRole('button', { name: 'Our chat' });
    await button.waitFor();
    await until(
      'the colour of the tag',
      async () => (await page.evaluate(`${style}.backgroundColor`)) === 'rgb(11, 107, 80)',
    );
    const off = await newChat({ host: host(tag()), path: '/site', appearance: { enabled: false } as never });
    await off.page.waitForLoadState('networkidle');
    assert.equal(await off.page.locator('[data-switchboard]').count(), 0);
  });

  it('does what the page around it says and no other frame of it, and takes a look in the making from its own hub alone', async () => {
    const { page, hub } = await newChat({ host: host(tag()), path: '/site', answer: (text) => [say(`re ${text}`)] });
    await page.waitForFunction('window.Switchboard');
    await page.evaluate('Switchboard.open()');
    const frame = page.frameLocator('iframe[title="Chat"]');
    await frame.getByRole('textbox', { name: 'Your message' }).waitFor();
    await page.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { name: 'advert' }))`);
    await until('the advert', () => page.frame('advert') !== null);
    await page
      .frame('advert')
      ?.evaluate(
        `parent.document.querySelector('[data-switchboard]').shadowRoot.querySelector('iframe').contentWindow.postMessage({ switchboard: 'say', text: 'forged' }, '*')`,
      );
    await page.evaluate('Switchboard.say("from the page")');
    await frame.getByText('re from the page').waitFor();
    assert.equal(await frame.getByText('forged').count(), 0);

    const bank = page.frameLocator('iframe[name="dressed"]').getByText('Your bank').first();
    const dress = async (origin: string): Promise<void> => {
      await page.goto(`${origin}/site`);
      await page.evaluate(`new Promise((resolve) => {
        const frame = Object.assign(document.createElement('iframe'), { name: 'dressed', onload: resolve });
        frame.src = '${hub.url}/bots/a/chat?embed=1&preview=1';
        document.body.append(frame);
      })`);
      await page.evaluate(
        `frames['dressed'].postMessage({ switchboard: 'look', appearance: { title: 'Your bank' } }, '*')`,
      );
    };
    await dress(hub.url);
    await bank.waitFor();
    await dress(hub.url.replace('127.0.0.1', 'localhost'));
    await page.waitForTimeout(500);
    assert.match((await page.frame('dressed')?.content()) ?? '', /switchboard-bot/, 'the chat is there');
    assert.equal(await bank.count(), 0);
  });

  it('has the author’s own words, a picture, cards and the name of who answers; right to left where it is read so', async () => {
    const card = (title: string, more: object): object => ({ title, subtitle: `about ${title}`, ...more });
    const evil = 'javascript:alert(1)';
    const elements = [
      card('Red shoes', { image_url: pixel, buttons: [{ type: 'postback', title: 'Buy', payload: '/buy' }] }),
      card('<img src=x onerror=alert(1)>', {
        image_url: 'data:text/html,<script>alert(1)</script>',
        default_action: { type: 'web_url', url: evil },
        buttons: [
          { type: 'web_url', title: 'Look', url: evil },
          { type: 'web_url', title: 'Page', url: 'https://shop.example/x' },
        ],
      }),
    ];
    const answer = (text: string): BotMessage[] => {
      if (text === 'cards')
        return [
          { recipient_id: 'x', attachment: { type: 'template', payload: { template_type: 'generic', elements } } },
        ];
      if (text === 'person') return [{ recipient_id: 'x', custom: { handoff: true } }];
      if (text === 'ann') return [{ ...say('I am here.'), metadata: { agent: 'Ann <i>' } }];
      return [say(`You said ${text}`)];
    };
    const appearance = {
      avatar: pixel,
      texts: { hello: 'Hi, I am {name}!', start: 'Ask away.', calling: 'One moment …' },
    };
    const { page, errors } = await newChat({
      appearance,
      answer,
      path: '/bots/a/chat?lang=ar',
      context: { locale: 'en-GB', reducedMotion: 'reduce' },
    });
    await page.addInitScript(
      'window.rung = 0; window.AudioContext = class { constructor() { window.rung += 1; throw new Error(); } };',
    );
    await page.reload();
    assert.equal(await page.locator('html').getAttribute('dir'), 'rtl');
    await page.getByText('Hi, I am Opening Hours!').waitFor();
    await page.locator('header .avatar img').waitFor();
    await tell(page, 'cards');
    const cards = page.getByRole('list', { name: '2 cards' });
    await cards.getByText('<img src=x onerror=alert(1)>', { exact: true }).waitFor();
    assert.equal(await cards.getByRole('link').count(), 1, 'only what leads to a page');
    assert.equal(await cards.getByRole('link', { name: 'Page' }).getAttribute('href'), 'https://shop.example/x');
    assert.equal(await cards.locator('img').count(), 1);
    await cards.getByRole('button', { name: 'Buy' }).click();
    await page.getByText('You said /buy').waitFor();
    await tell(page, 'person');
    await page.getByText('One moment …').waitFor();
    await tell(page, 'ann');
    await page.locator('.person').getByText('Ann <i> answers you now').waitFor();
    await page.locator('.agent').getByText('Ann <i>').waitFor();
    assert.deepEqual(await violations(page), []);
    await tell(page, 'bye');
    await page.getByText('You said bye').waitFor();
    assert.equal(await page.locator('.person').isVisible(), false, 'the bot has the word again');
    assert.equal(await page.evaluate('rung'), 0, 'no sound unless it was wanted');
    assert.deepEqual(errors, []);
  });

  it('sounds where its author wants it and nobody looks', async () => {
    const answer = async (text: string): Promise<BotMessage[]> => (await sleep(200), [say(`re ${text}`)]);
    const { page } = await newChat({ appearance: { sound: true }, answer });
    await page.addInitScript(
      'window.rung = 0; window.AudioContext = class { constructor() { window.rung += 1; throw new Error(); } }; document.hasFocus = () => window.looks === true;',
    );
    await page.reload();
    await tell(page, 'one');
    await page.getByText('re one').waitFor();
    assert.equal(await page.evaluate('rung'), 1);
    await page.evaluate('window.looks = true');
    await tell(page, 'two');
    await page.getByText('re two').waitFor();
    assert.equal(await page.evaluate('rung'), 1);
  });
});
