/** Conversations as they go on, and what a colleague does there. */
import assert from 'node:assert/strict';

import type { Page } from 'playwright-core';

import { echoEngine } from '../../../bench/path/hub.js';
import type { Engine, RunningEngine, Store } from '../../../src/contracts.js';
import { type ConsoleSuite, picture, violations } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

const appId = 'desk';
/** Bots that `deskEngine` answers for, as `seedBots` makes them. */
export const deskBots = [appId, 'many'];
/** The echoing bot, which calls for a person when it is asked to. */
export const deskEngine: Engine = {
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

/** The hub has `deskBots`; `store` is its own. */
export function conversations(at: ConsoleSuite, store: () => Store): void {
  describe('conversations', () => {
    const say = (sender: string, message: string) => at.hub.api('POST', `/bots/${appId}/messages`, { sender, message });
    /** Somebody in the chat of the web. */
    const person = async (): Promise<Page> => {
      const context = await at.browser.newContext({ locale: 'en-GB' });
      at.atEnd(() => context.close());
      const chat = await context.newPage();
      await chat.goto(`${at.hub.url}/bots/${appId}/chat`);
      return chat;
    };
    const write = async (chat: Page, text: string): Promise<void> => {
      await chat.getByLabel('Your message').fill(text);
      await chat.keyboard.press('Enter');
    };
    before(async () => {
      await at.hub.api('PATCH', '/bots/desk', { name: 'Help desk' });
      await at.hub.api('PATCH', '/bots/many', { name: 'Post office' });
    });

    it('appear as they begin, are taken over and given back, and the person hears who answers', async () => {
      const desk = await at.open(`/bots/${appId}/conversations`);
      const { page } = desk;
      await page.getByText('No conversation yet').waitFor();
      const chat = await person();
      await write(chat, 'a person, please');
      await chat.getByText('I call one.').waitFor();

      const list = page.getByRole('list', { name: 'Conversations' });
      await list.getByText('a person, please').waitFor();
      await page.getByRole('link', { name: /Waiting people\s*1/ }).click();
      await page.getByRole('row').filter({ hasText: 'waits for a person' }).getByRole('link').click();
      const transcript = page.getByRole('log', { name: 'What was said' });
      await transcript.getByText('a person, please').waitFor();
      await eventually(async () => /echo · 100 %/.test(await transcript.innerText()));
      const address = page.url();
      await page.getByRole('button', { name: 'Take over' }).click();
      await page.getByText('held: admin').first().waitFor();
      await page.getByLabel('Answer the person').fill('Hello, this is Ann. <b>How</b> can I help?');
      await page.keyboard.press('Enter');
      await chat.getByText('Hello, this is Ann.').waitFor();
      await transcript.getByText('<b>How</b>').waitFor();
      await write(chat, 'my order is late');
      await transcript.getByText('my order is late').waitFor();
      await transcript.getByText('to admin').waitFor();
      await page.getByRole('link', { name: 'Waiting people' }).getByText('1').waitFor({ state: 'hidden' });
      assert.deepEqual(await violations(page), []);
      await picture(page, 'conversation');
      assert.equal(await chat.getByText('echo my order is late').count(), 0, 'the bot is silent');
      await page.getByRole('button', { name: 'Give back to the bot' }).click();
      await page.getByText('the bot answers').first().waitFor();
      await write(chat, 'thank you');
      await transcript.getByText('echo thank you').waitFor();

      // The address alone opens it, also for somebody else.
      const other = await at.open('/');
      await other.page.goto(address);
      await other.page.getByRole('log', { name: 'What was said' }).getByText('my order is late').waitFor();
      assert.deepEqual([...desk.errors, ...other.errors], []);
    });

    it('are taken from a colleague by who says so again; what is sent twice, or half written, is not said', async () => {
      const chat = await person();
      await write(chat, 'is anybody there');
      await chat.getByText('echo is anybody there').waitFor();
      const { items } = (await at.hub.api('GET', `/bots/${appId}/conversations?channel=web`)).body as {
        items: { id: string }[];
      };
      const talk = `/bots/${appId}/conversations/${encodeURIComponent(items[0]?.id ?? '')}`;
      const agent = async (): Promise<unknown> => (await at.hub.api('GET', talk)).body.conversation.care.agent;
      assert.equal((await at.hub.api('POST', `${talk}/takeover`, { agent: 'Bo' })).status, 200);
      const { page, errors } = await at.open(talk);
      await page.getByText('held: Bo').first().waitFor();
      const answer = page.getByLabel('Answer the person');
      assert.equal(await answer.count(), 0, 'who does not hold it does not speak in it');
      const take = page.getByRole('button', { name: 'Take it all the same' });
      await take.click();
      await page.getByRole('dialog').getByText('Bo holds this conversation').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      assert.equal(await agent(), 'Bo');
      await take.first().click();
      await page.getByRole('dialog').getByRole('button', { name: 'Take it all the same' }).click();
      await page.getByText('held: admin').first().waitFor();

      // The hub takes the first, and the page never hears of it.
      let sent = 0;
      let typed: () => void = () => undefined;
      const typing = new Promise<void>((resolve) => (typed = resolve));
      let gone: () => void = () => undefined;
      const elsewhere = new Promise<void>((resolve) => (gone = resolve));
      await page.route('**/replies', async (route) => {
        sent += 1;
        if (sent === 3) await typing;
        if (sent === 4) await elsewhere;
        if (sent > 1) return route.continue();
        await route.fetch();
        await route.abort();
      });
      // Who writes on does not wait for what the page asks anew meanwhile.
      let go: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (go = resolve));
      await page.route('**/conversations/*?newest=*', (route) => held.then(() => route.continue()));
      await answer.fill('Only once.');
      await answer.press('Enter');
      await chat.getByText('Only once.').waitFor();
      await page.getByText('The hub does not answer').first().waitFor();
      await answer.press('Enter');
      await eventually(async () => (await answer.inputValue()) === '');
      await answer.fill('And this.');
      await answer.press('Enter');
      await answer.fill('And this. And');
      typed();
      await chat.getByText('And this.').waitFor();
      await eventually(async () => (await answer.inputValue()) === 'And');
      go();
      assert.equal(await chat.getByText('Only once.').count(), 1);
      // Enter takes what an input method offers, and sends nothing.
      await answer.fill('半句');
      await page.evaluate(
        `document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, isComposing: true }))`,
      );
      await answer.fill('整句');
      await answer.press('Enter');
      // Who has gone on to a note meanwhile is not called back.
      const note = page.getByLabel('A note that');
      await note.focus();
      gone();
      await chat.getByText('整句').waitFor();
      await eventually(async () => (await answer.inputValue()) === '');
      await page.locator('textarea:focus').and(note).waitFor();
      assert.equal(await chat.getByText('半句').count(), 0);
      assert.deepEqual(errors, []);
    });

    it('are reviewed, tagged, noted, answered from what is at hand, found by filters, and erased', async () => {
      await say('rosa', 'where is my parcel');
      await say('otto', 'good morning');
      const { page, errors } = await at.open(`/bots/${appId}/conversations`);
      const list = page.getByRole('list', { name: 'Conversations' });
      await list.getByRole('link', { name: /rosa/ }).click();
      const about = page.getByRole('complementary', { name: 'About this conversation' });
      await about.getByText('Reviewed').click();
      const talk = async (): Promise<{ review: string; tags: string[] }> =>
        (await at.hub.api('GET', `/bots/${appId}/conversations/rosa`)).body.conversation.care as never;
      await eventually(async () => (await talk()).review === 'reviewed');
      await about.getByLabel('Tags').fill('parcel');
      await page.keyboard.press('Enter');
      await eventually(async () => (await talk()).tags[0] === 'parcel');
      const note = about.getByLabel('A note that');
      let keep: () => void = () => undefined;
      const keeping = new Promise<void>((resolve) => (keep = resolve));
      await page.route('**/notes', (route) => keeping.then(() => route.continue()));
      await note.fill('She called twice.');
      await about.getByRole('button', { name: 'Add the note' }).click();
      await note.fill('She called twice. And');
      keep();
      await about.getByText('She called twice.', { exact: true }).waitFor();
      await eventually(async () => (await note.inputValue()) === 'And');

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
      await page.getByText('Nothing can be sent to that person').first().waitFor();
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
      assert.equal((await at.hub.api('GET', `/bots/${appId}/conversations/rosa`)).body.conversation, null);
      assert.deepEqual(errors, []);
    });

    it('stay quick where there are many, on a narrow screen too, and by keyboard', async () => {
      const count = 600;
      for (let at = 0; at < count; at += 1)
        await store().conversations.receive({
          ...{ appId: 'many', channel: 'rest', conversation: `p${at}`, eventId: `e${at}`, text: `number ${at}` },
          ...{ payload: false, to: `p${at}`, metadata: {} },
        });
      const { page, errors } = await at.open('/bots/many/conversations');
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
      assert.ok(asked.filter((url) => /cursor=/.test(url)).length >= 4);
      assert.ok((await list.getByRole('listitem').count()) < 40);
      // What comes in goes to the top, and moves nobody who reads further down.
      const before = await page.evaluate<number>(`${box}.scrollTop`);
      await at.hub.api('POST', '/bots/many/messages', { sender: 'new', message: 'just now' });
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
}
