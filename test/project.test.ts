import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { ProjectFile, TrainingContent } from '../src/contracts.js';
import { optionFaults } from '../src/training/components.js';
import { TrainingFailure } from '../src/training/failure.js';
import { encodeAnswer, encodeQuestion } from '../src/training/faq-project.js';
import { projectOf, type Project } from '../src/training/project.js';
import { readYaml, yamlDocument } from '../src/training/yaml.js';
import { cases, contentOf, pair, template } from './snapshots/cases.js';
import { nasty } from './snapshots/nasty.js';

const snapshots = join(process.cwd(), 'test', 'snapshots');

const fileOf = ({ files }: Project, path: string): string =>
  files.find((file) => file.path === path)?.content ?? assert.fail(`no ${path}`);
const valueOf = (project: Project, path: string): Record<string, unknown> =>
  parse(fileOf(project, path)) as Record<string, unknown>;
interface Example {
  intent: string;
  examples: { text: string }[];
}
const nluOf = (project: Project, path = 'data/nlu.yml'): Example[] =>
  (valueOf(project, path)['nlu'] ?? []) as Example[];
const questionsOf = (project: Project): Record<string, string[]> =>
  Object.fromEntries(nluOf(project).map(({ intent, examples }) => [intent, examples.map(({ text }) => text)]));
const responsesOf = (project: Project): Record<string, Record<string, unknown>[]> =>
  (valueOf(project, 'domain.yml')['responses'] ?? {}) as Record<string, Record<string, unknown>[]>;

