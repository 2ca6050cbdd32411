import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, Page } from 'playwright-core';

import { echoEngine, seedBots } from '../../bench/path/hub.js';
import type { Engine, RunningEngine, Store } from '../../src/contracts.js';
import { openBrowser } from '../support/browser.js';
import { type ConsoleOptions, openConsole, picture, violations } from '../support/console.js';
import { eventually, newHub, type TestHub } from '../support/hub.js';

const appId = 'desk';
/** The echoing bot, which calls for a person when it is asked to. */
const engine: Engine = {
  ...echoEngine,
  async launch(bot, model): Promise<RunningEngine> {
    const running = await echoEngine.launch(bot, model);
    return {
      ...running,
      reply: async (turn) => {
        const answer = await running.reply(turn);
        if (turn.text !== 'a person, please') return answer;
        return { ...answer, messages: [{ recipient_id: turn.sender, text: 'I call one.', custom: { handoff: true } }] };
      },
    };
  },
};

describe('conversations in the console', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let browser: Browser;
  let store: Store;
  let dataDir: string;
  const cleanups: (() => Promise<void>)[] = [];
  const open = async (path: string, options: ConsoleOptions = {}): Promise<{ page: Page; errors: string[] }> => {
    const { close, ...opened } = await openConsole(browser, hub, { path, ...options });
    cleanups.push(close);
    return opened;
  };
  const say = (sender: string, message: string) => hub.api('POST', `/bots/${appId}/messages`, { sender, message });
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-desk-'));
    await seedBots(`sqlite:${join(dataDir, 'switchboard.db')}`, { dataDir, appIds: [appId, 'many'] });
    const standIns = { engines: { rasa: engine }, store: (opened: Store) => (store = opened) };
    [hub, browser] = await Promise.all([newHub({ dataDir, standIns }), openBrowser()]);
  });
  after(async () => {
    await browser.close();
    await hub.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('appear as they begin, are taken over and given back, and the person hears who answers', async () => {
    const desk = await open(`/bots/${appId}/conversations`);
    const { page } = desk;
    await page.getByText('No conversation yet').waitFor();
    const chat = await (await browser.newContext({ locale: 'en-GB' })).newPage();
    cleanups.push(() => chat.context().close());
    await chat.goto(`${hub.url}/bots/${appId}/chat`);
    await chat.getByLabel('Your message').fill('a person, please');
    await chat.keyboard.press('Enter');
    await chat.getByText('I call one.').waitFor();

    const list = page.getByRole('list', { name: 'Conversations' });
    await list.getByText('a person, please').waitFor();
    await page.getByRole('link', { name: /Waiting people\s*1/ }).click();
    await page.getByRole('row').filter({ hasText: 'waits for a person' }).getByRole('link').click();
    const transcript = page.getByRole('log', { name: 'What was said' });
    await transcript.getByText('a person, please').waitFor();
    assert.match(await transcript.innerText(), /echo · 100 %/);
    const address = page.url();
    await page.getByRole('button', { name: 'Take over' }).click();
    await page.getByText('held: admin').first().waitFor();
    await page.getByLabel('Answer the person').fill('Hello, this is Ann. <b>How</b> can I help?');
    await page.keyboard.press('Enter');
    await chat.getByText('Hello, this is Ann.').waitFor();
    await transcript.getByText('<b>How</b>').waitFor();
    await chat.getByLabel('Your message').fill('my order is late');
    await chat.keyboard.press('Enter');
    await transcript.getByText('my order is late').waitFor();
    await transcript.getByText('to admin').waitFor();
    await page.getByRole('link', { name: 'Waiting people' }).getByText('1').waitFor({ state: 'hidden' });
    assert.deepEqual(await violations(page), []);
    await picture(page, 'conversation');
    assert.equal(await chat.getByText('echo my order is late').count(), 0, 'the bot is silent');
    await page.getByRole('button', { name: 'Give back to the bot' }).click();
    await page.getByText('the bot answers').first().waitFor();
    await chat.getByLabel('Your message').fill('thank you');
    await chat.keyboard.press('Enter');
    await transcript.getByText('echo thank you').waitFor();

    // The address alone opens it, also for somebody else.
    const other = await open('/');
    await other.page.goto(address);
    await other.page.getByRole('log', { name: 'What was said' }).getByText('my order is late').waitFor();
    assert.deepEqual([...desk.errors, ...other.errors], []);
  });

  it('are reviewed, tagged, noted, answered from what is at hand, found by filters, and erased', async () => {
    await say('rosa', 'where is my parcel');
    await say('otto', 'good morning');
    const { page, errors } = await open(`/bots/${appId}/conversations`);
    const list = page.getByRole('list', { name: 'Conversations' });
    await list.getByRole('link', { name: /rosa/ }).click();
    const about = page.getByRole('complementary', { name: 'About this conversation' });
    await about.getByText('Reviewed').click();
    const talk = async (): Promise<{ review: string; tags: string[] }> =>
      (await hub.api('GET', `/bots/${appId}/conversations/rosa`)).body.conversation.care as never;
    await eventually(async () => (await talk()).review === 'reviewed');
    await about.getByLabel('Tags').fill('parcel');
    await page.keyboard.press('Enter');
    await eventually(async () => (await talk()).tags[0] === 'parcel');
    await about.getByLabel('A note that').fill('She called twice.');
    await about.getByRole('button', { name: 'Add the note' }).click();
    await about.getByText('She called twice.').waitFor();

    await page.getByRole('button', { name: 'Waiting and answers' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Add an answer' }).click();
    await dialog.getByLabel('Title').fill('Parcel');
    await dialog.getByLabel('Words').fill('It is on its way.');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Take over' }).click();
    await page.getByRole('button', { name: 'Answers at hand' }).click();
    await page.getByRole('menuitem', { name: /Parcel/ }).click();
    await page.getByLabel('Answer the person').press('Enter');
    // Nobody can be written to who holds no line; the words stay.
    await page.getByText('That did not work').first().waitFor();
    assert.equal(await page.getByLabel('Answer the person').inputValue(), 'It is on its way.');
    await page.getByRole('button', { name: 'Give back to the bot' }).click();

    await page.getByLabel('Search what was said').fill('good morning');
    await list.getByRole('link', { name: /rosa/ }).waitFor({ state: 'hidden' });
    await list.getByRole('link', { name: /otto/ }).waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByRole('button', { name: /^Filters/ }).click();
    await page.getByLabel('Tag', { exact: true }).fill('parcel');
    await list.getByRole('link', { name: /otto/ }).waitFor({ state: 'hidden' });
    await list.getByRole('link', { name: /rosa/ }).waitFor();
    await page.keyboard.press('Escape');
    assert.match(page.url(), /tag=parcel/);
    assert.deepEqual(await violations(page), []);

    await page.getByRole('button', { name: 'Erase this person' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Erase this person' }).click();
    await page.getByText('Choose a conversation').waitFor();
    assert.equal((await hub.api('GET', `/bots/${appId}/conversations/rosa`)).body.conversation, null);
    assert.deepEqual(errors, []);
  });

  it('stay quick where there are many, on a narrow screen too, and by keyboard', async () => {
    const count = 600;
    for (let at = 0; at < count; at += 1)
      await store.conversations.receive({
        ...{ appId: 'many', channel: 'rest', conversation: `p${at}`, eventId: `e${at}`, text: `number ${at}` },
        ...{ payload: false, to: `p${at}`, metadata: {} },
      });
    const { page, errors } = await open('/bots/many/conversations');
    const list = page.getByRole('list', { name: 'Conversations' });
    await list.getByText(`number ${count - 1}`).waitFor();
    assert.ok((await list.getByRole('listitem').count()) < 40, 'only what is seen is drawn');
    const top = list.getByRole('link').first();
    await top.focus();
    for (let times = 0; times < 3; times += 1) await page.keyboard.press('ArrowDown');
    await eventually(() => page.evaluate('document.activeElement.dataset.index === "3"'));
    const box = 'document.querySelector(".sb-talks")';
    const asked: string[] = [];
    page.on('request', (request) => {
      if (/\/conversations\?/.test(request.url())) asked.push(request.url());
    });
    // Each page is fetched when the end comes near, from where the last one ended.
    const height = (): Promise<number> => page.evaluate<number>(`${box}.scrollHeight`);
    for (let step = 1; step <= 4; step += 1) {
      const before = await height();
      await page.evaluate(`${box}.scrollTop = ${box}.scrollHeight`);
      await eventually(async () => (await height()) > before);
    }
    assert.ok(asked.length >= 4 && asked.every((url) => /cursor=/.test(url)));
    assert.ok((await list.getByRole('listitem').count()) < 40);
    // What comes in goes to the top, and moves nobody who reads further down.
    const before = await page.evaluate<number>(`${box}.scrollTop`);
    await hub.api('POST', '/bots/many/messages', { sender: 'new', message: 'just now' });
    await page.evaluate(`${box}.scrollTop = 0`);
    await list.getByText('just now', { exact: true }).waitFor();
    assert.ok(before > 1000);
    await page.setViewportSize({ width: 420, height: 800 });
    await list.getByText('just now', { exact: true }).click();
    await page.getByRole('log', { name: 'What was said' }).getByText('just now', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'All conversations' }).click();
    await list.getByText('just now', { exact: true }).waitFor();
    assert.deepEqual(errors, []);
  });
});
