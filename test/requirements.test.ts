import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntimeFor } from '../src/engines/rasa/requirements.js';

describe('the Rasa installation for a requirements.txt', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'sb-requirements-'))));
  after(() => rm(folder, { recursive: true }));

  /** What stands where a Python is looked for, and what it says when it is asked. */
  const python = async (name: string, says: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\nread text\n${says}\n`);
    await chmod(path, 0o700);
    return path;
  };
  const lacks = (line: number, text: string, installed: string | null): string =>
    `echo '${JSON.stringify({ missing: [{ line, text, installed }] })}'`;
  const choose = async (pythons: Record<string, string>) => {
    const env = { PATH: process.env['PATH'] ?? '' };
    return createRuntimeFor({ pythons, packageDir: folder, cwd: folder, env })('spacy>=3\n');
  };

  it('is the one that has what it asks for; else the default one, with what is missing and its line', async () => {
    const bare = await python('bare', lacks(1, 'spacy>=3', null));
    const old = await python('old', lacks(1, 'spacy>=3', '2.0'));
    const full = await python('full', `echo '{"missing": []}'`);
    assert.deepEqual(await choose({ '': bare, old, full }), { runtime: 'full', missing: [] });
    assert.deepEqual(await choose({ '': full, other: full }), { runtime: null, missing: [] });
    assert.deepEqual(await choose({ '': bare, old }), { runtime: null, missing: ['line 1, spacy>=3'] });
    assert.deepEqual(await choose({ old }), { runtime: 'old', missing: ['line 1, spacy>=3 (2.0 is there)'] });
  });

  it('is not one that does not answer', async () => {
    const broken = await python('broken', 'exit 3');
    const full = await python('full', `echo '{"missing": []}'`);
    assert.deepEqual(await choose({ '': broken, gone: join(folder, 'nothing'), full }), {
      runtime: 'full',
      missing: [],
    });
    assert.deepEqual(await choose({ '': broken }), { runtime: null, missing: [] });
  });
});
