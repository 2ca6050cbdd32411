import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { scriptedEngine } from '../support/engines.js';
import { newHub, type TestHub } from '../support/hub.js';
import { packedFile } from '../support/packed.js';

interface Said {
  text?: string;
  quick_replies?: unknown[];
  attachment?: unknown;
}
/** What a page's script finds when a client was loaded. */
interface Socket {
  on(event: string, heard: (value: unknown) => void): void;
  emit(event: string, value: unknown): void;
}
type Loaded = {
  io: (url: string, options: object) => Socket;
  WebChat: { default: (settings: object, element: null) => void };
};

/** Each as it is published, in a page of another origin, with nothing of ours in it. */
const clients: Record<string, () => Promise<string>> = {
  'socket.io 2': () =>
    packedFile('socket.io-client', '2.5.0', {
      path: 'dist/socket.io.js',
      sha256: '6b0e1b2a58b31c81112c8312779f4543fa065c8fa004363db05e7a8d76f12673',
    }),
  'socket.io 3': () =>
    packedFile('socket.io-client', '3.1.3', {
      path: 'dist/socket.io.js',
      sha256: '083033a5bd7690b5bd3240bec278b26169b75e0c7f43cdc0ffaead28f6e24eb4',
    }),
  'socket.io 4': () => readFile('node_modules/socket.io-client/dist/socket.io.js', 'utf8'),
  'rasa-webchat': () =>
    packedFile('rasa-webchat', '1.0.1', {
      path: 'lib/index.js',
      sha256: 'bfedd788e4bd7df12f64b5bf2963e634f84bac1cb176b6cede60c507d3553f1e',
    }),
};

describe('stock clients of Rasa’s socket.io channel', function () {
  this.timeout(60_000);
  const scripts = new Map<string, string>();
  let pages: Server;
  let hub: TestHub;
  let browser: Browser;
  let page: Page;
  let path: string;

  before(async () => {
    for (const [name, script] of Object.entries(clients))
      scripts.set(`/${encodeURIComponent(name)}.js`, await script());
    pages = createServer((request, response) => {
      const script = scripts.get(request.url ?? '');
      response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
      response.end(script ?? '<!doctype html><meta charset="utf-8"><title>Shop</title><body>A shop');
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    const rasa = scriptedEngine({ needsModel: false });
    rasa.answer = ({ sender, text }) =>
      Promise.resolve({
        messages: [
          {
            recipient_id: sender,
            text: `You said ${text}.\n\nAnything else?`,
            buttons: [{ title: 'Yes', payload: '/yes' }],
          },
          { recipient_id: sender, text: ' one\n\ntwo ' },
          { recipient_id: sender, image: 'https://example.org/a.png' },
          { recipient_id: sender, custom: { mood: 'good' } },
        ],
        parse: null,
      });
    const train = async () => {
      const archivePath = join(hub.dataDir, 'archive');
      await writeFile(archivePath, 'an archive');
      return { archivePath, seconds: 0 };
    };
    hub = await newHub({ standIns: { engines: { rasa }, training: { train } } });
    const { appId } = (await hub.api('POST', '/bots', { name: 'A' })).body as { appId: string };
    await hub.api('POST', `/bots/${appId}/train?wait=true`, [{ Q: [{ q: 'hi' }], A: 'Hello.' }]);
    path = `/bots/${appId}/socket.io`;
    browser = await openBrowser();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
  });
  afterEach(() => page.close());
  after(async () => {
    await browser.close();
    await hub.stop();
    pages.close();
    pages.closeAllConnections();
  });

  /** Connects, asks for a session, says something; answers the session's id and what came. */
  const talk = (name: string, session: string | null): Promise<{ id: string; said: Said[] }> =>
    page.addScriptTag({ url: `/${encodeURIComponent(name)}.js` }).then(() =>
      page.evaluate(
        ({ url, path: at, session: known }) =>
          new Promise<{ id: string; said: Said[] }>((resolve, reject) => {
            const socket = (globalThis as unknown as Loaded).io(url, { path: at, forceNew: true });
            const said: Said[] = [];
            let id = '';
            setTimeout(() => reject(new Error(`only ${JSON.stringify({ id, said })}`)), 15_000);
            socket.on('connect', () => socket.emit('session_request', { session_id: known }));
            socket.on('session_confirm', (confirmed) => {
              id = String(confirmed);
              socket.emit('user_uttered', { message: 'hello', session_id: id, customData: { lang: 'en' } });
            });
            socket.on('bot_uttered', (message) => {
              said.push(message as Said);
              if (said.length === 6) resolve({ id, said });
            });
          }),
        { url: hub.url, path, session },
      ),
    );

  const expected: Said[] = [
    { text: 'You said hello.', quick_replies: [] },
    { text: 'Anything else?', quick_replies: [{ content_type: 'text', title: 'Yes', payload: '/yes' }] },
    { text: 'one' },
    { text: 'two' },
    { attachment: { type: 'image', payload: { src: 'https://example.org/a.png' } } },
    { mood: 'good' } as Said,
  ];
  for (const name of Object.keys(clients).filter((one) => one.startsWith('socket.io')))
    it(`${name} talks to a bot by URL alone, is sent what Rasa sends, and comes back to its session`, async () => {
      const first = await talk(name, null);
      assert.deepEqual(first.said, expected);
      const again = await talk(name, first.id);
      assert.equal(again.id, first.id);
    });

  it('rasa-webchat talks to a bot by URL alone', async () => {
    await page.addScriptTag({ url: '/rasa-webchat.js' });
    await page.evaluate(
      ({ url, path: at }) =>
        (globalThis as unknown as Loaded).WebChat.default(
          {
            socketUrl: url,
            socketPath: `${at}/`,
            customData: { language: 'en' },
            title: 'Shop',
            embedded: true,
            showMessageDate: false,
          },
          null,
        ),
      { url: hub.url, path },
    );
    await page.locator('.rw-new-message').fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText('You said hello.').waitFor();
    await page.getByText('Anything else?').waitFor();
    await page
      .getByRole('button', { name: 'Yes' })
      .or(page.locator('.rw-reply', { hasText: 'Yes' }))
      .first()
      .waitFor();
  });
});
