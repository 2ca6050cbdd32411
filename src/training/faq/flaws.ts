/** Flaws of one pair in its letters: questions in another language, braces that do not close, links that lead nowhere. Pure. */
import { findingOf, type LintFinding, type LintPair } from './finding.js';

/** `language`: in which it is asked; absent: languages are not looked at. */
export function flawsOf({ questions, answer }: LintPair, row: number, language?: string): LintFinding[] {
  const foreign = language === undefined ? undefined : questions.find((question) => isForeign(question, language));
  const strange = (text: string): string =>
    `${text} looks like another language than that of its pair (${String(language)}). If it is meant so, give the pair its language.`;
  return [
    ...(foreign === undefined ? [] : [findingOf({ kind: 'other_language', row }, [foreign], strange)]),
    ...braceFlawOf(answer, row),
    ...linkFlawOf(answer, row),
  ];
}

/** Scripts that tell languages apart, and which languages are written in each. */
const scripts: [RegExp, RegExp][] = [
  [/\p{Script=Hiragana}|\p{Script=Katakana}/gu, /^ja/],
  [/\p{Script=Hangul}/gu, /^ko/],
  [/\p{Script=Han}/gu, /^(?:zh|ja|yue)/],
  [/\p{Script=Cyrillic}/gu, /^(?:ru|uk|bg|sr|be|mk|kk)/],
  [/\p{Script=Arabic}/gu, /^(?:ar|fa|ur)/],
  [/\p{Script=Thai}/gu, /^th/],
  [/\p{Script=Greek}/gu, /^el/],
  [/\p{Script=Hebrew}/gu, /^he/],
  [/\p{Script=Latin}/gu, /^(?!zh|ja|ko|yue|ru|uk|bg|be|mk|ar|fa|ur|th|el|he)/],
];
/** The small words of languages that share the Latin script. */
const smallWords: Record<string, string> = {
  en: 'the is are do does how what where when can you your my for and with have there of to in i',
  de: 'der die das ist sind wie was wo wann kann ich sie ihr mein für und mit haben gibt von zu ein eine nicht',
  fr: 'le la les est sont comment quoi où quand puis je vous votre mon pour et avec avez de du un une des ce que',
  es: 'el la los las es son cómo qué dónde cuándo puedo yo usted su mi para y con tiene de un una por hay',
  it: 'il la gli è sono come cosa dove quando posso io lei suo mio per e con avete di un una che si',
  pt: 'o a os as é são como que onde quando posso eu você seu meu para e com tem de um uma não há',
  nl: 'de het is zijn hoe wat waar wanneer kan ik u uw mijn voor en met heeft van te een niet er',
};
const wordsByLanguage = new Map(
  Object.entries(smallWords).map(([language, words]) => [language, new Set(words.split(' '))]),
);
const fewestLetters = 4;

function isForeign(text: string, language: string): boolean {
  const counts = scripts.map(([script]) => (text.match(script) ?? []).length);
  const most = Math.max(...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (most < fewestLetters && !/\p{Script=Han}{2}/u.test(text)) return false;
  const [, languages] = scripts[counts.indexOf(most)] ?? [];
  // Names and brands in Latin letters stand in texts of every language.
  if (languages && !languages.test(language)) return most > 0.7 * total;
  return speaksOtherwise(text, language);
}

/** Has it the small words of another language, and hardly one of the bot's? */
function speaksOtherwise(text: string, language: string): boolean {
  const own = wordsByLanguage.get(language.split('-')[0] ?? '');
  if (!own) return false;
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const hits = (known: ReadonlySet<string>): number => words.filter((word) => known.has(word)).length;
  const mine = hits(own);
  return [...wordsByLanguage.values()].some((known) => known !== own && hits(known) >= 2 && hits(known) > 2 * mine);
}

function braceFlawOf(answer: string, row: number): LintFinding[] {
  const said = (text: string, say: (quoted: string) => string) => [
    findingOf({ kind: 'broken_braces', row }, [text], say),
  ];
  const hole = /\{\{?\s*([\p{L}_][\p{L}\p{N}_ .]{0,40})\s*\}\}?/u.exec(answer);
  if (hole) return said(hole[0], (text) => `${text} is sent as it stands: nothing is put into an answer's braces.`);
  let open = 0;
  for (const letter of answer) {
    if (letter === '{') open += 1;
    if (letter === '}') open -= 1;
    if (open < 0) break;
  }
  return open === 0 ? [] : said(answer, (text) => `The braces of ${text} do not close.`);
}

function linkFlawOf(answer: string, row: number): LintFinding[] {
  const said = (text: string, how: string) => [
    findingOf({ kind: 'broken_link', row }, [text], (link) => `The link ${link} ${how}.`),
  ];
  const open = /\[[^\]\n]{1,200}\]\([^)\n]*$/mu.exec(answer);
  if (open) return said(open[0], 'does not close');
  const targets = [...answer.matchAll(/\[[^\]\n]{1,200}\]\(([^)\n]*)\)/gu)].map(([, target]) => target ?? '');
  const bare = answer.match(/\b(?:h?t?tps?:?\/{0,3})(?=[\w.-]+\.\w)[^\s<>"')\]]*/giu) ?? [];
  const broken = [...targets, ...bare].find((target) => !leadsSomewhere(target));
  return broken === undefined ? [] : said(broken, 'leads nowhere');
}

function leadsSomewhere(target: string): boolean {
  if (/^(?:mailto:|tel:|\/|#)/.test(target)) return target.length > 1 && !/\s/.test(target);
  if (/\s/.test(target) || !/^https?:\/\/[^/]/i.test(target) || !URL.canParse(target)) return false;
  const { hostname } = new URL(target);
  return hostname === 'localhost' || hostname.includes('.') || hostname.includes(':');
}
