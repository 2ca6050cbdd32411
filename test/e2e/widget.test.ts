import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';

import type { HistoryItem } from '../../connectors/web/protocol.js';
import type { BotMessage, BotProgress } from '../../src/contracts.js';
import type { BotItem, Conversation, UserItem } from '../../widget/conversation.js';
import { chatFixture, loaded, input, messages, pixel, say, shows, tell, until } from '../support/chat.js';
import { awake } from '../support/web.js';

describe('the chat page', function () {
  this.timeout(30_000);
  const newChat = chatFixture();

  it('holds a conversation', async () => {
    const { page, errors } = await newChat();
    assert.equal(await page.title(), 'Chat with Opening Hours');
    await page.getByText('Ready · Rasa').waitFor();
    await tell(page, 'When do you open?');
    await shows(page, ['When do you open?', 'You said When do you open?']);
    await input(page).fill('two');
    await input(page).press('Shift+Enter');
    await page.keyboard.type('lines');
    await page.getByRole('button', { name: 'Send' }).click();
    await until('a message of two lines', async () => (await messages(page)).includes('two\nlines'));
    assert.equal(await page.getByRole('log').getAttribute('aria-live'), 'polite');
    assert.equal(
      await page
        .locator('.message time')
        .first()
        .innerText()
        .then((text) => /^\d\d:\d\d$/.test(text)),
      true,
    );
    assert.deepEqual(errors, []);
  });

  it('sends the payload of a button, and shows its title, also after a reload', async () => {
    const answer = (text: string): BotMessage[] =>
      text === '/hours'
        ? [say('From 8 to 20.')]
        : [say('What is it about?', { buttons: [{ title: 'Opening hours', payload: '/hours' }] })];
    const { hub, page } = await newChat({ answer });
    await tell(page, 'hello');
    await page.getByRole('button', { name: 'Opening hours' }).click();
    const all = ['hello', 'What is it about?', 'Opening hours', 'From 8 to 20.'];
    await shows(page, all);
    assert.deepEqual(
      hub.stored.map(({ text, payload }) => [text, payload]),
      [
        ['hello', false],
        ['/hours', true],
      ],
    );
    await page.reload();
    await shows(page, all);
  });

  it('shows pictures, Markdown and attachments', async () => {
    const answer = (): BotMessage[] => [
      say(
        '**Bold** and *soft*, `code`, [a link](https://example.org/a_b), https://example.org/x.\n\n- one\n- two\n\n1. first\n2. second',
      ),
      { recipient_id: 'x', image: pixel },
      { recipient_id: 'x', attachment: { type: 'file', payload: { url: 'https://example.org/plan.pdf' } } },
      { recipient_id: 'x', custom: { stars: 5 } },
    ];
    const { page } = await newChat({ answer });
    await tell(page, 'show me');
    const reply = page.locator('.message.bot .bubble').first();
    await reply.locator('ul li').nth(1).waitFor();
    // The last of the four.
    await page.getByText('Data', { exact: true }).waitFor();
    assert.equal(await reply.locator('strong').innerText(), 'Bold');
    assert.equal(await reply.locator('em').innerText(), 'soft');
    assert.equal(await reply.locator('code').innerText(), 'code');
    assert.deepEqual(
      await page.evaluate(`[...document.querySelectorAll('.bubble a')].map((link) => link.getAttribute('href'))`),
      ['https://example.org/a_b', 'https://example.org/x'],
    );
    assert.equal(await reply.locator('ol li').count(), 2);
    assert.equal(await page.getByRole('img', { name: 'Picture from Opening Hours' }).count(), 1);
    assert.equal(
      await page.getByRole('link', { name: 'Open the attachment' }).getAttribute('href'),
      'https://example.org/plan.pdf',
    );
    await page.getByText('Data', { exact: true }).click();
    await page.getByText('"stars": 5').waitFor();
  });

  it('keeps the conversation over a reload, and over a second tab', async () => {
    const { hub, page } = await newChat();
    await tell(page, 'one');
    await shows(page, ['one', 'You said one']);
    await page.reload();
    await shows(page, ['one', 'You said one']);
    const second = await page.context().newPage();
    await second.goto(`${hub.url}/bots/a/chat`);
    await shows(second, ['one', 'You said one']);
    await tell(second, 'two');
    await shows(page, ['one', 'You said one', 'two', 'You said two']);
    await shows(second, ['one', 'You said one', 'two', 'You said two']);
    assert.equal(new Set(hub.stored.map((message) => message.conversation)).size, 1);
  });

  it('loses and doubles nothing when connections drop', async () => {
    const { hub, page } = await newChat({
      answer: async (text) => (await sleep(40), [say(`re ${text}`), say('and more')]),
    });
    await page.locator('.state-line').getByText('Ready').waitFor();
    const expected: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      await tell(page, `message ${round}`);
      expected.push(`message ${round}`);
      await sleep(round * 9);
      hub.cut();
    }
    await until('all stored', () => hub.stored.length >= 12, 25_000);
    await until('all shown', async () => (await messages(page)).length >= 36, 10_000);
    assert.deepEqual(
      hub.stored.map((message) => message.text),
      expected,
      'stored once each, in order',
    );
    const seen = await messages(page);
    assert.equal(seen.length, 36, seen.join('|'));
    assert.deepEqual(
      seen.filter((text) => text.startsWith('message')),
      expected,
    );
    assert.equal(new Set(seen.filter((text) => text.startsWith('re '))).size, 12);
  });

  it('keeps what is written offline, also over a reload, and sends it later', async () => {
    const { hub, page } = await newChat();
    // The answer may be here before the page hears that its message is stored.
    const allSent = () =>
      until('nothing is pending', async () => (await page.locator('[data-state=pending]').count()) === 0);
    await tell(page, 'before');
    await shows(page, ['before', 'You said before']);
    await allSent();
    await page.context().setOffline(true);
    await page.getByText('You are offline. What you write is sent when you are back.').first().waitFor();
    hub.cut();
    await tell(page, 'meanwhile');
    await page.getByText('Waiting for the connection').waitFor();
    await page.context().setOffline(false);
    await page.reload();
    await shows(page, ['before', 'You said before', 'meanwhile', 'You said meanwhile']);
    await allSent();
  });

  it('does not count a dropped connection as a refusal', async () => {
    let lost = 0;
    const { hub, page } = await newChat({
      refuse: async () => {
        if (lost >= 6) return false;
        lost += 1;
        hub.cut();
        await sleep(50);
        return true;
      },
    });
    await tell(page, 'hello');
    await until('stored at last', () => hub.stored.length === 1, 20_000);
    await shows(page, ['hello', 'You said hello']);
  });

  it('offers to try again what could not be sent', async () => {
    let refuse = true;
    const { hub, page } = await newChat({ refuse: () => refuse });
    await tell(page, 'hello');
    await page.getByText('Not sent').waitFor();
    refuse = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await shows(page, ['hello', 'You said hello']);
    assert.equal(hub.stored.length, 1);
  });

  it('says what it waits for until the bot is ready', async () => {
    let progress: BotProgress = {
      ready: false,
      state: 'asleep',
      training: { percent: 45, stage: 'Epoch 12 of 100', eta: 10 },
      engineInUse: null,
      problem: null,
    };
    const { page } = await newChat({ progress: () => progress });
    await page.locator('.banner').getByText('The bot is in training: 45 %, about 10 s left').waitFor();
    assert.equal(await page.getByRole('progressbar').getAttribute('value'), '45');
    progress = { ...progress, training: null, state: 'waking' };
    await page.locator('.banner').getByText('The bot is waking up…').waitFor();
    progress = { ...progress, problem: 'its training data has a fault in line 7.', state: 'quarantined' };
    await page
      .locator('.banner')
      .getByText('The bot cannot answer now: its training data has a fault in line 7.')
      .waitFor();
    progress = { ...awake, engineInUse: 'lite' };
    await page.getByText('Ready · lite – a simple search, because Rasa isn’t installed here').waitFor();
    assert.equal(await page.locator('.banner').isVisible(), false);
  });

  it('shows that the bot is typing', async () => {
    let answer = (): void => undefined;
    const seen = new Promise<void>((resolve) => (answer = resolve));
    const { page } = await newChat({ answer: async () => (await seen, [say('done')]) });
    await tell(page, 'think');
    await page.locator('.typing').waitFor();
    answer();
    await shows(page, ['think', 'done']);
    assert.equal(await page.locator('.typing').isVisible(), false);
  });
});

