/** How well a bot does: what was asked in vain, tests, the gate, figures. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openStore } from '../../../src/stores/index.js';
import { bot, message } from '../../contract/store.js';
import { type ConsoleOptions, type ConsoleSuite, picture, violations, walkTo } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

const appId = 'cinema';
const dayMs = 86_400_000;
const faq = [
  { Q: [{ q: 'What is on tonight?' }, { q: 'which films do you show today' }], A: 'A comedy at eight.' },
  { Q: [{ q: 'What do tickets cost?' }, { q: 'how much is a ticket' }], A: 'Ten euros.' },
  { Q: [{ q: 'Where can I park?' }, { q: 'is there a car park' }], A: 'Behind the house.' },
  { Q: [{ q: 'How do I get there by train?' }, { q: 'which bus goes to the cinema' }], A: 'Bus 7 stops in front.' },
];
const dogs = ['May I bring my dog?', 'are dogs allowed inside', 'can my dog come with me'];
const coats = ['Where do I leave my coat?', 'is there a wardrobe for my coat'];

/** People of three weeks, on two channels: what charts are drawn from. */
export async function seedTalk(dataDir: string): Promise<void> {
  let now = Date.now() - 22 * dayMs;
  const store = await openStore(`sqlite:${join(dataDir, 'switchboard.db')}`, { now: () => new Date(now) });
  await store.bots.create(bot(appId, { name: 'Cinema', threshold: 0.6 }));
  await store.settings.set('demo', 'none');
  for (let day = 0; day < 21; day += 1) {
    now = Date.now() - (21 - day) * dayMs;
    for (let at = 0; at < 4 + ((day * 5) % 7); at += 1) {
      const channel = at % 3 === 0 ? 'slack' : 'web';
      now += 600_000;
      const known = (day + at) % 5 !== 0;
      const text = known ? 'What is on tonight?' : 'Do you sell popcorn?';
      const conversation = `${channel}:guest-${(day + at) % 9}`;
      const { message: one } = await store.conversations.receive(
        message(appId, `seed ${day} ${at}`, { channel, conversation, text }),
      );
      await store.conversations.settle(one.id, {
        ...{ state: 'answered', ms: 30 + ((day * 13 + at * 29) % 120), turn: { model: 'earlier' } },
        intent: known ? `faq/topic-${at % 3}` : 'nlu_fallback',
        // Sure of it: what these people asked is no miss.
        confidence: 0.9,
      });
    }
  }
  await store.close();
}

