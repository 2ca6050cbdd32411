/** YAML as Rasa reads it: a writer whose every text comes back byte for byte, and a reader that says in words what is wrong with an author's text. */
import { isMap, parseDocument } from 'yaml';
import { TrainingFailure } from './failure.js';

export type YamlValue = string | number | boolean | null | readonly YamlValue[] | YamlMap;
export interface YamlMap {
  readonly [key: string]: YamlValue | undefined;
}

/** Rasa decodes a file of pure ASCII once more, and changes backslashes doing so: the comment keeps every file of ours out of that. */
const guard = '# ☂ exact text: this line must keep a character that is not ASCII\n';
/** Rasa looks for files that hold `nlu:` and the like at the start of a line, so our own words stay unquoted. */
const plainKey = /^(?!(?:yes|off|true|false|null)$)[a-z][a-z_]{2,}$/;

/**
 * A text as a double-quoted YAML scalar: never plain (Rasa expands `${X}` there), never a block (which loses CR, tabs and blanks at the end).
 * Half a character pair becomes U+FFFD: UTF-8 cannot hold it.
 */
export function yamlText(text: string): string {
  const json = JSON.stringify(text.toWellFormed());
  return json.replace(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A whole file in block style, keys in the order given, entries that are undefined left out. */
export function yamlDocument(value: YamlMap): string {
  return `${guard}${yamlLines(value)}`;
}

/** The same without the comment line that belongs at the head of a file: for the end of an author's own file. */
export function yamlLines(value: YamlMap): string {
  return `${mapLines(value, '').join('\n')}\n`;
}

/**
 * The sections of an author's YAML text; `what` names it in the sentence. `sectioned` is false when the text is one JSON-like object, in
 * which Rasa, looking for keys at line starts, finds nothing.
 * @throws TrainingFailure `bad_yaml` with the place.
 */
export function readYaml(text: string, what: string): { sections: YamlMap; sectioned: boolean } {
  const document = parseDocument(text, { merge: true });
  const error = document.errors[0];
  if (error) {
    const place = error.message.split('\n')[0]?.replace(/:$/, '') ?? '';
    throw new TrainingFailure(
      'bad_yaml',
      `${what} cannot be read as YAML: ${place}. Mend that place and train again.`,
      error.message,
    );
  }
  if (document.contents === null) return { sections: {}, sectioned: true };
  if (!isMap(document.contents)) {
    throw new TrainingFailure(
      'bad_yaml',
      `${what} is not a Rasa YAML text: it needs sections such as "nlu:" and "rules:" at its left edge.`,
    );
  }
  return { sections: document.toJS() as YamlMap, sectioned: document.contents.flow !== true };
}

/** Is it a mapping, whose entries can be read and merged? */
export function isYamlMap(value: YamlValue | undefined): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Is it a list? */
export function isYamlList(value: YamlValue | undefined): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function mapLines(map: YamlMap, pad: string): string[] {
  return Object.entries(map).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return entryLines(`${pad}${plainKey.test(key) ? key : yamlText(key)}:`, value, pad);
  });
}

function entryLines(head: string, value: YamlValue, pad: string): string[] {
  if (value === null || typeof value !== 'object') return [`${head} ${scalar(value)}`];
  if (isYamlMap(value)) {
    return Object.keys(value).length === 0 ? [`${head} {}`] : [head, ...mapLines(value, `${pad}  `)];
  }
  return value.length === 0 ? [`${head} []`] : [head, ...value.flatMap((item) => itemLines(item, pad))];
}

function itemLines(item: YamlValue, pad: string): string[] {
  if (item === null || typeof item !== 'object') return [`${pad}- ${scalar(item)}`];
  const map = isYamlMap(item);
  const lines = map ? mapLines(item, `${pad}  `) : item.flatMap((inner) => itemLines(inner, `${pad}  `));
  const [first, ...rest] = lines;
  if (first === undefined) return [`${pad}- ${map ? '{}' : '[]'}`];
  return [`${pad}- ${first.slice(pad.length + 2)}`, ...rest];
}

const scalar = (value: string | number | boolean | null): string =>
  typeof value === 'string' ? yamlText(value) : String(value);
