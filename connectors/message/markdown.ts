/**
 * The Markdown that bots may write, the same as the web chat shows: bold, italic, inline and fenced code, links, headings as bold lines, lists.
 * It becomes runs of plain text with a style, which no platform can read as anything else. All patterns are bounded, so that no text makes them slow.
 */

/** Text in one style. `text` is literal: every renderer escapes it for its platform. */
export interface Run {
  text: string;
  bold?: true;
  italic?: true;
  code?: true;
  /** A block of code, with its line breaks. */
  pre?: true;
  /** Where the text leads: http, https, mailto or tel. */
  url?: string;
}
type Style = Omit<Run, 'text'>;

const schemes = new Set(['http:', 'https:', 'mailto:', 'tel:']);

/** The address if a person may be led there; null for every other scheme and for what is no address. */
export function safeUrl(address: string): string | null {
  if (address.length > 2000 || !URL.canParse(address)) return null;
  const url = new URL(address);
  return schemes.has(url.protocol) && !url.username && !url.password ? url.href : null;
}

/** Valid Unicode without control characters; line breaks are `\n`. */
export function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

interface Rule {
  /** Sticky. */
  pattern: RegExp;
  make(match: RegExpExecArray, style: Style, depth: number): Run[];
}

/** Punctuation after an address belongs to the sentence. */
function bareLink(match: RegExpExecArray, style: Style): Run[] {
  const address = match[0].replace(/[.,;:!?)\]}，。；：！？）】」]{1,20}$/, '');
  const url = safeUrl(address);
  const after = match[0].slice(address.length);
  return [{ ...style, text: address, ...(url ? { url } : {}) }, ...(after ? [{ ...style, text: after }] : [])];
}
function namedLink(match: RegExpExecArray, style: Style, depth: number): Run[] {
  const url = safeUrl(match[2] ?? '');
  return inline(match[1] ?? '', url ? { ...style, url } : style, depth);
}

const rules: Rule[] = [
  { pattern: /\\([\\`*_[\](){}#+.!~>-])/y, make: (match, style) => [{ ...style, text: match[1] ?? '' }] },
  { pattern: /`([^`\n]{1,2000})`/y, make: (match, style) => [{ ...style, text: match[1] ?? '', code: true }] },
  {
    pattern: /!?\[([^[\]\n]{1,500})\]\(\s{0,3}<?([^\s<>()]{1,2000}(?:\([^\s()]{0,200}\)[^\s<>()]{0,500})?)>?\s{0,3}\)/y,
    make: namedLink,
  },
  {
    pattern: /\*\*(?=\S)([^\n]{0,1000}?\S)\*\*/y,
    make: (match, style, depth) => inline(match[1] ?? '', { ...style, bold: true }, depth),
  },
  {
    pattern: /(?<!\w)__(?=\S)([^\n]{0,1000}?\S)__(?!\w)/y,
    make: (match, style, depth) => inline(match[1] ?? '', { ...style, bold: true }, depth),
  },
  {
    pattern: /\*(?=[^\s*])([^*\n]{0,1000}?[^\s*])\*(?!\*)/y,
    make: (match, style, depth) => inline(match[1] ?? '', { ...style, italic: true }, depth),
  },
  {
    pattern: /(?<!\w)_(?=[^\s_])([^_\n]{0,1000}?[^\s_])_(?!\w)/y,
    make: (match, style, depth) => inline(match[1] ?? '', { ...style, italic: true }, depth),
  },
  { pattern: /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]{1,2000}/y, make: bareLink },
];
/** No rule starts with any other character. */
const openers = new Set('\\`![*_h');
const deepest = 6;

function inline(text: string, style: Style, depth = 0): Run[] {
  if (depth > deepest) return [{ ...style, text }];
  const runs: Run[] = [];
  let from = 0;
  for (let at = 0; at < text.length;) {
    const found = openers.has(text[at] ?? '') ? matchAt(text, at) : null;
    if (found && !(style.url && found.rule.make === bareLink)) {
      if (at > from) runs.push({ ...style, text: text.slice(from, at) });
      runs.push(...found.rule.make(found.match, style, depth + 1));
      at += found.match[0].length;
      from = at;
    } else at += 1;
  }
  if (from < text.length) runs.push({ ...style, text: text.slice(from) });
  return runs;
}

function matchAt(text: string, at: number): { rule: Rule; match: RegExpExecArray } | null {
  for (const rule of rules) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(text);
    if (match) return { rule, match };
  }
  return null;
}

const bullet = /^(\s{0,3})[-*•]\s+(.*)$/;
const heading = /^#{1,6}\s+(.*?)\s*#{0,6}$/;
const fence = /^\s{0,3}```/;

function lineRuns(line: string): Run[] {
  const [, indent, item] = bullet.exec(line) ?? [];
  if (item !== undefined) return [{ text: `${indent ?? ''}• ` }, ...inline(item, {})];
  const [, title] = heading.exec(line) ?? [];
  return title === undefined ? inline(line, {}) : inline(title, { bold: true });
}

/** The text as runs, with `\n` between its lines. */
export function runsOf(markdown: string): Run[] {
  const lines = clean(markdown).split('\n');
  const runs: Run[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (at > 0) runs.push({ text: '\n' });
    const line = lines[at] ?? '';
    if (!fence.test(line)) {
      runs.push(...lineRuns(line));
      continue;
    }
    const end = lines.findIndex((other, place) => place > at && fence.test(other));
    runs.push({ text: lines.slice(at + 1, end < 0 ? lines.length : end).join('\n'), pre: true });
    at = end < 0 ? lines.length : end;
  }
  return joined(runs);
}

/** Neighbours of one style as one run; empty ones go. */
function joined(runs: Run[]): Run[] {
  const result: Run[] = [];
  for (const run of runs) {
    const last = result.at(-1);
    if (run.text === '') continue;
    if (last && sameStyle(last, run)) last.text += run.text;
    else result.push({ ...run });
  }
  return result;
}
const sameStyle = (a: Run, b: Run): boolean =>
  a.bold === b.bold && a.italic === b.italic && a.code === b.code && a.pre === b.pre && a.url === b.url;
