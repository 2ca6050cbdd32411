import assert from 'node:assert/strict';
import { faultsIn } from '../src/training/import/file.js';
import { judgeFiles } from '../src/training/import/thread.js';
import { patternFault } from '../src/training/import/patterns.js';
import { newHub, type TestHub } from './support/hub.js';

const closed = { customCode: false, hosts: ['duckling.internal:8000'] };
const faultOf = (path: string, content: string): string | null =>
  faultsIn({ path, content }, closed).faults[0]?.words ?? null;
const config = (lines: string): string => `language: en\npipeline:\n${lines.replace(/^/gm, '  ')}\n`;
const regexes = (...patterns: string[]): string =>
  `nlu:\n- regex: r\n  examples: |\n${patterns.map((pattern) => `    - ${pattern}`).join('\n')}\n`;

const evil = [
  ...['(a+)+$', '([a-zA-Z]+)*$', '(a|aa)+$', '(a|a?)+$', '(.*a){20}', '(a*)*b', '(\\w+\\s?)*$', '(x+x+)+y'],
  ...['^(([a-z])+.)+[A-Z]([a-z])+$', '([0-9]+)+\\#', '(?s)(.|\\n)*$x', '((a|b)*c*)*d', '(\\d+|\\d+a)*$', '(a|b|ab)*c'],
  ...['\\s*\\s*\\s*\\s*$x', '\\w*\\w*\\w*\\w*x', '(?:[^"]+)*"', '(?:a|b*)*c$', '(?P<n>(one|on|e)+)+$', '(?i)(q+)+$'],
  ...['(?x)( a + )+ $', '(a)?(?(1)b|c)', '(z{,60}){,60}y', `(${'ab|'.repeat(200)}c)`, '((foo|foofoo)+bar)+$'],
];
const good = [
  ...['\\b\\d{4,}\\b', '[\\w.+-]+@[\\w-]+\\.[\\w.]+', '\\d+[.,]?\\d*', '(yes|yeah|yep)', '[A-Z]{2}\\d{6}'],
  ...['(?:\\+?\\d{1,3}[ -]?)?\\(?\\d{2,4}\\)?[ -]?\\d{3,}', '(\\w+)-(\\d+)', 'https?://[^\\s]+', '(a+b)+'],
  ...['(?:\\w+ )+x', '([A-Z][a-z]+ )+', '\\d{1,2}[/-]\\d{1,2}[/-](?:\\d{2}|\\d{4})', '^[a-z]+(?:-[a-z]+)*$'],
  ...['(?i)\\bhelp\\b', '(?P<zip>\\d{5})', '(\\d{3}-)*\\d{4}', '[一-龥]{2,4}', '\\A\\w+\\Z', '(?u)\\b\\w+\\b'],
];