/** The hub has what `seedTalk` left. */
export function quality(at: ConsoleSuite): void {
  describe('how well a bot does', () => {
    const open = (path: string, options?: ConsoleOptions) => at.open(`/bots/${appId}${path}`, options);
    const say = async (sender: string, text: string): Promise<string> =>
      (await at.hub.api('POST', `/bots/${appId}/messages`, { sender, message: text })).body[0]?.text as string;
    const jobs = async (): Promise<unknown[]> =>
      (await at.hub.api('GET', `/bots/${appId}/jobs`)).body.items as unknown[];
    const active = async (): Promise<string> => (await at.hub.api('GET', `/bots/${appId}`)).body.activeModel as string;
    before(async () => {
      const { body } = await at.hub.api('POST', `/bots/${appId}/train?wait=true`, faq);
      assert.equal(body.state, 'done', JSON.stringify(body));
    });

    it('shows what was asked in vain; two answers are one training, and it says how many are answered then', async () => {
      for (const [at, text] of dogs.entries()) await say(`dog-${at}`, text);
      for (const [at, text] of coats.entries()) await say(`coat-${at}`, text);
      const before = (await jobs()).length;
      const { page, errors } = await open('/misses');
      const dog = page.getByRole('listitem').filter({ hasText: /dog/i }).first();
      await dog.getByText('3 people asked this').waitFor();
      await dog.getByRole('button', { name: 'Answer' }).click();
      await page.waitForURL(/misses\?open=[0-9a-f]{12}/);
      await page.reload();
      await dog.getByLabel('Answer', { exact: true }).fill('Dogs are welcome on Mondays.');
      assert.equal(await dog.getByRole('checkbox', { checked: true }).count(), 3);
      assert.deepEqual(await violations(page), []);
      await picture(page, 'misses');
      await dog.getByRole('button', { name: 'Keep it and answer the next' }).click();
      await page.getByText('1 answer is ready').waitFor();
      const coat = page.getByRole('listitem').filter({ hasText: /coat/i }).first();
      await coat.getByLabel('Answer', { exact: true }).waitFor();
      await coat.getByText('An answer there is').click();
      await coat.getByRole('combobox', { name: 'Question whose answer it is' }).fill('park');
      await page.getByRole('option', { name: 'Where can I park?' }).click();
      await coat.getByText('Behind the house.').waitFor();
      await coat.getByRole('button', { name: 'Answer and train' }).click();
      const reports = page.getByRole('region', { name: 'What became of answers' });
      await reports.getByText('3 of 3 would be answered now').waitFor({ timeout: 60_000 });
      await reports.getByText('2 of 2 would be answered now').waitFor();
      assert.equal((await jobs()).length, before + 1);
      assert.equal(await say('dog-9', 'is my dog allowed'), 'Dogs are welcome on Mondays.');
      await reports.getByRole('link', { name: /dog/i }).click();
      await page.getByRole('dialog').getByLabel('Answer', { exact: true }).waitFor();
      assert.deepEqual(errors, []);
    });

    it('makes a test of a conversation with one click, runs it, and says which topics are taken for one another', async () => {
      await say('anna', 'What do tickets cost?');
      await say('anna', 'Where can I park?');
      const { page, errors } = await open('/conversations/anna');
      await page.getByRole('button', { name: 'Make a test of it' }).click();
      await page.getByRole('link', { name: 'It is a test now' }).click();
      const tests = page.getByRole('list', { name: 'Conversations' });
      await tests.getByText('2 steps').waitFor();
      await page.getByRole('button', { name: 'Run the tests' }).click();
      await page.getByText('All conversations go as they should').waitFor({ timeout: 60_000 });
      await page.getByRole('button', { name: 'Write a test' }).click();
      await page.getByLabel('Name').fill('Prices');
      await page.getByRole('textbox', { name: 'Conversation' }).fill('how much is a ticket\n> Twelve euros.');
      await page.getByRole('button', { name: 'Save' }).click();
      await tests.getByText('Prices').waitFor();

      await page.getByRole('tab', { name: 'Held-out questions' }).click();
      // The hub takes its time: what is added meanwhile takes nothing back.
      let take: () => void = () => undefined;
      const taken = new Promise<void>((resolve) => (take = resolve));
      await page.route('**/tests', (route) => taken.then(() => route.continue()));
      for (const text of ['how much does a ticket cost', 'where is the car park']) {
        await page.getByLabel('Question', { exact: true }).fill(text);
        await page.getByRole('combobox', { name: 'Answered by' }).fill('tickets');
        await page.getByRole('option', { name: 'What do tickets cost?' }).click();
        await page.getByRole('button', { name: 'Add the question' }).click();
        await page.getByRole('cell', { name: text, exact: true }).waitFor();
      }
      take();
      const added = async () => (await at.hub.api('GET', `/bots/${appId}/tests`)).body.questions.length as number;
      await eventually(async () => (await added()) === 2);
      await page.unroute('**/tests');
      await page.getByRole('button', { name: 'Run the tests' }).click();
      const results = page.getByRole('region', { name: 'Run the tests' });
      await results.getByText('1 step goes otherwise').waitFor({ timeout: 60_000 });
      await results.getByText('− Twelve euros.').waitFor();
      await results.getByText('1 of 2 questions right: 50 %').waitFor();
      await page
        .getByRole('table', { name: 'Which topic was taken for which' })
        .getByText('Where can I park?')
        .waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'tests');
      // What the next test starts with: a test that passes, and nothing that is wrong on purpose.
      const kept = (await at.hub.api('GET', `/bots/${appId}/tests`)).body as { conversations: object[] };
      assert.equal(kept.conversations.length, 2);
      await at.hub.api('PUT', `/bots/${appId}/tests`, { conversations: kept.conversations.slice(0, 1) });
      assert.deepEqual(errors, []);
    });

    it('holds a version whose answers change, shows them old beside new, and takes a no, a yes and the way back', async () => {
      const { page, errors } = await open('/tests/rules');
      await page.getByRole('switch', { name: /rehearse/ }).check({ force: true });
      await page.getByLabel('Changed answers at most').fill('0');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The rules are saved').waitFor();
      const train = async (answer: string): Promise<void> => {
        const pairs = (await at.hub.api('GET', `/bots/${appId}/faq`)).body as { Q: { q: string }[]; A: string }[];
        const changed = pairs.map((pair) =>
          pair.Q[0]?.q === dogs[0] || /dog/i.test(pair.A) ? { ...pair, A: answer } : pair,
        );
        await at.hub.api('POST', `/bots/${appId}/train`, changed);
      };
      const first = await active();
      await train('Dogs stay at home.');
      await page.getByText('the new version waits for you').waitFor({ timeout: 60_000 });
      await page.getByRole('tab', { name: 'Promotion' }).click();
      const report = page.getByRole('region', { name: 'What the rehearsal showed' });
      await report.getByText('waits for you').waitFor();
      await report.getByText('− Dogs are welcome on Mondays.').first().waitFor();
      await report.getByText('+ Dogs stay at home.').first().waitFor();
      await report.getByText('1 test conversation goes as it should').waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'promotion');
      await report.getByRole('button', { name: 'Refuse it' }).click();
      await report.getByText('refused', { exact: true }).waitFor();
      await report.getByText(/admin refused it/).waitFor();
      assert.equal(await active(), first);

      await train('Dogs are welcome on Sundays.');
      await report.getByRole('button', { name: 'Promote it' }).waitFor({ timeout: 60_000 });
      await report.getByRole('button', { name: 'Promote it' }).click();
      await report.getByText('let in').waitFor();
      assert.equal(await say('dog-20', dogs[0]!), 'Dogs are welcome on Sundays.');
      await page.getByRole('link', { name: 'Training', exact: true }).click();
      await page.getByRole('button', { name: 'Back one version' }).click();
      await eventually(async () => (await active()) === first);
      assert.deepEqual(errors, []);
    });

    it('tries a version beside the one that answers, and says whether the answers differ', async () => {
      const { page, errors } = await open('/training');
      const table = page.getByRole('table').last();
      await table.getByRole('button', { name: 'Try', exact: true }).first().click();
      await page.waitForURL(/training\?try=/);
      await page.getByRole('link', { name: 'Channels' }).click();
      await page.getByRole('link', { name: 'Training', exact: true }).click();
      await table.getByRole('button', { name: 'Try', exact: true }).first().click();
      // From here on what is said is said to both.
      await page.getByText('In a process of its own').waitFor();
      const say = page.getByRole('textbox', { name: 'Say something' });
      await say.fill('May I bring my dog?');
      await page.keyboard.press('Enter');
      const other = page.getByTestId('other');
      await other.getByText('Dogs are welcome on Sundays.').waitFor({ timeout: 30_000 });
      await page.getByRole('log').getByText('Dogs are welcome on Mondays.').waitFor();
      await other.getByText('another answer').waitFor();
      await say.fill('What do tickets cost?');
      await page.keyboard.press('Enter');
      await other.nth(1).getByText('the same answer').waitFor({ timeout: 30_000 });
      await other
        .nth(1)
        .getByText(/Intent: /)
        .waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'version');
      assert.deepEqual(errors, []);
    });

    it('takes pairs in another language, shows which, and finds nothing wrong with them', async () => {
      const { page, errors } = await open('');
      await page.getByRole('button', { name: 'New question' }).click();
      await page.getByLabel('Ways to ask').fill('可以带狗吗\n狗能进来吗');
      await page.getByLabel('Answer', { exact: true }).fill('周一可以。');
      await page.getByRole('combobox', { name: 'Language' }).click();
      await page.getByRole('option', { name: 'Chinese' }).click();
      await page.getByRole('button', { name: 'Save' }).click();
      const pairs = async () =>
        (await at.hub.api('GET', `/bots/${appId}/faq`)).body as { A: string; language?: string }[];
      await eventually(async () => (await pairs()).some(({ A, language }) => A === '周一可以。' && language === 'zh'));
      await page.getByRole('combobox', { name: 'Show one language' }).click();
      await page.getByRole('option', { name: 'Chinese (1)' }).click();
      await page.getByRole('grid').getByText('[zh]').waitFor();
      await eventually(async () => (await page.getByRole('grid').getByRole('row').count()) === 1);
      const { items } = (await at.hub.api('POST', `/bots/${appId}/faq/lint`)).body as { items: { kind: string }[] };
      assert.ok(!items.some(({ kind }) => kind === 'other_language'), JSON.stringify(items));
      assert.deepEqual(errors, []);
    });

    it('draws figures day by day with the table beside, by channel and version, and saves them', async () => {
      const { page, errors } = await open('/analytics');
      const days = page.getByRole('region', { name: 'Day by day' });
      await days
        .getByRole('img', { name: 'Day by day: Messages' })
        .locator('.recharts-bar-rectangle')
        .first()
        .waitFor();
      assert.ok((await days.getByRole('row').count()) >= 21);
      await page.getByRole('region', { name: 'By channel' }).getByRole('cell', { name: 'Slack' }).waitFor();
      await page.evaluate('document.fonts.ready');
      await picture(page, 'analytics');
      await days.getByText('Time to answer').click();
      await days.getByRole('img', { name: 'Day by day: Time to answer' }).locator('.recharts-line').first().waitFor();
      assert.deepEqual(await violations(page), []);
      await page.getByRole('combobox', { name: 'Channel' }).click();
      await page.getByRole('option', { name: 'Slack' }).click();
      await eventually(() => /channel=slack/.test(page.url()) && /show=time/.test(page.url()));
      await page
        .getByRole('region', { name: 'By channel' })
        .getByRole('cell', { name: 'Web' })
        .waitFor({ state: 'detached' });
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Save as CSV' }).click(),
      ]);
      const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
      assert.match(lines[0] ?? '', /^day,channel,version,messages/);
      assert.ok(lines.length > 10 && lines.slice(1).every((line) => line.split(',')[1] === 'slack'), lines[1]);
      await page.goto(`${at.hub.url}/console/bots/${appId}/analytics?from=2020-01-01&to=2020-01-31`);
      await page.getByText('No message in these days').waitFor();
      await page.goto(`${at.hub.url}/console/bots/${appId}/analytics?from=2020-02-01&to=2020-01-31`);
      await page.getByRole('alert').getByText('The days do not fit').waitFor();
      assert.deepEqual(errors, []);
    });

    it('is whole in Chinese and in the dark, with nothing that keeps people out', async () => {
      const { page, errors } = await open('/analytics', { locale: 'zh-CN', colorScheme: 'dark' });
      const faults: string[] = [];
      for (const [name, path, words] of [
        ['analytics', 'analytics', '按日'],
        ['misses', 'misses', '未答问题'],
        ['promotion', 'tests/promotion', '演练结果'],
        ['rules', 'tests/rules', '回答变化上限'],
        ['questions', '', '周一可以。'],
        ['findings', 'findings', '只有一种问法'],
      ] as const) {
        await walkTo(page, `/bots/${appId}/${path}`);
        const seen = page.getByText(words).or(page.getByLabel(words));
        await seen.first().waitFor();
        faults.push(...(await violations(page)).map((fault) => `${path} ${fault}`));
        await page.evaluate('document.fonts.ready');
        // Where the machine has Chinese letters: see CONTRIBUTING.md.
        if (process.env['UPDATE_PICTURES'] === 'zh') await picture(page, `zh-${name}`);
      }
      assert.deepEqual(faults, []);
      assert.deepEqual(errors, []);
    });
  });
}
