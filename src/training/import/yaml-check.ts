/** What is wrong with a YAML file of a project before Rasa reads it, with its line: faults of the text, and what is made to choke a reader. */
import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  visit,
} from 'yaml';
import { namedClasses } from './classes.js';

/** A fault or a note at a line; 0: of the file as a whole. */
export interface Finding {
  line: number;
  words: string;
}
export interface YamlFacts {
  faults: Finding[];
  /** What Rasa reads otherwise than its author may think. */
  notes: Finding[];
  /** Names of the sections at its left edge. */
  sections: string[];
  /** Values of sections that are plain words: `language`, `version`. */
  words: Record<string, string>;
  /** Dotted class names that Rasa would import, with their lines. */
  classes: { name: string; line: number }[];
  /** All of it, as Rasa reads it; null when it cannot be read. */
  content: unknown;
  /** The first line that says this text and nothing else; 0: none. */
  lineOf: (text: string) => number;
}

const deepest = 60;
const mostAliases = 200;
const unreadable = (line: number, words: string): YamlFacts => ({
  faults: [{ line, words }],
  notes: [],
  sections: [],
  words: {},
  classes: [],
  content: null,
  lineOf: () => 0,
});

/** Never throws. */
export function yamlFacts(text: string): YamlFacts {
  const lines = new LineCounter();
  const document = parsedOf(text, lines);
  const error = document?.errors[0];
  if (!document || error?.message.includes('call stack')) return unreadable(0, 'it is nested too deeply to be read');
  if (error) {
    const words = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    return unreadable(error.linePos?.[0].line ?? 0, `${words}. Mend that line`);
  }
  const { contents } = document;
  if (contents === null) return { ...unreadable(0, ''), faults: [] };
  if (!isMap(contents)) return unreadable(1, 'it needs sections such as "nlu:" at its left edge');
  const lineOf = (node: Node): number => (node.range ? lines.linePos(node.range[0]).line : 0);
  const danger = dangerIn(contents, lineOf);
  if (danger) return unreadable(danger.line, danger.words);
  // References are few by now (see `dangerIn`), and what they stand for is shared, not copied.
  const content: unknown = document.toJS({ maxAliasCount: -1 });
  const said = linesOf(document, lineOf);
  const lineSaying = (words: string): number => said.get(words) ?? 0;
  const classes = [...namedClasses(content)].map((name) => ({ name, line: lineSaying(name) }));
  return { ...factsOf(contents, lineOf), classes, content, lineOf: lineSaying };
}

/** Null when it is so deep that the parser ran out of stack. */
function parsedOf(text: string, lineCounter: LineCounter): Document | null {
  try {
    return parseDocument(text, { lineCounter, merge: true });
  } catch {
    return null;
  }
}

type Line = (node: Node) => number;

/** Aliases without end and nesting without end: small for their author, endless for who reads them. */
function dangerIn(root: Node, lineOf: Line): Finding | null {
  let aliases = 0;
  const open: { node: unknown; depth: number }[] = [{ node: root, depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, depth } = next;
    if (isAlias(node) && (aliases += 1) > mostAliases)
      return { line: lineOf(node), words: `it has more than ${mostAliases} references ("*name"): write them out` };
    if (isPair(node)) open.push({ node: node.key, depth }, { node: node.value, depth });
    else if (isCollection(node)) {
      if (depth > deepest) return { line: lineOf(node), words: `it is nested more than ${deepest} levels deep` };
      for (const item of node.items) open.push({ node: item, depth: depth + 1 });
    }
  }
  return null;
}

function factsOf(root: Node, lineOf: Line): YamlFacts {
  const facts: YamlFacts = { ...unreadable(0, ''), faults: [] };
  if (!isMap(root)) return facts;
  for (const { key, value } of root.items) {
    if (!isScalar(key)) continue;
    const section = String(key.value);
    facts.sections.push(section);
    if (isScalar(value) && typeof value.value === 'string') facts.words[section] = value.value;
    if (section === 'version' && isScalar(value)) judgeVersion(facts, String(value.value), lineOf(key));
  }
  return facts;
}

function judgeVersion(facts: YamlFacts, version: string, line: number): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (Number.isNaN(major) || Number.isNaN(minor)) return;
  if (major > 3 || (major === 3 && minor > 1))
    facts.faults.push({
      line,
      words: `version ${version} is newer than Rasa 3.6 reads, which would skip the file: write "3.1"`,
    });
  else if (major < 3)
    facts.notes.push({
      line,
      words: `version ${version} is Rasa ${major}'s; Rasa 3.6 reads the file as 3.1, in which each slot needs mappings`,
    });
}

/** Where each text stands first. */
function linesOf(document: Document, lineOf: Line): Map<string, number> {
  const lines = new Map<string, number>();
  visit(document, {
    Scalar: (_, node) => {
      const text = String(node.value);
      if (!lines.has(text)) lines.set(text, lineOf(node));
    },
  });
  return lines;
}
