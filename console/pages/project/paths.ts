/** Paths as folders. */
export interface Folder {
  /** '' at the top. */
  name: string;
  folders: Folder[];
  /** Whole paths. */
  files: string[];
}
export const nameOf = (path: string): string => path.split('/').at(-1) ?? path;

export function foldersOf(paths: string[], name = '', depth = 0): Folder {
  const inner = new Map<string, string[]>();
  const files: string[] = [];
  for (const path of [...paths].sort()) {
    const steps = path.split('/');
    const step = steps[depth] ?? '';
    if (steps.length === depth + 1) files.push(path);
    else inner.set(step, [...(inner.get(step) ?? []), path]);
  }
  return { name, files, folders: [...inner].map(([step, under]) => foldersOf(under, step, depth + 1)) };
}
