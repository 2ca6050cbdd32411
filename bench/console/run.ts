/**
 * `npm run bench:console`: the console in real Chromium on a hub with 100,000 conversations, and a bot of 5,000 pairs. What a person waits for,
 * from the click to what they came for, and how long frames take while they scroll.
 *
 *   --talks 100000   --messages 200000   --pairs 5000   --runs 5
 *   --dir DIR   fills it, if it is not there yet, and nothing else; another time it is used as it is, so that only the timing disturbs others
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../../test/support/browser.js';
import { openConsole } from '../../test/support/console.js';
import { newHub, type TestHub } from '../../test/support/hub.js';
import { fillLog } from '../log/fill.js';
import { echoEngine } from '../path/hub.js';

const appId = 'bench';
const { values } = parseArgs({
  options: {
    talks: { type: 'string' },
    messages: { type: 'string' },
    pairs: { type: 'string' },
    runs: { type: 'string' },
    dir: { type: 'string' },
  },
});
const talks = Number(values.talks ?? 100_000);
const total = Number(values.messages ?? 200_000);
const pairs = Number(values.pairs ?? 5000);
const runs = Number(values.runs ?? 5);

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const shareOf = (sorted: number[], share: number): number =>
  Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) * 10) / 10;
interface Figure {
  what: string;
  median: number;
  worst: number;
}
const ascending = (one: number, other: number): number => one - other;

/** Milliseconds from `act` until `seen`, which is awaited from before it on. */
async function timed(act: () => Promise<unknown>, seen: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await Promise.all([seen(), act()]);
  return performance.now() - begun;
}

/** The time of each frame while `box` scrolls. */
async function framesOf(page: Page, box: string): Promise<number[]> {
  const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
    const box = document.querySelector('${box}');
    const times = [];
    let last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      box.scrollTop += 400;
      if (times.length < 240) requestAnimationFrame(step);
      else resolve(times.slice(1));
    };
    requestAnimationFrame(step);
  })`);
  return frames.sort(ascending);
}

async function repeated(what: string, work: () => Promise<number>): Promise<Figure> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await work());
  times.sort(ascending);
  const figure = { what, median: shareOf(times, 0.5), worst: shareOf(times, 1) };
  say(`${what.padEnd(58)} median ${figure.median} ms, longest ${figure.worst} ms`);
  return figure;
}

async function conversations(browser: Browser, hub: TestHub): Promise<Figure[]> {
  const figures: Figure[] = [];
  const path = `/bots/${appId}/conversations`;
  const fresh = async <T>(at: string, work: (page: Page) => Promise<T>): Promise<T> => {
    const { page, close } = await openConsole(browser, hub, { path: at });
    return work(page).finally(close);
  };
  const first = (page: Page) => page.getByRole('list', { name: 'Conversations' }).getByRole('link').first().waitFor();
  figures.push(
    await repeated('the list is there, from the address, in a new tab', () => {
      const begun = performance.now();
      return fresh(path, async (page) => {
        await first(page);
        return performance.now() - begun;
      });
    }),
    await repeated('waiting people alone, from the address, in a new tab', () => {
      const begun = performance.now();
      return fresh(`${path}?waiting=true`, async (page) => {
        await first(page);
        return performance.now() - begun;
      });
    }),
    await repeated('a conversation is there, from its address, in a new tab', () => {
      const begun = performance.now();
      return fresh(`${path}/c77`, async (page) => {
        await page.getByRole('log', { name: 'What was said' }).getByText('question').first().waitFor();
        return performance.now() - begun;
      });
    }),
  );
  await fresh(path, async (page) => {
    await first(page);
    const find = page.getByLabel('Search what was said');
    const answered = () => page.waitForResponse((response) => response.url().includes('/conversations?'));
    let [kind, opened] = [40, 0];
    figures.push(
      await repeated('a search for words that many said (0.3 s are the typing)', async () => {
        const ms = await timed(() => find.fill(`kind ${(kind += 1)}`), answered);
        await page.getByRole('button', { name: 'Show all' }).click();
        await first(page);
        return ms;
      }),
      await repeated('the next page, when its end comes near', async () => {
        const height = await page.evaluate<number>(`document.querySelector('.sb-talks').scrollHeight`);
        const ms = await timed(
          () => page.evaluate(`document.querySelector('.sb-talks').scrollTop = ${height}`),
          answered,
        );
        // The list must have grown before it can be scrolled on.
        await page.waitForFunction(`document.querySelector('.sb-talks').scrollHeight > ${height}`);
        return ms;
      }),
      await repeated('another conversation, from a click', async () => {
        const link = page
          .getByRole('list', { name: 'Conversations' })
          .getByRole('link')
          .nth((opened += 1));
        const told = () => page.waitForResponse((response) => response.url().includes('newest='));
        return timed(() => link.click(), told);
      }),
    );
    for (let more = 0; more < 20; more += 1) {
      await page.evaluate(`document.querySelector('.sb-talks').scrollTop = 1e9`);
      await page.waitForTimeout(50);
    }
    await page.evaluate(`document.querySelector('.sb-talks').scrollTop = 0`);
    figures.push(frameFigure('frames while the list scrolls, p95', await framesOf(page, '.sb-talks')));
  });
  return figures;
}

function frameFigure(what: string, frames: number[]): Figure {
  const figure = { what, median: shareOf(frames, 0.5), worst: shareOf(frames, 0.95) };
  say(`${what.padEnd(58)} median ${figure.median} ms, p95 ${figure.worst} ms`);
  return figure;
}

async function grid(browser: Browser, hub: TestHub): Promise<Figure[]> {
  const faq = Array.from({ length: pairs }, (_, at) => ({
    Q: [{ q: `Question number ${at} about the article ${at * 7}` }, { q: `Another way to ask for ${at}` }],
    A: `The answer to number ${at}.`,
  }));
  await hub.api('PUT', `/bots/${appId}/faq`, faq);
  const { page, close } = await openConsole(browser, hub, { path: `/bots/${appId}` });
  await page.getByRole('grid').getByText('Question number 0 about').waitFor();
  const frames = frameFigure(`frames while ${pairs} pairs scroll, p95`, await framesOf(page, '.sb-grid'));
  await close();
  return [frames];
}

const filled = values.dir !== undefined && existsSync(values.dir);
const dataDir = values.dir ?? (await mkdtemp(join(tmpdir(), 'sb-bench-console-')));
if (!filled) {
  say(`Filling ${talks} conversations with ${total} messages`);
  await mkdir(dataDir, { recursive: true });
  await fillLog(`sqlite:${join(dataDir, 'switchboard.db')}`, dataDir, { appId, total, talks });
  if (values.dir !== undefined) process.exit(0);
}
const [hub, browser] = await Promise.all([
  newHub({ dataDir, standIns: { engines: { rasa: echoEngine } } }),
  openBrowser(),
]);
try {
  const figures = [...(await conversations(browser, hub)), ...(await grid(browser, hub))];
  await writeFile('bench/console/results.json', `${JSON.stringify({ talks, total, pairs, runs, figures }, null, 2)}\n`);
} finally {
  await browser.close();
  await hub.stop();
  if (values.dir === undefined) await rm(dataDir, { recursive: true, force: true });
}
