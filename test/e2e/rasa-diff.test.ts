import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { differing } from '../rasa-diff/compare.js';
import { facadeSide, plainSide, type Side } from '../rasa-diff/sides.js';
import { type Step, steps } from '../rasa-diff/steps.js';
import { realRasa } from '../support/hub.js';
import { archiveOf } from '../support/plain-rasa.js';
import { keptProject } from '../support/rasa-projects.js';

/** `npm run test:rasa-diff` sets it: every step. A plain test run takes those that are marked. */
const full = process.env['SWITCHBOARD_RASA_DIFF'] === 'full';
const chosen = full ? steps : steps.filter((step) => step.short);
const listed = readFileSync('docs/rasa-api.md', 'utf8');
const nameOf = ({ method, path, body, as = 'key' }: Step): string =>
  `${method} ${path} as ${as}${body === undefined ? '' : ` ${body.slice(0, 80)}`}`;

describe('the Rasa API of a bot and a real rasa run', function () {
  this.timeout(600_000);
  let plain: Side | undefined;
  let facade: Side | undefined;

  before(async () => {
    const { python } = realRasa() as { python: string };
    const project = await keptProject('forms', 12);
    const archive = await archiveOf(python, project);
    const [theirs, ours] = await Promise.allSettled([plainSide(python, project, archive), facadeSide(python, archive)]);
    if (theirs.status === 'fulfilled') plain = theirs.value;
    if (ours.status === 'fulfilled') facade = ours.value;
    for (const side of [theirs, ours]) if (side.status === 'rejected') throw side.reason;
  });
  after(async () => {
    await Promise.all([plain?.stop(), facade?.stop()]);
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
    assert.deepEqual(
      [...mended].filter(([, none]) => none).map(([name]) => name),
      [],
      'these differ no more: take them out of the list',
    );
  });

  it('lists every difference with its reason', () => {
    const names = new Set(steps.map(({ differs }) => differs).filter((name) => name !== undefined));
    for (const name of names) assert.match(listed, new RegExp(`^\\| \`${name}\` \\|`, 'm'), name);
    assert.ok(steps.length >= 150, 'the test has 150 requests');
  });
});
