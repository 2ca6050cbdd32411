import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { clean, runsOf, safeUrl } from '../connectors/message/markdown.js';
import { clip, piecesOf } from '../connectors/message/cut.js';
import { choiceOf, saidOf } from '../connectors/message/message.js';
import { isSlackJson, slackPosts, type SlackPost } from '../connectors/slack/render.js';
import { isTeamsJson, teamsPosts, type TeamsPost } from '../connectors/teams/render.js';
import { isTelegramJson, telegramPosts, type TelegramPost } from '../connectors/telegram/render.js';
import type { BotMessage, StoredMessage } from '../src/contracts.js';
import { hostileTexts } from './support/hostile.js';

const place = { messageId: '17', part: 0 };
const reply = (more: Partial<BotMessage>): BotMessage => ({ recipient_id: 'u', ...more });
const slack = (said: BotMessage): SlackPost[] =>
  slackPosts(saidOf(said, place, { channel: 'slack', native: isSlackJson }));
const telegram = (said: BotMessage): TelegramPost[] =>
  telegramPosts(saidOf(said, place, { channel: 'telegram', native: isTelegramJson }));

const teams = (said: BotMessage): TeamsPost[] =>
  teamsPosts(saidOf(said, place, { channel: 'teams', native: isTeamsJson }));

/** Every object in a value, itself included. */
function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inside : [value as Record<string, unknown>, ...inside];
}
const stringsIn = (value: unknown): string[] =>
  objectsIn([value]).flatMap((object) =>
    Object.values(object)
      .flat()
      .filter((one) => typeof one === 'string'),
  );

