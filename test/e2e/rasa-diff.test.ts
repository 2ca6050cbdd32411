import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { differing } from '../rasa-diff/compare.js';
import { type FacadeSide, facadeSide, plainSide, type Side } from '../rasa-diff/sides.js';
import { type Step, steps } from '../rasa-diff/steps.js';
import { realRasa } from '../support/hub.js';
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
    let plain: Side | undefined;
    let facade: FacadeSide | undefined;

    before(async () => {
      const { python } = realRasa() as { python: string };
      const project = await keptProject(name, 12);
      facade = await facadeSide(python, project);
      plain = await plainSide(python, project, facade.archive);
    });
    after(async () => {
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
  });

describe('the list of differences from Rasa', () => {
  it('lists every difference with its reason', () => {
    const names = new Set(steps.map(({ differs }) => differs).filter((name) => name !== undefined));
    for (const name of names) assert.match(listed, new RegExp(`^\\| \`${name}\` \\|`, 'm'), name);
    assert.ok(steps.length >= 150, 'the test has 150 requests');
  });
});
