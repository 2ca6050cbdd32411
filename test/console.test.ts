import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { eventRoutes } from '../src/http/events.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const words = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(`console/locales/${language}.json`, 'utf8')) as Record<string, string>;
const sources = (): string =>
  (readdirSync('console', { recursive: true }) as string[])
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => readFileSync(join('console', file), 'utf8'))
    .join('\n');
const built = (name: string): string => readFileSync(join('dist/console', name), 'utf8');

describe('the console’s words', () => {
  const [en, zh] = [words('en'), words('zh')];
  /** Chinese has one form for every number. */
  const singular = (key: string): boolean => key.endsWith('_one');

  it('are there in both languages, with the same places for values', () => {
    assert.deepEqual(
      Object.keys(zh).sort(),
      Object.keys(en)
        .filter((key) => !singular(key))
        .sort(),
    );
    const places = (text = ''): string[] => [...new Set(text.match(/\{\{\w+\}\}|<\/?\w+>/g) ?? [])].sort();
    for (const [key, text] of Object.entries(zh)) {
      assert.ok(text.trim(), key);
      assert.deepEqual(places(text), places(en[key]), key);
    }
  });

  it('have a heading for every error of the hub and of a training', () => {
    const found = (file: string, code: RegExp): string[] =>
      [...readFileSync(file, 'utf8').matchAll(code)].map((match) => match[1] ?? '');
    const training = (readdirSync('src/training', { recursive: true }) as string[])
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => found(join('src/training', file), /(?:TrainingFailure\(\s*|\bcode: )'(\w+)'/g));
    const rasa = readdirSync('src/engines/rasa/switchboard_rasa')
      .filter((file) => file.endsWith('.py'))
      .flatMap((file) => found(join('src/engines/rasa/switchboard_rasa', file), /(?:return |Told\()"(\w+)", /g));
    const hub = found('src/errors.ts', /^ {2}(\w+): \{ status/gm);
    assert.ok(hub.length > 40 && training.length > 10 && rasa.length > 10);
    const codes = [...new Set([...hub, ...training, ...rasa])];
    assert.deepEqual(
      codes.filter((code) => !en[`problem.code.${code}`]),
      [],
    );
  });

  it('say each fault of a table', () => {
    const kinds = ['import', 'table'].flatMap((name) =>
      [...readFileSync(`src/training/faq/${name}.ts`, 'utf8').matchAll(/\bRemark<([^>]+)>/g)].flatMap(
        ([, union = '']) => [...union.matchAll(/'(\w+)'/g)].map(([, kind = '']) => kind),
      ),
    );
    const [readings, faults] = ['read', 'fault'].map((part) => kinds.filter((kind) => en[`import.${part}.${kind}`]));
    assert.deepEqual([...readings!, ...faults!].sort(), kinds.sort());
    assert.ok(readings!.length > 8 && faults!.length > 8);
  });

  it('are all used', () => {
    const text = sources();
    const prefixes = [...text.matchAll(/t\(`([\w.]+\.)\$\{/g)].map((match) => match[1] ?? '');
    assert.ok(prefixes.length > 5);
    const unused = Object.keys(en)
      .map((key) => key.replace(/_(?:zero|one|other)$/, ''))
      .filter((key) => !text.includes(`'${key}'`) && !text.includes(`"${key}"`))
      .filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
    assert.deepEqual(unused, []);
  });
});

describe('the console’s build', () => {
  const zipped = (name: string): number => gzipSync(built(name)).length;
  /** What a script imports before it runs. */
  const importsOf = (name: string): string[] =>
    [...built(`assets/${name}`).matchAll(/(?:from|import)\s*["']\.\/([\w-]+\.js)["']/g)].map((match) => match[1] ?? '');
  const firstLoad = (): Set<string> => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      importsOf(name).forEach(visit);
    };
    for (const [, name = ''] of built('index.html').matchAll(/assets\/([\w-]+\.js)/g)) visit(name);
    return seen;
  };

  it('loads at most 300 kB of zipped script before the first page', () => {
    const scripts = [...firstLoad()];
    const size = scripts.reduce((sum, name) => sum + zipped(`assets/${name}`), 0);
    assert.ok(scripts.length > 1 && size > 100_000, `what is loaded is found: ${scripts.join()}`);
    assert.ok(size <= 300_000, `${size} bytes in ${scripts.join(', ')}`);
  });

  describe('served by the hub', () => {
    let hub: TestHub;
    before(async () => {
      hub = await newHub();
    });
    after(() => hub.stop());

    it('has one page for every address, with scripts from the hub alone and a nonce that never comes twice', async () => {
      const policies: string[] = [];
      for (const path of ['/console', '/console/', '/console/bots/x/training', '/console/new?x=1']) {
        const response = await fetch(hub.url + path);
        assert.equal(response.status, 200, path);
        const policy = response.headers.get('content-security-policy') ?? '';
        assert.match(policy, /script-src 'self';/);
        assert.doesNotMatch(policy, /unsafe/);
        const nonce = /'nonce-([\w+/=]+)'/.exec(policy)?.[1] ?? '';
        const html = await response.text();
        assert.ok(nonce.length > 20 && html.includes(`content="${nonce}"`));
        assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\son\w+=|style=/);
        policies.push(policy);
      }
      assert.equal(new Set(policies).size, policies.length);
    });

    it('keeps files for good, zipped for who can unzip, and serves nothing else', async () => {
      const [script = ''] = firstLoad();
      const zip = await fetch(`${hub.url}/console/assets/${script}`);
      assert.equal(zip.headers.get('content-encoding'), 'gzip');
      assert.match(zip.headers.get('cache-control') ?? '', /immutable/);
      assert.match(zip.headers.get('content-type') ?? '', /javascript/);
      const plain = await fetch(`${hub.url}/console/assets/${script}`, { headers: { 'accept-encoding': 'identity' } });
      assert.equal(plain.headers.get('content-encoding'), null);
      assert.equal(await zip.text(), await plain.text());
      for (const path of [
        'nothing.js',
        '..%2findex.html',
        '..%2f..%2fsrc%2fmain.js',
        `${script}.gz`,
        '%2e%2e%2findex.html',
      ])
        assert.equal((await fetch(`${hub.url}/console/assets/${path}`)).status, 404, path);
    });
  });
});

describe('GET /events', () => {
  let hub: TestHub;
  before(async () => {
    hub = await newHub();
  });
  after(() => hub.stop());

  it('tells of trainings of all bots, and of the processes of those that were named', async () => {
    const appId = (await hub.api('POST', '/bots', { name: 'Seen' })).body.appId as string;
    const other = (await hub.api('POST', '/bots', { name: 'Other' })).body.appId as string;
    const headers = { authorization: `Bearer ${hub.app.adminToken}` };
    const response = await fetch(`${hub.url}/api/v1/events?appId=${appId}`, { headers });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) {
        const { value, done } = await reader.read();
        assert.ok(!done, `ended before ${pattern}: ${text}`);
        text += value;
      }
    };
    for (const id of [other, appId]) {
      await hub.api('POST', `/bots/${id}/train?wait=true`, [{ Q: [{ q: 'hello' }], A: 'hi' }]);
      await hub.api('POST', `/bots/${id}/park`);
      await hub.api('POST', `/bots/${id}/wake`);
    }
    await until(new RegExp(`event: job\\ndata: [^\\n]*"appId":"${other}"[^\\n]*"state":"done"`));
    await until(new RegExp(`event: bot\\ndata: [^\\n]*"appId":"${appId}"[^\\n]*"state":"awake"`));
    assert.doesNotMatch(text, new RegExp(`event: bot\\ndata: [^\\n]*"appId":"${other}"`));
    await reader.cancel();
  });

  it('tells a state as it is when it is told, and the next one however soon it comes', async () => {
    let state = 'asleep';
    let shown: (() => void) | null = null;
    const [events] = eventRoutes({
      store: { bots: { get: () => Promise.resolve({}) } } as never,
      engines: { status: () => ({ state, engineInUse: 'lite', pids: [] }) as never },
      queue: { watch: () => () => undefined },
      news: { watch: () => () => undefined },
      // The store takes its time, and the state goes on.
      present: () => new Promise((resolve) => (shown = () => resolve({ state }))),
    });
    const gone = new AbortController();
    const asked = { query: { appId: 'a' }, caller: { may: () => true }, gone: () => gone.signal };
    const { stream } = await events!.handle(asked as never);
    const told: string[] = [];
    const reading = (async () => {
      for await (const text of stream!) told.push(...(/"state":"(\w+)"/.exec(String(text))?.slice(1) ?? []));
    })();
    const show = async (): Promise<void> => {
      await eventually(() => shown !== null);
      shown!();
      shown = null;
    };
    state = 'awake';
    await eventually(() => shown !== null);
    state = 'asleep';
    await show();
    await eventually(() => told.length === 1);
    state = 'awake';
    await show();
    await eventually(() => told.length === 2);
    gone.abort();
    await reading;
    assert.deepEqual(told, ['asleep', 'awake']);
  });

  it('tells whoever may read one bot of that bot alone, as long as they may', async () => {
    const [own, other] = await Promise.all(
      ['Own', 'Foreign'].map(async (name) => (await hub.api('POST', '/bots', { name })).body.appId as string),
    );
    const { id, key } = (await hub.api('POST', `/bots/${own}/api-keys`, { name: 'k', role: 'viewer' })).body as {
      id: string;
      key: string;
    };
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${hub.url}/api/v1/events?appId=${own},${other}&conversations=${other}`, { headers });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const reading = (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
    })().catch(() => undefined);
    const pair = [{ Q: [{ q: 'hello' }], A: 'hi' }];
    for (const appId of [other, own]) {
      await hub.api('POST', `/bots/${appId}/train?wait=true`, pair);
      await hub.api('POST', `/bots/${appId}/messages`, { sender: 'anna', message: 'hello' });
      await hub.api('POST', `/bots/${appId}/conversations/anna/takeover`);
    }
    const waiting = async (as: object): Promise<string[]> => {
      const answer = await fetch(`${hub.url}/api/v1/waiting`, { headers: as as Record<string, string> });
      return ((await answer.json()) as { items: { appId: string }[] }).items.map(({ appId }) => appId).sort();
    };
    assert.deepEqual(await waiting(headers), [own]);
    assert.deepEqual(await waiting({ authorization: `Bearer ${hub.app.adminToken}` }), [own, other].sort());
    await eventually(
      () => /event: conversation\n/.test(text) && /event: job\n/.test(text) && /event: bot\n/.test(text),
    );
    assert.doesNotMatch(text, new RegExp(`"appId":"${other}"`));
    assert.match(text, /"state":"held"/);
    const session = (await (await fetch(`${hub.url}/api/v1/session`, { headers })).json()) as { rights: unknown };
    assert.deepEqual(session.rights, { hub: ['member'], bots: { [own!]: ['member', 'read'] } });
    await hub.api('DELETE', `/api-keys/${id}`);
    await reading;
  });
});
