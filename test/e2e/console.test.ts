import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { openBrowser } from '../support/browser.js';
import { type ConsoleOptions, openConsole, picture, violations } from '../support/console.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

const shop = [
  { Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: 'From 9 to 5.' },
  { Q: [{ q: 'Do you ship abroad?' }, { q: 'delivery to other countries' }], A: 'Yes, to all of Europe.' },
];

describe('the console', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let browser: Browser;
  let appId: string;
  const cleanups: (() => Promise<void>)[] = [];
  const open = async (path: string, options: ConsoleOptions = {}): Promise<{ page: Page; errors: string[] }> => {
    const { close, ...opened } = await openConsole(browser, hub, { path, ...options });
    cleanups.push(close);
    return opened;
  };
  /** A bot that has been trained with the shop's questions. */
  const trained = async (name: string): Promise<string> => {
    const id = (await hub.api('POST', '/bots', { name })).body.appId as string;
    await hub.api('POST', `/bots/${id}/train?wait=true`, shop);
    return id;
  };
  before(async () => {
    [hub, browser] = await Promise.all([newHub({ env: { EGRESS_ALLOW: '127.0.0.1' } }), openBrowser()]);
    appId = await trained('Shop');
  });
  after(async () => {
    await browser.close();
    await hub.stop();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('lets nobody in without the token, says where it is, and forgets it at the end', async () => {
    const { page, errors } = await open('/', { signedIn: false });
    await page.getByRole('button', { name: 'Sign in with a token instead' }).click();
    await page.getByText('data/admin-token').waitFor();
    const token = page.getByRole('textbox', { name: 'Admin token or API key' });
    await token.fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('does not know this token').waitFor();
    assert.deepEqual(await violations(page), []);
    await token.fill(hub.app.adminToken);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    assert.equal(
      await page.evaluate('JSON.stringify(localStorage)').then((kept) => String(kept).includes(hub.app.adminToken)),
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
    assert.deepEqual(errors, []);
  });

  it('makes a bot from what is pasted; it answers in the pane beside what it understood, and training tells its end', async () => {
    const { page, errors } = await open('/new');
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
    const { page } = await open('/new');
    await page.getByLabel('Name').fill('Broken');
    await page
      .getByLabel('Questions and answers')
      .fill('Question\tAnswer\nA question\tAn answer\nA question\tAnother answer\n');
    await page.getByRole('button', { name: 'Make the bot' }).click();
    await page.getByRole('alert').getByText(/row 3/).first().waitFor();
    await page.getByLabel('Questions and answers').fill('Question\tAnswer\nA question\tAn answer\n');
    await page.getByRole('button', { name: 'Make the bot' }).click();
    await page.getByRole('heading', { name: 'Broken' }).waitFor();
    const { items } = (await hub.api('GET', '/bots?limit=100')).body as { items: { name: string }[] };
    assert.equal(items.filter(({ name }) => name === 'Broken').length, 1);
  });

  describe('questions and answers', () => {
    const many = 5000;
    let large: string;
    const stored = async (): Promise<{ Q: { q: string }[]; A: unknown }[]> =>
      (await hub.api('GET', `/bots/${large}/faq`)).body as { Q: { q: string }[]; A: unknown }[];
    before(async () => {
      large = (await hub.api('POST', '/bots', { name: 'Large' })).body.appId as string;
      const pairs = Array.from({ length: many }, (_, at) => ({
        Q: [{ q: `Question number ${at} about the article ${at * 7}` }, { q: `Another way to ask for ${at}` }],
        A: `The answer to number ${at}.`,
      }));
      assert.equal((await hub.api('PUT', `/bots/${large}/faq`, pairs)).status, 200);
    });

    it('scrolls, finds, edits, takes back and changes many of 5,000 pairs', async () => {
      const { page, errors } = await open(`/bots/${large}`);
      const grid = page.getByRole('grid');
      await grid.getByText('Question number 0 about').waitFor();
      const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
        const box = document.querySelector('.sb-grid');
        const times = [];
        let last = performance.now();
        const step = (now) => {
          times.push(now - last);
          last = now;
          box.scrollTop += 400;
          if (times.length < 120) requestAnimationFrame(step);
          else resolve(times.slice(1).sort((a, b) => a - b));
        };
        requestAnimationFrame(step);
      })`);
      const at = (share: number): string => (frames[Math.floor(frames.length * share)] ?? 0).toFixed(1);
      console.log(`      frames while scrolling: median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(0.999)} ms`);
      assert.ok((await grid.getByRole('row').count()) < 60, 'only what is seen is drawn');

      await page.getByLabel('Search questions and answers').fill('number 4321 ');
      await grid.getByText('Question number 4321 about').click();
      await page.getByLabel('Answer', { exact: true }).fill('Changed.');
      await page.keyboard.press('Control+Enter');
      await eventually(async () => (await stored())[4321]?.A === 'Changed.');
      await page.getByRole('button', { name: 'Undo' }).click();
      await eventually(async () => (await stored())[4321]?.A === 'The answer to number 4321.');

      await page.getByLabel('Search questions and answers').fill('article 700');
      await grid.getByText('Question number 100 about').waitFor();
      await page.getByLabel(/selected$/).check();
      await page.getByRole('button', { name: 'Delete' }).click();
      await eventually(async () => (await stored()).length < many);
      await page.getByRole('button', { name: 'Undo' }).click();
      await eventually(async () => (await stored()).length === many);
      assert.deepEqual(errors, []);
    });

    it('goes from row to row by keyboard, takes a pasted table, and asks when somebody else wrote meanwhile', async () => {
      const { page } = await open(`/bots/${large}`);
      await page.getByRole('grid').getByText('Question number 0 about').waitFor();
      await page.locator('[data-index="0"]').focus();
      for (let times = 0; times < 3; times += 1) await page.keyboard.press('ArrowDown');
      await eventually(() => page.evaluate('document.activeElement.dataset.index === "3"'));
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').getByText('Question and answer').waitFor();
      await page.keyboard.press('Escape');

      await page.evaluate(`(() => {
        const data = new DataTransfer();
        data.setData('text/plain', 'A pasted question\\tA pasted answer\\n');
        document.querySelector('.sb-grid').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      })()`);
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Import', exact: true }).click();
      await dialog.getByText('1 new topic').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).last().click();
      assert.equal((await stored()).length, many + 1);

      await hub.api('POST', `/bots/${large}/faq/pairs`, { Q: [{ q: 'From elsewhere' }], A: 'x' });
      await page.getByRole('button', { name: 'New question' }).click();
      await page.getByLabel('Ways to ask').fill('From here');
      await page.getByLabel('Answer', { exact: true }).fill('y');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('alert').getByText('Somebody else').waitFor();
      assert.ok(
        (await stored()).some(({ A }) => A === 'x'),
        'nothing was written over it',
      );
      await page.getByRole('button', { name: 'Take theirs' }).click();
      await page.getByLabel('Search questions and answers').fill('From elsewhere');
      await page.getByRole('grid').getByText('From elsewhere').waitFor();
    });
  });

  it('shows trainings with their log, compares two versions and goes back', async () => {
    const id = await trained('Versions');
    await hub.api('POST', `/bots/${id}/train?wait=true`, [
      { Q: [{ q: 'When are you open?' }], A: 'Around the clock.' },
    ]);
    const { page, errors } = await open(`/bots/${id}/training`);
    await page.getByRole('button', { name: 'Log' }).first().click();
    await page.locator('.sb-log').waitFor();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page
      .getByRole('dialog')
      .getByText(/\+ .*Around the clock/)
      .waitFor();
    await picture(page, 'compare');
    await page.keyboard.press('Escape');
    const active = async (): Promise<string> => (await hub.api('GET', `/bots/${id}`)).body.activeModel as string;
    const before = await active();
    await page.getByRole('button', { name: 'Back one version' }).click();
    await page.getByText('The version answers now').waitFor();
    assert.notEqual(await active(), before);
    await page.getByRole('button', { name: 'Use this' }).click();
    await eventually(async () => (await active()) === before);
    assert.deepEqual(errors, []);
  });

  it('sets a channel up, names what is wrong, and keeps secrets out of sight', async () => {
    const { page, errors } = await open(`/bots/${appId}/channels`);
    await page.getByRole('button', { name: /^Slack/ }).click();
    await page.getByText(`${hub.url}/webhooks/slack/${appId}`).waitFor();
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
    const slack = (await hub.api('GET', `/bots/${appId}/channels/slack`)).body as { secrets: Record<string, boolean> };
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
    const rest = (await hub.api('GET', `/bots/${appId}/channels/rest`)).body as { settings: object };
    assert.deepEqual(rest.settings, { enabled: true }, 'who may call was not decided by a form that nobody filled in');
    assert.deepEqual(errors, []);
  });

  it('shows how the chat will look while it is chosen, and pages get it so', async () => {
    const { page, errors } = await open(`/bots/${appId}/channels`);
    await page.getByRole('button', { name: /^Web/ }).click();
    await page.getByText(`src="${hub.url}/widget.js" data-app-id="${appId}"`).waitFor();
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
    await form.getByRole('button', { name: 'Save' }).click();
    await page
      .getByRole('alert')
      .getByText(/avatar/)
      .first()
      .waitFor();
    assert.equal((await hub.api('GET', `/bots/${appId}/channels/web`)).body.settings.appearance, undefined);
    await form.getByLabel('Picture of the bot').fill('');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Web is saved').waitFor();
    const response = await fetch(`${hub.url}/bots/${appId}/appearance`);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(await response.json(), {
      ...{ enabled: true, title: 'Ask the shop', color: '#0b6b50', greeting: 'Need help?' },
      texts: { hello: 'Hi from {name}' },
    });
    assert.equal((await fetch(`${hub.url}/bots/none/appearance`)).status, 404);
    assert.deepEqual(errors, []);
  });

  it('wakes a bot and puts it to sleep, as others see at once, and keeps options', async () => {
    const { page, errors } = await open(`/bots/${appId}/process`);
    await hub.api('POST', `/bots/${appId}/park`);
    await page.getByText('asleep').first().waitFor();
    await hub.api('POST', `/bots/${appId}/wake`);
    await page.getByText('Shop is running').waitFor();
    await page.getByRole('button', { name: 'Put to sleep' }).click();
    await eventually(async () => ((await hub.api('GET', `/bots/${appId}`)).body.state as string) === 'asleep');
    await page.getByLabel('What it says when it does not know').fill('Ask my colleague.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('counts from the next training').waitFor();
    const bot = (await hub.api('GET', `/bots/${appId}`)).body as { options: object; threshold: null };
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
    cleanups.push(() => new Promise((resolve) => platform.close(() => resolve())));
    const id = await trained('Post');
    const callbackUrl = `http://127.0.0.1:${(platform.address() as AddressInfo).port}/`;
    await hub.api('PUT', `/bots/${id}/channels/rest`, { callbackUrl });
    await fetch(`${hub.url}/bots/${id}/webhooks/callback/webhook`, {
      method: 'POST',
      body: JSON.stringify({ sender: 'anna', message: 'opening hours' }),
    });
    const letters = async (): Promise<unknown[]> => (await hub.api('GET', '/dead-letters')).body.items as unknown[];
    await eventually(async () => (await letters()).length === 1);
    const { page, errors } = await open('/dead-letters');
    await page.getByText(/status 302/).waitFor();
    await page.getByText('opening hours').waitFor();
    await picture(page, 'dead-letters');
    status = 200;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Nothing was given up').waitFor();
    await eventually(async () => (await letters()).length === 0);
    assert.deepEqual(errors, []);
  });

  it('is there soon, with what it needs and no more', async () => {
    // A browser that was never here.
    const context = await browser.newContext();
    cleanups.push(() => context.close());
    await context.addInitScript(`sessionStorage.setItem('switchboard.token', ${JSON.stringify(hub.app.adminToken)})`);
    const page = await context.newPage();
    let bytes = 0;
    const sizes: Promise<void>[] = [];
    page.on('requestfinished', (request) => {
      if (!/\/console\/assets\/.*\.js$/.test(request.url())) return;
      sizes.push(request.sizes().then(({ responseBodySize }) => void (bytes += responseBodySize)));
    });
    await page.goto(`${hub.url}/console/`);
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
    const ms = await page.evaluate<number>('performance.now()');
    await Promise.all(sizes);
    console.log(
      `      the list of bots is there after ${Math.round(ms)} ms, with ${Math.round(bytes / 1000)} kB of script`,
    );
    assert.ok(bytes > 100_000 && bytes <= 300_000, `${bytes} bytes`);
  });

  it('shows another page when one cannot be drawn, and starts again', async () => {
    const { page } = await open('/');
    await page.route('**/api/v1/bots?*', (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'x', title: 'x', status: 503, code: 'store_down', detail: 'The store rests.' }),
      }),
    );
    await page.reload();
    await page.getByText('The store rests.').waitFor();
    await page.unroute('**/api/v1/bots?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
  });

  const pages = [
    '',
    '/conversations',
    '/misses',
    '/training',
    '/tests',
    '/tests/questions',
    '/tests/promotion',
    '/tests/rules',
    '/analytics',
    '/channels',
    '/process',
    '/access',
    '/access/keys',
    '/access/audit',
  ];
  /** The others have pictures with more on them, made where that is tested. */
  const pictured = ['home', 'new', 'questions', 'training', 'channels', 'process'];
  for (const [language, colorScheme] of [
    ['en-GB', 'light'],
    ['zh-CN', 'dark'],
  ] as const) {
    it(`has every page in ${language}, ${colorScheme}, with nothing that keeps people out`, async () => {
      const { page, errors } = await open('/', { locale: language, colorScheme });
      const faults: string[] = [];
      const wanted: [string, string][] = [
        ['home', '/'],
        ['new', '/new'],
        ['dead-letters', '/dead-letters'],
        ['waiting', '/waiting'],
        ['settings', '/settings'],
        ['settings/users', '/settings/users'],
        ['settings/templates', '/settings/templates'],
        ...pages.map((path): [string, string] => [path.slice(1) || 'questions', `/bots/${appId}${path}`]),
      ];
      for (const [name, path] of wanted) {
        // As a click on a link does it: the scripts are not read again.
        await page.evaluate(
          `history.pushState({}, '', '/console${path}'); dispatchEvent(new PopStateEvent('popstate'))`,
        );
        await page.getByRole('heading').first().waitFor();
        await eventually(async () => (await page.getByRole('status', { name: /Loading|正在加载/ }).count()) === 0);
        if (name === 'channels') await page.getByRole('button', { name: /^Slack/ }).click();
        await page.evaluate('document.fonts.ready');
        // Not every machine that makes pictures has Chinese letters.
        if (language === 'en-GB' && pictured.includes(name)) await picture(page, name);
        faults.push(...(await violations(page)).map((fault) => `${path} ${fault}`));
        const bare = (await page.locator('body').innerText()).match(
          /\b(?:nav|home|new|grid|pair|state|job|training|versions|channels|field|help|process|options|dead|try|talk|care|review|keys|people|users|own|access|audit|role|templates|waiting|desk|retention|miss|tests|gate|figures)\.[a-zA-Z]+\b/g,
        );
        faults.push(
          ...(bare ?? [])
            .filter((word) => !/^(?:new|home)\.$/.test(word))
            .map((word) => `${path} has no words for ${word}`),
        );
      }
      assert.deepEqual(faults, []);
      assert.equal(await page.locator('html').getAttribute('lang'), language.slice(0, 2));
      assert.deepEqual(errors, []);
    });
  }
});

