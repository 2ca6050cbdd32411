/** The console in real Chromium, before a real hub: what its test files share. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { openBrowser } from './browser.js';
import { eventually, type TestHub } from './hub.js';

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

const usual = { width: 1280, height: 860 };
/** A tab of its own at `path` below /console. */
export async function openConsole(
  browser: Browser,
  hub: TestHub,
  { path = '/', signedIn = true, ...options }: ConsoleOptions & { path?: string } = {},
): Promise<ConsolePage> {
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: usual,
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

/** Goes to `path` as a click on a link does, so that no script is read again; waits until that page is there with what it asked for. */
export async function walkTo(page: Page, path: string): Promise<void> {
  const { pathname } = new URL(path, 'http://console');
  await page.evaluate(`history.pushState({}, '', '/console${path}'); dispatchEvent(new PopStateEvent('popstate'))`);
  await page.locator(`main[data-path="${pathname}"]`).waitFor();
  await page.getByRole('heading').first().waitFor();
  await eventually(async () => (await page.getByRole('status', { name: /Loading|正在加载/ }).count()) === 0);
}

/** What the tests of a suite share, from `before` on. */
export interface ConsoleSuite {
  readonly hub: TestHub;
  readonly browser: Browser;
  /** A tab at `path` below /console, until the end of the test. */
  open(path: string, options?: ConsoleOptions): Promise<Pick<ConsolePage, 'page' | 'errors'>>;
  /** Done at the end of the test. */
  atEnd(work: () => Promise<unknown>): void;
}

/** One hub and one browser for all tests of the `describe` that this is called in. */
export function withConsole(start: () => Promise<TestHub>): ConsoleSuite {
  let started: { hub: TestHub; browser: Browser; tabs: Tabs } | null = null;
  const ends: (() => Promise<unknown>)[] = [];
  const present = (): NonNullable<typeof started> => {
    if (!started) throw new Error('the hub has not started: use it in a test or a hook');
    return started;
  };
  before(async () => {
    const [hub, browser] = await Promise.all([start(), openBrowser()]);
    started = { hub, browser, tabs: new Tabs(browser, hub) };
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await started?.tabs.rest();
  });
  after(async () => {
    await started?.browser.close();
    await started?.hub.stop();
  });
  return {
    get hub() {
      return present().hub;
    },
    get browser() {
      return present().browser;
    },
    open: (path, options = {}) => present().tabs.open(path, options),
    atEnd: (work) => void ends.push(work),
  };
}

/** Tabs that tests take one after the other: each gets a page that was never there before, whose scripts the browser has compiled already. */
class Tabs {
  private readonly idle = new Map<string, ConsolePage[]>();
  private readonly busy: { key: string | null; tab: ConsolePage }[] = [];

  constructor(
    private readonly browser: Browser,
    private readonly hub: TestHub,
  ) {}

  async open(path: string, options: ConsoleOptions): Promise<ConsolePage> {
    // Who signs in or out has cookies that the next one must not have.
    const alone = options.signedIn === false || options.viewport !== undefined;
    const key = alone ? null : JSON.stringify(options);
    const idle = key === null ? undefined : this.idle.get(key)?.pop();
    const tab = idle ?? (await openConsole(this.browser, this.hub, { path, ...options }));
    this.busy.push({ key, tab });
    if (idle) {
      idle.errors.length = 0;
      await idle.page.goto(`${this.hub.url}/console${path}`);
    }
    return tab;
  }

  /** Takes all tabs back. */
  async rest(): Promise<void> {
    for (const { key, tab } of this.busy.splice(0)) {
      const fit = key !== null && (await rested(tab.page));
      if (fit) this.idle.set(key, [...(this.idle.get(key) ?? []), tab]);
      else await tab.close();
    }
  }
}

/** Leaves the console: there a tab hears of nothing, and draws nothing, while others are at work. False: it is in no state for the next test. */
async function rested(page: Page): Promise<boolean> {
  try {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.goto('about:blank');
    if (page.viewportSize()?.width !== usual.width) await page.setViewportSize(usual);
    return true;
  } catch {
    return false;
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Serious violations of WCAG 2.2 AA on the page, each with the first element. */
export async function violations(page: Page): Promise<string[]> {
  // Half a megabyte, which a page needs once only; and what is well need not be listed.
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe);
  return page.evaluate<
    string[]
  >(`axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) =>
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => id + ': ' + html.slice(0, 160) + ' ' + failureSummary.split('\\n').slice(1, 3).join(' '))))`);
}

/** Keeps what the page shows for the docs, where UPDATE_PICTURES asks for it. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env['UPDATE_PICTURES']) return;
  mkdirSync('docs/pictures', { recursive: true });
  await page.screenshot({ path: `docs/pictures/console-${name}.png` });
}
