import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultsIn } from '../src/training/import/file.js';
import { projectOf } from '../src/training/project.js';
import { chitchatOf, fallbackOf, loadTemplates, templateOf } from '../src/training/templates.js';
import { contentOf, pair } from './snapshots/cases.js';
import { newHub, type TestHub } from './support/hub.js';

const shipped = join(process.cwd(), 'templates');

describe('The templates', () => {
  it('that are shipped fit the schema and are trainable', async () => {
    const templates = await loadTemplates(shipped);
    assert.deepEqual(
      templates.map(({ name }) => name),
      ['chitchat', 'demo', 'faq', 'faq-zh', 'form', 'handoff', 'story'],
    );
    for (const one of templates) {
      const own = templateOf(templates, { template: one.name, language: one.language });
      const pairs = one.pairs.length > 0 ? one.pairs : [pair('a', ['anything?'])];
      const { files, pipeline, language } = one;
      const content =
        pipeline === 'project'
          ? contentOf({ files, pairs: [], bot: { language, pipeline } })
          : contentOf({ pairs, bot: { language } });
      const project = projectOf(content, own);
      assert.deepEqual(project.notes, []);
      assert.deepEqual(
        files.flatMap((file) => faultsIn(file, { customCode: false, hosts: [] }).faults),
        [],
      );
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
    await cp(join(shipped, 'form'), join(dir, 'form'), { recursive: true });
    await rm(join(dir, 'form', 'config.yml'));
    await assert.rejects(loadTemplates(dir), (error: Error) => {
      for (const words of [
        /one.template\.yml: title\.zh:/,
        /two.template\.yml: /,
        /three.template\.yml: language:/,
        /elsewhere.template\.yml: name: must be the name of its folder/,
        /empty.template\.yml: cannot be read/,
        /form.template\.yml: pipeline: "project" goes with a config\.yml/,
      ]) {
        assert.match(error.message, words);
      }
      return true;
    });
    await rm(dir, { recursive: true });
  });

  describe('over the API', () => {
    let hub: TestHub;
    before(async () => {
      hub = await newHub();
    });
    after(() => hub.stop());
    const names = async (): Promise<string[]> =>
      ((await hub.api('GET', '/templates')).body.items as { name: string }[]).map(({ name }) => name);
    const faq = [{ Q: [{ q: 'open?' }], A: 'From 9 to 5.' }];

    it('are listed and read, with what a bot starts with, and give a bot that', async () => {
      const { body } = await hub.api('GET', '/templates/form');
      assert.deepEqual([body.pipeline, body.shipped, body.pairs], ['project', true, []]);
      assert.ok((body.files as { path: string }[]).some(({ path }) => path === 'data/rules.yml'));
      const bot = (await hub.api('POST', '/bots', { name: 'Table', template: 'form' })).body;
      const files = (await hub.api('GET', `/bots/${bot.appId}/files`)).body.items as object[];
      assert.deepEqual([bot.pipeline, files.length], ['project', body.files.length]);
      assert.equal((await hub.api('GET', '/templates/none')).status, 404);
    });

    it('are added, replaced and removed; those of the hub are not', async () => {
      const title = { en: 'Shop', zh: '商店' };
      const made = await hub.api('POST', '/templates', { name: 'shop', title, pairs: faq, language: 'en' });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      assert.deepEqual([made.body.title, made.body.pairs, made.body.shipped], [title, faq, false]);
      assert.ok((await names()).includes('shop'));
      const { appId } = (await hub.api('POST', '/bots', { name: 'A', template: 'shop' })).body as { appId: string };
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, faq);
      assert.equal((await hub.api('POST', '/templates', { name: 'shop', pairs: faq })).body.code, 'template_exists');
      const files = [{ path: 'config.yml', content: 'language: en\n' }];
      assert.equal((await hub.api('PUT', '/templates/shop', { files })).body.pipeline, 'project');
      for (const [method, body] of [
        ['PUT', { pairs: faq }],
        ['DELETE', undefined],
      ] as const)
        assert.equal((await hub.api(method, '/templates/faq', body)).body.code, 'template_shipped');
      assert.equal((await hub.api('DELETE', '/templates/shop')).status, 204);
      assert.ok(!(await names()).includes('shop'));
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, faq);
    });

    it('are made of a bot, with all that it starts from', async () => {
      const bot = (await hub.api('POST', '/bots', { name: 'Own', template: 'form' })).body as { appId: string };
      await hub.api('PUT', `/bots/${bot.appId}/faq`, faq);
      const { body } = await hub.api('POST', '/templates', { name: 'own-form', fromBot: bot.appId });
      assert.deepEqual([body.title, body.pipeline, body.pairs], [{ en: 'Own' }, 'project', faq]);
      const copy = (await hub.api('POST', '/bots', { name: 'Copy', template: 'own-form' })).body as { appId: string };
      for (const part of ['faq', 'files'])
        assert.deepEqual(
          (await hub.api('GET', `/bots/${copy.appId}/${part}`)).body,
          (await hub.api('GET', `/bots/${bot.appId}/${part}`)).body,
        );
    });

    it('that do not fit are refused with the field', async () => {
      for (const [body, pointer] of [
        [{ name: 'Shop', pairs: faq }, '/name'],
        [{ name: 'x' }, '/pairs'],
        [{ name: 'x', fromBot: 'nobody' }, '/fromBot'],
        [{ name: 'x', fromBot: 'nobody', pairs: faq }, '/fromBot'],
        [{ name: 'x', pipeline: 'project', pairs: faq }, '/files'],
        [{ name: 'x', pairs: faq, pipeline: 'semantic', files: [{ path: '../x.yml', content: '' }] }, '/path'],
        [
          { name: 'x', pairs: faq, pipeline: 'semantic', files: [{ path: 'domain.yml', content: 'a: [' }] },
          '/domain.yml',
        ],
        [{ name: 'x', title: {}, pairs: faq }, '/title'],
      ] as const) {
        const answer = await hub.api('POST', '/templates', body);
        assert.deepEqual([answer.status, answer.body.errors?.[0].pointer], [422, pointer], JSON.stringify(answer.body));
      }
      assert.ok(!(await names()).includes('x'));
    });
  });
});
