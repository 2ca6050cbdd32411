import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const kept = (file: string): boolean => /\.(tsx?|py|mjs|css|html)$/.test(file) && !file.includes('__pycache__');
const filesUnder = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .map((file) => join(folder, file).replaceAll('\\', '/'))
    .filter(kept);

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

  it('link only to files that exist', () => {
    for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/ARCHITECTURE.md']) {
      for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        assert.ok(statSync(join(page, '..', target)), `${page} -> ${target}`);
      }
    }
  });
});
