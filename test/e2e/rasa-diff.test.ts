import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { differing } from '../rasa-diff/compare.js';
import { type FacadeSide, facadeSide, plainSide, type Side } from '../rasa-diff/sides.js';
import { type Step, steps } from '../rasa-diff/steps.js';
import { eventually, realRasa } from '../support/hub.js';
import { plainRasa, writeProject } from '../support/plain-rasa.js';
import { keptProject } from '../support/rasa-projects.js';

/** `npm run test:rasa-diff` sets it: every step, over a project with networks. A plain test run takes those that are marked, over one without. */
const full = process.env['SWITCHBOARD_RASA_DIFF'] === 'full';
const projects = full ? (['rules', 'forms'] as const) : (['rules'] as const);
const chosen = full ? steps : steps.filter((step) => step.short);
const run = promisify(execFile);
const listed = readFileSync('docs/rasa-api.md', 'utf8');
const nameOf = ({ method, path, body, as = 'key' }: Step): string =>
  `${method} ${path} as ${as}${body === undefined ? '' : ` ${body.slice(0, 80)}`}`;

for (const name of projects)
  describe(`the Rasa API of a bot and a real rasa run, over the ${name} project`, function () {
    this.timeout(900_000);
    /** Where both post what leaves by their callback channel. */
    let callbacks: Server;
    const posted: { to: string; body: unknown }[] = [];
    let plain: Side | undefined;
    let facade: FacadeSide | undefined;

    before(async () => {
      const { python } = realRasa() as { python: string };
      const project = await keptProject(name, 12);
      callbacks = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          posted.push({ to: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()) as unknown });
          response.end();
        });
      }).listen(0, '127.0.0.1');
      await once(callbacks, 'listening');
      const at = (side: string): string => `http://127.0.0.1:${(callbacks.address() as AddressInfo).port}/${side}`;
      facade = await facadeSide(python, project, { callbackUrl: at('mine') });
      plain = await plainSide(python, project, { archive: facade.archive, callbackUrl: at('theirs') });
    });
    after(async () => {
      callbacks.closeAllConnections();
      callbacks.close();
      await plain?.stop();
      await facade?.stop();
    });

    it(`answer ${chosen.length} requests alike, or differ as docs/rasa-api.md says`, async () => {
      const unexplained: string[] = [];
      const mended = new Map<string, boolean>();
      for (const step of chosen) {
        const [theirs, mine] = await Promise.all([plain!.ask(step), facade!.ask(step)]);
        const found = differing(mine, theirs);
        const { differs } = step;
        if (differs === undefined) unexplained.push(...found.map((line) => `${nameOf(step)} ${line.slice(0, 400)}`));
        else mended.set(differs, (mended.get(differs) ?? true) && found.length === 0);
      }
      assert.deepEqual(unexplained, []);
      const gone = [...mended].filter(([, none]) => none).map(([difference]) => difference);
      assert.deepEqual(gone, [], 'these differ no more: take them out of the list');
    });

    if (name === 'rules')
      it('send what is said unasked by the channel of the user, or by one that is named, alike', async () => {
        const both = async (step: Step): Promise<void> => {
          const [theirs, mine] = await Promise.all([plain!.ask(step), facade!.ask(step)]);
          assert.deepEqual([nameOf(step), ...differing(mine, theirs)], [nameOf(step)]);
          assert.equal(mine.status, 200, nameOf(step));
        };
        const says = { event: 'bot', text: 'By hand.', data: {} };
        const began = { text: 'hello', sender: 'user' };
        const said: [string, object][] = [
          // So that the session begins without the metadata of a message: what the hub adds there is a difference of its own.
          ['/conversations/gina/messages', began],
          ['/conversations/hans/messages', began],
          ['/webhooks/callback/webhook', { sender: 'gina', message: 'hello' }],
          ['/conversations/gina/trigger_intent?output_channel=latest', { name: 'thanks' }],
          ['/conversations/gina/execute?output_channel=callback', { name: 'utter_more' }],
          ['/conversations/gina/trigger_intent?output_channel=rest', { name: 'thanks' }],
          ['/conversations/gina/trigger_intent', { name: 'thanks' }],
          ['/conversations/gina/tracker/events?output_channel=latest&include_events=NONE', says],
          [
            '/conversations/gina/tracker/events?output_channel=latest&execute_side_effects=true&include_events=NONE',
            says,
          ],
          ['/webhooks/rest/webhook', { sender: 'hans', message: 'hello', input_channel: 'kiosk' }],
          ['/conversations/hans/trigger_intent?output_channel=latest', { name: 'thanks' }],
        ];
        const headers = { 'content-type': 'application/json' };
        for (const [path, body] of said) await both({ method: 'POST', path, body: JSON.stringify(body), headers });
        for (const id of ['gina', 'hans'])
          await both({ method: 'GET', path: `/conversations/${id}/tracker?include_events=NONE` });
        const of = (side: string): unknown[] => posted.filter(({ to }) => to === side).map(({ body }) => body);
        await eventually(() => of('/mine').length >= of('/theirs').length);
        assert.deepEqual(of('/mine'), of('/theirs'));
        assert.ok(of('/mine').length >= 4);
      });

    if (name === 'rules')
      it('serve the calls of `rasa interactive` alike', async () => {
        const { python } = realRasa() as { python: string };
        const asked = [plain!, facade!].map(async ({ base, key }) => {
          const { stdout } = await run(python, ['test/rasa-diff/interactive.py', base, key], { env: {} });
          return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { actions: string[]; said: string[] };
        });
        const [theirs, mine] = await Promise.all(asked);
        assert.deepEqual(mine, theirs);
        assert.equal(mine?.actions.at(-1), 'action_listen');
        assert.ok(mine.said.length > 0);
      });

    if (name === 'rules')
      it('answer alike where the plain one has its model from the bot, and changes it after a push that trains', async () => {
        const { python } = realRasa() as { python: string };
        const { hub, appId, base, key } = facade!;
        const project = await keptProject(name, 12);
        const { content = '' } = project.files.find(({ path }) => path === 'domain.yml') ?? {};
        const endpoints = `models:\n  url: ${base}/model\n  token: ${key}\n  wait_time_between_pulls: 1\n`;
        const elsewhere = await plainRasa(python, project, null, { endpoints });
        try {
          let callers = 0;
          const greeted = async (): Promise<unknown> => {
            const sender = `caller ${(callers += 1)}`;
            const said = await elsewhere.post('/webhooks/rest/webhook', { sender, message: 'hello' });
            return (said as { text?: string }[])[0]?.text;
          };
          const first = await greeted();
          assert.ok(typeof first === 'string' && content.includes(first), String(first));
          const changed = content.replace(first, 'Hello from the newer model.');
          const folder = join(hub.dataDir, 'pushed');
          const files = project.files.map((file) =>
            file.path === 'domain.yml' ? { ...file, content: changed } : file,
          );
          await writeProject(folder, { ...project, files });
          const words = ['dist/src/main.js', 'push', appId, folder, '--train', '--wait', '--json'];
          const env = { PATH: process.env['PATH'], HOME: folder, HUB_URL: hub.url, HUB_KEY: key };
          const { stdout } = await run(process.execPath, words, { env });
          assert.match(stdout, /"state":\s*"done"/);
          await eventually(async () => (await greeted()) === 'Hello from the newer model.', 60);
        } finally {
          await elsewhere.stop();
        }
      });
  });

describe('the list of differences from Rasa', () => {
  it('lists every difference with its reason', () => {
    const names = new Set(steps.map(({ differs }) => differs).filter((name) => name !== undefined));
    for (const name of names) assert.match(listed, new RegExp(`^\\| \`${name}\` \\|`, 'm'), name);
    assert.ok(steps.length >= 150, 'the test has 150 requests');
  });
});
