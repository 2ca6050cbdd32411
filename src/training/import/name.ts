/** Names of files in archives that strangers packed: each must mean one place inside the project, on every system, and nothing else. */

const longest = 400;
const deepest = 20;
/** Devices, whatever comes behind the dot. */
const windowsDevice = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
/** Control characters, and those that show a name other than it is: marks of direction, blanks without width. */

const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]/u;
const reachesPrototypes = ['__proto__', 'constructor', 'prototype'];

/** Why no archive may have an entry of this name, in words that follow the name; null when it may. A folder's `/` at the end is no fault. */
export function nameFault(name: string): string | null {
  if (name === '' || name === '/') return 'has no name';
  if (unseen.test(name)) return 'has a character that cannot be seen in its name';
  if (name.includes('\\')) return 'has a backslash in its name: pack the archive with "/" between folders';
  if (name.startsWith('/')) return 'is an absolute path: pack the folder of the project, not the whole disk';
  if (/^[a-z]:/i.test(name)) return 'begins with a drive: pack the folder of the project, not the whole disk';
  if (name.length > longest) return `has more than ${longest} characters in its name`;
  const steps = name.replace(/\/$/, '').split('/');
  if (steps.length > deepest) return `lies more than ${deepest} folders deep`;
  return steps.map(stepFault).find((fault) => fault !== null) ?? null;
}

function stepFault(step: string): string | null {
  if (step === '..') return 'leads out of the archive ("..")';
  if (step === '') return 'has an empty folder name ("//")';
  if (step === '.') return null;
  if (/[<>:"|?*]/.test(step)) return 'has one of < > : " | ? * in its name, which Windows cannot have';
  if (/[ .]$/.test(step)) return 'has a name that ends with a blank or a dot, which Windows cannot have';
  if (windowsDevice.test(step)) return 'has the name of a Windows device';
  if (reachesPrototypes.includes(step)) return 'has a name that is reserved: rename it';
  return null;
}

/** The name without `./` in it and `/` behind it. */
export const plainName = (name: string): string =>
  name
    .replace(/\/$/, '')
    .split('/')
    .filter((step) => step !== '.')
    .join('/');

/** Names that a file system may take for one: without case and composition. */
export const collidingName = (name: string): string => name.normalize('NFKC').toLowerCase();