describe('What a project may make Rasa do', () => {
  it('is no expression that never ends on some text, and any other', () => {
    for (const pattern of evil) assert.notEqual(patternFault(pattern), null, pattern);
    for (const pattern of good) assert.equal(patternFault(pattern), null, pattern);
  }).timeout(60_000);

  it('such expressions are found wherever Rasa takes one from', () => {
    const slow = /regular expression/;
    for (const [path, content] of [
      ['data/nlu.yml', regexes('\\d+', '(a+)+$')],
      ['config.yml', config('- name: WhitespaceTokenizer\n  token_pattern: (a+)+$')],
      ['data/old.json', '{"rasa_nlu_data":{"regex_features":[{"name":"x","pattern":"(a+)+$"}]}}'],
      ['data/notes.txt', ' {"rasa_nlu_data":{"regex_features":[{"name":"x","pattern":"(a+)+$"}]}}'],
      ['data/luis.yml', '{"luis_schema_version":"5.0","regex_entities":[{"name":"x","regexPattern":"(a+)+$"}]}'],
    ] as const)
      assert.match(faultOf(path, content) ?? '', slow, path);
    const examples = {
      path: 'data/nlu.yml',
      content: regexes('(a+)+$', 'all + more').replace('regex: r', 'intent: r'),
    };
    const named = { path: 'config.yml', content: config('- name: KeywordIntentClassifier') };
    assert.doesNotThrow(() => judgeFiles([examples], closed), 'they are words');
    assert.throws(() => judgeFiles([examples, named], closed), slow);
    assert.equal(faultsIn({ path: 'data/nlu.yml', content: regexes('\\d+', '(a+)+$') }, closed).faults[0]?.line, 3);
    assert.equal(faultOf('data/nlu.yml', regexes('\\d+')), null);
    assert.match(faultOf('data/x.json', '{"rasa_nlu_data": NaN}') ?? '', /looks like JSON/);
  });

  it('is no reading of files beside it: they would be in its model', () => {
    const outside: [string, string][] = [
      ['data/x.json', '{"rasa_nlu_data":{"lookup_tables":[{"name":"x","elements":"/etc/passwd"}]}}'],
      ['data/x.yml', '{"rasa_nlu_data":{"lookup_tables":[{"name":"x","elements":"data/admin-token"}]}}'],
      ...['/root/data', '~/.ssh', '../../data', 'a/../../b', '${HOME}/x', 'C:\\data', '\\\\host\\share', '..'].map(
        (path): [string, string] => [
          'config.yml',
          config(`- name: JiebaTokenizer\n  dictionary_path: '${path.replaceAll('\\', '\\')}'`),
        ],
      ),
      ['config.yml', config('- name: DIETClassifier\n  tensorboard_log_directory: /tmp/x')],
      ['config.yml', config('- &a {name: X, deep: {deeper: [{path: /x}]}}')],
      ['config.yml', 'importers:\n- name: MultiProjectImporter\nimports:\n- ../other\n'],
      ['config.yml', 'policies:\n- name: TEDPolicy\n  checkpoint: /tmp/x\n'],
    ];
    for (const [path, content] of outside)
      assert.match(faultOf(path, content) ?? '', /outside of the project|lookup table|environment/, content);
    for (const content of [
      config('- name: JiebaTokenizer\n  dictionary_path: data/words'),
      config('- name: WhitespaceTokenizer\n  token_pattern: (?u)/\\b\\w+\\b'),
      config('- name: SpacyNLP\n  model: en_core_web_md\n- name: LanguageModelFeaturizer\n  model_weights: rasa/LaBSE'),
    ])
      assert.equal(faultOf('config.yml', content), null, content);
    const open = { customCode: true, hosts: [] };
    const content = config('- name: JiebaTokenizer\n  dictionary_path: /opt/words');
    assert.deepEqual(faultsIn({ path: 'config.yml', content }, open).faults, []);
  });

  it('is no call of hosts that the operator has not named', () => {
    const duckling = (url: string): string | null =>
      faultOf('config.yml', config(`- name: DucklingEntityExtractor\n  url: ${url}`));
    for (const url of [
      'http://169.254.169.254/',
      'http://localhost:8000',
      'https://example.org',
      'http://duckling.internal',
      'ftp://duckling.internal:8000',
      'x',
    ])
      assert.match(duckling(url) ?? '', /no host that bots may call/, url);
    assert.equal(duckling('http://duckling.internal:8000'), null);
  });

  describe('is asked at every door', () => {
    let hub: TestHub;
    let appId: string;
    before(async () => {
      hub = await newHub();
      appId = (await hub.api('POST', '/bots', { name: 'x', pipeline: 'project' })).body.appId as string;
    });
    after(() => hub.stop());
    it('a file, a text that is trained, a bot’s options', async () => {
      const text = { 'content-type': 'text/plain' };
      const yaml = { 'content-type': 'application/yaml' };
      const options = { pipeline: [{ name: 'JiebaTokenizer', dictionary_path: '/root' }] };
      const tokens = { pipeline: [{ name: 'WhitespaceTokenizer', token_pattern: '(a+)+$' }] };
      const answers = [
        await hub.api('PUT', `/bots/${appId}/files/data/nlu.yml`, regexes('(a+)+$'), text),
        await hub.api('PUT', `/bots/${appId}/files/config.yml`, config('- name: J\n  dictionary_path: /root'), text),
        await hub.api('POST', `/bots/${appId}/train`, config('- name: J\n  dictionary_path: /root'), yaml),
        await hub.api('POST', `/bots/${appId}/train`, regexes('(a+)+$'), yaml),
        await hub.api('PATCH', `/bots/${appId}`, { options }),
        await hub.api('PATCH', `/bots/${appId}`, { options: tokens }),
      ];
      for (const [n, { status, body }] of answers.entries())
        assert.deepEqual([status, body.code], [422, 'invalid'], `${n}: ${JSON.stringify(body)}`);
    });
  });
});
