import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectOf } from '../src/training/project.js';
import { chitchatOf, fallbackOf, loadTemplates, templateOf } from '../src/training/templates.js';
import { contentOf, pair } from './snapshots/cases.js';

const shipped = join(process.cwd(), 'templates');

describe('The templates', () => {
  it('that are shipped fit the schema and are trainable', async () => {
    const templates = await loadTemplates(shipped);
    assert.deepEqual(
      templates.map(({ name }) => name),
      ['demo', 'faq', 'faq-zh'],
    );
    for (const one of templates) {
      const own = templateOf(templates, { template: one.name, language: one.language });
      const pairs = one.pairs.length > 0 ? one.pairs : [pair('a', ['anything?'])];
      const project = projectOf(contentOf({ pairs, bot: { language: one.language } }), own);
      assert.deepEqual(project.notes, []);
      const groups = ['greet', 'thanks', 'bye'].map(
        (id) => own.chitchat.find((topic) => topic.id === id)?.questions.length ?? 0,
      );
      for (const count of groups) assert.ok(count >= 12 && count <= 20, `${one.name}: ${count} questions`);
    }
    const demo = templates.find(({ name }) => name === 'demo') ?? assert.fail();
    assert.ok(demo.pairs.length >= 15 && demo.pairs.length <= 20);
    for (const { questions } of demo.pairs) assert.ok(questions.length >= 5 && questions.length <= 8, questions[0]);
  });

  it('speak the language of the bot', async () => {
    const templates = await loadTemplates(shipped);
    assert.match(fallbackOf(templates, { template: 'faq', language: 'zh-CN' }), /抱歉/);
    assert.match(fallbackOf(templates, { template: 'gone', language: 'fr' }), /Sorry/);
    assert.equal(
      chitchatOf(templates, { template: 'demo', language: 'en' })[0]?.answer,
      'Hello! What would you like to know?',
    );
    assert.match(fallbackOf(templates, { template: 'demo', language: 'en' }), /Switchboard/);
    assert.equal(templateOf(templates, { template: 'demo', language: 'zh' }).chitchat[0]?.questions[0], '你好');
    assert.throws(() => templateOf([], { template: 'faq', language: 'en' }), /no template "faq"/);
  });

  it('that do not fit are refused, file and field named', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'templates-'));
    for (const [name, text] of Object.entries({
      one: 'name: one\ntitle: {en: x}\n',
      two: 'a: [',
      three: 'name: other\n',
    })) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, 'template.yml'), text);
    }
    await mkdir(join(dir, 'empty'));
    await cp(join(shipped, 'faq'), join(dir, 'elsewhere'), { recursive: true });
    await assert.rejects(loadTemplates(dir), (error: Error) => {
      for (const words of [
        /one.template\.yml: title\.zh:/,
        /two.template\.yml: /,
        /three.template\.yml: language:/,
        /elsewhere.template\.yml: name: must be the name of its folder/,
        /empty.template\.yml: cannot be read/,
      ]) {
        assert.match(error.message, words);
      }
      return true;
    });
    await rm(dir, { recursive: true });
  });
});
