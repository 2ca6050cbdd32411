/**
 * Regular expressions of projects, tried before Rasa meets them. Rasa matches each against every text that anybody sends, and on some
 * expressions a text of thirty letters keeps it busy for years. Each is matched here, by an engine of the same kind, against texts that are made
 * of its own letters. Takes long for bad ones: for a thread of its own.
 */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';

const longest = 500;
const tryMs = 60;

/** What is wrong with it, in words; null when it can be had. */
export function patternFault(pattern: string): string | null {
  if (pattern.length > longest) return `a regular expression is longer than ${longest} characters`;
  const translated = inJavaScript(pattern);
  if (translated === null)
    return 'this regular expression cannot be checked: write it without conditions, comments and flags';
  // Rasa says what is no expression at all when it reads it.
  if (!compiles(translated)) return compiles(escaped(translated)) ? null : 'this regular expression cannot be checked';
  const flags = /\(\?[a-z]*s/.test(pattern) ? 's' : '';
  const context = createContext({ expression: translated, flags, text: '' });
  for (const text of textsFor(translated)) {
    context['text'] = text;
    if (!isQuick(context))
      return 'this regular expression takes too long on some texts (a repetition of something that repeats itself): write it more plainly';
  }
  return null;
}

/** Counts the processor's time where the system tells it: a machine that is busy is no fault of the expression's. */
function isQuick(context: object): boolean {
  for (let timeout = tryMs; ; timeout *= 2) {
    const began = ownMs();
    try {
      runInContext('new RegExp(expression, flags).exec(text)', context, { timeout });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') return true;
      if (ownMs() - began > 0.9 * tryMs) return false;
    }
  }
}

/** How long this thread has had a processor; on systems that do not tell, how late it is. In ms. */
function ownMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

function compiles(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
const escaped = (source: string): string => source.replace(/[()[\]{}*+?]/g, '\\$&');

/** What is written otherwise in Python; null for what JavaScript has not. */
function inJavaScript(pattern: string): string | null {
  if (/\(\?\(|\(\?#|\(\?[a-z]*x/i.test(pattern)) return null;
  return pattern
    .replaceAll('(?P<', '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replace(/\(\?[aiLmsu]+\)/g, '')
    .replace(/\(\?[aiLmsu]*(?:-[imsx]+)?:/g, '(?:')
    .replaceAll('{,', '{0,')
    .replaceAll('\\A', '^')
    .replaceAll('\\Z', '$');
}

/** Beside the expression's own letters: one of each class that it may mean, and one that it hardly means. */
const classes = ['a', '0', ' ', '-', '.', '\n'];
const stranger = '\u0001';
/** Doubling times of an expression that is exponential are reached here; and a length at which the cube of it is too long. */
const [repeats, length] = [40, 1500];

/** Texts that repeat what the expression may match, and then do not match it. */
function* textsFor(source: string): Generator<string> {
  const bare = source.replace(/\\[dDwWsSbBAZk]|\{\d*,?\d*\}/g, ' ');
  const literals = [...new Set(bare.match(/[\p{L}\p{N}]+/gu) ?? [])].slice(0, 8);
  const letters = [
    ...new Set([...Array.from(literals.join('')), ...(bare.match(/[^\p{L}\p{N}()[\]{}*+?|^$\\]/gu) ?? [])]),
  ];
  const singles = [...new Set([...classes, ...letters.slice(0, 12)])];
  const few = singles.slice(0, 8);
  const words = [...singles, ...literals, ...few.flatMap((one) => few.map((two) => one + two))];
  // One less than a bound asks for: so many, and each of them may be anywhere.
  const bounds = [...source.matchAll(/\{(\d{1,3})/g)].map(([, count]) => Number(count)).slice(0, 3);
  for (const word of new Set(words)) {
    for (const count of bounds) yield word.repeat(Math.max(count - 1, 0)) + stranger.repeat(count);
    yield word.repeat(repeats) + stranger;
    yield word.repeat(Math.ceil(length / word.length)) + stranger;
  }
}
