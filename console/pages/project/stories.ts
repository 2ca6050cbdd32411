/** Stories and rules as one tree: those that begin alike share their beginning. */
import { parse } from 'yaml';

export interface Step {
  kind: 'intent' | 'action' | 'slot' | 'form' | 'checkpoint' | 'other';
  words: string;
}
export interface Branch {
  step: Step;
  /** The stories and rules that go through here. */
  names: string[];
  next: Branch[];
}
export interface Stories {
  branches: Branch[];
  count: number;
  /** Paths of files that are no YAML now. */
  broken: string[];
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? (value as unknown[]).filter(isFields) : []);
const wordsOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);

function stepOf(step: Fields): Step {
  const { intent, user, action, bot, checkpoint, slot_was_set: slots, active_loop: loop, or } = step;
  if (intent !== undefined) return { kind: 'intent', words: wordsOf(intent) };
  if (user !== undefined) return { kind: 'intent', words: `"${wordsOf(user)}"` };
  if (action !== undefined) return { kind: 'action', words: wordsOf(action) };
  if (bot !== undefined) return { kind: 'action', words: `"${wordsOf(bot)}"` };
  if (checkpoint !== undefined) return { kind: 'checkpoint', words: wordsOf(checkpoint) };
  if (slots !== undefined) {
    const named = (Array.isArray(slots) ? (slots as unknown[]) : [slots]).flatMap((one) =>
      isFields(one) ? Object.entries(one).map(([name, value]) => `${name} = ${wordsOf(value)}`) : [wordsOf(one)],
    );
    return { kind: 'slot', words: named.join(', ') };
  }
  if ('active_loop' in step) return { kind: 'form', words: loop === null ? '–' : wordsOf(loop) };
  if (or !== undefined)
    return {
      kind: 'intent',
      words: listOf(or)
        .map((one) => stepOf(one).words)
        .join(' / '),
    };
  return { kind: 'other', words: wordsOf(step) };
}

function add(branches: Branch[], steps: Step[], name: string): void {
  const [step, ...rest] = steps;
  if (!step) return;
  let branch = branches.find((one) => one.step.kind === step.kind && one.step.words === step.words);
  if (!branch) {
    branch = { step, names: [], next: [] };
    branches.push(branch);
  }
  branch.names.push(name);
  add(branch.next, rest, name);
}

/** Of all files that have any. */
export function storiesIn(files: { path: string; text: string }[]): Stories {
  const found: Stories = { branches: [], count: 0, broken: [] };
  for (const { path, text } of files) {
    let content: unknown;
    try {
      content = parse(text, { maxAliasCount: 100 });
    } catch {
      found.broken.push(path);
      continue;
    }
    if (!isFields(content)) continue;
    const all = [
      ...listOf(content['stories']).map((one) => ({ name: wordsOf(one['story']), steps: one['steps'] })),
      ...listOf(content['rules']).map((one) => ({ name: wordsOf(one['rule']), steps: one['steps'] })),
    ];
    for (const { name, steps } of all) {
      found.count += 1;
      add(found.branches, listOf(steps).map(stepOf), name);
    }
  }
  return found;
}
