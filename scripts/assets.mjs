/**
 * The end of `npm run build`: copies into dist what the program needs besides TypeScript, bundles the widget and the console, and removes what has no
 * source any more (a compiled test would otherwise go on running). Run it after the compiler. Fails with the bundler's or the file
 * system's error.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
/** The folders of dist that belong to the build; nothing else is ever removed. */
const owned = ['src', 'connectors', 'test', 'bench', 'templates', 'widget'];
/** The widget's entry points: each becomes one file that runs in a page. */
const entries = ['widget.ts', 'chat.ts', 'sign-in.ts', 'lab.ts'];

/** The files under a folder as paths relative to the root, `/` between names; none when it is not there. */
function filesIn(folder, keep) {
  const paths = [];
  const visit = (path) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== '__pycache__') visit(inner);
      else if (entry.isFile() && keep(inner)) paths.push(inner);
    }
  };
  if (existsSync(join(root, folder))) visit(folder);
  return paths;
}

/** What is copied as it is, under the same name. */
function copied() {
  return [
    ...filesIn('src/engines/rasa/switchboard_rasa', (path) => !path.endsWith('.pyc')),
    ...filesIn('src/engines/rasa', (path) => /\/rasa\/requirements[^/]*\.lock$/.test(path)),
    ...filesIn('src/stores', (path) => path.endsWith('.sql')),
    ...filesIn('templates', () => true),
    ...filesIn('widget', (path) => /\.(html|css|svg)$/.test(path)),
  ];
}

function copy(paths) {
  for (const path of paths) {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    copyFileSync(join(root, path), join(dist, path));
  }
}

/** What the compiler wrote. */
function compiled() {
  const folders = ['src', 'connectors', 'test', 'bench'];
  const paths = folders.flatMap((folder) => filesIn(folder, (path) => path.endsWith('.ts') && !path.endsWith('.d.ts')));
  return paths.flatMap((path) => [path.replace(/ts$/, 'js'), path.replace(/ts$/, 'js.map')]);
}

async function bundle() {
  const found = entries.map((name) => `widget/${name}`).filter((path) => existsSync(join(root, path)));
  if (found.length === 0) return [];
  const { build } = await import('esbuild');
  const entryPoints = found.map((path) => join(root, path));
  const options = {
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    logLevel: 'warning',
  };
  await build({ ...options, entryPoints, outdir: join(dist, 'widget') });
  return found.map((path) => path.replace(/ts$/, 'js'));
}

/** The console, under names that change with their content, each file beside its gzip: the hub packs nothing while it serves. */
async function bundleConsole() {
  if (!existsSync(join(root, 'console', 'vite.config.ts'))) return;
  const { build } = await import('vite');
  // By default Vite writes its compiled settings into node_modules, which an image's build may not.
  await build({ configFile: join(root, 'console', 'vite.config.ts'), configLoader: 'runner' });
  for (const path of filesIn('dist/console/assets', () => true))
    writeFileSync(join(root, `${path}.gz`), gzipSync(readFileSync(join(root, path)), { level: 9 }));
}

/** Removes every file of an owned folder that is not in `wanted`, and folders that are empty then. */
function prune(folder, wanted) {
  for (const entry of readdirSync(join(dist, folder), { withFileTypes: true })) {
    const inner = `${folder}/${entry.name}`;
    if (entry.isDirectory()) prune(inner, wanted);
    else if (!wanted.has(inner)) rmSync(join(dist, inner));
  }
  if (readdirSync(join(dist, folder)).length === 0) rmdirSync(join(dist, folder));
}

const copies = copied();
copy(copies);
await bundleConsole();
const wanted = new Set([...copies, ...compiled(), ...(await bundle())]);
for (const folder of owned.filter((name) => existsSync(join(dist, name)))) prune(folder, wanted);
