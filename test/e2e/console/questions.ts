/** The grid of a bot's pairs, with thousands of them. */
import assert from 'node:assert/strict';

import type { Page } from 'playwright-core';

import { type ConsoleSuite, picture, violations } from '../../support/console.js';
import { eventually } from '../../support/hub.js';

export function questions(at: ConsoleSuite): void {
  describe('questions and answers', () => {
    const many = 5000;
    let large: string;
    const stored = async (): Promise<{ Q: { q: string }[]; A: unknown }[]> =>
      (await at.hub.api('GET', `/bots/${large}/faq`)).body as { Q: { q: string }[]; A: unknown }[];
    /** Does it, and waits until the hub has kept what it changed. */
    const kept = async (page: Page, act: () => Promise<void>): Promise<void> => {
      const put = page.waitForResponse(
        (response) => response.request().method() === 'PUT' && response.url().endsWith(`/bots/${large}/faq`),
      );
      await act();
      assert.equal((await put).status(), 200);
    };
    before(async () => {
      large = (await at.hub.api('POST', '/bots', { name: 'Large' })).body.appId as string;
      const pairs = Array.from({ length: many }, (_, at) => ({
        Q: [{ q: `Question number ${at} about the article ${at * 7}` }, { q: `Another way to ask for ${at}` }],
        A: `The answer to number ${at}.`,
      }));
      assert.equal((await at.hub.api('PUT', `/bots/${large}/faq`, pairs)).status, 200);
    });

    it('scrolls, finds, edits, takes back and changes many of 5,000 pairs', async () => {
      const { page, errors } = await at.open(`/bots/${large}`);
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
      const frame = (share: number): string => (frames[Math.floor(frames.length * share)] ?? 0).toFixed(1);
      console.log(
        `      frames while scrolling: median ${frame(0.5)} ms, p95 ${frame(0.95)} ms, longest ${frame(0.999)} ms`,
      );
      assert.ok((await grid.getByRole('row').count()) < 60, 'only what is seen is drawn');

      await page.getByLabel('Search questions and answers').fill('number 4321 ');
      await grid.getByText('Question number 4321 about').click();
      await page.getByLabel('Answer', { exact: true }).fill('Changed.');
      const undo = () => page.getByRole('button', { name: 'Undo' }).click();
      await kept(page, () => page.keyboard.press('Control+Enter'));
      assert.equal((await stored())[4321]?.A, 'Changed.');
      await kept(page, undo);
      assert.equal((await stored())[4321]?.A, 'The answer to number 4321.');

      await page.getByLabel('Search questions and answers').fill('article 700');
      await grid.getByText('Question number 100 about').waitFor();
      await page.getByLabel(/selected$/).check();
      await kept(page, () => page.getByRole('button', { name: 'Delete' }).click());
      assert.ok((await stored()).length < many);
      await kept(page, undo);
      assert.equal((await stored()).length, many);
      assert.deepEqual(errors, []);
    });

    it('goes from row to row by keyboard, takes a pasted table, and asks when somebody else wrote meanwhile', async () => {
      const { page } = await at.open(`/bots/${large}`);
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

      await at.hub.api('POST', `/bots/${large}/faq/pairs`, { Q: [{ q: 'From elsewhere' }], A: 'x' });
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

    it('says in the reader’s language what is wrong with a table, each fault with its row, and how one was read', async () => {
      const id = (await at.hub.api('POST', '/bots', { name: 'Pasted' })).body.appId as string;
      const pages = [
        [
          'en-GB',
          'Import',
          'Row 5 has an answer but no question',
          '… and 5 more.',
          'There are commas between its columns.',
        ],
        ['zh-CN', '导入', '第 5 行有答案但没有问题', '……以及另外 5 条。', '各列以逗号分隔。'],
      ] as const;
      for (const [locale, button, fault, more, read] of pages) {
        const { page } = await at.open(`/bots/${id}`, { locale });
        await page.getByRole('button', { name: button, exact: true }).click();
        const dialog = page.getByRole('dialog');
        const send = dialog.getByRole('button', { name: button, exact: true });
        await dialog.getByRole('textbox').fill(`question,answer\n${locale},x\n${',no question\n'.repeat(25)}`);
        await send.click();
        await dialog.getByRole('alert').getByText(fault).waitFor();
        await dialog.getByRole('alert').getByText(more).waitFor();
        assert.deepEqual(await violations(page), []);
        await dialog.getByRole('textbox').fill(`question,answer\n${locale},x\n`);
        await send.click();
        await dialog.getByText(read).waitFor();
      }
    });

    it('shows in one place what is wrong with a version and with what is kept now, each with the way to its pair', async () => {
      const id = (await at.hub.api('POST', '/bots', { name: 'Flawed' })).body.appId as string;
      const open = { Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: '9 to 5' };
      await at.hub.api('POST', `/bots/${id}/train?wait=true`, [
        open,
        { Q: [{ q: 'Opening hours' }], A: 'never' },
        { Q: [{ q: 'How do I pay?' }, { q: 'payment' }], A: 'see [here](nowhere at all)' },
      ]);
      const { page, errors } = await at.open(`/bots/${id}`);
      await page.getByRole('link', { name: 'All findings' }).click();
      const unreached = page.getByRole('region', { name: 'Answers that nobody gets' });
      await unreached.getByText('When are you open?').waitFor();
      await page
        .getByRole('region', { name: 'Links that lead nowhere' })
        .getByText(/nowhere at all/)
        .waitFor();
      await page
        .getByRole('region', { name: 'What the training leaves out' })
        .getByText(/earlier pairs ask each of its questions/)
        .waitFor();
      assert.deepEqual(await violations(page), []);
      await picture(page, 'findings-of-pairs');
      await unreached.getByRole('link', { name: 'Opening hours', exact: true }).click();
      await page.getByRole('dialog').getByLabel('Ways to ask').waitFor();

      const chinese = (await at.open(`/bots/${id}/findings`, { locale: 'zh-CN' })).page;
      await chinese.getByText('链接“nowhere at all”无法打开').waitFor();
      await chinese.getByText('第 2 条问答（“Opening hours”）：它的所有问题').waitFor();
      await chinese.goto(`${at.hub.url}/console/bots/${id}`);
      await chinese.getByRole('img', { name: '第 1 行' }).waitFor();
      await chinese.getByRole('button', { name: 'Opening hours', exact: true }).click();
      await chinese.getByRole('dialog').getByText('没有人会得到这个答案').waitFor();
      await chinese.goto(`${at.hub.url}/console/bots/no-such-bot`);
      await chinese.getByRole('alert').getByText('找不到该内容').waitFor();
      await chinese.close();

      await at.hub.api('PUT', `/bots/${id}/faq`, [open]);
      await page.goto(`${at.hub.url}/console/bots/${id}/findings`);
      await page.getByText('Nothing was found').waitFor();
      await page.getByText('Only one way to ask').waitFor();
      assert.deepEqual(await violations(page), []);
      await page.getByRole('link', { name: 'Training' }).last().click();
      await page.getByRole('link', { name: 'Findings', exact: true }).click();
      await unreached.getByText('Opening hours').waitFor();
      assert.equal(await unreached.getByRole('link', { name: 'Opening hours' }).count(), 0, 'that pair is gone');
      assert.deepEqual(errors, []);
    });
  });
}