describe('the conversation of a chat page', () => {
  const time = '2026-01-01T00:00:00.000Z';
  const user = (id: string, state: UserItem['state'] = 'sent', waiting = false): UserItem => {
    return { from: 'user', id, text: id, time, state, waiting };
  };
  const bot = (event: string): BotItem => ({ from: 'bot', id: `${event}:0:x`, message: { text: event }, time });
  const past = (...events: string[]): HistoryItem[] =>
    events.flatMap((id): HistoryItem[] => [{ from: 'user', id, text: id, time, waiting: false }, bot(id)]);
  let conversation: Conversation;
  beforeEach(async () => {
    conversation = (await loaded<{ createConversation(): Conversation }>('conversation.ts')).createConversation();
  });
  const ids = (): string[] =>
    conversation.items.map((item) => (item.from === 'bot' ? `re ${item.id[0] ?? ''}` : item.id));

  it('takes in what the hub knows once, in the hub’s order, and keeps what only the page knows', () => {
    for (const item of [user('a'), bot('a'), user('f', 'failed'), user('b', 'sent', true), user('p', 'pending')])
      conversation.put(item);
    conversation.merge(past('b', 'c'));
    conversation.merge(past('b', 'c'));
    assert.deepEqual(ids(), ['a', 're a', 'f', 'b', 're b', 'c', 're c', 'p']);
  });

  it('shows a reply once that comes again, and an echo before the answer that overtook it', () => {
    for (const item of [user('a'), bot('a'), bot('a'), bot('b'), user('b')]) conversation.put(item);
    assert.deepEqual(ids(), ['a', 're a', 'b', 're b']);
  });

  it('asks again from the last message before the first one that has no answer', () => {
    assert.equal(conversation.complete(), undefined);
    for (const item of [user('a', 'sent', true), user('b', 'sent', true), user('c', 'sent', true)])
      conversation.put(item);
    assert.equal(conversation.complete(), undefined);
    conversation.put(bot('a'));
    assert.equal(conversation.complete(), 'a');
    conversation.put(bot('c'));
    assert.equal(conversation.complete(), 'a', 'the answer to b is still to come');
    conversation.put(bot('b'));
    assert.equal(conversation.complete(), 'c');
  });
});
