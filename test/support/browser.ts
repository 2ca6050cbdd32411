/** Real Chromium for tests. */
import { chromium, type Browser } from 'playwright-core';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a fresh profile; close it. Rejects when there is no Chromium at SWITCHBOARD_TEST_CHROMIUM (/usr/bin/chromium). */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['SWITCHBOARD_TEST_CHROMIUM'] ?? '/usr/bin/chromium', args: flags });
