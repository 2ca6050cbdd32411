/** What people type: a project's own questions, misspelt, cut, joined and shouted, and things that no bot was taught. Seeded. */

const strange = [
  '',
  ' ',
  '?',
  '👍',
  'asdf qwer zxcv',
  'What is the meaning of life?',
  '我想要退款',
  'ﬁne Ｆｕｌｌ width',
  'e\u0301tude ß İ',
  'a\nb\r\nc\td',
  '  blanks  around  ',
  '{braces} and {{more}} %s \\n "quotes"',
  '1234567890',
  'call 0301234567 or A12, B34 and A00',
  'word '.repeat(300).trim(),
  'x'.repeat(2000),
  'null',
  '<b>bold</b> & co',
  'a / slash in /between',
];
/** Payloads, as buttons send them. */
export const payloads = [
  '/greet',
  '/bye',
  '/order{"dish": "pizza"}',
  '/inform{"city": "Rome"}',
  '/nothing_known',
  '/restart',
];

/** Numbers 0..1, the same for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(list: readonly T[], next: () => number): T {
  return list[Math.floor(next() * list.length)] as T;
}

/** One way of saying `question`. */
function said(question: string, others: readonly string[], next: () => number): string {
  const at = Math.floor(next() * question.length);
  const ways = [
    () => question,
    () => question.slice(0, at) + question.slice(at + 1),
    () => question.slice(0, at) + pick(['a', 'e', 'i', 'o', ' ', '是'], next) + question.slice(at),
    () => question.toUpperCase(),
    () => `${question} ${pick(others, next)}`,
    () => `${pick(['please', 'hey', 'ok so', '请问'], next)} ${question}`,
    () => `${question}!!!`,
    () => question.split(' ').reverse().join(' '),
  ];
  return pick(ways, next)();
}

/** `count` texts to parse, different from each other: all the strange ones first, then ways of saying the questions. */
export function textsOf(questions: readonly string[], count: number, seed: number): string[] {
  const next = numbers(seed);
  const texts = new Set<string>(count >= strange.length * 2 ? strange : []);
  while (texts.size < count) texts.add(said(pick(questions, next), questions, next));
  return [...texts];
}

/** `count` conversations of `length` turns each. What Rasa's REST channel would trim is left out; some turns are payloads. */
export function conversationsOf(
  questions: readonly string[],
  { count, length, seed }: { count: number; length: number; seed: number },
): string[][] {
  const next = numbers(seed);
  const turn = (): string => {
    if (next() < 0.1) return pick(payloads, next);
    const text = next() < 0.6 ? pick(questions, next) : said(pick(questions, next), questions, next);
    return text.trim() || '?';
  };
  return Array.from({ length: count }, () => Array.from({ length }, turn));
}
