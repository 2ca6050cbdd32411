import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { download } from '../src/download.js';
import { createEgress, type Egress } from '../src/egress.js';
import { HubError } from '../src/errors.js';
import { newHub, type TestHub } from './support/hub.js';
import { anyModelEngine } from './support/trainer.js';

const archive = randomBytes(300_000);
const sha256 = createHash('sha256').update(archive).digest('hex');

/** A web server of this test, which counts who came. */
class Site {
  hits = 0;
  private readonly server: Server;
  constructor(private readonly answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.server = createServer((request, response) => {
      this.hits += 1;
      this.answer(request, response);
    });
  }
  async open(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('A model from elsewhere', () => {
  let site: Site;
  let inside: Site;
  let folder = '';
  before(async () => {
    inside = await new Site((_, response) => response.end(archive)).open();
    site = await new Site((request, response) => {
      const path = request.url ?? '';
      if (path === '/model') response.end(archive);
      else if (path === '/endless') {
        const more = (): void => {
          if (!response.destroyed) response.write(Buffer.alloc(64 * 1024), more);
        };
        more();
      } else if (path === '/broken') {
        response.writeHead(200, { 'content-length': String(archive.length) });
        response.write(archive.subarray(0, 1000), () => response.destroy());
      } else if (path === '/long') response.writeHead(200, { 'content-length': '99999999' }).flushHeaders();
      else if (path.startsWith('/to?')) response.writeHead(302, { location: decodeURIComponent(path.slice(4)) }).end();
      else response.writeHead(404).end();
    }).open();
    folder = await mkdtemp(join(tmpdir(), 'sb-initial-'));
  });
  after(async () => {
    site.close();
    inside.close();
    await rm(folder, { recursive: true, force: true });
  });

  describe('is fetched', () => {
    const get = (path: string, over: Partial<Parameters<typeof download>[1]> = {}, egress?: Egress): Promise<void> =>
      download(egress ?? createEgress([site.host]), {
        url: path.startsWith('/') ? `http://${site.host}${path}` : path,
        sha256,
        to: join(folder, 'model'),
        mostBytes: 1_000_000,
        limitMs: 10_000,
        signal: new AbortController().signal,
        ...over,
      });
    const refused = async (fetching: Promise<void>, code: string, words: RegExp): Promise<void> => {
      await assert.rejects(fetching, { code, message: words });
      assert.deepEqual(await readdir(folder), []);
    };

    it('whole, also behind a redirect', async () => {
      await get('/to?/model');
      assert.deepEqual(await readFile(join(folder, 'model')), archive);
      await rm(join(folder, 'model'));
    });
    it('from no private address, named or redirected to, and nobody there hears of it', async () => {
      const urls = [
        `http://${inside.host}/`,
        `http://localhost:${inside.host.split(':')[1]!}/`,
        'http://169.254.169.254/latest/',
        'file:///etc/passwd',
      ];
      for (const url of urls) {
        await refused(get(url), 'invalid', /private address|Only http/);
        await refused(
          get(`/to?${encodeURIComponent(url)}`),
          'invalid',
          /redirects elsewhere.*(private address|Only http)/,
        );
      }
      assert.equal(inside.hits, 0);
    });
    it('from no name that means a private address', async () => {
      const unread: Egress = { ...createEgress([]), refusal: () => null };
      await refused(get(`http://localhost:${site.host.split(':')[1]!}/model`, {}, unread), 'invalid', /EGRESS_ALLOW/);
    });
    it('with the digest that was promised, or not at all', async () => {
      await refused(get('/model', { sha256: '0'.repeat(64) }), 'invalid', /does not have that sha256/);
    });
    it('up to a size, whether the server tells it or not', async () => {
      const before = process.memoryUsage().rss;
      await refused(get('/endless'), 'too_large', /larger than 1 MB/);
      await refused(get('/long'), 'too_large', /larger than 1 MB/);
      assert.ok(process.memoryUsage().rss - before < 64 * 2 ** 20);
    });
    it('or not, in words without the URL', async () => {
      await refused(get('/broken?secret=1'), 'fetch_failed', /answered with status 404/);
      await refused(get('/broken'), 'fetch_failed', /could not be fetched from 127\.0\.0\.1/);
      await refused(get('/none?secret=1'), 'fetch_failed', /^(?!.*secret)/);
      await refused(get('/to?/to?/to?/to?/to?/to?/to?/model'), 'invalid', /more than 5 times/);
      await refused(get('/endless', { mostBytes: 1e12, limitMs: 200 }), 'fetch_failed', /could not be fetched/);
    });
  });

  describe('makes a bot that answers from the start', () => {
    let hub: TestHub;
    let starts = true;
    before(async () => {
      const engine = anyModelEngine();
      const launch = engine.launch.bind(engine);
      engine.launch = (bot, model) =>
        starts ? launch(bot, model) : Promise.reject(new HubError('wake_failed', 'no such component'));
      hub = await newHub({ env: { EGRESS_ALLOW: site.host }, standIns: { engines: { rasa: engine } } });
      await hub.api('DELETE', '/bots/demo');
    });
    after(() => hub.stop());
    const create = (over: object = {}, bot: object = {}) =>
      hub.api('POST', '/bots', {
        name: 'From elsewhere',
        engine: 'rasa',
        initialModel: { url: `http://${site.host}/model`, sha256, ...over },
        ...bot,
      });
    const nothingLeft = async (): Promise<void> => {
      assert.deepEqual((await hub.api('GET', '/bots')).body.items, []);
      const names = await readdir(join(hub.dataDir, 'models'), { recursive: true, withFileTypes: true });
      assert.deepEqual(
        names.filter((entry) => entry.isFile()),
        [],
      );
    };

    it('or no bot at all, and no file, when something is wrong with it', async () => {
      const wrong: [answer: Awaited<ReturnType<typeof create>>, status: number, words: RegExp][] = [
        [await create({ sha256: 'f'.repeat(64) }), 422, /does not have that sha256/],
        [await create({ url: `http://${inside.host}/` }), 422, /private address/],
        [await create({ url: `http://${site.host}/none` }), 502, /status 404/],
        [await create({ sha256: 'F' }), 422, /sha256 in lower case hex/],
        [await create({}, { engine: 'lite' }), 422, /needs Rasa: only for engine "rasa"/],
      ];
      starts = false;
      wrong.push([await create(), 422, /does not start: .*no such component/]);
      starts = true;
      for (const [{ status, body }, expected, words] of wrong) {
        assert.equal(status, expected, JSON.stringify(body));
        assert.match(body.detail as string, words);
      }
      await nothingLeft();
      assert.equal(inside.hits, 0);
    });
    it('and trains its own content when it is asked to', async () => {
      const { status, body } = await create();
      assert.equal(status, 201, JSON.stringify(body));
      const { appId, activeModel } = body as { appId: string; activeModel: string };
      const [answer] = (await hub.api('POST', `/bots/${appId}/messages`, { sender: 'u', message: 'hi' })).body as {
        text: string;
      }[];
      assert.equal(answer!.text, activeModel);
      const file = join(hub.dataDir, 'models', sha256.slice(0, 2), sha256.slice(2));
      assert.ok(existsSync(file));
      await hub.api('PUT', `/bots/${appId}/faq`, [{ Q: [{ q: 'a' }], A: 'b' }]);
      const { state, modelId } = (await hub.api('POST', `/bots/${appId}/train?wait=true`)).body as {
        state: string;
        modelId: string;
      };
      assert.equal(state, 'done');
      assert.notEqual(modelId, activeModel);
      await hub.api('DELETE', `/bots/${appId}`);
      await nothingLeft();
    });
  });
});