/** What Telegram makes of its HTML; fails on anything but the tags we mean. */
function readHtml(html: string): { text: string; links: string[]; outside: string } {
  const open: string[] = [];
  const links: string[] = [];
  let [text, outside] = ['', ''];
  const decoded = (raw: string): string => {
    assert.match(raw, /^(?:[^<>&"]|&(?:amp|lt|gt|quot);)*$/, 'something is not escaped');
    return raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  };
  for (const [token] of html.matchAll(/<[^>]*>|[^<]+|</g)) {
    const [, close, name = '', href] = /^<(\/?)(b|i|code|pre|a)(?: href="([^"]*)")?>$/.exec(token) ?? [];
    if (name === '') {
      const part = decoded(token);
      text += part;
      if (!open.some((tag) => tag === 'code' || tag === 'pre')) outside += part;
    } else if (close) assert.equal(open.pop(), name, `wrong nesting in ${html}`);
    else open.push(name);
    if (href !== undefined) links.push(decoded(href));
  }
  assert.deepEqual(open, []);
  return { text, links, outside };
}

const foreign = (url: string): boolean => !/^(?:https?|mailto|tel):/.test(url);
const squeezed = (text: string): string => text.replace(/[\s\u2060]+/g, '');
const slackText = (posts: SlackPost[]): string =>
  posts
    .flatMap(({ blocks }) => objectsIn(blocks))
    .filter(({ type }) => type === 'text' || type === 'link')
    .map(({ text }) => text as string)
    .join('');

describe('the message model', () => {
  it('reads the Markdown that the web chat shows', () => {
    const cases: [string, unknown[]][] = [
      ['plain', [{ text: 'plain' }]],
      [
        '**b** and *i* and `c`',
        [
          { text: 'b', bold: true },
          { text: ' and ' },
          { text: 'i', italic: true },
          { text: ' and ' },
          { text: 'c', code: true },
        ],
      ],
      [
        '**b *bi* b**',
        [
          { text: 'b ', bold: true },
          { text: 'bi', bold: true, italic: true },
          { text: ' b', bold: true },
        ],
      ],
      ['2*3*4 snake_case_name', [{ text: '2' }, { text: '3', italic: true }, { text: '4 snake_case_name' }]],
      ['[a](https://x.example/)', [{ text: 'a', url: 'https://x.example/' }]],
      [
        'see https://x.example/a.',
        [{ text: 'see ' }, { text: 'https://x.example/a', url: 'https://x.example/a' }, { text: '.' }],
      ],
      ['[a](javascript:alert(1))', [{ text: 'a' }]],
      ['# Title\n- one\n* two', [{ text: 'Title', bold: true }, { text: '\n• one\n• two' }]],
      ['a\n```js\nx < 1\n```\nb', [{ text: 'a\n' }, { text: 'x < 1', pre: true }, { text: '\nb' }]],
      ['\\*no\\*', [{ text: '*no*' }]],
      ['', []],
    ];
    for (const [text, runs] of cases) assert.deepEqual(runsOf(text), runs, text);
  });

  it('leads people to http, https, mailto and tel only, and to no address with a password', () => {
    for (const url of ['https://x.example/', 'mailto:a@b.example', 'tel:+123']) assert.equal(safeUrl(url), url);
    for (const url of [
      'javascript:1',
      'data:,x',
      'tg://x',
      'file:///x',
      '//x',
      'x',
      'http://u:p@x.example/',
      ` ${'x'.repeat(3000)}`,
    ])
      assert.equal(safeUrl(url), null, url);
  });

  it('cuts between characters as people see them, at a gap where there is one, and loses nothing but that gap', () => {
    const measure = { text: (text: string) => text.length, around: () => 0 };
    const cut = (text: string, limit: number): string[] =>
      piecesOf([{ text }], limit, measure).map((piece) => piece.map((run) => run.text).join(''));
    assert.deepEqual(cut('one two three', 8), ['one two', 'three']);
    assert.deepEqual(cut('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 15), ['👩‍👩‍👧‍👦', '👩‍👩‍👧‍👦']);
    assert.deepEqual(cut('abcdefgh', 3), ['abc', 'def', 'gh']);
    const zalgo = `a${'\u0301'.repeat(100)}`;
    assert.equal(cut(zalgo, 30).join(''), zalgo);
    assert.ok(cut(zalgo, 30).every((piece) => piece.length <= 30));
    for (const text of hostileTexts()) {
      const pieces = cut(clean(text), 50);
      assert.ok(pieces.every((piece) => piece.length <= 50 && piece.isWellFormed()));
      assert.equal(squeezed(pieces.join('')), squeezed(clean(text)));
    }
    assert.deepEqual([clip('abc', 3), clip('abcd', 3), clip('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 13)], ['abc', 'ab…', '👩‍👩‍👧‍👦…']);
  });

  it('finds the choice of a press in what the bot said, and nothing else', () => {
    const replies = [
      reply({ text: 'x' }),
      reply({
        buttons: [
          { title: 'Yes', payload: '/affirm' },
          { title: 'No', payload: '/deny' },
        ],
        attachment: {
          type: 'template',
          payload: {
            elements: [
              {
                title: 'Card',
                buttons: [
                  { title: 'Buy', payload: '/buy{"id":1}' },
                  { title: 'Site', url: 'https://x.example' },
                ],
              },
            ],
          },
        },
      }),
    ];
    const stored = [{ id: '5', replies } as StoredMessage];
    assert.deepEqual(
      ['5.1.0', '5.1.1', '5.1.2'].map((ref) => choiceOf(stored, ref)?.payload),
      ['/affirm', '/deny', '/buy{"id":1}'],
    );
    for (const ref of [
      '5.1.3',
      '5.0.0',
      '6.1.0',
      '5.1.-1',
      '5.1',
      '',
      '/restart',
      '__proto__.0.0',
      '5.1.0 ',
      '5.9.0',
    ]) {
      assert.equal(choiceOf(stored, ref), null, ref);
    }
  });

  it('keeps a custom JSON to the channel it is for, and shows what a platform does not know as text', () => {
    const custom = { slack: { blocks: [{ type: 'divider' }] }, telegram: { latitude: 1, longitude: 2 } };
    assert.deepEqual(slack(reply({ custom })), [{ text: '', blocks: [{ type: 'divider' }] }]);
    assert.deepEqual(telegram(reply({ custom })), [{ method: 'sendLocation', args: { latitude: 1, longitude: 2 } }]);
    assert.deepEqual(slack(reply({ custom: { teams: { x: 1 } } })), []);
    assert.match(slackText(slack(reply({ custom: { order: 7 } }))), /"order": 7/);
    const hijack = { slack: { text: 'x', channel: 'C-other', token: 't', username: 'Boss', as_user: true } };
    assert.deepEqual(slack(reply({ custom: hijack })), [{ text: 'x' }]);
    const aimed = { telegram: { text: 'x', chat_id: 1, method: 'sendMessage' } };
    assert.deepEqual(telegram(reply({ custom: aimed })), [{ method: 'sendMessage', args: { text: 'x' } }]);
    assert.match(
      telegram(reply({ custom: { telegram: { method: 'setWebhook', url: 'https://x' } } }))[0]!.method,
      /sendMessage/,
    );
  });

  it('keeps every post within the limits of its platform', () => {
    const buttons = Array.from({ length: 120 }, (_, n) => ({
      title: `Button ${n} ${'x'.repeat(100)}`,
      payload: `/b${n}`,
    }));
    const everything = reply({ text: '**x** '.repeat(9000), image: `https://x.example/${'y'.repeat(1500)}`, buttons });
    for (const post of slack(everything)) {
      const blocks = post['blocks'] as { type: string; elements: unknown[] }[];
      assert.ok(blocks.length <= 50 && post.text.length <= 4000);
      const counted = objectsIn(blocks).flatMap((object) => [object['text'], object['url'], object['value']]);
      assert.ok(counted.filter((one) => typeof one === 'string').join('').length <= 13_200);
      for (const { type, elements } of blocks) assert.ok(type !== 'actions' || elements.length <= 25);
      for (const object of objectsIn(blocks)) {
        if (object['type'] === 'plain_text') assert.ok((object['text'] as string).length <= 75);
        if (object['type'] === 'button') assert.ok(String(object['value']).length <= 2000);
        if (object['type'] === 'rich_text') assert.ok(slackText([{ text: '', blocks: [object] }]).length <= 3000);
      }
      const ids = objectsIn(blocks)
        .map(({ action_id: id }) => id)
        .filter((id) => id !== undefined);
      assert.equal(new Set(ids).size, ids.length);
    }
    for (const { args } of telegram(everything)) {
      if (typeof args['text'] === 'string') assert.ok(readHtml(args['text']).text.length <= 4096);
      const keys = objectsIn(args['reply_markup']).filter((object) => 'callback_data' in object);
      assert.ok(keys.length <= 100);
      for (const key of keys) assert.ok(Buffer.byteLength(key['callback_data'] as string) <= 64);
    }
    const long = reply({ text: 'Choose', buttons: [{ title: 'Long', payload: `/x${'y'.repeat(3000)}` }] });
    assert.match(slackText(slack(long)), /• Long/);
  });

  it('makes no mention and no foreign link of any text, breaks no character, and says all of it', () => {
    for (const text of hostileTexts()) {
      const said = reply({
        text,
        buttons: [{ title: text, payload: text }],
        attachment: { payload: { elements: [{ title: text, subtitle: text }] } },
      });
      const inSlack = slack(said);
      for (const object of objectsIn(inSlack)) {
        if (object['type'] === undefined) continue;
        assert.ok(
          [
            'rich_text',
            'rich_text_section',
            'rich_text_preformatted',
            'text',
            'link',
            'actions',
            'button',
            'plain_text',
          ].includes(object['type'] as string),
          JSON.stringify(object),
        );
        if (object['type'] === 'link') assert.ok(!foreign(object['url'] as string), text);
      }
      for (const post of inSlack) assert.doesNotMatch(post.text, /[<>]|&(?!(?:amp|lt|gt);)/);
      for (const { args } of telegram(said)) {
        const { links, outside } = readHtml(args['text'] as string);
        assert.ok(!links.some(foreign), text);
        assert.doesNotMatch(outside, /(?<![\w.+-])@\w/, text);
        assert.doesNotMatch(outside, /\b(?:tg|ton|tonsite):(?!\u2060)\S/i, text);
      }
      for (const shown of [...stringsIn(inSlack), ...stringsIn(telegram(said))])
        assert.ok(shown.isWellFormed() && !shown.includes('\0'));
      for (const { text: words = '', attachments = [] } of teams(said)) {
        const { links } = readHtml((words as string).replaceAll('<br/>', ' '));
        assert.ok(!links.some(foreign), text);
        for (const card of attachments as { content: Record<string, string> }[]) {
          for (const part of [card.content['title'] ?? '', card.content['text'] ?? ''])
            assert.doesNotMatch(part, /[<>]/);
        }
      }
      // Without markup all of the text arrives.
      const literal = text.replace(/[\\`*_[\](){}#+.!~>-]/g, '').replace(/https?:/g, 'x');
      const arrived = squeezed(slackText(slack(reply({ text: literal }))));
      assert.equal(
        arrived.replaceAll('•', '*'),
        squeezed(
          runsOf(literal)
            .map((run) => run.text)
            .join(''),
        ).replaceAll('•', '*'),
      );
      const inTelegram = telegram(reply({ text: literal }))
        .map(({ args }) => readHtml(args['text'] as string).text)
        .join('');
      assert.equal(squeezed(inTelegram), arrived);
      const inTeams = teams(reply({ text: literal }))
        .map(({ text: words }) => readHtml((words as string).replaceAll('<br/>', ' ')).text)
        .join('');
      assert.equal(squeezed(inTeams), arrived);
    }
  });

  it('takes whatever an action of a bot may send', () => {
    const odd: unknown[] = [
      null,
      0,
      '',
      [],
      [[]],
      {},
      { payload: null },
      { payload: { elements: 'x' } },
      { payload: { elements: [null, 1, {}] } },
      'javascript:1',
      { type: 'image', payload: { src: 7 } },
      { url: 'https://x.example/f.pdf' },
    ];
    for (const value of odd) {
      for (const render of [slack, telegram, teams]) {
        assert.ok(
          Array.isArray(
            render({
              recipient_id: 'u',
              attachment: value,
              custom: value,
              buttons: value as never,
              image: value as never,
              text: value as never,
            }),
          ),
        );
      }
    }
  });
});

/** Shown in docs/rendering.md. */
const gallery: [string, BotMessage][] = [
  [
    'Text with Markdown',
    reply({ text: '**Opening hours**\n- Mon–Fri *9–18*\n- see [our site](https://shop.example/)' }),
  ],
  ['Text that looks like commands', reply({ text: '<!channel> @everyone [free](javascript:alert(1))' })],
  [
    'Buttons',
    reply({
      text: 'Did that help?',
      buttons: [
        { title: 'Yes', payload: '/affirm' },
        { title: 'No', payload: '/deny' },
      ],
    }),
  ],
  ['An image', reply({ text: 'Our shop', image: 'https://shop.example/front.jpg' })],
  [
    'A card',
    reply({
      attachment: {
        type: 'template',
        payload: {
          template_type: 'generic',
          elements: [
            {
              title: 'Blue shirt',
              subtitle: '25 €',
              image_url: 'https://shop.example/shirt.jpg',
              buttons: [
                { type: 'postback', title: 'Order', payload: '/order{"item":7}' },
                { type: 'web_url', title: 'Details', url: 'https://shop.example/shirt' },
              ],
            },
          ],
        },
      },
    }),
  ],
  [
    'A file',
    reply({ attachment: { type: 'file', payload: { src: 'https://shop.example/terms.pdf', title: 'Terms' } } }),
  ],
  [
    'JSON of the author’s own, a channel each',
    reply({ custom: { slack: { blocks: [{ type: 'divider' }] }, telegram: { latitude: 52.5, longitude: 13.4 } } }),
  ],
];

describe('the rendering gallery', () => {
  it('is what the renderers make today', () => {
    const json = (value: unknown): string => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
    const parts = gallery.map(([title, said]) => {
      const { recipient_id: _, ...shown } = said;
      const calls = telegram(said).map(({ method, args }) => ({ [method]: args }));
      return `## ${title}\n\nThe bot says\n${json(shown)}\n\nSlack, \`chat.postMessage\`\n${json(slack(said))}\n\nTelegram\n${json(calls)}\n\nTeams\n${json(teams(said))}\n`;
    });
    const page = `# What each platform shows\n\nMade by \`test/rendering.test.ts\`: \`UPDATE_SNAPSHOTS=1 npx mocha dist/test/rendering.test.js\` writes it anew.\nText is escaped so that nothing in it becomes a mention or a link to a foreign scheme; an invisible U+2060 breaks what Telegram would link by itself.\nA press comes back as the payload that the bot offered.\n\n${parts.join('\n')}`;
    if (process.env['UPDATE_SNAPSHOTS'] === '1') writeFileSync('docs/rendering.md', page);
    assert.equal(readFileSync('docs/rendering.md', 'utf8'), page);
  });
});
