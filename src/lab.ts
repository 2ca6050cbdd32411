/**
 * `switchboard lab`: a chat platform in the browser, for trying a bot's channel with no account. The platform signs and delivers as the real one
 * does, to a hub of the lab's own, which has the real connector, store and outbox and asks the bot of the running hub. So no setting of the bot
 * changes, and a hub on another machine can be tried, too. Whose author puts this platform's settings into the bot's own channel has it deliver
 * there instead: then its conversations are the channel's, and people can take them over.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, openApp } from './app.js';
import { type Config, configOf } from './config.js';
import type { Json } from './contracts.js';
import { callHub, type HubAddress, openBridge } from './lab/bridge.js';
import { createDesk, type Desk } from './lab/desk.js';
import { openPage } from './lab/page.js';
import type { FakePlatform } from './lab/platforms/platform.js';
import { FakeSlack } from './lab/platforms/slack.js';
import { FakeTeams } from './lab/platforms/teams.js';
import { FakeTelegram } from './lab/platforms/telegram.js';
import type { Logs } from './log.js';
import { openStore } from './stores/index.js';

const platforms: Record<string, () => FakePlatform> = {
  slack: () => new FakeSlack(),
  telegram: () => new FakeTelegram(),
  teams: () => new FakeTeams(),
};
/** How old what is known of the bot's channel may be. */
const lookMs = 1000;
const folder = join(fileURLToPath(new URL('.', import.meta.url)), '..', 'widget');

export interface LabOptions {
  /** Where the hub is, and its token. */
  config: Config;
  logs: Logs;
  platform: string;
  appId: string;
  /** Of the page; 0: any. */
  port: number;
}
export interface Lab {
  /** The page. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Opens the lab. Rejects, in words and with everything closed again, for a platform, a hub, a token or a bot that is not there. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const make = platforms[options.platform];
  if (!make)
    throw new Error(`There is no lab for ${options.platform}; there are: ${Object.keys(platforms).join(', ')}.`);
  const hub = await hubOf(options.config);
  const bot = await nameOf(hub, options.appId);
  const closers: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'switchboard-lab-'));
    closers.push(() => rm(dataDir, { recursive: true, force: true }));
    const platform = make();
    await platform.open();
    closers.push(() => platform.close());
    const seen: { desk?: Desk } = {};
    const { appId, port, logs } = options;
    const bridge = await openBridge({ hub, appId, failed: (reason) => seen.desk?.note(reason) });
    closers.push(() => bridge.close());
    const app = await openOwnHub(dataDir, logs);
    closers.push(() => app.stop());
    const own = await connect(app, platform, bridge.url);
    const connected = connectionOf(hub, appId, platform);
    const webhook = async (): Promise<string> => ((await connected()) ? platform.address(hub.url, appId) : own);
    const desk = (seen.desk = createDesk(platform, webhook));
    const facts = { platform: platform.name, appId, bot, settings: platform.settings() };
    const page = await openPage({ desk, facts, connected, folder, port });
    closers.push(() => page.close());
    return { url: page.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The running hub: HUB_URL, or the one that these settings would start. */
async function hubOf({ hubUrls, host, port, adminToken, dataDir }: Config): Promise<HubAddress> {
  const url = hubUrls?.[0] ?? `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const token = adminToken ?? (await readFile(join(dataDir, 'admin-token'), 'utf8').catch(() => null))?.trim();
  if (!token) throw new Error("The hub's token is not known here: set ADMIN_TOKEN, or DATA_DIR to the hub's folder.");
  return { url: url.replace(/\/+$/, ''), token };
}

async function nameOf(hub: HubAddress, appId: string): Promise<string> {
  const found = await callHub(hub, `/bots/${encodeURIComponent(appId)}`).catch(() => null);
  if (!found) throw new Error(`No hub answers at ${hub.url}. Start one (npm start), or say where it is: HUB_URL=…`);
  if (found.status === 200) return (found.body as { name: string }).name;
  if (found.status !== 404) {
    throw new Error(`The hub at ${hub.url} answers ${found.status}: set ADMIN_TOKEN to its admin token.`);
  }
  const { body } = await callHub(hub, '/bots?limit=20');
  const names = (body as { items: { appId: string }[] }).items.map((bot) => bot.appId);
  throw new Error(`The hub has no bot ${appId}; it has: ${names.join(', ')}.`);
}

/** An address, or several, without the slashes at its end that a connector may put there. */
const bare = (value: unknown): string => String(value).replace(/\/+$/, '');
/** Whether the bot's own channel has this platform's addresses; the hub is asked once a second at most. */
function connectionOf(hub: HubAddress, appId: string, platform: FakePlatform): () => Promise<boolean> {
  const path = `/bots/${encodeURIComponent(appId)}/channels/${platform.name}`;
  const addresses = Object.entries(platform.settings()).filter(([, value]) => String(value).startsWith('http'));
  const look = async (): Promise<boolean> => {
    const { status, body } = await callHub(hub, path);
    const { on, settings } = body as { on?: boolean; settings?: Json };
    const same = ([name, value]: [string, unknown]): boolean => bare(settings?.[name]) === bare(value);
    return status === 200 && on === true && addresses.every(same);
  };
  let known = { at: 0, is: Promise.resolve(false) };
  return () => {
    if (Date.now() - known.at > lookMs) known = { at: Date.now(), is: look().catch(() => false) };
    return known.is;
  };
}

/** A hub without Rasa and without a demo bot, which keeps what it stores as long as the lab is open. */
async function openOwnHub(dataDir: string, logs: Logs): Promise<App> {
  const config = configOf({
    HOME: dataDir,
    PORT: '0',
    DATA_DIR: dataDir,
    EGRESS_ALLOW: '127.0.0.1',
    // Nobody calls there: the platform is told the hub's real address. Without one Telegram would be asked for updates.
    PUBLIC_URL: 'https://lab.invalid',
    LOG_LEVEL: 'warn',
    MIN_FREE_DISK: '1m',
  });
  const store = await openStore(config.databaseUrl);
  await store.settings.set('demo', 'none');
  await store.close();
  return openApp({ config, logs, rasa: { reason: 'The lab asks the bot of the running hub.' }, trains: false });
}

/** Makes the lab's bot and connects it to the platform; answers where the platform calls it. */
async function connect(app: App, platform: FakePlatform, remoteUrl: string): Promise<string> {
  const own = { url: app.url, token: app.adminToken };
  const made = await callHub(own, '/bots', { method: 'POST', body: { name: 'Lab', engine: 'remote', remoteUrl } });
  const { appId } = made.body as { appId: string };
  const path = `/bots/${appId}/channels/${platform.name}`;
  const { status, body } = await callHub(own, path, { method: 'PUT', body: platform.settings() });
  if (status !== 200) throw new Error(`The lab could not connect its bot: ${JSON.stringify(body)}`);
  return platform.address(app.url, appId);
}
