import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOutput } from '../src/cli/output.js';
import { TrainingFailure } from '../src/training/failure.js';
import { saying, type ScriptedEngine, scriptedEngine } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

interface Ended {
  code: number | null;
  out: string;
  err: string;
}
const project: Record<string, string> = {
  'config.yml': 'recipe: default.v1\r\nlanguage: en\r\npipeline: []\r\n',
  'domain.yml': 'version: "3.1"\nintents: [greet]\n\n\n',
  'data/nlu.yml': '\uFEFFversion: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 你好 🙂\n',
  'data/deep er/stories.yml': 'version: "3.1"',
  'tests/test_stories.yml': '',
};
/** What lies in a project folder and is nobody's business. */
const besides = ['credentials.yml', 'models/old.yml', '.rasa/cache.json', '__pycache__/x.txt', 'picture.png'];

describe('the command line', function () {
  this.timeout(60_000);
  let hub: TestHub;
  let rasa: ScriptedEngine;
  let folder: string;
  let appId: string;

  const run = (
    words: string[],
    { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
  ): Promise<Ended> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ['dist/src/main.js', ...words], {
        env: { PATH: process.env['PATH'], HOME: folder, HUB_URL: hub.url, HUB_KEY: hub.app.adminToken, ...env },
      });
      const ended: Ended = { code: null, out: '', err: '' };
      child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => resolve({ ...ended, code }));
      child.stdin.end(input);
    });
  const write = async (name: string, files: Record<string, string>): Promise<string> => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name, path)), { recursive: true });
      await writeFile(join(folder, name, path), content);
    }
    return join(folder, name);
  };
  const contentsOf = async (place: string): Promise<Record<string, string>> => {
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    const read = paths.map(
      async (path) => [path.slice(place.length + 1), (await readFile(path)).toString('latin1')] as const,
    );
    return Object.fromEntries(await Promise.all(read));
  };
  const asWritten = (files: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(files)
        .map(([path, content]) => [path, Buffer.from(content).toString('latin1')] as const)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-cli-'));
    rasa = scriptedEngine();
    hub = await newHub({
      standIns: {
        engines: { rasa },
        training: {
          train: async (content, report) => {
            // As real ones do it takes a moment, and tells again and again where it is: whoever begins to watch may have missed a word.
            for (let told = 0; told < 12; told += 1) {
              report({ percent: 50, stage: 'half of it' });
              await sleep(100);
              if (told === 4 && content.files.some(({ content: text }) => text.includes('BROKEN')))
                throw new TrainingFailure('rasa', 'Rasa did not like it.', 'line 3');
            }
            const archivePath = join(folder, `${Math.random()}.archive`);
            await writeFile(archivePath, archivePath);
            return { archivePath, seconds: 0 };
          },
        },
      },
    });
  });
  beforeEach(async () => {
    appId = ((await hub.api('POST', '/bots', { name: 'A' })).body as { appId: string }).appId;
  });
  after(async () => {
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('pushes, pulls and pushes again, byte for byte', async () => {
    const first = await write('first', { ...project, ...Object.fromEntries(besides.map((path) => [path, 'x'])) });
    const pushed = await run(['push', appId, first, '--json']);
    assert.equal(pushed.code, 0, pushed.err);
    assert.equal((JSON.parse(pushed.out) as { files: number }).files, 5);
    const second = join(folder, 'second');
    assert.equal((await run(['pull', appId, second])).code, 0);
    assert.deepEqual(await contentsOf(second), asWritten(project));
    const again = JSON.parse((await run(['push', appId, second, '--json'])).out) as {
      written: string[];
      removed: string[];
    };
    assert.deepEqual([again.written, again.removed], [[], []]);
    await rm(join(second, 'tests'), { recursive: true });
    const less = JSON.parse((await run(['push', appId, second, '--json'])).out) as {
      written: string[];
      removed: string[];
    };
    assert.deepEqual([less.written, less.removed], [[], ['tests/test_stories.yml']]);
    const pull = JSON.parse((await run(['pull', appId, first, '--json'])).out) as {
      written: string[];
      foreign: string[];
    };
    assert.deepEqual([pull.written, pull.foreign], [[], ['tests/test_stories.yml']]);
  });

  it('pushes, trains and waits in a pipeline, and ends as the training did', async () => {
    const good = await write('good', project);
    const script = (place: string): string =>
      `set -e; node dist/src/main.js push ${appId} ${place} --train --wait; echo after`;
    const ci = (place: string): Promise<Ended> =>
      new Promise((resolve) => {
        const env = { PATH: process.env['PATH'], HOME: folder, HUB_URL: hub.url, HUB_KEY: hub.app.adminToken };
        const child = spawn('sh', ['-c', script(place)], { env });
        const ended: Ended = { code: null, out: '', err: '' };
        child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
        child.once('close', (code) => resolve({ ...ended, code }));
      });
    const done = await ci(good);
    assert.deepEqual([done.code, done.out.endsWith('after\n')], [0, true], done.err);
    assert.match(done.out, /Trained in .* is in use/);
    assert.match(done.err, /50 % half of it/);
    const bad = await ci(await write('bad', { ...project, 'domain.yml': 'BROKEN: 1\n' }));
    assert.deepEqual([bad.code, bad.out.includes('after')], [1, false]);
    assert.match(bad.out + bad.err, /Rasa did not like it[\s\S]*|line 3/);
    const job = JSON.parse((await run(['train', appId, '--wait', '--json'])).out) as {
      state: string;
      error: { message: string };
    };
    assert.deepEqual([job.state, job.error.message], ['failed', 'Rasa did not like it.']);
    const jobs = JSON.parse((await run(['jobs', appId, '--json'])).out) as { state: string }[];
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['failed', 'failed', 'done'],
    );
  });

  it('talks, parses and shows the log', async () => {
    await run(['push', appId, await write('talk', project), '--train', '--wait']);
    rasa.answer = (turn) => Promise.resolve(saying(turn, `you said ${turn.text}`));
    const talk = await run(['talk', appId], { input: 'hello\n\nand bye\n' });
    assert.deepEqual([talk.code, talk.out], [0, 'you said hello\nyou said and bye\n'], talk.err);
    const lines = (await run(['talk', appId, '--json', '--sender', 'ann'], { input: 'hello\n' })).out
      .trim()
      .split('\n');
    assert.equal(
      (JSON.parse(lines[0] ?? '') as { replies: { recipient_id: string }[] }).replies[0]?.recipient_id,
      'ann',
    );
    assert.match((await run(['parse', appId, 'hello'])).out, /^faq {2}0\.900/);
    const parsed = JSON.parse((await run(['parse', appId, 'hello', '--json'])).out) as { intent: { name: string } };
    assert.equal(parsed.intent.name, 'faq');
    assert.match((await run(['logs', appId])).out, /awake after/);
  });

  it('follows a log until it is told to end', async () => {
    const child = spawn(process.execPath, ['dist/src/main.js', 'logs', appId, '--follow'], {
      env: { PATH: process.env['PATH'], HOME: folder, HUB_URL: hub.url, HUB_KEY: hub.app.adminToken },
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    await run(['push', appId, await write('follow', project), '--train', '--wait']);
    await hub.api('POST', `/bots/${appId}/wake`);
    await hub.api('POST', `/bots/${appId}/park`);
    await eventually(() => out.includes('put to sleep'));
    child.kill('SIGINT');
    assert.equal(await closed, 0);
  });

  it('ends with a code that says what kind of thing is wrong, and words that say what to do', async () => {
    const ends = async (
      words: string[],
      options: Parameters<typeof run>[1],
      code: number,
      says: RegExp,
    ): Promise<void> => {
      const ended = await run(words, options);
      assert.deepEqual([ended.code, ended.out], [code, ''], `${words.join(' ')}: ${ended.err}`);
      assert.match(ended.err, says);
      assert.ok(!ended.err.includes(hub.app.adminToken));
    };
    await ends(['push', appId], {}, 64, /missing required argument/);
    await ends(['push', appId, join(folder, 'no-such-folder')], {}, 64, /cannot be read/);
    await ends(['jobs', appId, '--nosuch'], {}, 64, /unknown option/);
    await ends(['jobs', 'no-such-bot'], {}, 1, /There is no bot/);
    await ends(['jobs', appId], { env: { HUB_URL: 'http://127.0.0.1:1' } }, 69, /No hub answers/);
    await ends(['jobs', appId], { env: { HUB_KEY: 'wrong' } }, 77, /the admin token/);
    await ends(['jobs', appId], { env: { HUB_URL: 'nonsense' } }, 78, /not a URL/);
    await ends(['jobs', appId], { env: { HUB_KEY: '', HUB_URL: 'https://hub.example' } }, 78, /HUB_KEY/);
    await ends(['jobs', appId, '--config', join(folder, 'none.yml')], {}, 78, /no file/);
    assert.equal((await run(['jobs', '--help'])).code, 0);
  });

  it('takes hub and key from the user’s file, and shows the key of this machine to no other', async () => {
    const place = await write('settings', {
      'switchboard/cli.yml': `hub: ${hub.url}\nkey: ${hub.app.adminToken}\n`,
      'bad.yml': 'keys: 1\n',
    });
    const none = { HUB_URL: '', HUB_KEY: '' };
    const unset = (env: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries({ ...none, ...env }));
    const byFile = await run(['jobs', appId, '--json', '--hub', hub.url], { env: unset({ XDG_CONFIG_HOME: place }) });
    assert.deepEqual([byFile.code, byFile.out], [0, '[]\n'], byFile.err);
    assert.equal((await run(['jobs', appId, '--config', join(place, 'bad.yml')])).code, 78);
    const local = await run(['jobs', appId, '--hub', hub.url], { env: unset({ DATA_DIR: hub.dataDir }) });
    assert.equal(local.code, 0, local.err);
    // Neither this machine's key nor that of the file's hub goes anywhere else.
    for (const foreign of ['https://hub.example', 'https://127.hub.example']) {
      const env = unset({ DATA_DIR: hub.dataDir, XDG_CONFIG_HOME: place });
      assert.equal((await run(['jobs', appId, '--hub', foreign], { env })).code, 78, foreign);
    }
  });

  it('finds what is wrong', async () => {
    const env = { DATA_DIR: folder, RASA_PYTHON: 'none' };
    const well = await run(['doctor', '--json'], { env });
    assert.equal(well.code, 0, well.out + well.err);
    const found = JSON.parse(well.out) as { what: string; state: string }[];
    assert.ok(found.some(({ what, state }) => what === 'key' && state === 'ok'));
    assert.ok(
      found.some(({ what, state }) => what === `bot ${appId}` && state === 'warn'),
      'a bot without a model',
    );
    const ill = await run(['doctor'], { env: { ...env, PORT: 'many', HUB_KEY: 'wrong' } });
    assert.equal(ill.code, 1);
    assert.match(ill.out, /^BAD {2}settings: [\s\S]*PORT/m);
    assert.match(ill.out, /^BAD {2}key: /m);
    const down = await run(['doctor'], { env: { ...env, HUB_URL: 'http://127.0.0.1:1' } });
    assert.deepEqual([down.code, /^BAD {2}hub: /m.test(down.out)], [1, true]);
  });

  it('draws a bar on a terminal, lines in a pipeline, and nothing for machines', () => {
    const drawn = (tty: boolean, json: boolean): string => {
      let err = '';
      const output = createOutput({ out: () => undefined, err: (text) => (err += text), tty }, json);
      output.progress(50, 'half');
      output.progress(51, 'half');
      output.result({}, 'done');
      return err;
    };
    assert.match(drawn(true, false), /\[#{15}\.{15}\] {2}50 % half.*\r/s);
    assert.equal(drawn(false, false), ' 50 % half\n');
    assert.equal(drawn(false, true), '');
  });
});
