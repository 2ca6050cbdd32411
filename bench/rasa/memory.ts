/** What processes use, as Linux accounts for it. Memory: a page that several processes share is divided among them (PSS), so sums are true. */
import { readdir, readFile } from 'node:fs/promises';
import { processorTicks } from '../../src/engines/rasa/memory.js';

const mega = 1 / 1024;

async function kilobytes(path: string, field: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}

/** All processes that descend from `root`, without it. */
export async function descendants(root: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  const within = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || within(parent));
  };
  return pids.filter(within);
}

/** Proportional share of these processes in MB. */
export async function pss(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map((pid) => kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss')));
  return each.reduce((sum, value) => sum + value, 0) * mega;
}

/** What would be free again if this process ended, in MB. */
export async function privateOf(pid: number): Promise<number> {
  const path = `/proc/${pid}/smaps_rollup`;
  return ((await kilobytes(path, 'Private_Clean')) + (await kilobytes(path, 'Private_Dirty'))) * mega;
}

/** Memory that the machine can still give, in MB. */
export const available = async (): Promise<number> => (await kilobytes('/proc/meminfo', 'MemAvailable')) * mega;

/** Processor time that this process has used, in milliseconds. */
export const processorOf = async (pid: number): Promise<number> => (await processorTicks(pid)) * 10;
