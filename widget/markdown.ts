/**
 * A small, safe Markdown: paragraphs, lists, headings as bold lines, fenced and inline code, bold, italic, links. Everything becomes
 * elements and text nodes; HTML in the text stays text. All patterns are bounded, so that no text makes them slow.
 */
import { el, safeUrl } from './dom.js';

const linkSchemes = ['http:', 'https:', 'mailto:'];

/** A link that opens beside the chat; the plain label when the address is not one we link to. */
function link(label: (Node | string)[], address: string): (Node | string)[] {
  const href = safeUrl(address, linkSchemes);
  return href === null ? label : [el('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...label)];
}

interface Rule {
  /** Sticky. */
  pattern: RegExp;
  make(match: RegExpExecArray, depth: number): (Node | string)[];
}

/** Punctuation after an address belongs to the sentence. */
function bareLink(match: RegExpExecArray): (Node | string)[] {
  const address = match[0].replace(/[.,;:!?)\]}，。；：！？）】」]{1,20}$/, '');
  return [...link([address], address), match[0].slice(address.length)];
}

const rules: Rule[] = [
  { pattern: /\\([\\`*_[\](){}#+.!~>-])/y, make: (match) => [match[1] ?? ''] },
  { pattern: /`([^`\n]{1,2000})`/y, make: (match) => [el('code', {}, match[1] ?? '')] },
  {
    pattern: /!?\[([^[\]\n]{1,500})\]\(\s{0,3}<?([^\s<>()]{1,2000}(?:\([^\s()]{0,200}\)[^\s<>()]{0,500})?)>?\s{0,3}\)/y,
    make: (match, depth) => link(inline(match[1] ?? '', depth), match[2] ?? ''),
  },
  {
    pattern: /\*\*(?=\S)([^\n]{0,1000}?\S)\*\*/y,
    make: (match, depth) => [el('strong', {}, ...inline(match[1] ?? '', depth))],
  },
  {
    pattern: /(?<!\w)__(?=\S)([^\n]{0,1000}?\S)__(?!\w)/y,
    make: (match, depth) => [el('strong', {}, ...inline(match[1] ?? '', depth))],
  },
  {
    pattern: /\*(?=[^\s*])([^*\n]{0,1000}?[^\s*])\*(?!\*)/y,
    make: (match, depth) => [el('em', {}, ...inline(match[1] ?? '', depth))],
  },
  {
    pattern: /(?<!\w)_(?=[^\s_])([^_\n]{0,1000}?[^\s_])_(?!\w)/y,
    make: (match, depth) => [el('em', {}, ...inline(match[1] ?? '', depth))],
  },
  { pattern: /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]{1,2000}/y, make: bareLink },
];

const deepest = 6;

function inline(text: string, depth = 0): (Node | string)[] {
  if (depth > deepest) return [text];
  const parts: (Node | string)[] = [];
  let plain = '';
  for (let at = 0; at < text.length;) {
    const found = matchAt(text, at);
    if (found) {
      parts.push(plain, ...found.rule.make(found.match, depth + 1));
      plain = '';
      at += found.match[0].length;
    } else {
      plain += text[at] ?? '';
      at += 1;
    }
  }
  return [...parts, plain].filter((part) => part !== '');
}

/** No rule starts with any other character. */
const openers = new Set('\\`![*_h');

function matchAt(text: string, at: number): { rule: Rule; match: RegExpExecArray } | null {
  if (!openers.has(text[at] ?? '')) return null;
  for (const rule of rules) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(text);
    if (match) return { rule, match };
  }
  return null;
}

/** Lines of one paragraph, with the author's line breaks. */
const broken = (lines: string[]): (Node | string)[] =>
  lines.flatMap((line, index) => (index === 0 ? inline(line) : [el('br'), ...inline(line)]));

const bullet = /^\s{0,3}[-*•]\s+(.*)$/;
const numbered = /^\s{0,3}(\d{1,4})[.)]\s+(.*)$/;
const heading = /^#{1,6}\s+(.*?)\s*#{0,6}$/;
const fence = /^\s{0,3}```/;
const startsBlock = (line: string): boolean =>
  line.trim() === '' || [bullet, numbered, heading, fence].some((pattern) => pattern.test(line));

function takeWhile(lines: string[], fits: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !fits(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

function block(lines: string[]): Node | null {
  const first = lines[0] ?? '';
  if (fence.test(first)) {
    lines.shift();
    const code = takeWhile(lines, (line) => !fence.test(line));
    lines.shift();
    return el('pre', { tabindex: '0' }, el('code', {}, code.join('\n')));
  }
  if (bullet.test(first)) {
    const items = takeWhile(lines, (line) => bullet.test(line)).map((line) => bullet.exec(line)?.[1] ?? '');
    return el('ul', {}, ...items.map((item) => el('li', {}, ...inline(item))));
  }
  if (numbered.test(first)) {
    const start = numbered.exec(first)?.[1];
    const items = takeWhile(lines, (line) => numbered.test(line)).map((line) => numbered.exec(line)?.[2] ?? '');
    return el('ol', { start }, ...items.map((item) => el('li', {}, ...inline(item))));
  }
  lines.shift();
  if (heading.test(first)) return el('p', {}, el('strong', {}, ...inline(heading.exec(first)?.[1] ?? '')));
  if (first.trim() === '') return null;
  return el('p', {}, ...broken([first, ...takeWhile(lines, (line) => !startsBlock(line))]));
}

/** The text as elements. */
export function markdown(text: string): DocumentFragment {
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const fragment = document.createDocumentFragment();
  while (lines.length > 0) {
    const made = block(lines);
    if (made) fragment.append(made);
  }
  return fragment;
}
