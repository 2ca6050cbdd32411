/** What one file of a bot's project must be: a name that means one place, text, and for YAML something that Rasa can read. */
import type { ProjectFile } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { keywords, lookupFile, patternsIn } from './expressions.js';
import { patternFault } from './patterns.js';
import { type Allowed, reachIn } from './reach.js';
import { yamlFacts, type Finding } from './yaml-check.js';

export const mostFiles = 2000;
const kinds = /\.(ya?ml|json|md|txt|csv|py)$/;
/** What Rasa reads of a project; other YAML may be anything. */
const ofRasa =
  /^(?:languages\/[^/]+\/)?(?:(?:config|credentials|domain|endpoints)\.ya?ml$|(?:data|domain)\/.*\.ya?ml$)/;
/** What a text is called that came with a request, as no file. */
export const requested = 'the YAML';
/** Rasa's own modules, and ours. */
const knownModules = /^(?:rasa|switchboard_rasa)\./;
/** Longer names are cut in what is shown. */
const mostFaults = 100;

/** A fault at a file, and at its line where it has one. */
export interface FileFault {
  path: string;
  line: number | null;
  words: string;
}

/** Why a project can have no file of this name, in words; null when it can. */
export function pathFault(path: string): string | null {
  if (path.length > 200) return 'at most 200 characters';
  const steps = path.split('/');
  const plain = steps.every((step) => /^[\p{L}\p{N}_][\p{L}\p{N}_ .-]*$/u.test(step) && !step.endsWith('.'));
  if (!plain || steps.length > 8)
    return 'a relative path of letters, digits, blanks, "_", "-" and ".", with "/" between, such as data/nlu.yml';
  return kinds.test(path) ? null : 'a file of a Rasa project ends in .yml, .json, .md, .txt, .csv or .py';
}

/** Why Python is refused. */
export const codeRefusal = (path: string): string =>
  `${path} is Python, which this hub does not run for its bots. Whoever runs the hub can allow it (CUSTOM_CODE=on); or name an action server in endpoints.yml.`;

/** The text of a file; null when it is none in UTF-8. */
export function textOf(bytes: Buffer): string | null {
  const content = bytes.toString('utf8');
  return content.includes('\0') || !Buffer.from(content).equals(bytes) ? null : content;
}

/** What is wrong with the text of a file, as far as that can be seen without Rasa, and what may be. `keyed`: see `patternsIn`. */
export function faultsIn(
  { path, content }: ProjectFile,
  allowed: Allowed,
  keyed = keywords.test(content),
): { faults: FileFault[]; notes: string[] } {
  const yaml = path === requested || ofRasa.test(path);
  const { faults, notes } = yaml ? ofYaml(content, allowed, keyed) : { faults: ofOthers(path, content), notes: [] };
  return {
    faults: faults.map(({ line, words }) => ({ path, line: line || null, words })),
    notes: notes.map(({ line, words }) => `${path} line ${line}: ${words}.`),
  };
}

function ofYaml(text: string, allowed: Allowed, keyed: boolean): { faults: Finding[]; notes: Finding[] } {
  const { faults, notes, classes, content, lineOf } = yamlFacts(text);
  const foreign = allowed.customCode ? [] : classes.filter(({ name }) => !knownModules.test(name));
  const reach = reachIn(content, allowed).map(({ value, words }) => ({ line: lineOf(value), words }));
  return {
    faults: [
      ...faults,
      ...foreign.map(({ name, line }) => ({
        line,
        words: `${name} is a class of the project's own, which this hub does not load. Whoever runs the hub can allow it (CUSTOM_CODE=on)`,
      })),
      ...reach,
      ...ofContent(content, lineOf, keyed),
    ],
    notes,
  };
}

/** Rasa takes any file in data/ that is JSON for training data, whatever it is called. */
function ofOthers(path: string, text: string): Finding[] {
  if (!/(?:^|\/)data\//.test(path) || !text.trimStart().startsWith('{')) return [];
  try {
    return ofContent(JSON.parse(text) as unknown, () => 0);
  } catch {
    return [{ line: 0, words: 'it looks like JSON and is none: mend it, or begin it otherwise' }];
  }
}

function ofContent(content: unknown, lineOf: (text: string) => number, keyed = false): Finding[] {
  const table = lookupFile(content);
  const slow = patternsIn(content, keyed).flatMap(({ pattern, text }) => {
    const words = patternFault(pattern);
    return words === null ? [] : [{ line: lineOf(text), words }];
  });
  return [...(table === null ? [] : [{ line: 0, words: table }]), ...slow];
}

/** `data/nlu.yml line 3: why.` */
export const shown = ({ path, line, words }: FileFault): string =>
  `${path}${line === null ? '' : ` line ${line}`}: ${words.replace(/\.$/, '')}.`;

/** The refusal of a project for its faults; each is told. */
export function refusalOf(faults: FileFault[]): HubError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : '';
  const errors = faults.slice(0, mostFaults).map((fault) => ({
    pointer: `/${fault.path.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    detail: shown(fault),
  }));
  return new HubError('invalid', `${first ? shown(first) : 'The project does not fit.'}${more}`, { errors });
}
