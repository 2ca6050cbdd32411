/** What a process holds in memory and has used of processors, by the kernel's own account. */
import { readFile } from 'node:fs/promises';

/** Bytes of a process's resident memory; 0 when it can't be read. Never rejects. */
export async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return kilobytes(text, 'VmRSS') * 1024;
}

/** Bytes that are the process's alone, shared with nobody; null when they can't be read. Never rejects. */
export async function privateBytes(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => null);
  if (text === null) return null;
  return (kilobytes(text, 'Private_Clean') + kilobytes(text, 'Private_Dirty')) * 1024;
}

/** Ticks of processor time that a process has used, a hundred a second on Linux; 0 when it can't be read. Never rejects. */
export async function processorTicks(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [, user, system] = /^\d+ \(.*\) \S (?:-?\d+ ){10}(\d+) (\d+)/s.exec(text) ?? [];
  return Number(user ?? 0) + Number(system ?? 0);
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}
