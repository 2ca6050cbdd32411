import assert from 'node:assert/strict';
import type { FaqPair, Pipeline, ProjectFile, TrainingContent } from '../src/contracts.js';
import { contentIn, otherLanguages, wholeProjectOf } from '../src/training/languages.js';
import { loadTemplates, type Template } from '../src/training/templates.js';
import { judgeFiles } from '../src/training/import/thread.js';
import { someBot } from './support/engines.js';

describe('the languages of a bot', () => {
  let templates: Template[];
  const pair = (id: string, question: string, language?: string): FaqPair => ({
    ...{ id, questions: [question], answer: `To ${question}` },
    ...(language && { language }),
  });
  const contentOf = (pipeline: Pipeline, pairs: FaqPair[], files: ProjectFile[] = []): TrainingContent => ({
    bot: { ...someBot(), language: 'en', template: 'faq', pipeline, options: { fallback: 'Pardon?' } },
    pairs,
    files,
    yaml: 'intents: [more]\n',
  });
  const textOf = (files: readonly ProjectFile[], path: string): string =>
    files.find((file) => file.path === path)?.content ?? '';
  before(async () => {
    templates = await loadTemplates('templates');
  });

  it('are those that its pairs and files say, beside its own', () => {
    const pairs = [pair('1', 'a'), pair('2', 'b', 'zh'), pair('3', 'c', 'EN'), pair('4', 'd', 'de')];
    const files = [{ path: 'languages/fr/domain.yml', content: '' }];
    assert.deepEqual(otherLanguages(contentOf('semantic', pairs, files)), ['de', 'zh']);
    assert.deepEqual(otherLanguages(contentOf('project', [], files)), ['fr']);
    assert.deepEqual(otherLanguages(contentOf('semantic', [pair('1', 'a')])), []);
  });

  it('are trained from what is theirs, and nothing else', () => {
    const files = [
      { path: 'config.yml', content: 'own' },
      { path: 'actions/actions.py', content: 'code' },
      { path: 'languages/zh/config.yml', content: 'theirs' },
      { path: 'languages/de/config.yml', content: 'others' },
    ];
    const content = contentOf('project', [pair('1', 'a'), pair('2', 'b', 'zh')], files);
    const own = contentIn(content, null);
    assert.deepEqual(
      [own.pairs.map(({ id }) => id), own.files.map(({ path }) => path), own.yaml, own.bot],
      [['1'], ['config.yml', 'actions/actions.py'], content.yaml, content.bot],
    );
    const zh = contentIn(content, 'zh');
    assert.deepEqual(
      [zh.pairs.map(({ id }) => id), zh.files, zh.yaml, zh.bot.language, zh.bot.options],
      [['2'], [files[1], { path: 'config.yml', content: 'theirs' }], null, 'zh', {}],
    );
  });

  it('are exported as folders of one project, each with its own words', () => {
    const { files } = wholeProjectOf(
      contentOf('semantic', [pair('1', 'when?'), pair('2', '什么时候?', 'zh')]),
      templates,
    );
    assert.match(textOf(files, 'domain.yml'), /To when\?/);
    assert.match(textOf(files, 'domain.yml'), /Pardon\?/);
    assert.doesNotMatch(textOf(files, 'domain.yml'), /什么/);
    assert.match(textOf(files, 'languages/zh/domain.yml'), /什么时候/);
    assert.doesNotMatch(textOf(files, 'languages/zh/domain.yml'), /Pardon|when\?/);
    assert.match(textOf(files, 'languages/zh/config.yml'), /language: "?zh/);
    const again = wholeProjectOf({ ...contentOf('project', [], files), yaml: null }, templates);
    assert.deepEqual(
      again.files.map(({ path }) => path).sort(),
      files.map(({ path }) => path).sort(),
      'what was exported is the same project again',
    );
  });

  it('name no class of their own either', () => {
    const evil = { path: 'languages/zh/config.yml', content: 'pipeline:\n- name: os.Evil\n' };
    assert.throws(
      () => judgeFiles([evil], { customCode: false, hosts: [] }),
      /languages\/zh\/config\.yml line 2: os\.Evil is a class/,
    );
  });
});
