/** Two JSON values, field by field. */

const tolerance = 1e-6;

/**
 * Where `mine` differs from `theirs`, one line each; numbers may differ by `tolerance`. `ignored` names keys that may differ
 * wherever they stand.
 */
export function differences(mine: unknown, theirs: unknown, ignored: readonly string[] = [], path = ''): string[] {
  if (typeof mine === 'number' && typeof theirs === 'number') {
    return Math.abs(mine - theirs) <= tolerance ? [] : [`${path}: ${mine} is not ${theirs}`];
  }
  if (Array.isArray(mine) && Array.isArray(theirs)) {
    if (mine.length !== theirs.length) return [`${path}: ${mine.length} entries, not ${theirs.length}`];
    return mine.flatMap((value, at) => differences(value, theirs[at], ignored, `${path}[${at}]`));
  }
  if (isMap(mine) && isMap(theirs)) {
    const keys = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].filter((key) => !ignored.includes(key));
    return keys.flatMap((key) => differences(mine[key], theirs[key], ignored, `${path}.${key}`));
  }
  return Object.is(mine, theirs) ? [] : [`${path}: ${JSON.stringify(mine)} is not ${JSON.stringify(theirs)}`];
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
