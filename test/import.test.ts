import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HubError } from '../src/errors.js';
import { readProject } from '../src/training/import/read.js';
import { entriesOf, hostileArchives, smallProject, tarGzOf, zipOf } from './support/archives.js';
import { newHub, type TestHub } from './support/hub.js';

interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

describe('a Rasa project as an archive', function () {
  this.timeout(60_000);
  let hub: TestHub;
  before(async () => {
    hub = await newHub();
  });
  after(() => hub.stop());

  const send = async (
    method: string,
    path: string,
    body: FormData | Uint8Array<ArrayBuffer>,
    type?: string,
    on = hub,
  ): Promise<Answer> => {
    const response = await fetch(`${on.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${on.app.adminToken}`, ...(type ? { 'content-type': type } : {}) },
      body,
    });
    return { status: response.status, body: await response.json() };
  };
  const bytes = (archive: Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(archive);
  const imported = (archive: Buffer, on = hub) => send('POST', '/bots/import', bytes(archive), 'application/zip', on);
  const bots = async (): Promise<number> => (await hub.api('GET', '/bots?limit=500')).body.items.length as number;
  const paths = async (appId: string): Promise<string[]> =>
    ((await hub.api('GET', `/bots/${appId}/files`)).body.items as { path: string }[]).map(({ path }) => path);

  describe('that means harm', () => {
    let present: number;
    let victim: string;
    const shelters = (): string[] => [hub.dataDir, tmpdir(), process.cwd(), '/etc', join(process.cwd(), 'data')];
    const evil = (): string[] =>
      shelters().flatMap((folder) =>
        (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.includes('evil')),
      );
    before(async () => {
      victim = (await imported(zipOf(entriesOf(smallProject)))).body.appId as string;
      present = await bots();
    });

    const archives = hostileArchives();
    for (const [name, archive, words] of archives) {
      it(`is refused: ${name}`, async () => {
        await assert.rejects(readProject(archive, { customCode: true, hosts: [] }), (error: HubError) => {
          assert.match(error.message, words);
          return error.code === 'invalid';
        });
      });
    }

    it('is refused over the API alike, for a new bot and for one that there is', async () => {
      for (const [name, archive, words] of archives.filter((_, at) => at % 8 === 0)) {
        const made = await imported(archive);
        const replaced = await send('PUT', `/bots/${victim}/project`, bytes(archive), 'application/gzip');
        for (const { status, body } of [made, replaced]) {
          assert.equal(status, 422, `${name}: ${JSON.stringify(body)}`);
          assert.match(body.detail as string, words);
        }
      }
    });

    it('leaves nothing behind: no file, no bot, and the project that was there', async () => {
      assert.ok(archives.length >= 40);
      assert.deepEqual(evil(), []);
      assert.equal(await bots(), present);
      assert.deepEqual(await paths(victim), Object.keys(smallProject).sort());
    });
  });

  describe('as people have it', () => {
    it('comes in a folder, among files that are not the bot’s, as zip and as tar.gz, in a form and as it is', async () => {
      const around = {
        'README.md': '# A bot\n',
        'logo.png': '\x89PNG',
        '.github/workflows/test.yml': 'on: [push\n',
        'tests/test_stories.yml': 'stories: []\n',
        'models/old.tar.gz': 'x',
        '__pycache__/x.pyc': 'x',
      };
      const entries = [...entriesOf(smallProject, 'shop-bot-main/'), ...entriesOf(around, 'shop-bot-main/')];
      const form = new FormData();
      form.set('file', new Blob([bytes(zipOf([{ name: 'shop-bot-main/' }, ...entries]))]), 'shop.zip');
      const zipped = await send('POST', '/bots/import', form);
      const tarred = await send('POST', '/bots/import?name=Shop', bytes(tarGzOf(entries)), 'application/gzip');
      for (const [{ status, body }, name] of [
        [zipped, 'shop-bot-main'],
        [tarred, 'Shop'],
      ] as const) {
        assert.equal(status, 201, JSON.stringify(body));
        assert.deepEqual([body.name, body.pipeline, body.language, body.imported.files], [name, 'project', 'en', 6]);
        assert.deepEqual(
          await paths(body.appId as string),
          ['README.md', ...Object.keys(smallProject), 'tests/test_stories.yml'].sort(),
        );
        assert.match((body.imported.notes as string[]).join(' '), /Left out: 4 files/);
      }
    });

    it('has its data at its top, or old names and marks', async () => {
      const { 'data/nlu.yml': nlu, 'data/rules.yml': rules, 'config.yml': config, ...rest } = smallProject;
      const flat = { ...rest, 'config.yaml': `${config}`.replace('en', 'zh'), 'nlu.yml': nlu!, 'my rules.yml': rules! };
      const { status, body } = await imported(zipOf(entriesOf(flat)));
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(body.language, 'zh');
      assert.deepEqual(await paths(body.appId as string), [
        'config.yml',
        'data/my rules.yml',
        'data/nlu.yml',
        'domain.yml',
      ]);
      const old = { ...smallProject, 'domain.yml': smallProject['domain.yml']!.replace('3.0', '2.0') };
      assert.match(
        (await imported(zipOf(entriesOf(old)))).body.imported.notes.join(' '),
        /domain\.yml line 1: version 2\.0/,
      );
    });

    it('has names in Chinese as Windows packs them', async () => {
      const name = Buffer.from([...Buffer.from('data/'), 0xce, 0xca, 0xb4, 0xf0, ...Buffer.from('.yml')]);
      const extra = { name, data: 'version: "3.1"\nrules: []\n', flags: 0 };
      const { body } = await imported(zipOf([...entriesOf(smallProject), extra]));
      assert.ok((await paths(body.appId as string)).includes('data/问答.yml'));
    });

    it('is refused as a whole with every fault, its file and its line', async () => {
      const broken = {
        ...smallProject,
        'domain.yml': 'version: "3.1"\nintents: [greet\nresponses: {}\n',
        'data/nlu.yml': 'version: "4.0"\nnlu: []\n',
        'data/old.md': '## intent:greet\n- hello\n',
        'actions/actions.py': 'import os\n',
        'data/bad.yml': '\x80'.repeat(3),
      };
      const entries = [...entriesOf(broken).slice(0, -1), { name: 'data/bad.yml', data: Buffer.from([0x80, 0xff]) }];
      const before = await bots();
      const { status, body } = await imported(zipOf(entries));
      assert.equal(status, 422);
      const told = Object.fromEntries(
        (body.errors as { pointer: string; detail: string }[]).map(({ pointer, detail }) => [pointer, detail]),
      );
      assert.match(told['/domain.yml'] ?? '', /^domain\.yml line [23]: /);
      assert.match(told['/data~1nlu.yml'] ?? '', /^data\/nlu\.yml line 1: version 4\.0 is newer/);
      assert.match(told['/data~1old.md'] ?? '', /Rasa 1/);
      assert.match(told['/data~1bad.yml'] ?? '', /UTF-8/);
      assert.match(told['/actions~1actions.py'] ?? '', /Python.*CUSTOM_CODE=on/);
      assert.equal(await bots(), before);
    });

    it('is told what it lacks', async () => {
      const without = (...gone: string[]) =>
        imported(
          zipOf(entriesOf(Object.fromEntries(Object.entries(smallProject).filter(([path]) => !gone.includes(path))))),
        );
      assert.match((await without('config.yml')).body.detail, /config\.yml is missing beside domain\.yml/);
      assert.match((await without('domain.yml')).body.detail, /^domain\.yml: it is missing/);
      assert.match((await without('data/nlu.yml', 'data/rules.yml')).body.detail, /no training data/);
      const two = zipOf([...entriesOf(smallProject, 'one/'), ...entriesOf(smallProject, 'two/')]);
      assert.match((await imported(two)).body.detail, /several projects \(one\/, two\/\)/);
      assert.match(
        (await imported(zipOf([{ name: 'a.txt', data: 'x' }]))).body.detail,
        /config\.yml is missing in the archive/,
      );
    });

    it('is no code that chokes a reader, and names no class of its own', async () => {
      const laughs = Array.from(
        { length: 9 },
        (_, at) =>
          `a${at}: &a${at} [${Array(30)
            .fill(at ? `*a${at - 1}` : 'x')
            .join()}]`,
      );
      const deep = `a: ${'['.repeat(50_000)}`;
      for (const [text, words] of [
        [laughs.join('\n'), /more than 200 references/],
        [deep, /nested|deep/],
        [`a: ${'['.repeat(100)}${']'.repeat(100)}`, /60 levels deep/],
      ] as const)
        assert.match((await imported(zipOf(entriesOf({ ...smallProject, 'data/x.yml': text })))).body.detail, words);
      const classes = { ...smallProject, 'config.yml': `${smallProject['config.yml']}importers:\n- name: os.path\n` };
      assert.match(
        (await imported(zipOf(entriesOf(classes)))).body.detail,
        /^config\.yml line 9: os\.path is a class of the project's own/,
      );
    });

    it('brings Python that does nothing, as rasa init writes it, or code that an action server runs', async () => {
      const nothing = '# from rasa_sdk import Action\n"""\nclass X: pass\n"""\n';
      assert.equal((await imported(zipOf(entriesOf({ ...smallProject, 'actions/actions.py': nothing })))).status, 201);
      const served = {
        ...smallProject,
        'actions.py': 'import os\n',
        'endpoints.yml':
          'action_endpoint:\n  url: https://actions.example.com/webhook\ntracker_store:\n  type: mongod\n  password: hunter2\n',
      };
      const { status, body } = await imported(zipOf(entriesOf(served)));
      assert.equal(status, 201, JSON.stringify(body));
      assert.match(body.imported.notes.join(' '), /Left out: actions\.py.*|tracker_store left out/);
      const kept = (await hub.api('GET', `/bots/${body.appId}/files/endpoints.yml`)).body as string;
      assert.match(kept, /actions\.example\.com/);
      assert.doesNotMatch(kept, /hunter2/);
      const local = { ...smallProject, 'endpoints.yml': 'action_endpoint:\n  url: http://localhost:5055/webhook\n' };
      assert.match(
        (await imported(zipOf(entriesOf(local)))).body.detail,
        /endpoints\.yml.*EGRESS_ALLOW=localhost:5055/,
      );
    });
  });

  it('keeps its Python and its own classes where the operator allows that', async () => {
    const open = await newHub({ env: { CUSTOM_CODE: 'on' } });
    const own = {
      ...smallProject,
      'config.yml': `${smallProject['config.yml']}importers:\n- name: own.Importer\n`,
      'actions/actions.py': 'import os\n',
      'endpoints.yml': 'action_endpoint:\n  url: http://localhost:5055/webhook\n',
    };
    const { status, body } = await imported(zipOf(entriesOf(own)), open);
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal((await open.api('GET', `/bots/${body.appId}/files/actions/actions.py`)).body, 'import os\n');
    await open.stop();
  });

  it('has its credentials as channel settings, sealed, and never as a file', async () => {
    const credentials = [
      'rest:',
      'slack:\n  slack_token: xoxb-1234567890\n  slack_channel: "#x"\n  slack_signing_secret: 0123456789abcdef',
      'telegram:\n  access_token: "<your token>"\n  verify: bot',
      'botframework:\n  app_id: my-app\n  app_password: ${TEAMS_PASSWORD}',
      'socketio:\n  user_message_evt: said\n  bot_message_evt: told',
      'facebook:\n  verify: x',
      'rasa:\n  url: http://localhost:5002/api',
    ].join('\n');
    const { body } = await imported(zipOf(entriesOf({ ...smallProject, 'credentials.yml': credentials })));
    const notes = (body.imported.notes as string[]).join('\n');
    const channel = async (name: string) =>
      (await hub.api('GET', `/bots/${body.appId}/channels/${name}`)).body as Record<string, Record<string, unknown>>;
    assert.deepEqual((await channel('slack')).secrets, { botToken: true, signingSecret: true, appToken: false });
    assert.equal((await channel('slack')).on, true);
    const { settings = {} } = await channel('web');
    assert.deepEqual(
      [settings.userMessageEvent, settings.botMessageEvent, settings.sessionPersistence],
      ['said', 'told', false],
    );
    assert.equal((await channel('telegram')).on, false);
    assert.match(notes, /telegram has no value for access_token/);
    assert.match(notes, /botframework has no value for app_password/);
    assert.match(notes, /facebook is no channel/);
    assert.doesNotMatch(`${notes} ${hub.log.join()}`, /xoxb-1234567890|0123456789abcdef/);
    assert.ok(!(await paths(body.appId as string)).includes('credentials.yml'));
  });

  it('replaces that of a bot as a whole, and leaves its channels', async () => {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Shop' })).body as { appId: string };
    const more = { ...smallProject, 'data/more.yml': 'rules: []\n', 'credentials.yml': 'rest:\n' };
    const first = await send('PUT', `/bots/${appId}/project`, bytes(zipOf(entriesOf(more))), 'application/zip');
    assert.equal(first.status, 200, JSON.stringify(first.body));
    assert.match(
      first.body.notes.join(' '),
      /pipeline was semantic; now it is project.*credentials\.yml was not looked at/,
    );
    await send('PUT', `/bots/${appId}/project`, bytes(zipOf(entriesOf(smallProject))), 'application/zip');
    assert.deepEqual(await paths(appId), Object.keys(smallProject).sort());
    assert.equal((await hub.api('GET', `/bots/${appId}`)).body.pipeline, 'project');
  });

  it('that has nothing is refused by a form without a file', async () => {
    const form = new FormData();
    form.set('name', 'x');
    const { status, body } = await send('POST', '/bots/import', form);
    assert.equal(status, 422);
    assert.equal(body.errors[0].pointer, '/file');
  });

  describe('exported', () => {
    const unpacked = async (appId: string): Promise<{ folder: string; names: string[] }> => {
      const response = await fetch(`${hub.url}/api/v1/bots/${appId}/export`, {
        headers: { authorization: `Bearer ${hub.app.adminToken}` },
      });
      assert.equal(response.status, 200);
      const folder = mkdtempSync(join(tmpdir(), 'sb-export-'));
      writeFileSync(join(folder, 'x.tar.gz'), Buffer.from(await response.arrayBuffer()));
      execFileSync('tar', ['xzf', 'x.tar.gz'], { cwd: folder });
      rmSync(join(folder, 'x.tar.gz'));
      return { folder, names: (readdirSync(folder, { recursive: true }) as string[]).sort() };
    };

    it('has the files as they came in, and comes in again', async () => {
      const { appId } = (await imported(zipOf(entriesOf(smallProject)))).body as { appId: string };
      const { folder, names } = await unpacked(appId);
      assert.deepEqual(names, [
        'config.yml',
        'credentials.yml',
        'data',
        'data/nlu.yml',
        'data/rules.yml',
        'domain.yml',
      ]);
      for (const path of ['domain.yml', 'data/nlu.yml', 'data/rules.yml'])
        assert.equal(readFileSync(join(folder, path), 'utf8'), smallProject[path]);
      execFileSync('tar', ['czf', 'again.tar.gz', ...names.filter((name) => name !== 'data')], { cwd: folder });
      const again = await imported(readFileSync(join(folder, 'again.tar.gz')));
      assert.equal(again.status, 201, JSON.stringify(again.body));
      rmSync(folder, { recursive: true });
    });

    it('of an FAQ bot has our components and what they need beside it, and comes in again without them', async () => {
      const { appId } = (await hub.api('POST', '/bots', { name: 'FAQ' })).body as { appId: string };
      await hub.api('PUT', `/bots/${appId}/faq`, [{ Q: [{ q: 'open?' }], A: 'From 9 to 5.' }]);
      const { folder, names } = await unpacked(appId);
      for (const name of [
        'switchboard_rasa/components.py',
        'switchboard_rasa/foreign_en.txt',
        'requirements.txt',
        'data/rules.yml',
      ])
        assert.ok(names.includes(name), name);
      execFileSync('tar', ['czf', 'again.tar.gz', ...readdirSync(folder)], { cwd: folder });
      const again = await imported(readFileSync(join(folder, 'again.tar.gz')));
      assert.equal(again.status, 201, JSON.stringify(again.body));
      assert.ok(!(await paths(again.body.appId as string)).some((path) => path.startsWith('switchboard_rasa')));
      rmSync(folder, { recursive: true });
    });

    it('needs something to train from', async () => {
      const { appId } = (await hub.api('POST', '/bots', { name: 'None' })).body as { appId: string };
      const { status, body } = await hub.api('GET', `/bots/${appId}/export`);
      assert.deepEqual([status, body.code], [422, 'nothing_to_train']);
    });
  });
});
