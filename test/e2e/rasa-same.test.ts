import assert from 'node:assert/strict';
import { sameAsPlain } from '../contract/rasa-same.js';
import { differences } from '../support/differences.js';
import { realRasa } from '../support/hub.js';
import { faqProject, keptProject, type RasaProject, storyProject } from '../support/rasa-projects.js';

/**
 * `npm run test:rasa-same` sets it: all projects and hundreds of texts. A plain test run takes one without networks, which train and load for
 * minutes; that networks answer the same in our process is held by `test/python/test_archive.py`.
 */
const full = process.env['SWITCHBOARD_RASA_SAME'] === 'full';
const short = ['custom'];
const projects: Record<string, (python: string) => Promise<RasaProject>> = {
  forms: () => keptProject('forms', 12),
  custom: () => keptProject('custom', 'as written'),
  rules: () => keptProject('rules', 'as written'),
  'classic FAQ': () => faqProject('shop-20', 'classic', 20),
  'semantic FAQ': () => faqProject('shop-20', 'semantic', 'as written'),
  'Chinese FAQ': () => faqProject('zh-telecom', 'classic', 10),
  story: (python) => storyProject(python, 12),
};

describe('the comparison of two Rasas', () => {
  it('finds a confidence that is off, a field too many, a missing message and another order', () => {
    const theirs = { intent: { name: 'a', confidence: 0.5 }, entities: [], ranking: [{ name: 'a' }, { name: 'b' }] };
    assert.deepEqual(differences({ ...theirs, intent: { name: 'a', confidence: 0.5 + 9e-7 } }, theirs), []);
    assert.equal(differences({ ...theirs, intent: { name: 'a', confidence: 0.50001 } }, theirs).length, 1);
    assert.equal(differences({ ...theirs, more: null }, theirs).length, 1);
    assert.equal(differences({ ...theirs, ranking: [{ name: 'b' }, { name: 'a' }] }, theirs).length, 2);
    assert.equal(differences([], [{ text: 'hello' }]).length, 1);
    assert.deepEqual(differences({ timestamp: 1 }, { timestamp: 2 }, ['timestamp']), []);
  });
});

for (const [name, project] of Object.entries(projects)) {
  if (!full && !short.includes(name)) continue;
  const size = full ? { texts: 90, conversations: 12 } : { texts: 40, conversations: 4 };
  sameAsPlain(name, { python: () => (realRasa() as { python: string }).python, project, ...size, seed: 5 });
}
