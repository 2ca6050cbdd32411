import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createEditLint } from '../src/training/faq/edits.js';
import { lintFaq } from '../src/training/faq/lint.js';
import { createVectors } from '../src/training/vectors.js';
import { zipOf } from './support/archives.js';
import { newHub, type TestHub } from './support/hub.js';

/** Bytes of texts in encodings that Node only reads, found once by reading every pair of bytes. */
function encoder(encoding: string): (text: string) => Buffer {
  const decoder = new TextDecoder(encoding);
  const bytes = new Map<string, number[]>();
  for (let lead = 0x81; lead < 0xff; lead += 1)
    for (let trail = 0x40; trail < 0xff; trail += 1) {
      const text = decoder.decode(Uint8Array.of(lead, trail));
      if (Array.from(text).length === 1 && !bytes.has(text)) bytes.set(text, [lead, trail]);
    }
  return (text) =>
    Buffer.from(Array.from(text).flatMap((char) => (char < '\x80' ? [char.charCodeAt(0)] : bytes.get(char)!)));
}

const escape = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
/** A workbook as Excel writes one: shared strings, and areas that are merged. */
function xlsx(rows: (string | null)[][], merged: string[] = []): Buffer {
  const strings = [...new Set(rows.flat().filter((cell) => cell !== null))];
  const cell = (text: string | null, at: string): string =>
    text === null ? '' : `<c r="${at}" t="s"><v>${strings.indexOf(text)}</v></c>`;
  const sheet = rows.map(
    (row, at) =>
      `<row r="${at + 1}">${row.map((text, column) => cell(text, `${'ABCDEF'[column]}${at + 1}`)).join('')}</row>`,
  );
  const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
  const files = {
    '[Content_Types].xml': '<Types/>',
    'xl/workbook.xml': `<workbook ${main} xmlns:r="x"><sheets><sheet name="hidden" state="hidden" r:id="r0"/><sheet name="FAQ" r:id="r1"/><sheet name="more" r:id="r2"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels':
      '<Relationships><Relationship Id="r0" Target="worksheets/sheet9.xml"/><Relationship Id="r1" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Target="/xl/worksheets/sheet2.xml"/></Relationships>',
    'xl/sharedStrings.xml': `<sst ${main}>${strings.map((text) => `<si><r><t>${escape(text).slice(0, 2)}</t></r><r><t xml:space="preserve">${escape(text).slice(2)}</t></r><rPh><t>x</t></rPh></si>`).join('')}</sst>`,
    'xl/worksheets/sheet1.xml': `<worksheet ${main}><sheetData>${sheet.join('')}</sheetData><mergeCells>${merged.map((ref) => `<mergeCell ref="${ref}"/>`).join('')}</mergeCells></worksheet>`,
    'xl/worksheets/sheet2.xml': `<worksheet ${main}/>`,
  };
  return zipOf(Object.entries(files).map(([name, data]) => ({ name, data })));
}

const zh =
  '问题,答案\n几点营业？,早上九点到下午五点。\n可以退货吗？,三十天内都可以退货，请保留发票。\n怎么付款？,支持信用卡和银行转账。\n';
const traditional =
  '問題,答案\n幾點營業？,早上九點到下午五點。\n可以退貨嗎？,三十天內都可以退貨，請保留發票。\n怎麼付款？,支援信用卡與銀行轉帳。\n';
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('an FAQ from a table', function () {
  this.timeout(30_000);
  let hub: TestHub;
  before(async () => {
    hub = await newHub();
  });
  after(() => hub.stop());
  const bot = async (): Promise<string> => (await hub.api('POST', '/bots', { name: 'T' })).body.appId as string;
  const send = async (appId: string, table: string | Buffer, query = '') => {
    const response = await fetch(`${hub.url}/api/v1/bots/${appId}/faq/import${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${hub.app.adminToken}`, 'content-type': 'text/csv' },
      body: new Uint8Array(Buffer.from(table)),
    });
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    return { status: response.status, body: (await response.json()) as any };
  };
  const faq = async (appId: string) =>
    ((await hub.api('GET', `/bots/${appId}/faq`)).body as { Q: { q: string }[]; A: string }[]).map(({ Q, A }) => [
      ...Q.map(({ q }) => q),
      A,
    ]);

  const two = [
    ['open?', '9 to 5'],
    ['pay?', 'by card'],
  ];
  const ways: [string, string | Buffer, string[][]?][] = [
    ['with commas and no header', 'open?,9 to 5\npay?,by card\n'],
    ['with a header and a mark at its start', '\ufeffQuestion,Answer\r\nopen?,9 to 5\r\npay?,by card\r\n'],
    ['with semicolons and quotes', '"Frage";"Antwort"\n"open?";"9 to 5"\n"pay?";"by card"'],
    [
      'pasted from a spreadsheet, with a comma in each answer',
      'open?\tFrom 9 to 5, daily\npay?\tBy card, or cash\n',
      [
        ['open?', 'From 9 to 5, daily'],
        ['pay?', 'By card, or cash'],
      ],
    ],
    ['with tabs, other columns and their own order', 'id\tA\tcategory\tQ\n1\t9 to 5\tx\topen?\n2\tby card\ty\tpay?\n'],
    ['with empty rows and blanks', '\n question , answer \n\n open? , 9 to 5 \n,,\npay?,by card\n\n'],
    [
      'in UTF-16 with a mark',
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('open?\t9 to 5\npay?\tby card\n', 'utf16le')]),
    ],
    ['in UTF-16 without one', utf16be('open?;9 to 5\npay?;by card\n')],
    ['as our own JSON', '[{"Q":[{"q":"open?"}],"A":"9 to 5"},{"Q":[{"q":"pay?"}],"A":"by card"}]'],
    [
      'as JSON of others',
      '{"faqs":[{"question":"open?","answer":"9 to 5"},{"questions":["pay?"],"answer":"by card"}]}',
    ],
    ['as one object', '{"open?":"9 to 5","pay?":"by card"}'],
    [
      'from Excel',
      xlsx([
        ['Question', 'Answer'],
        ['open?', '9 to 5'],
        ['pay?', 'by card'],
      ]),
    ],
    [
      'from Excel with merged cells',
      xlsx(
        [
          ['问题', '答案'],
          ['open?', '9 to 5'],
          ['opening hours', null],
          ['pay?', 'by <card> & cash'],
          ['how to pay', null],
        ],
        ['B2:B3', 'B4:B5'],
      ),
      [
        ['open?', 'opening hours', '9 to 5'],
        ['pay?', 'how to pay', 'by <card> & cash'],
      ],
    ],
    [
      'with merged cells as csv has them, and several questions in a cell',
      'question,similar questions,answer\nopen?,hours|opening hours;times,9 to 5\nwhen,,\n"pay?\nhow to pay",,"by card,\nor cash"\n',
      [
        ['open?', 'hours', 'opening hours', 'times', 'when', '9 to 5'],
        ['pay?', 'how to pay', 'by card,\nor cash'],
      ],
    ],
  ];
  for (const [name, table, expected = two] of ways)
    it(`is read: ${name}`, async () => {
      const appId = await bot();
      const { status, body } = await send(appId, table);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(await faq(appId), expected);
    });

  for (const [encoding, text] of [
    ['gb18030', zh],
    ['big5', traditional],
    ['utf-8', zh],
  ] as const)
    it(`is read in Chinese in ${encoding}`, async () => {
      const appId = await bot();
      const { body } = await send(appId, encoding === 'utf-8' ? text : encoder(encoding)(text));
      const [how] = body.read as { kind: string; quotes: string[] }[];
      assert.deepEqual([how?.kind, how?.quotes.map((name) => name.toLowerCase())], ['text', [encoding]]);
      const lines = text.trim().split('\n').slice(1);
      assert.deepEqual(
        await faq(appId),
        lines.map((line) => line.split(',')),
      );
    });

  it('says what became of each row, and what it did not read', async () => {
    const appId = await bot();
    await send(appId, 'open?,9 to 5\n');
    const { body } = await send(
      appId,
      'question,answer,owner\nopen?,9 to 5,x\npay?,by card,\nhow to pay,by card,\nwith what,,\n',
    );
    assert.deepEqual(body.rows, [
      { row: 2, outcome: 'there already' },
      { row: 3, outcome: 'topic' },
      { row: 4, outcome: 'joined', detail: 'to row 3' },
      { row: 5, outcome: 'joined', detail: 'to row 3' },
    ]);
    assert.deepEqual([body.pairs, body.questions], [1, 3]);
    assert.deepEqual(body.read, [
      { kind: 'text', detail: 'Read as utf-8.', quotes: ['utf-8'] },
      { kind: 'commas', detail: 'There are commas between its columns.', quotes: [] },
      { kind: 'named_columns', detail: 'Its columns are told by the names in its first row.', quotes: [] },
      { kind: 'not_read', detail: 'Columns that were not read: owner.', quotes: ['owner'] },
    ]);
    await send(appId, 'only?,this\n', '?replace=true');
    assert.deepEqual(await faq(appId), [['only?', 'this']]);
  });

  it('with a fault is refused as a whole, each with its row', async () => {
    const appId = await bot();
    await send(appId, 'open?,9 to 5\n');
    const { status, body } = await send(
      appId,
      'q,a\nno answer above,\npay?,by card\n,no question\nPAY,never\nopen?,always\n',
    );
    assert.equal(status, 422);
    assert.deepEqual(
      (body.errors as { pointer: string }[]).map(({ pointer }) => pointer),
      ['/2', '/4', '/5', '/6'],
    );
    const detail = 'row 5: row 3 has it with another answer: "PAY"';
    assert.deepEqual(body.errors[2], { pointer: '/5', detail, kind: 'answered_in_row', quotes: ['PAY', '3'] });
    assert.match(body.errors[3].detail, /the FAQ has it already with another answer/);
    assert.deepEqual(await faq(appId), [['open?', '9 to 5']]);
  });

  it('that is none is refused with a word', async () => {
    const appId = await bot();
    for (const [table, words] of [
      ['', /No questions and answers/],
      ['just a text\nof two lines\n', /two columns/],
      ['[{"x": 1', /begins like JSON/],
      ['[]', /no list of questions/],
      [Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0]), /\.xls/],
      [zipOf([{ name: 'a.txt', data: 'x' }]), /no Excel workbook/],
      [zipOf([{ name: 'xl/worksheets/sheet1.xml', data: '<a><b></a>' }]), /damaged/],
      [zipOf([{ name: '../xl/workbook.xml', data: 'x' }]), /leads out/],
    ] as const) {
      const { status, body } = await send(appId, table);
      assert.equal(status, 422, JSON.stringify(body));
      assert.match(body.detail as string, words);
    }
  });

  it('has what is wrong told of each version, and of what is kept now, with the pairs by name', async () => {
    const appId = await bot();
    const open = { Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: '9 to 5' };
    const flawed = [
      open,
      { Q: [{ q: 'Opening hours' }], A: 'never' },
      { Q: [{ q: 'How do I pay?' }, { q: 'payment' }], A: 'see [here](nowhere at all)' },
    ];
    const { modelId } = (await hub.api('POST', `/bots/${appId}/train?wait=true`, flawed)).body as { modelId: string };
    const { items: stored } = (await hub.api('GET', `/bots/${appId}/faq/pairs`)).body as { items: { id: string }[] };
    await hub.api('PUT', `/bots/${appId}/faq`, [open]);
    interface Found {
      modelId: string | null;
      pairs: { kind: string; pairId: string; question: string; otherPairId?: string; otherQuestion?: string }[];
      notes: { kind: string; detail: string; quotes: string[] }[];
      refused: { code: string } | null;
      project: object[] | null;
    }
    const [version, now] = (await Promise.all(
      [`?model=${modelId}`, ''].map(async (query) => {
        const { body } = await hub.api('GET', `/bots/${appId}/findings${query}`);
        return body as Found;
      }),
    )) as [Found, Found];
    assert.deepEqual(
      version.pairs.map(({ kind, pairId }) => [kind, pairId]),
      [
        ['near_duplicate', stored[1]?.id],
        ['never_reached', stored[1]?.id],
        ['single_question', stored[1]?.id],
        ['broken_link', stored[2]?.id],
      ],
    );
    const [, unreached] = version.pairs;
    assert.deepEqual(
      [version.modelId, unreached?.question, unreached?.otherPairId, unreached?.otherQuestion],
      [modelId, 'Opening hours', stored[0]?.id, 'When are you open?'],
    );
    assert.deepEqual(
      version.notes.map(({ kind, quotes }) => [kind, quotes]),
      [
        ['asked_before', ['Opening hours', '1', '2']],
        ['left_out', ['2', 'Opening hours']],
      ],
    );
    assert.deepEqual([now.modelId, now.pairs, now.notes, now.refused, now.project], [null, [], [], null, null]);
    await hub.api('PUT', `/bots/${appId}/faq`, [open, { Q: [{ q: '?!' }], A: 'x' }]);
    const { refused } = (await hub.api('GET', `/bots/${appId}/findings`)).body as Found;
    assert.deepEqual(refused, {
      code: 'empty_topic',
      message: 'No question of pair 2 ("?!") has words in it. Write at least one, or delete the pair.',
    });
    const other = await bot();
    assert.equal((await hub.api('GET', `/bots/${other}/findings?model=${modelId}`)).status, 404);
  });
});

describe('the FAQ linter', () => {
  it('finds questions that are nearly the same with different answers, lonely questions, and empty answers', () => {
    const pairs = [
      { questions: ['When are you open?', 'opening hours'], answer: '9 to 5' },
      { questions: ['How can I pay?', 'Payment'], answer: 'by card' },
      { questions: ['When are you open'], answer: 'never' },
      { questions: ['Do you ship to France?', 'When are you open??'], answer: '9 to 5' },
      { questions: ['营业时间是几点', '营业'], answer: '九点' },
      { questions: ['营业时间是几点呢', '时间'], answer: '十点' },
      { questions: ['x', 'y'], answer: ' ' },
      { questions: [' '], answer: 'a' },
    ];
    assert.deepEqual(
      lintFaq(pairs).map(({ kind, row, other }) => [kind, row, ...(other ? [other] : [])]),
      [
        ['near_duplicate', 3, 1],
        ['never_reached', 3, 1],
        ['single_question', 3],
        ['near_duplicate', 4, 3],
        ['near_duplicate', 6, 5],
        ['empty_answer', 7],
        ['no_question', 8],
      ],
    );
  });

  it('says apart from its sentence what that quotes, shortened, for other languages', () => {
    // Where it is cut, half of a smile would be left.
    const long = `When ${'and when '.repeat(8)}so🙂 ${'and when '.repeat(9)}?`;
    const found = lintFaq([
      { questions: ['Where is "the shop"?', 'Address'], answer: 'There.' },
      { questions: ['where is "the shop"', 'way'], answer: 'Here: [map](nowhere at all)' },
      { questions: [long], answer: 'Hi {name}' },
    ]);
    assert.deepEqual(
      found.map(({ kind, quotes }) => [kind, ...quotes]),
      [
        ['near_duplicate', 'where is "the shop"', 'Where is "the shop"?'],
        ['broken_link', 'nowhere at all'],
        ['single_question', `${long.slice(0, long.indexOf('🙂'))}…`],
        ['broken_braces', '{name}'],
      ],
    );
    for (const { detail, quotes } of found)
      for (const quote of quotes) assert.ok(detail.includes(JSON.stringify(quote)), detail);
  });

  it('finds answers that nobody gets, since all their questions are answered otherwise above', () => {
    const pairs = [
      { questions: ['When are you open?', 'Opening hours'], answer: 'At nine.' },
      { questions: ['when are you open', 'OPENING HOURS!'], answer: 'Never.' },
      { questions: ['Opening hours', 'And on Sundays?'], answer: 'Closed.' },
      { questions: ['When are you open?', 'opening hours'], answer: 'At nine.' },
      { questions: [' '], answer: 'x' },
    ];
    const found = lintFaq(pairs).filter(({ kind }) => kind === 'never_reached');
    assert.deepEqual(
      found.map(({ row, other }) => [row, other]),
      [[2, 1]],
    );
  });
  it('misses no near duplicate that a comparison of all with all finds', async () => {
    const { pairs } = JSON.parse(await readFile('bench/answers/data/banking-77.json', 'utf8')) as {
      pairs: { Q: { q: string }[] }[];
    };
    const some = pairs
      .slice(0, 40)
      .map(({ Q }, at) => ({ questions: Q.slice(0, 12).map(({ q }) => q), answer: `${at}` }));
    const twisted = some.map(({ questions }, at) => ({
      questions: questions.map((q) => `${q} now`),
      answer: `other ${at}`,
    }));
    const found = lintFaq([...some, ...twisted]).filter(({ kind }) => kind === 'near_duplicate');
    for (const at of some.keys())
      assert.ok(
        found.some(({ row, other }) => row === at + 41 && other === at + 1),
        `pair ${at + 1}`,
      );
  });

  it('finds questions in another language, braces and links that break, and leaves good ones alone', () => {
    const kinds = (questions: string[], answer: string, language = 'en') =>
      lintFaq([{ questions: [...questions, 'When are you open?'], answer }], language).map(({ kind }) => kind);
    const fine = ['Do you take Visa?', 'CAFÉ', 'IBAN 123', 'What is a Kindergarten?', 'x'];
    assert.deepEqual(
      kinds(fine, 'See [here](https://a.example/x?y={z}), mail [us](mailto:a@b.example).'.replace('{z}', 'z')),
      [],
    );
    for (const foreign of [
      'Wann haben Sie für mich offen?',
      '营业时间是几点',
      'Где мой заказ',
      'où est la gare, je vous en prie',
    ])
      assert.deepEqual(kinds([foreign], 'x'), ['other_language'], foreign);
    assert.deepEqual(
      lintFaq([{ questions: ['营业时间', 'WiFi 密码', 'When are you open?'], answer: 'x' }], 'zh').length,
      1,
    );
    const chinese = { questions: ['几点开门?', '什么时候营业?'], answer: 'x' };
    assert.deepEqual(lintFaq([{ ...chinese, language: 'zh' }], 'en'), [], 'a pair that says which language it is in');
    assert.equal(lintFaq([chinese], 'en')[0]?.kind, 'other_language');
    assert.deepEqual(kinds(['Wie geht es?'], 'x', 'xx-unknown'), [], 'a language of which nobody knows');
    for (const answer of ['Dear {name}', 'Dear {{ name }}, hi', 'a } b', 'function() {'])
      assert.deepEqual(
        kinds([], answer).filter((kind) => kind !== 'single_question'),
        ['broken_braces'],
        answer,
      );
    assert.deepEqual(kinds(fine, 'JSON: {"a": 1}'), []);
    const broken = [
      '[here](https://',
      '[here](http:/x)',
      '[a](shop.example)',
      'see http//shop.example',
      'see htp://a.example',
      'https://nodot x',
    ];
    for (const answer of broken.slice(0, 5))
      assert.deepEqual(
        kinds([], answer).filter((kind) => kind !== 'single_question'),
        ['broken_link'],
        answer,
      );
  });

  it('compares one edit with thousands of pairs by letters and meaning, and reads them once', async () => {
    const many = Array.from({ length: 5000 }, (_, n) => ({
      id: `p${n}`,
      questions: [`question ${n} about thing ${n * 7}`, `thing ${n * 7} number ${n}`, `what of ${n}?`],
      answer: `answer ${n}`,
    }));
    many[3] = { id: 'p3', questions: ['when do you open', 'opening hours', 'hours'], answer: '9 to 5' };
    let reads = 0;
    // Meaning as a test has it: one word decides.
    const encode = (texts: string[]) =>
      Promise.resolve({
        encoder: 'x@1',
        vectors: texts.map((text) =>
          Float32Array.from({ length: 512 }, (_, at) => Math.sin(at * (/open/.test(text) ? 1 : 3 + text.length))),
        ),
      });
    const vectors = createVectors({ encode });
    const faq = { get: () => Promise.resolve({ version: (reads += 1) && 7, pairs: many }) };
    const edits = createEditLint({ faq, vectors, wordsOf: String });
    await vectors.of(many.flatMap(({ questions }) => questions));
    const edit = (questions: string[], id?: string, answer = 'never') =>
      edits.pair('a', { id, pair: { questions, answer }, language: 'en' }, 7);
    const { findings, whole } = await edit(['is it open now', 'are you open']);
    assert.ok(whole);
    assert.deepEqual(
      findings.map(({ kind, row, other }) => [kind, row, other]),
      [['alike', 5001, 4]],
    );
    const spelled = await edit(['question 17 about thing 119?', 'b'], 'p9');
    assert.deepEqual(spelled.findings.map(({ kind, row, other }) => [kind, row, other])[0], ['near_duplicate', 10, 18]);
    assert.deepEqual((await edit(['is it open now', 'are you open'], 'p3')).findings, [], 'not with what it replaces');
    assert.deepEqual(
      (await edit(['is it open now', 'are you open'], undefined, '9 to 5')).findings,
      [],
      'nor with the same answer',
    );
    assert.equal(reads, 1);
  });

  it('answers over the API for what is sent and for what is stored', async () => {
    const hub = await newHub();
    const { appId } = (await hub.api('POST', '/bots', { name: 'L' })).body as { appId: string };
    const faq = [{ Q: [{ q: 'open?' }], A: '' }];
    const { body } = await hub.api('POST', `/bots/${appId}/faq/lint`, faq);
    assert.deepEqual(
      (body.items as { kind: string }[]).map(({ kind }) => kind),
      ['single_question', 'empty_answer'],
    );
    await hub.api('PUT', `/bots/${appId}/faq`, [{ Q: [{ q: 'open?' }], A: 'x' }]);
    assert.equal((await hub.api('POST', `/bots/${appId}/faq/lint`)).body.items.length, 1);
    const pair = { Q: [{ q: 'Open?' }, { q: 'when' }], A: 'y {name}' };
    const edited = await hub.api('POST', `/bots/${appId}/faq/lint/pair`, pair);
    const kinds = (edited.body.items as { kind: string }[]).map(({ kind }) => kind);
    assert.deepEqual([edited.status, kinds], [200, ['broken_braces', 'near_duplicate']]);
    assert.equal((await hub.api('POST', `/bots/${appId}/faq/lint/pair`, { Q: 1 })).status, 422);
    await hub.stop();
  });

  it('keeps nobody waiting while it looks at thousands of pairs', async () => {
    const hub = await newHub();
    const { appId } = (await hub.api('POST', '/bots', { name: 'L' })).body as { appId: string };
    const faq = Array.from({ length: 4000 }, (_, at) => ({
      Q: ['How can I open account', 'Please tell me the opening hours of branch'].map((q) => ({
        q: `${q} ${at * 7919}`,
      })),
      A: `${at}`,
    }));
    const state = { over: false };
    const linted = hub.api('POST', `/bots/${appId}/faq/lint`, faq).finally(() => (state.over = true));
    let answered = 0;
    while (!state.over) {
      await hub.api('GET', `/bots/${appId}`);
      answered += 1;
    }
    const { status, body } = await linted;
    assert.deepEqual([status, (body.items as unknown[]).length], [200, 2000]);
    assert.ok(answered > 30, `${answered} answers meanwhile`);
    await hub.stop();
  });
});
