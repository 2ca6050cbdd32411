import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';

import type { Page } from 'playwright-core';

import type { BotMessage, BotProgress } from '../../src/contracts.js';
import { bundled, chatFixture, input, pixel, say, shows, tell, until } from '../support/chat.js';
import { awake, sendAll } from '../support/web.js';

/** Texts whose colour is too near to what lies behind them. */
const tooFaint = (page: Page): Promise<string[]> =>
  page.evaluate<string[]>(`(() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => color.slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const color = numbers(getComputedStyle(one).backgroundColor);
        if ((color[3] ?? 1) === 1) return color;
      }
      return [255, 255, 255];
    };
    return [...document.querySelectorAll('body *')].filter((one) => one.offsetParent && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
      .filter((one) => !one.matches('.avatar, .sr, .sr *'))
      .map((one) => { const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))]; return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one]; })
      .filter(([ratio]) => ratio < 4.5).map(([ratio, one]) => ratio.toFixed(2) + ' ' + one.outerHTML.slice(0, 100));
  })()`);

describe('the page of the chat', function () {
  this.timeout(30_000);
  const newChat = chatFixture();

  it('runs no script from a bot’s words, buttons, pictures or name, nor from the person’s', async () => {
    const evil = [
      '<img src=x onerror=alert(1)>',
      '<script>alert(1)</script>',
      '<svg onload=alert(1)>',
      '[x](javascript:alert(1))',
      '[x](JaVaScRiPt:alert(1))',
      '[x](data:text/html,<script>alert(1)</script>)',
      '[x](vbscript:x)',
      '![x](javascript:alert(1))',
      '<javascript:alert(1)>',
      '[x]( javascript:alert(1))',
      '[a](https://e.org/" onmouseover="alert(1))',
      '"><img src=x onerror=alert(1)>',
      "'-alert(1)-'",
      '{{constructor.constructor("alert(1)")()}}',
      '</textarea><script>alert(1)</script>',
      '`<img src=x onerror=alert(1)>`',
      '```\n<script>alert(1)</script>\n```',
      '- <b onclick=alert(1)>x</b>',
      '# <iframe src=javascript:alert(1)>',
      '**<img src=x onerror=alert(1)>**',
    ];
    const answer = (): BotMessage[] => [
      ...evil.map((text) => say(text, { buttons: [{ title: text, payload: text }] })),
      ...[
        'javascript:alert(1)',
        'data:text/html,<script>alert(1)</script>',
        'x" onerror="alert(1)',
        'file:///etc/passwd',
      ].map((image) => ({ recipient_id: 'x', image })),
      { recipient_id: 'x', attachment: 'javascript:alert(1)' },
      { recipient_id: 'x', custom: { html: evil[0], __proto__: null } },
    ];
    const name = `</h1><img src=x onerror=alert(1)>"'</title>`;
    const { page, errors } = await newChat({ answer, name });
    for (const text of evil.slice(0, 3)) await tell(page, text);
    await until('all answers', async () => (await page.locator('.message.bot').count()) >= 3 * (evil.length + 6));
    await page.reload();
    await until('all answers again', async () => (await page.locator('.message.bot').count()) >= 3 * (evil.length + 6));
    assert.equal(await page.locator('h1').innerText(), name);
    assert.equal(await page.locator('script').count(), 1);
    assert.equal(
      await page.locator('.log :is(img, svg, iframe, [onerror], [onload], [onclick], [onmouseover])').count(),
      0,
    );
    const links = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.log a')].map((link) => link.protocol)`,
    );
    assert.deepEqual(
      links.filter((scheme) => !['https:', 'http:', 'mailto:'].includes(scheme)),
      [],
    );
    assert.deepEqual(errors, []);
  });

  it('is not slowed down by text that is hard to parse', async () => {
    const hard = [
      '**a '.repeat(5000),
      '*'.repeat(20_000),
      '['.repeat(20_000),
      '_a '.repeat(6000),
      '`'.repeat(20_000),
      '[a]('.repeat(5000),
      `${'>'.repeat(9000)}https://`.repeat(2),
    ];
    const { page } = await newChat({ answer: () => hard.map((text) => say(text)) });
    await page.locator('.state-line').getByText('Ready').waitFor();
    await tell(page, 'go');
    // A pattern that looks back again and again takes minutes for one of these.
    await until('all drawn', async () => (await page.locator('.message.bot').count()) === hard.length);
  });

  it('can be used by keyboard alone', async () => {
    const answer = (text: string): BotMessage[] =>
      text === '/yes'
        ? [say('Good.')]
        : [
            say('Shall we?', {
              buttons: [
                { title: 'Yes', payload: '/yes' },
                { title: 'No', payload: '/no' },
              ],
            }),
          ];
    const { page } = await newChat({ answer });
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Yes' }).waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await page.locator(':focus').innerText(), 'Yes');
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(outline, 'solid');
    await page.keyboard.press('Enter');
    await shows(page, ['hello', 'Shall we?', 'Yes', 'Good.']);
  });

  it('does not send on the Enter that ends a Chinese word', async () => {
    const { hub, page } = await newChat();
    await input(page).fill('ni');
    const fits = await page.evaluate(
      `document.querySelector('textarea').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))`,
    );
    assert.equal(fits, true, 'the browser may end the word');
    await sleep(100);
    assert.equal(hub.stored.length, 0);
  });

  it('speaks Chinese to those who read it, and the language of the link', async () => {
    const { page, hub } = await newChat({ context: { locale: 'zh-CN' } });
    await page.getByPlaceholder('输入消息').waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh');
    await page.goto(`${hub.url}/bots/a/chat?lang=en`);
    await page.getByPlaceholder('Write a message').waitFor();
  });

  it('leaves a person who reads further up where they are', async () => {
    const { hub, page } = await newChat({ answer: (text) => [say(`${text}\n\n`.repeat(12))] });
    for (const text of ['one', 'two', 'three']) await tell(page, text);
    await until('three answers', async () => (await page.locator('.message.bot').count()) === 3);
    const log = `document.querySelector('.log')`;
    // The page learns of it by an event of the next frame; what is drawn before that takes it to the end again.
    await until('they read further up', () =>
      page.evaluate<boolean>(`new Promise((resolve) => {
        ${log}.addEventListener('scroll', () => resolve(${log}.scrollTop === 0), { once: true });
        ${log}.scrollTo({ top: 0 });
      })`),
    );
    await sendAll(hub.connections.get('a'), `${hub.stored[0]!.to}x`, [say('news')]);
    await page.getByRole('button', { name: 'New messages' }).waitFor();
    assert.equal(await page.evaluate(`${log}.scrollTop`), 0);
    await page.getByRole('button', { name: 'New messages' }).click();
    await until(
      'the end',
      async () => (await page.evaluate<number>(`${log}.scrollHeight - ${log}.scrollTop - ${log}.clientHeight`)) < 5,
    );
  });

  for (const [width, height] of [
    [320, 568],
    [360, 740],
    [1440, 900],
  ] as const) {
    it(`fits ${width} × ${height} without scrolling sideways`, async () => {
      const long = {
        title: 'A very long title of a button that wants more room than a phone has to give',
        payload: '/x',
      };
      const answer = (): BotMessage[] => [
        say(`${'long'.repeat(80)} https://example.org/${'path/'.repeat(40)}\n\n\`\`\`\n${'code '.repeat(60)}\n\`\`\``, {
          buttons: [long],
        }),
        { recipient_id: 'x', image: pixel },
      ];
      const { page } = await newChat({
        answer,
        context: { viewport: { width, height } },
        name: 'A bot with a name that is quite a bit longer than a header',
      });
      await tell(page, 'x'.repeat(300));
      await page.getByRole('button', { name: long.title }).waitFor();
      await until('both answers', async () => (await page.locator('.message.bot').count()) === 2);
      const overflow = await page.evaluate<string[]>(
        `[...document.querySelectorAll('html, body, .chat, .log, .message, .bubble')].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className || one.tagName)`,
      );
      assert.deepEqual(overflow, []);
      const outside = await page.evaluate<string[]>(
        `[...document.querySelectorAll('.message, .message *, .composer *')].filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest('pre, .sr')).map((one) => one.outerHTML.slice(0, 80))`,
      );
      assert.deepEqual(outside, []);
    });
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has text that contrasts 4.5 : 1 or more in ${colorScheme}`, async () => {
      let progress: BotProgress = awake;
      let refuse = false;
      const answer = (): BotMessage[] => [
        say('Text with `code` and [link](https://e.org)', { buttons: [{ title: 'Yes', payload: '/y' }] }),
      ];
      const { page } = await newChat({
        answer,
        refuse: () => refuse,
        progress: () => progress,
        context: { colorScheme, reducedMotion: 'reduce' },
      });
      await tell(page, 'hello');
      await page.getByRole('button', { name: 'Yes' }).waitFor();
      assert.deepEqual(await tooFaint(page), []);
      refuse = true;
      progress = { ready: false, state: 'quarantined', training: null, engineInUse: null, problem: 'it broke' };
      await tell(page, 'refused');
      await page.getByText('Not sent').waitFor();
      await page.reload();
      await page.locator('.banner').getByText('it broke').waitFor();
      assert.deepEqual(await tooFaint(page), []);
    });
  }

  describe('embedded in another page', () => {
    const host = `<!doctype html><title>A shop</title><script src="/widget.js" data-app-id="a" data-title="Ask us"></script><p>Welcome</p><a href="#x">first link</a>`;
    const open = (page: Page): Promise<void> => page.getByRole('button', { name: 'Ask us' }).click();
    const frame = (page: Page) => page.frameLocator('iframe');

    it('opens by a button, talks, and closes by Esc with focus back where it was', async () => {
      const { page, errors } = await newChat({ host, path: '/site' });
      const button = page.getByRole('button', { name: 'Ask us' });
      assert.equal(await button.getAttribute('aria-expanded'), 'false');
      assert.equal(await page.locator('iframe').count(), 0, 'nothing is loaded before it is wanted');
      await button.focus();
      await page.keyboard.press('Enter');
      await frame(page).getByPlaceholder('Write a message').waitFor();
      await until('focus in the chat', () =>
        page.evaluate<boolean>('document.activeElement?.shadowRoot?.activeElement?.tagName === "IFRAME"'),
      );
      await frame(page).locator('textarea:focus').waitFor();
      await page.keyboard.type('hello');
      await page.keyboard.press('Enter');
      await frame(page).getByText('You said hello').waitFor();
      await page.keyboard.press('Escape');
      await button.waitFor();
      assert.equal(await page.locator('iframe').isVisible(), false);
      assert.equal(
        await page.evaluate('document.activeElement?.shadowRoot?.activeElement?.getAttribute("aria-label")'),
        'Ask us',
      );
      await open(page);
      await frame(page).getByText('You said hello').waitFor();
      await frame(page).getByRole('button', { name: 'Close the chat' }).click();
      await button.waitFor();
      assert.deepEqual(errors, []);
    });

    it('marks a reply that came while it was closed, and listens to its own frame only', async () => {
      let answer = (): void => undefined;
      const closed = new Promise<void>((resolve) => (answer = resolve));
      const { page } = await newChat({
        host,
        path: '/site',
        answer: async (text) => (await closed, [say(`re ${text}`)]),
      });
      await open(page);
      await frame(page).getByPlaceholder('Write a message').fill('hi');
      await page.keyboard.press('Enter');
      // Heard after the chat's own listener has heard it.
      await page.evaluate(`new Promise((resolve) => {
        addEventListener('message', resolve, { once: true });
        postMessage({ switchboard: 'close' }, '*');
      })`);
      assert.equal(await page.locator('iframe').isVisible(), true);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Ask us' }).waitFor();
      answer();
      await page.locator('[data-switchboard] i').waitFor();
    });

    it('appears once however often the page asks for it, and fills a phone', async () => {
      const twice = host + '<script src="/widget.js" data-app-id="a"></script>';
      const { page } = await newChat({
        host: twice,
        path: '/site',
        context: { viewport: { width: 360, height: 640 } },
      });
      await open(page);
      await frame(page).getByPlaceholder('Write a message').waitFor();
      assert.equal(await page.locator('[data-switchboard]').count(), 1);
      const whole = { x: 0, y: 0, width: 360, height: 640 };
      // Opening is animated.
      const box = () => page.locator('iframe').boundingBox();
      await until('the whole screen', async () => isDeepStrictEqual(await box(), whole)).catch(async () =>
        assert.deepEqual(await box(), whole),
      );
    });
  });

  it('is small', async () => {
    const bundles = await bundled();
    const zipped = (name: string): number => gzipSync(bundles.get(name) ?? '').length;
    assert.ok(zipped('chat.js') > 0 && zipped('chat.js') < 80_000, `chat.js ${zipped('chat.js')}`);
    assert.ok(zipped('widget.js') > 0 && zipped('widget.js') < 4000, `widget.js ${zipped('widget.js')}`);
  });
});