describe('the console with Rasa', function () {
  this.timeout(180_000);
  let hub: TestHub;
  let browser: Browser;
  const slack = new FakeSlack();
  before(async () => {
    const env = { EGRESS_ALLOW: '127.0.0.1', PUBLIC_URL: 'https://hub.example' };
    [hub, browser] = await Promise.all([newHub({ rasa: realRasa(), env }), openBrowser(), slack.open()]);
  });
  after(async () => {
    await browser.close();
    await hub.stop();
    await slack.close();
  });

  it('makes a bot whose first answer is Rasa’s, connects Slack, and a colleague takes a conversation over and gives it back', async () => {
    const { page, errors, close } = await openConsole(browser, hub, { path: '/new' });
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

    await page.getByRole('link', { name: 'Channels' }).click();
    await page.getByRole('button', { name: /^Slack/ }).click();
    const { botToken, signingSecret, apiUrl } = slack.settings() as Record<string, string>;
    await page.getByLabel('Bot User OAuth Token').fill(botToken ?? '');
    await page.getByLabel('Signing Secret').fill(signingSecret ?? '');
    await page.getByRole('button', { name: 'Further settings' }).first().click();
    await page.getByLabel('Address of Slack').fill(apiUrl ?? '');
    await page.getByRole('button', { name: 'Save' }).first().click();
    await page.getByText('Slack is saved').waitFor();
    await page.getByRole('button', { name: 'Check' }).first().click();
    await page.getByText('It works', { exact: true }).waitFor();

    await page.getByRole('link', { name: 'Conversations' }).click();
    const list = page.getByRole('list', { name: 'Conversations' });
    const appId = /bots\/([^/]+)/.exec(page.url())?.[1] ?? '';
    let events = 0;
    const say = async (text: string): Promise<void> => {
      const act = { id: String((events += 1)), chat: slack.chat(1), text };
      assert.equal((await slack.say(`${hub.url}/webhooks/slack/${appId}`, act)).at(-1), 200);
    };
    const posted = (text: string): Promise<unknown> =>
      eventually(() => slack.posts.some((post) => post.text.includes(text)), 30);
    await say('where can I leave my car');
    await list.getByText('where can I leave my car').waitFor();
    await posted('Behind the house.');
    await list.getByText('where can I leave my car').click();
    const transcript = page.getByRole('log', { name: 'What was said' });
    await transcript.getByText('Behind the house.').waitFor();
    await page.getByRole('button', { name: 'Take over' }).click();
    await page.getByLabel('Answer the person').fill('This is Ann: gate B.');
    await page.keyboard.press('Enter');
    await posted('This is Ann: gate B.');
    await say('what do tickets cost');
    await transcript.getByText('to admin').waitFor();
    const before = slack.posts.length;
    await page.getByRole('button', { name: 'Give back to the bot' }).click();
    await page.getByText('the bot answers').first().waitFor();
    assert.equal(slack.posts.length, before, 'the bot was silent');
    await say('and what do the tickets cost');
    await posted('Ten euros.');
    await transcript.getByText('Ten euros.').waitFor();
    await picture(page, 'conversations');
    assert.deepEqual(errors, []);
    await close();
  });

  it('marks what Rasa’s validator finds at its line', async () => {
    const id = (await hub.api('POST', '/bots', { name: 'Travel', template: 'story' })).body.appId as string;
    const rules =
      'version: "3.1"\nrules:\n  - rule: lost\n    steps:\n      - intent: nowhere_defined\n      - action: utter_greet\n';
    await fetch(`${hub.url}/api/v1/bots/${id}/files/data/lost.yml`, {
      method: 'PUT',
      body: rules,
      headers: { authorization: `Bearer ${hub.app.adminToken}`, 'content-type': 'text/plain' },
    });
    const { page, errors, close } = await openConsole(browser, hub, { path: `/bots/${id}/project/data/lost.yml` });
    await page.getByRole('textbox', { name: 'data/lost.yml' }).waitFor();
    await page.getByRole('button', { name: 'Check the project' }).click();
    const findings = page.getByRole('list', { name: 'What was found' });
    await findings
      .getByText(/nowhere_defined/)
      .first()
      .waitFor({ timeout: 60_000 });
    await page.locator('.cm-lint-marker').first().waitFor();
    await picture(page, 'findings');
    assert.deepEqual(errors, []);
    await close();
  });
});
