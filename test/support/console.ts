/** The console in real Chromium, before a real hub: what its test files share. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import type { TestHub } from './hub.js';

export interface ConsolePage {
  page: Page;
  /** Scripts that failed and refusals by the content policy. */
  errors: string[];
  close(): Promise<void>;
}
export interface ConsoleOptions extends BrowserContextOptions {
  /** False: nobody is signed in. */
  signedIn?: boolean;
}

/** A tab of its own at `path` below /console. */
export async function openConsole(
  browser: Browser,
  hub: TestHub,
  { path = '/', signedIn = true, ...options }: ConsoleOptions & { path?: string } = {},
): Promise<ConsolePage> {
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1280, height: 860 },
    reducedMotion: 'reduce',
    ...options,
  });
  if (signedIn)
    await context.addInitScript(`sessionStorage.setItem('switchboard.token', ${JSON.stringify(hub.app.adminToken)})`);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => {
    // What the hub refuses is shown on the page; Chromium notes it besides.
    if (line.type() === 'error' && !/Failed to load resource/.test(line.text())) errors.push(line.text());
  });
  await page.goto(`${hub.url}/console${path}`);
  return { page, errors, close: () => context.close() };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Serious violations of WCAG 2.2 AA on the page, each with the first element. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<
    string[]
  >(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) =>
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => id + ': ' + html.slice(0, 160) + ' ' + failureSummary.split('\\n').slice(1, 3).join(' '))))`);
}

/** Keeps what the page shows for the docs, where UPDATE_PICTURES asks for it. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env['UPDATE_PICTURES']) return;
  mkdirSync('docs/pictures', { recursive: true });
  await page.screenshot({ path: `docs/pictures/console-${name}.png` });
}
