/** Contents whose projects are kept beside this file, one folder each, and the small parts they are made of. */
import type { FaqPair, TrainingContent } from '../../src/contracts.js';
import type { Template } from '../../src/training/templates.js';

/** A pair with a plain answer. */
export function pair(id: string, questions: string[], answer: FaqPair['answer'] = `answer of ${id}`): FaqPair {
  return { id, questions, answer };
}

/** A content that says only what the test is about. */
export function contentOf(
  change: Partial<Omit<TrainingContent, 'bot'>> & { bot?: Partial<TrainingContent['bot']> },
): TrainingContent {
  const bot = {
    appId: 'bot-1',
    name: 'Test',
    language: 'en',
    template: 'faq',
    pipeline: 'semantic' as const,
    threshold: null,
    ...change.bot,
  };
  return { pairs: [], files: [], yaml: null, ...change, bot };
}

/** Little chit-chat, so that snapshots stay readable. */
export const template: Template = {
  name: 'tiny',
  title: { en: 'Tiny', zh: '小' },
  description: { en: 'Tiny', zh: '小' },
  shows: { en: 'Little', zh: '少' },
  language: 'en',
  pipeline: 'semantic',
  fallback: "Sorry, I don't know.",
  chitchat: [
    { id: 'greet', questions: ['Hello', 'Hi there'], answer: 'Hello!' },
    { id: 'bye', questions: ['Bye', 'See you'], answer: 'Goodbye!' },
  ],
  pairs: [],
  files: [],
};

export const cases: Record<string, TrainingContent> = {
  small: contentOf({
    pairs: [
      pair('hours', ['When are you open?', 'opening hours'], 'From 9 to 5.'),
      pair('refund', ['I want my money back'], { text: 'Send it back.', image: 'https://example.org/box.png' }),
    ],
  }),
  nasty: contentOf({
    bot: { threshold: 0.55 },
    pairs: [
      pair(
        'braces',
        ['what is {slot}?', '${HOME} and [link](http://x)', '/start', 'say "hi"\\n'],
        '{name} {{x}} ${HOME} \\u0041 "q" [a](b)',
      ),
      pair('lines', ['多行 🎉', '- item: yes'], '# Title\r\n\n* one\n* two\t\n\n```\ncode  \n```\n'),
      pair(
        'parts',
        ['show me all'],
        [
          { text: 'One.' },
          { image: 'https://example.org/{1}.png' },
          {
            text: 'Two?',
            buttons: [
              { title: 'Yes {1}', payload: '/ask{"a":1}' },
              { title: 'No', payload: 'no' },
            ],
          },
        ],
      ),
    ],
  }),
  'one-pair-classic-zh': contentOf({
    bot: { language: 'zh', pipeline: 'classic', threshold: 0.4 },
    pairs: [pair('开门', ['几点开门？'], '九点。')],
  }),
  'request-over-faq': contentOf({
    pairs: [pair('hours', ['When are you open?'])],
    yaml: 'version: "3.1"\nintents: [order]\nresponses:\n  utter_order:\n  - text: Ordered.\n  utter_default:\n  - text: Pardon?\nnlu:\n- intent: order\n  examples: |\n    - I order\nrules:\n- rule: order\n  steps:\n  - intent: order\n  - action: utter_order\n',
  }),
  'own-project': contentOf({
    bot: { pipeline: 'project' },
    pairs: [pair('a', ['first?']), pair('b', ['second?'])],
    files: [
      {
        path: 'config.yml',
        content:
          'language: en\npipeline:\n- name: WhitespaceTokenizer\n- name: ResponseSelector\npolicies:\n- name: RulePolicy',
      },
      {
        path: 'domain.yml',
        content:
          'version: "3.1"\nintents:\n  - greet\nresponses:\n  utter_greet:\n  - text: |\n      Hi\n      {name}\n',
      },
      { path: 'data/nlu.yml', content: 'nlu:\n- intent: greet\n  examples: |\n    - hi [Bob](name)\n' },
      { path: 'actions/actions.py', content: 'x = 1\n' },
    ],
    yaml: '{"rules": [{"rule": "r", "steps": [{"intent": "greet"}, {"action": "utter_greet"}]}]}',
  }),
};
