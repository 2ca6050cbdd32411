import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProjectFile, Store } from '../src/contracts.js';
import { fileRoutes } from '../src/http/files.js';
import type { Asked } from '../src/http/route.js';
import { someBot } from './support/engines.js';
import { newHub, type TestHub } from './support/hub.js';

describe('the project files of a bot', () => {
  let hub: TestHub;
  let dataDir: string;
  let appId: string;
  const put = (path: string, body: string, on = hub) =>
    on.api('PUT', `/bots/${appId}/files/${path}`, body, { 'content-type': 'text/plain' });
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sb-files-'));
    hub = await newHub({ dataDir });
    appId = (await hub.api('POST', '/bots', { name: 'Own', pipeline: 'project' })).body.appId as string;
  });
  after(async () => {
    await hub.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('are written, listed, read back as they were and removed, in folders too', async () => {
    assert.equal((await put('domain.yml', 'intents:\n- 你好\r\n')).status, 200);
    assert.equal((await put('data%2Frules%201.yml', 'rules: []\n')).body.path, 'data/rules 1.yml');
    assert.deepEqual((await hub.api('GET', `/bots/${appId}/files`)).body, {
      items: [{ path: 'data/rules 1.yml' }, { path: 'domain.yml' }],
      next: null,
    });
    const read = await hub.api('GET', `/bots/${appId}/files/data/rules%201.yml`);
    assert.match(read.headers.get('content-type') ?? '', /^text\/plain/);
    assert.equal(read.body, 'rules: []\n');
    assert.equal((await hub.api('GET', `/bots/${appId}/files/domain.yml`)).body, 'intents:\n- 你好\r\n');
    assert.equal((await hub.api('DELETE', `/bots/${appId}/files/data/rules%201.yml`)).status, 204);
    for (const method of ['GET', 'DELETE'])
      assert.equal((await hub.api(method, `/bots/${appId}/files/data/rules%201.yml`)).status, 404);
  });

  it('have names that mean one place inside the project and nothing else', async () => {
    const names = ['..%2Fx.yml', 'a%2F..%2Fx.yml', '%2Fetc%2Fx.yml', 'a%5Cb.yml', 'C:x.yml', 'a%00.yml', '.env.yml'];
    names.push('a%2F%2Fb.yml', 'x.exe', 'x', `${'a'.repeat(200)}.yml`, 'a/'.repeat(8) + 'x.yml', 'a.%2Fx.yml');
    for (const name of names) {
      const { status, body } = await put(name, 'x');
      assert.equal(status, 422, name);
      assert.equal(body.errors[0].pointer, '/path', name);
    }
  });

  it('are at most 2,000', async () => {
    const files = Array.from({ length: 2000 }, (_, at) => `f${at}.yml`);
    const written: string[] = [];
    const store = {
      bots: { get: () => Promise.resolve(someBot()) },
      files: {
        list: () => Promise.resolve(files),
        write: (_: string, [file]: ProjectFile[]) => Promise.resolve(void written.push(file!.path)),
      },
    } as unknown as Store;
    const rows = fileRoutes({
      store,
      check: (path, bytes) => Promise.resolve({ path, content: bytes.toString() }),
      findings: () => Promise.resolve(null),
    });
    const write = (path: string) =>
      rows
        .find(({ method }) => method === 'PUT')!
        .handle({ params: { appId: 'a', path }, body: Buffer.from('x'), gone: () => null } as unknown as Asked<
          unknown,
          unknown
        >);
    await write('f7.yml');
    await assert.rejects(write('one-more.yml'), /has 2000 files, which is the most: remove one/);
    assert.deepEqual(written, ['f7.yml']);
  });

  it('are text', async () => {
    for (const body of ['a\0b', new Uint8Array([0x80, 0xff])]) {
      const url = `${hub.url}/api/v1/bots/${appId}/files/x.yml`;
      const { status } = await fetch(url, {
        method: 'PUT',
        body,
        headers: { authorization: `Bearer ${hub.app.adminToken}` },
      });
      assert.equal(status, 422);
    }
  });

  it('are no Python, and trained with none, unless the operator allows it', async () => {
    const refused = await put('actions/actions.py', 'x = 1\n');
    assert.equal(refused.status, 422);
    assert.match(refused.body.detail, /^actions\/actions\.py is Python.*CUSTOM_CODE=on/);
    await hub.stop();
    const open = await newHub({ dataDir, env: { CUSTOM_CODE: 'on' } });
    assert.equal((await put('actions/actions.py', 'x = 1\n', open)).status, 200);
    await open.stop();
    hub = await newHub({ dataDir });
    const training = await hub.api('POST', `/bots/${appId}/train`);
    assert.equal(training.status, 422);
    assert.match(training.body.detail, /brings Python \(actions\/actions\.py\).*CUSTOM_CODE=on.*or remove/);
    await hub.api('DELETE', `/bots/${appId}/files/actions/actions.py`);
  });

  it('are YAML that Rasa can read, else the line is named, and they name no class of their own', async () => {
    for (const [path, text, line] of [
      ['domain.yml', 'intents:\n- a\n  b: c\n', 'line 2'],
      ['data/nlu.yml', 'version: "4.0"\nnlu: []\n', 'line 1'],
      ['config.yml', 'language: en\npipeline:\n- name: mood.Mood\n', 'line 3'],
      ['data/big.yml', `${'#\n'.repeat(30_000)}nlu: [`, 'line 30001'],
    ] as const) {
      const { status, body } = await put(path, text);
      assert.equal(status, 422, path);
      assert.ok((body.detail as string).startsWith(`${path} ${line}: `), body.detail);
      assert.equal(
        (await hub.api('GET', `/bots/${appId}/files`)).body.items.some(
          (one: { path: string }) => one.path === path && path !== 'domain.yml',
        ),
        false,
      );
    }
  });

  it('name no class of their own in any place where Rasa imports one, by whatever door they come', async () => {
    const texts: [string, string, string][] = [
      ['config.yml', 'pipeline:\n- name: os.Evil\n', 'os.Evil'],
      ['config.yml', 'policies:\n- name: TEDPolicy\n  featurizer:\n  - name: os.Evil\n', 'os.Evil'],
      ['config.yml', 'importers:\n- os.Evil\n', 'os.Evil'],
      ['config.yml', 'x: &evil os.Evil\nimporters:\n- name: *evil\n', 'os.Evil'],
      ['config.yml', 'x: &evil {name: os.Evil}\npipeline:\n- <<: *evil\n', 'os.Evil'],
      ['config.yml', 'x: &all [{name: os.Evil}]\npipeline: *all\n', 'os.Evil'],
      ['config.yml', 'train_schema:\n  nodes:\n    a: {uses: os.Evil}\n', 'os.Evil'],
      ['config.yml', 'pipeline:\n- name: os\\u002eEvil\n', 'os\\u002eEvil'],
      ['config.yml', 'pipeline:\n- na\\u006de: os\n', 'na\\u006de'],
      ['config.yml', 'pipeline:\n- name: "os${DOT}Evil"\n', 'os${DOT}Evil'],
      ['domain.yml', 'slots:\n  a: {type: os.Evil}\n', 'os.Evil'],
      ['domain/slots.yml', 'slots:\n  a:\n    type: os.Evil\n', 'os.Evil'],
      ['endpoints.yml', 'tracker_store:\n  type: os.Evil\n', 'os.Evil'],
      ['endpoints.yml', 'event_broker: {store_type: os.Evil}\n', 'os.Evil'],
      ['endpoints.yml', 'nlg: {type: os.Evil}\n', 'os.Evil'],
      ['credentials.yml', 'os.Evil:\n  a: 1\n', 'os.Evil'],
    ];
    const refused = (detail: unknown, name: string): void =>
      assert.ok(String(detail).includes(`${name} is a class of the project's own`), `${name}: ${String(detail)}`);
    const yaml = { 'content-type': 'application/yaml' };
    for (const [path, text, name] of texts) {
      const { status, body } = await put(path, text);
      assert.deepEqual(
        [status, (body.errors as { pointer: string }[])[0]?.pointer],
        [422, `/${path.replace('/', '~1')}`],
      );
      refused(body.detail, name);
      const training = await hub.api('POST', `/bots/${appId}/train`, `${text}nlu: []\n`, yaml);
      assert.equal(training.status, 422, text);
      refused(training.body.detail, name);
      const rasa = await fetch(`${hub.url}/bots/${appId}/model/train?token=${hub.app.adminToken}`, {
        method: 'POST',
        body: text,
      });
      const { reason, message } = (await rasa.json()) as { reason: string; message: string };
      assert.deepEqual([rasa.status, reason], [400, 'BadRequest']);
      refused(message, name);
    }
    const known =
      'pipeline:\n- name: rasa.nlu.tokenizers.whitespace_tokenizer.WhitespaceTokenizer\n- name: DIETClassifier\n';
    assert.equal((await put('config.yml', known)).status, 200);
    assert.equal((await put('credentials.yml', '# nothing\nrest:\nslack: {slack_token: a.b}\n')).status, 200);
  });

  it('that named a class while that was allowed are not trained from when it is no more', async () => {
    await hub.stop();
    const open = await newHub({ dataDir, env: { CUSTOM_CODE: 'on' } });
    assert.equal((await put('config.yml', 'pipeline:\n- name: mood.Mood\n', open)).status, 200);
    await open.stop();
    hub = await newHub({ dataDir });
    const { status, body } = await hub.api('POST', `/bots/${appId}/train`);
    assert.equal(status, 422);
    assert.match(String(body.detail), /^config\.yml line 2: mood\.Mood is a class/);
    await hub.api('DELETE', `/bots/${appId}/files/config.yml`);
  });

  it('name an action server only where the hub may call', async () => {
    const named = (url: string): string => `action_endpoint:\n  url: ${url}\n`;
    const refused = await put('endpoints.yml', named('http://169.254.169.254/webhook'));
    assert.equal(refused.status, 422);
    assert.match(refused.body.detail, /^endpoints\.yml: action_endpoint\.url: 169\.254\.169\.254 is a private address/);
    assert.match((await put('endpoints.yml', 'action_endpoint: 5\n')).body.detail, /^endpoints\.yml: action_endpoint/);
    assert.match((await put('endpoints.yml', 'a: [\n')).body.detail, /^endpoints\.yml/);
    assert.equal((await put('endpoints.yml', named('https://actions.example.com/webhook'))).status, 200);
    assert.equal((await put('endpoints.yml', '# nothing\n')).status, 200);
  });
});
