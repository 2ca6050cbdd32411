import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const kept = (file: string): boolean => /\.(tsx?|py|mjs|css|html)$/.test(file) && !file.includes('__pycache__');
const filesUnder = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .map((file) => join(folder, file).replaceAll('\\', '/'))
    .filter(kept);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

describe('the docs', () => {
  const architecture = readFileSync('docs/ARCHITECTURE.md', 'utf8');

  it('name every source file in the tree, and none that is not there', () => {
    const tree = /```tree\n([\s\S]*?)```/.exec(architecture)?.[1] ?? '';
    const folders: string[] = [];
    const named = new Set<string>();
    for (const line of tree.split('\n').filter((text) => text.trim() !== '')) {
      const depth = (/^ */.exec(line)?.[0].length ?? 0) / 2;
      const [entry = ''] = line.trim().split(/\s/);
      folders.length = depth;
      if (entry.endsWith('/')) folders.push(entry);
      else named.add(folders.join('') + entry);
    }
    const real = ['src', 'connectors', 'widget', 'console', 'scripts'].flatMap(filesUnder);
    assert.deepEqual(
      [...real].filter((file) => !named.has(file)),
      [],
      'missing from the tree in docs/ARCHITECTURE.md',
    );
    assert.deepEqual(
      [...named].filter((file) => kept(file) && !real.includes(file)),
      [],
      'in the tree, but not there',
    );
  });

  it('name for each threat a test, and none that is not there', () => {
    const rows = [...readFileSync('docs/security.md', 'utf8').matchAll(/^\| (\d+) \| .*? \| (.*) \|$/gm)];
    assert.deepEqual(
      rows.map(([, number]) => Number(number)),
      Array.from({ length: 31 }, (_, at) => at + 1),
    );
    for (const [, number, tests = ''] of rows) {
      let source = '';
      for (const [, file, title] of tests.matchAll(/`([\w/.-]+\.ts)`|"([^"]+)"/g)) {
        if (file) source = readFileSync(join('test', file), 'utf8');
        else assert.match(source, new RegExp(`[(,]\\s*(['"\`])${escaped(title ?? '')}\\1,`), `${number}: ${title}`);
      }
      assert.notEqual(source, '', `threat ${number} names no test`);
    }
  });

  it('link only to files that exist', () => {
    for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/ARCHITECTURE.md']) {
      for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        assert.ok(statSync(join(page, '..', target)), `${page} -> ${target}`);
      }
    }
  });
});

describe('the plan for 10,000 bots', () => {
  const plan = readFileSync('docs/operations.md', 'utf8');
  const [assumed = '', needed = ''] = plan.slice(plan.indexOf('### On paper')).split('| what | arithmetic');
  const given = (name: string): number => {
    const [, value = ''] = new RegExp(`^\\| ${name} \\|.*\\| ([\\d.,]+)[^|]*\\|$`, 'm').exec(assumed) ?? [];
    return Number(value.replaceAll(',', ''));
  };
  const row = (name: string): { formula: string; says: number } => {
    const [, formula = '', says = ''] =
      new RegExp(`^\\| ${name} \\| (.*) \\| ([\\d.,]+)[^|]*\\|$`, 'm').exec(needed) ?? [];
    return { formula, says: Number(says.replaceAll(',', '')) };
  };
  /** The value of the first bracket of a formula: sums, products and quotients. */
  const bracket = (formula: string, names: Record<string, number> = {}): number => {
    const [, inner = ''] = /\(([^()]*)\)/.exec(formula) ?? [];
    const value = (factor: string): number => names[factor] ?? Number(factor.replaceAll(',', ''));
    const sum = inner
      .split(' + ')
      .map((term) => term.split(' ÷ ').map((part) => part.split(' × ').reduce((all, one) => all * value(one), 1)))
      .reduce((all, [first = NaN, ...rest]) => all + rest.reduce((left, by) => left / by, first), 0);
    assert.ok(Number.isFinite(sum) && sum > 0, formula);
    return sum;
  };

  it('adds up', () => {
    const [m, bots, awake, wakes] = [given('m'), given('B'), given('A'), given('w')];
    const busy = given('u') / 100;
    const about = (name: string, value: number): void => {
      const { says } = row(name);
      assert.ok(Math.abs(says - value) <= Math.max(0.05, value * 0.005), `${name}: ${says} and not ${value}`);
    };
    const replies = (m * bracket(row('processor of nodes, replies').formula, { l: given('l') })) / 1000;
    about('processor of nodes, replies', replies);
    const waking = ((bots * wakes) / 3600) * bracket(row('processor of nodes, wakes').formula);
    about('processor of nodes, wakes', waking);
    const nodes = Math.ceil((replies + waking) / busy / 8) + 1;
    about('nodes of 8 cores', nodes);
    const memory = (awake * bracket(row('memory of nodes').formula)) / 1000 / 0.8 / nodes;
    assert.ok(memory + 0.2 < row('memory of nodes').says);
    const hub = busy / bracket(row('one hub of 2 cores').formula);
    about('one hub of 2 cores', hub);
    about('hubs', Math.ceil(m / hub) + 1);
    about('writes to MongoDB', m * given('W'));
    about('trainers', Math.ceil((bots * given('t') * bracket(row('trainers').formula)) / 28_800 / 0.65));
    about('kept a day', (m * 0.2 * 86_400 * given('k')) / 1e6);
  });
});