function failureOf(run: () => unknown): TrainingFailure {
  try {
    run();
  } catch (error) {
    if (error instanceof TrainingFailure) return error;
    throw error;
  }
  return assert.fail('no failure');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function matchesSnapshot(name: string, { files, notes }: Project): Promise<void> {
  const folder = join(snapshots, name);
  const all: ProjectFile[] = [...files, { path: 'notes.txt', content: notes.map((note) => `${note}\n`).join('') }];
  if (process.env['UPDATE_SNAPSHOTS'] === '1') {
    await rm(folder, { recursive: true, force: true });
    for (const { path, content } of all) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  }
  assert.deepEqual((await filesBelow(folder)).sort(), all.map(({ path }) => join(folder, path)).sort());
  for (const { path, content } of all) {
    const kept = await readFile(join(folder, path), 'utf8');
    assert.equal(content, kept, `${name}/${path} differs; UPDATE_SNAPSHOTS=1 npm test accepts it`);
  }
}

describe('A Rasa project made of content and template', () => {
  for (const [name, content] of Object.entries(cases)) {
    it(`is the kept one, byte for byte: ${name}`, () => matchesSnapshot(name, projectOf(content, template)));
  }

  it('is the same each time', () => {
    const content = cases['nasty'] ?? assert.fail();
    assert.deepEqual(projectOf(content, template), projectOf(structuredClone(content), template));
  });

  it('keeps every text byte for byte', () => {
    assert.ok(nasty.length >= 60);
    const pairs = nasty.map((text, i) => pair(`n${i}`, [`${text} q${i}`], text));
    const project = projectOf(contentOf({ pairs }), { ...template, chitchat: [] });
    const asked = questionsOf(project);
    const said = responsesOf(project);
    nasty.forEach((text, i) => {
      const question = asked[`faq/n${i}`]?.[0]?.replace(/\]\u2060(\u2060*[([{])/g, ']$1');
      assert.equal(question, `${text} q${i}`.trim().toWellFormed());
      const answer = String(said[`utter_faq/n${i}`]?.[0]?.['text']).replace(/\{\{|\}\}/g, (brace) => brace.slice(1));
      assert.equal(answer, text.toWellFormed());
    });
    assert.match(fileOf(project, 'data/nlu.yml'), /^nlu:$/m, 'Rasa finds training data by a line that starts so');
    assert.match(fileOf(project, 'data/rules.yml'), /^rules:$/m);
    for (const { content } of project.files) {
      assert.match(content.split('\n')[0] ?? '', /^# .*[^\x00-\x7f]/, 'a file of pure ASCII is decoded twice by Rasa');
      assert.doesNotMatch(
        content.replace(/"(?:[^"\\]|\\.)*"/g, ''),
        /\$\{/,
        'a plain scalar with ${X} is expanded by Rasa',
      );
    }
  });

  it('survives a thousand pairs', () => {
    const pairs = Array.from({ length: 1000 }, (_, i) =>
      pair(
        `p${i}`,
        Array.from({ length: 5 }, (__, k) => `question ${i} form ${k}`),
      ),
    );
    const began = Date.now();
    const project = projectOf(contentOf({ pairs }), template);
    const ms = Date.now() - began;
    assert.equal(nluOf(project).filter(({ intent }) => intent.startsWith('faq/')).length, 1000);
    assert.ok(ms < 3000, `${ms} ms`);
  });

  it('sends an answer of several messages by a rule of its own, in order', () => {
    const project = projectOf(
      contentOf({ pairs: [pair('p', ['all?'], [{ text: 'one' }, { text: 'two' }, { image: 'https://x/y.png' }])] }),
      template,
    );
    const rule = {
      rule: 'faq_p',
      steps: [{ intent: 'faq_p' }, { action: 'utter_faq_p_1' }, { action: 'utter_faq_p_2' }],
    };
    assert.deepEqual((valueOf(project, 'data/rules.yml')['rules'] as unknown[])[0], rule);
    assert.deepEqual(responsesOf(project)['utter_faq_p_2'], [{ text: 'two', image: 'https://x/y.png' }]);
    assert.ok(!('utter_faq' in responsesOf(project)));
  });

  it('drops a question asked twice and says so when it is in another pair', () => {
    const pairs = [
      pair('a', ['When?', 'when? ', 'WHEN?', 'Where?']),
      pair('b', ['Where?', 'Who?']),
      pair('c', ['who?', ' when?']),
    ];
    const project = projectOf(contentOf({ pairs }), template);
    assert.deepEqual(questionsOf(project)['faq/a'], ['When?', 'Where?']);
    assert.deepEqual(questionsOf(project)['faq/b'], ['Who?']);
    assert.ok(!('faq/c' in questionsOf(project)));
    assert.match(project.notes[0] ?? '', /"Where\?" is asked in pair 1 and again in pair 2; pair 1 keeps it/);
    assert.match(project.notes.at(-1) ?? '', /Left out: pair 3 \("who\?"\)/);
  });

  it('keeps questions apart that differ in a sign only', () => {
    const project = projectOf(
      contentOf({ pairs: [pair('c', ['What is C?']), pair('cpp', ['What is C++?'])] }),
      template,
    );
    assert.equal(Object.keys(questionsOf(project)).filter((name) => name.startsWith('faq/')).length, 2);
  });

  it('drops questions without words and cuts those beyond 8,000 characters, with a note', () => {
    const project = projectOf(
      contentOf({ pairs: [pair('a', ['???', ' ', '🎉', '\u200b', `x${'y'.repeat(7998)}😀`])] }),
      template,
    );
    const asked = questionsOf(project)['faq/a'] ?? [];
    assert.deepEqual(
      asked.map((text) => text.length),
      [2, 7999],
    );
    assert.equal(project.notes.length, 4);
    assert.match(project.notes[0] ?? '', /Question 1 of pair 1 .* has no words/);
  });

  it('fails on a pair that nobody can ask or that says nothing, and names it', () => {
    const unasked = failureOf(() =>
      projectOf(contentOf({ pairs: [pair('a', ['ok?']), pair('b', ['?!', '…'])] }), template),
    );
    assert.equal(unasked.code, 'empty_topic');
    assert.match(unasked.message, /pair 2 \("\?!"\)/);
    const mute = failureOf(() => projectOf(contentOf({ pairs: [pair('a', ['ok?'], [{ text: ' ' }])] }), template));
    assert.equal(mute.code, 'empty_answer');
  });

  it("lets the author's answer win over the template's chit-chat", () => {
    const asked = questionsOf(
      projectOf(contentOf({ pairs: [pair('a', ['hello!']), pair('b', ['bye', 'See  you…'])] }), template),
    );
    assert.deepEqual(asked['chitchat/greet'] ?? asked['chitchat_greet'], ['Hi there']);
    assert.ok(!('chitchat/bye' in asked));
  });

  it('makes names of any id, each its own', () => {
    const pairs = [
      pair('a/b', ['1?']),
      pair('时间', ['2?']),
      pair('', ['3?']),
      pair('same', ['4?']),
      pair('same', ['5?']),
    ];
    const names = Object.keys(questionsOf(projectOf(contentOf({ pairs }), template))).filter((name) =>
      name.startsWith('faq/'),
    );
    assert.equal(new Set(names).size, 5);
    for (const name of names) assert.match(name, /^faq\/[\w-]+$/);
  });

  it('fails when there is nothing to train from', () => {
    for (const content of [
      contentOf({}),
      contentOf({ yaml: '# nothing\n' }),
      contentOf({ bot: { pipeline: 'project' } }),
    ]) {
      assert.equal(failureOf(() => projectOf(content, template)).code, 'nothing_to_train');
    }
  });
});

describe("The options of a bot's author", () => {
  const options = {
    fallback: 'No idea, {sorry}.',
    pipeline: [{ name: 'WhitespaceTokenizer' }, { name: 'KeywordIntentClassifier', case_sensitive: false }],
    policies: [{ name: 'MemoizationPolicy', max_history: 3 }],
  };
  const of = (path: string, files: ProjectFile[]) =>
    parse(files.find((file) => file.path === path)?.content ?? '') as Record<string, unknown>;

  it('stand in place of what the pipeline has, in an FAQ bot and over the config.yml of a project', () => {
    const config = { path: 'config.yml', content: 'language: en\npipeline: []\npolicies:\n- name: RulePolicy\n' };
    for (const content of [
      contentOf({ pairs: [pair('a', ['x?'])], bot: { options } }),
      contentOf({ pairs: [pair('a', ['x?'])], files: [config], bot: { options, pipeline: 'project' } }),
    ]) {
      const { files } = projectOf(content, template);
      const { pipeline, policies } = of('config.yml', files);
      assert.deepEqual([pipeline, policies], [options.pipeline, options.policies]);
    }
    const { files } = projectOf(contentOf({ pairs: [pair('a', ['x?'])], bot: { options } }), template);
    const { responses } = of('domain.yml', files) as { responses: Record<string, { text: string }[]> };
    assert.equal(responses['utter_default']?.[0]?.text, 'No idea, {{sorry}}.');
  });

  it('are checked before they are trained, each with its place', () => {
    const faults = optionFaults(
      {
        pipeline: [{ name: 'DIETClassifer' }, { name: 'own.Component' }, { name: 'CountVectorsFeaturizer' }],
        policies: [{ name: 'DIETClassifier' }],
      },
      { customCode: false, hosts: [] },
    );
    const places = faults.map(({ pointer }) => pointer);
    assert.deepEqual(places, ['/pipeline/0/name', '/pipeline/1/name', '/policies/0/name']);
    assert.match(faults[0]?.detail ?? '', /no DIETClassifer; like it there are: DIETClassifier/);
    assert.match(faults[1]?.detail ?? '', /CUSTOM_CODE=on/);
    assert.deepEqual(optionFaults({ pipeline: [{ name: 'own.Component' }] }, { customCode: true, hosts: [] }), []);
    assert.match(
      optionFaults({ pipeline: [{ name: 'DIETClassifier' }] }, { customCode: true, hosts: [] })[0]?.detail ?? '',
      /tokenizer before it/,
    );
    assert.deepEqual(optionFaults(options, { customCode: false, hosts: [] }), []);
  });

  it('and its language decide how words are told apart, where that can be', () => {
    const pipelineOf = (language: string) => {
      const bot = { language, pipeline: 'classic' as const };
      const { files } = projectOf(contentOf({ pairs: [pair('a', ['x?']), pair('b', ['y?'])], bot }), template);
      return (of('config.yml', files)['pipeline'] as { name: string }[])[0]?.name;
    };
    assert.deepEqual(['en', 'zh-CN', 'de'].map(pipelineOf), [
      'WhitespaceTokenizer',
      'JiebaTokenizer',
      'WhitespaceTokenizer',
    ]);
    assert.throws(() => pipelineOf('ja'), /cannot tell words apart in ja\. Choose "semantic"/);
  });
});

describe("An author's own project", () => {
  const config = {
    path: 'config.yml',
    content: 'pipeline:\n- name: ResponseSelector\npolicies:\n- name: RulePolicy\n',
  };
  const own = (files: ProjectFile[], more: Partial<TrainingContent> = {}): TrainingContent => ({
    ...contentOf({ bot: { pipeline: 'project' }, files }),
    ...more,
  });

  it('is used as it is, with the APP_ID where it says none', () => {
    const files = [
      config,
      { path: 'domain.yml', content: 'intents: [a]\n' },
      { path: 'data/a/nlu.yml', content: 'nlu: []  # mine\n' },
    ];
    const project = projectOf(own(files), template);
    assert.deepEqual(
      project.files
        .filter(({ path }) => path !== 'config.yml')
        .map(({ path }) => path)
        .sort(),
      ['data/a/nlu.yml', 'domain.yml'],
    );
    assert.equal(fileOf(project, 'data/a/nlu.yml'), 'nlu: []  # mine\n');
    assert.equal(fileOf(project, 'config.yml'), `${config.content}\nassistant_id: "bot-1"\n`);
    const named = { ...config, content: `assistant_id: theirs\n${config.content}` };
    assert.equal(fileOf(projectOf(own([named]), template), 'config.yml'), named.content);
  });

  it("comes whole with a request that has a pipeline: an empty one, as `rasa init` writes it, is Rasa's default", () => {
    const yaml = 'recipe: default.v1\nlanguage: en\npipeline:\n# - name: X\npolicies:\nintents: [a]\nnlu: []\n';
    const project = projectOf(contentOf({ pairs: [], yaml }), template);
    assert.deepEqual(valueOf(project, 'config.yml'), { assistant_id: 'bot-1', recipe: 'default.v1', language: 'en' });
    assert.deepEqual(valueOf(project, 'domain.yml')['intents'], ['a']);
  });

  it('that has no config.yml fails with the remedy', () => {
    const failure = failureOf(() => projectOf(own([{ path: 'data/nlu.yml', content: 'nlu: []' }]), template));
    assert.equal(failure.code, 'no_config');
    assert.match(failure.message, /semantic/);
  });

  it('takes a domain folder, and the request over its sections', () => {
    const files = [config, { path: 'domain/a.yml', content: 'intents: [a]\n' }];
    const project = projectOf(own(files, { yaml: 'pipeline: []\nresponses:\n  utter_a:\n  - text: b\n' }), template);
    assert.deepEqual(valueOf(project, 'domain/switchboard.yml')['responses'], { utter_a: [{ text: 'b' }] });
    assert.deepEqual(valueOf(project, 'config.yml')['pipeline'], []);
    assert.equal(fileOf(project, 'domain/a.yml'), 'intents: [a]\n');
  });

  it('may come whole in the request, for any bot', () => {
    const yaml =
      'language: en\npipeline:\n- name: WhitespaceTokenizer\npolicies: []\nintents: [a]\nnlu:\n- intent: a\n  examples: "- b"\n';
    const project = projectOf(contentOf({ yaml }), template);
    assert.deepEqual(
      project.files.map(({ path }) => path),
      ['config.yml', 'domain.yml', 'data/request.yml'],
    );
    assert.equal(fileOf(project, 'data/request.yml'), yaml);
    assert.equal(valueOf(project, 'config.yml')['assistant_id'], 'bot-1');
  });

  it('whose YAML cannot be read fails with the place', () => {
    const request = failureOf(() => projectOf(contentOf({ yaml: 'nlu:\n- intent: a\n  examples: "- b\n' }), template));
    assert.equal(request.code, 'bad_yaml');
    assert.match(request.message, /sent with the training request cannot be read as YAML: .*line \d/);
    assert.equal(failureOf(() => projectOf(contentOf({ yaml: 'just words' }), template)).code, 'bad_yaml');
    const broken = failureOf(() => projectOf(own([{ path: 'config.yml', content: 'a: [' }]), template));
    assert.match(broken.message, /config\.yml/);
  });
});

describe('The YAML writer', () => {
  it('writes values that come back equal', () => {
    const value = {
      empty: {},
      none: [],
      list: [[1, [true]], {}, [], null, { a: [{ b: 'c' }], d: {} }],
      'a b': 1.5,
      yes: 'no',
      nasty,
    };
    assert.deepEqual(readYaml(yamlDocument(value), 'it').sections, {
      ...value,
      nasty: nasty.map((text) => text.toWellFormed()),
    });
  });

  it('has encodings that lose nothing', () => {
    for (const text of nasty) {
      assert.equal(encodeAnswer(text).replaceAll('{{', '{').replaceAll('}}', '}'), text);
      assert.doesNotMatch(encodeQuestion(text), /\][([{]/);
    }
  });
});
