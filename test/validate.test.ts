import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../src/child.js';
import type { ProjectFile, TrainingContent } from '../src/contracts.js';
import type { QuestionChild } from '../src/training/question.js';
import { createValidator, type Validator } from '../src/training/validate.js';
import { loadTemplates, type Template } from '../src/training/templates.js';
import { someBot } from './support/engines.js';

/** With Rasa itself: test/python/test_validate.py and test/e2e/actions.test.ts. Here a process of few lines answers in its place. */
describe('the validator', () => {
  let folder: string;
  let script: string;
  let asked: QuestionChild['spec'][];
  let seen: string[];
  let validator: Validator;
  let templates: Template[];
  const open = new AbortController().signal;
  const start = (question: QuestionChild) => {
    const { home: cwd, onStdoutLine, spec } = question;
    asked.push(spec);
    const originals = spec['originals'] as string;
    seen = existsSync(originals)
      ? readdirSync(originals).map((name) => readFileSync(join(originals, name), 'utf8'))
      : [];
    return Promise.resolve(startChild({ command: process.execPath, args: ['-e', script], cwd, env: {}, onStdoutLine }));
  };
  const says = (valid: boolean, ...findings: object[]): string =>
    `console.log(${JSON.stringify(JSON.stringify({ done: { valid, findings } }))})`;
  const found = (severity: string, path: string, code: string | null = null) => ({
    severity,
    path,
    line: 3,
    message: 'Why',
    code,
  });
  const config: ProjectFile = { path: 'config.yml', content: 'language: en\nassistant_id: a\n' };
  const domain: ProjectFile = { path: 'domain.yml', content: 'intents: [a]\n' };
  const contentOf = (files: ProjectFile[], more: Partial<TrainingContent> = {}): TrainingContent => ({
    bot: { ...someBot(), pipeline: 'project' },
    pairs: [],
    files,
    yaml: null,
    ...more,
  });
  const save = (saved: ProjectFile, files = [config, domain], limitMs = 5000) =>
    validator.findings({ content: contentOf(files), saved: [saved], limitMs }, open);
  before(async () => {
    templates = await loadTemplates('templates');
  });
  beforeEach(async () => {
    [asked, seen] = [[], []];
    folder = await mkdtemp(join(tmpdir(), 'sb-validate-'));
    validator = createValidator({ workDir: folder, start, templates, customCode: false });
  });
  afterEach(async () => {
    assert.deepEqual(readdirSync(folder), [], 'nothing is left of it');
    await rm(folder, { recursive: true });
  });

  it('tells what it finds of a project, with file and line', async () => {
    script = says(false, found('error', 'domain.yml'));
    assert.deepEqual(await validator.validate(contentOf([config, domain]), open), {
      valid: false,
      findings: [{ severity: 'error', path: 'domain.yml', line: 3, message: 'Why' }],
      lines: ['domain.yml line 3: Why.'],
    });
  });

  it('keeps no save from its author, whatever it finds, and however it ends', async () => {
    script = says(false, found('error', 'domain.yml', 'bad_domain'), found('warning', 'config.yml'));
    assert.equal((await save(domain))?.length, 2);
    script = 'process.exit(9)';
    assert.equal(await save(domain), null);
    script = 'setInterval(() => undefined, 1000)';
    assert.equal(await save(domain, [config, domain], 300), null);
    script = says(false, found('error', 'data/other.yml', 'bad_content'));
    assert.equal((await save(domain))?.[0]?.path, 'data/other.yml', 'another file is no reason either');
  });

  it('refuses a file that Rasa cannot read, with its line', async () => {
    for (const code of ['bad_yaml', 'bad_content']) {
      script = says(false, found('error', 'domain.yml', code));
      await assert.rejects(save(domain), {
        code: 'invalid',
        message: 'domain.yml line 3: Why.',
      });
    }
  });

  it('checks of a large project the saved file alone', async () => {
    script = says(true, found('warning', 'domain.yml'));
    const large = { path: 'data/nlu.yml', content: `# ${'x'.repeat(300_000)}\n` };
    assert.equal(await save(domain, [config, domain, large]), null);
    await save(domain);
    assert.deepEqual(
      asked.map((spec) => spec['alone']),
      [['domain.yml'], null],
    );
    script = says(false, found('error', 'domain.yml', 'bad_content'));
    await assert.rejects(save(domain, [config, domain, large]), { code: 'invalid' });
  });

  it('knows the lines of files as their author wrote them', async () => {
    script = says(true);
    const pairs = [{ id: '1', questions: ['one', 'two'], answer: 'a' }];
    await validator.validate(contentOf([config, domain], { pairs }), open);
    assert.deepEqual(seen, [domain.content], 'the FAQ is laid into the domain, so that its lines are others');
  });

  it('looks at a project that has no config.yml yet, and at the components that one names', async () => {
    script = says(true);
    const unfinished = await validator.validate(contentOf([domain]), open);
    assert.equal(unfinished.valid, false);
    assert.match(unfinished.lines.join(), /no config\.yml/);
    assert.equal(asked.length, 1);
    const content = 'pipeline:\n- name: WhitespaceTokenizer\n- name: DIETClasifier\npolicies:\n- name: RulePolicy\n';
    const misspelt = await validator.validate(contentOf([{ ...config, content }, domain]), open);
    assert.deepEqual(
      [misspelt.valid, misspelt.findings[0]?.path, misspelt.findings[0]?.line],
      [false, 'config.yml', 3],
    );
    assert.match(misspelt.lines.join(), /no DIETClasifier; like it there are: DIETClassifier/);
  });

  it('is asked nothing about content that makes no project', async () => {
    const nothing = await validator.validate(contentOf([]), open);
    assert.deepEqual([nothing.valid, nothing.findings.length, asked.length], [false, 1, 0]);
  });
});
