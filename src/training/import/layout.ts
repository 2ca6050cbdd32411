/**
 * Where the Rasa project is in what was unpacked, and its files as this hub keeps them: from the folder that has its config.yml down,
 * whatever lies around it; `data/` made of single files; names as Rasa looks for them. Pure.
 */
import type { File } from './archive.js';

/** Where the project begins: '' for the archive itself, else `folder/`. */
export interface Layout {
  root: string;
  /** By their paths in the project. */
  files: File[];
  notes: string[];
}

const configNames = ['config.yml', 'config.yaml'];
const renamed = /^(config|domain|credentials|endpoints)\.yaml$/;
const ownNames = /^(?:config|domain|credentials|endpoints)\.ya?ml$/;
/** Never the bot's: what tools, systems and other programs leave lying around. */
const rubbish =
  /(?:^|\/)(?:\.[^/]*|__MACOSX|__pycache__|node_modules|venv|env|site-packages|models|results|switchboard_rasa)(?:\/|$)/;
const readable = /\.(?:ya?ml|json|md|txt|csv|py)$/;

/** Can a project use a file of this path? Asked before it is unpacked. */
export const isWanted = (path: string): boolean => readable.test(path) && !rubbish.test(path);

/** The project in these files, or in words what is missing. `sectionsOf` answers the sections of a YAML text. */
export function layoutOf(files: readonly File[], sectionsOf: (file: File) => string[]): Layout | { fault: string } {
  const root = rootOf(files);
  if (typeof root === 'object') return root;
  const notes = root === '' ? [] : [`The project was found in ${root}; what lies beside it was left out.`];
  const inside = files
    .filter(({ path }) => path.startsWith(root))
    .map(({ path, bytes }) => ({ path: path.slice(root.length).replace(renamed, '$1.yml'), bytes }));
  return { root, files: withData(inside, sectionsOf, notes), notes };
}

function rootOf(files: readonly File[]): string | { fault: string } {
  const folders = files
    .filter(({ path }) => configNames.includes(path.slice(path.lastIndexOf('/') + 1)))
    .map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1));
  const depth = (folder: string): number => folder.split('/').length;
  const least = Math.min(...folders.map(depth));
  const [first, ...more] = [...new Set(folders.filter((folder) => depth(folder) === least))];
  if (first === undefined) return { fault: missingConfig(files) };
  if (more.length === 0) return first;
  const names = [first, ...more].map((folder) => folder || 'the top').join(', ');
  return { fault: `The archive has several projects (${names}): pack the one that you mean by itself.` };
}

function missingConfig(files: readonly File[]): string {
  const domain = files.find(({ path }) => /(?:^|\/)domain\.ya?ml$/.test(path));
  const where = domain ? `beside ${domain.path}` : 'in the archive';
  return `config.yml is missing ${where}: a Rasa project has it in its folder, with domain.yml and data/. \`rasa init\` makes one.`;
}

/** Rasa reads `data/`. A project whose training data lies at its top, as old ones have it, gets it moved there. */
function withData(files: File[], sectionsOf: (file: File) => string[], notes: string[]): File[] {
  const isData = (file: File): boolean =>
    !file.path.includes('/') &&
    /\.ya?ml$/.test(file.path) &&
    !ownNames.test(file.path) &&
    sectionsOf(file).some((section) => ['nlu', 'rules', 'stories'].includes(section));
  const loose = files.filter(isData);
  if (loose.length === 0) return files;
  const names = loose.map(({ path }) => path).join(', ');
  if (files.some(({ path }) => path.startsWith('data/'))) {
    notes.push(`Not trained from: ${names}. Rasa reads data/, so training data beside it does not count.`);
    return files;
  }
  notes.push(`Moved into data/, where Rasa looks for training data: ${names}.`);
  return files.map((file) => (loose.includes(file) ? { ...file, path: `data/${file.path}` } : file));
}
