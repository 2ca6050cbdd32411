import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

/** Who may import whom, as DESIGN says; the first row that matches a file decides. Folders may always import themselves. */
const ground = ['src/contracts.ts', 'src/errors.ts', 'src/wire.ts'];
const facts = [
  'src/deadline.ts',
  'src/documents.ts',
  'src/download.ts',
  'src/egress.ts',
  'src/config.ts',
  'src/log.ts',
  'src/lifecycle.ts',
  'src/machine.ts',
  'src/metrics.ts',
  'src/kafka-url.ts',
  'src/happened.ts',
  'src/stored.ts',
  'src/trace.ts',
];
const rules: { files: RegExp; own: string | null; may: string[] }[] = [
  { files: /^src\/((app|main|trainer|node|lab)\.ts|app\/\w+\.ts)$/, own: null, may: ['src/', 'connectors/'] },
  { files: /^src\/wire\.ts$/, own: null, may: ['src/wire/'] },
  { files: /^src\/wire\//, own: '$folder', may: [] },
  { files: /^src\/(contracts|errors)\.ts$/, own: null, may: [] },
  { files: /^src\/cli\//, own: '$folder', may: [...ground, ...facts, 'src/client.ts', 'src/training/import/tar.ts'] },
  { files: /^src\/\w+\.ts$/, own: null, may: [...ground, ...facts] },
  { files: /^src\/(engines|training)\//, own: '$folder', may: [...ground, ...facts, 'src/child.ts'] },
  { files: /^src\/(stores|hub|http|access|backup|lab|stream)\//, own: '$folder', may: [...ground, ...facts] },
  { files: /^console\//, own: 'console/', may: ['src/wire.ts', 'src/client.ts'] },
  { files: /^connectors\/index\.ts$/, own: 'connectors/', may: ground },
  { files: /^connectors\/(\w+)(\.ts|\/)/, own: '$connector', may: [...ground, 'connectors/message/'] },
];

/** SDKs that age at their own speed: each may be imported in one place, so that replacing it is a one-file change. */
const onePlace = [
  'koa',
  '@koa/router',
  'socket.io',
  'systeminformation',
  'better-sqlite3',
  'prom-client',
  'pino',
  'minisearch',
  'commander',
  'raw-body',
  'bull',
  'ioredis',
  'opendal',
  'mongoose',
  '@slack/bolt',
  'telegraf',
  'botbuilder',
  'yauzl',
  'tar-stream',
  '@fastify/busboy',
  'csv-parse/sync',
  'chardet',
  'sax',
  '@node-rs/argon2',
  'openid-client',
  'rate-limiter-flexible',
  '@platformatic/kafka',
  'ws',
];

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative('.', join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
}
const sources = (): string[] => [...filesUnder('src'), ...filesUnder('connectors')];
/** The console's imports name files without their endings. */
const consoleImports = (): [string, string][] =>
  filesUnder('console').flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier }): [string, string] => [file, resolved(file, specifier)])
      .map(([from, to]): [string, string] => [from, to.startsWith('src/') ? `${to}.ts` : to]),
  );

interface Import {
  specifier: string;
  typeOnly: boolean;
}
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^;'"]*?from\s+)?['"]([^'"]+)['"]/gm)];
  const loaded = [...text.matchAll(/\bloadSdk\('([^']+)'\)/g)];
  return [
    ...found.map((match) => ({ specifier: match[2] ?? '', typeOnly: match[1] !== undefined })),
    ...loaded.map((match) => ({ specifier: match[1] ?? '', typeOnly: false })),
  ];
}
const resolved = (file: string, specifier: string): string =>
  posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');

/** Why `file` may not import `target`; null when it may. */
function forbidden(file: string, target: string): string | null {
  const rule = rules.find(({ files }) => files.test(file));
  if (!rule) return `no rule covers ${file}`;
  const folder = file.split('/').slice(0, 2).join('/') + '/';
  const connector = (/^connectors\/\w+/.exec(file)?.[0] ?? '') + '/';
  const own = rule.own === '$folder' ? folder : rule.own === '$connector' ? connector : rule.own;
  const allowed = [...rule.may, ...(own ? [own, own.replace(/\/$/, '.ts')] : [])];
  return allowed.some((prefix) => target === prefix || (prefix.endsWith('/') && target.startsWith(prefix)))
    ? null
    : `${file} imports ${target}`;
}

describe('the import rules', () => {
  it('let every file import only what DESIGN allows it', () => {
    const faults = sources().flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => forbidden(file, resolved(file, specifier)))
        .filter((fault) => fault !== null),
    );
    assert.deepEqual(faults, []);
  });

  it('let the console import itself, the wire and the client alone', () => {
    const imports = consoleImports();
    assert.ok(imports.some(([, target]) => target === 'src/wire.ts'));
    assert.deepEqual(
      imports.map(([file, target]) => forbidden(file, target)).filter((fault) => fault !== null),
      [],
    );
  });

  it('would catch a sibling import, a connector that knows another, and a contract that imports', () => {
    assert.ok(forbidden('src/hub/hub.ts', 'src/stores/index.ts'));
    assert.ok(forbidden('console/pages/home.tsx', 'src/contracts.ts'));
    assert.ok(forbidden('connectors/web.ts', 'connectors/slack.ts'));
    assert.ok(forbidden('connectors/web/sessions.ts', 'connectors/slack/events.ts'));
    assert.ok(forbidden('src/contracts.ts', 'src/config.ts'));
    assert.ok(forbidden('connectors/message/message.ts', 'connectors/slack/render.ts'));
    assert.equal(forbidden('connectors/web.ts', 'connectors/web/sessions.ts'), null);
    assert.equal(forbidden('connectors/slack/render.ts', 'connectors/message/message.ts'), null);
  });

  it('keep each SDK in one place', () => {
    for (const sdk of onePlace) {
      const users = sources().filter((file) =>
        importsOf(file).some(({ specifier, typeOnly }) => specifier === sdk && !typeOnly),
      );
      const places = new Set(users.map((file) => (sdk === 'better-sqlite3' ? dirname(file) : file)));
      assert.equal(places.size, 1, `${sdk} is imported by ${[...places].join(' and ')}`);
    }
  });

  it('load the heavy SDKs of chat platforms for who uses them, and not at every start', () => {
    const script = `await import('${new URL('../connectors/index.js', import.meta.url).href}');
      const { createRequire } = await import('node:module');
      process.stdout.write(Object.keys(createRequire('${import.meta.url}').cache).join('\\n'))`;
    const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(loaded, /node_modules\/telegraf\//, 'what is imported plainly is seen');
    assert.doesNotMatch(loaded, /node_modules\/(?:@slack\/bolt|botbuilder)\//);
  });

  it('leave no cycle of imports that run', () => {
    const graph = new Map(
      sources().map((file) => [
        file,
        importsOf(file)
          .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
          .map(({ specifier }) => resolved(file, specifier)),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      assert.ok(!path.includes(file), `a cycle: ${[...path, file].join(' -> ')}`);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
  });

  it('read the environment in config.ts and main.ts alone', () => {
    const readers = sources().filter((file) => readFileSync(file, 'utf8').includes('process.env'));
    assert.deepEqual(readers, ['src/main.ts']);
  });
});
