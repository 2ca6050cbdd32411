/** Facts about this machine, for operators and for the floors on disk and memory. The only importer of systeminformation. */
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, hostname, totalmem } from 'node:os';
import si from 'systeminformation';

/** Sizes in bytes, load 0..1 over all cores. */
export interface Machine {
  hostname: string;
  platform: string;
  cores: number;
  load: number;
  memory: { total: number; free: number };
  disk: { total: number; free: number };
  gpus: { model: string; memory: number | null }[];
  node: string;
}

/** Reads the machine; `folder` names the disk that is meant. Takes up to a second (the load is sampled). */
export async function readMachine(folder: string): Promise<Machine> {
  const [os, load, memory, disk, graphics] = await Promise.all([
    si.osInfo(),
    si.currentLoad(),
    si.mem(),
    statfs(folder),
    si.graphics().catch(() => ({ controllers: [] })),
  ]);
  return {
    hostname: hostname(),
    platform: `${os.distro} ${os.release} ${os.arch}`.trim(),
    cores: availableParallelism(),
    load: Math.round(load.currentLoad) / 100,
    memory: { total: memory.total || totalmem(), free: memory.available || freemem() },
    disk: { total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
    gpus: graphics.controllers
      .filter((card) => card.vram)
      .map((card) => ({ model: card.model, memory: card.vram ? card.vram * 2 ** 20 : null })),
    node: process.version,
  };
}

/** Names of this machine's graphics cards that have memory of their own. Never rejects. */
export async function gpuNames(): Promise<string[]> {
  const { controllers } = await si.graphics().catch(() => ({ controllers: [] }));
  return controllers.filter(({ vram }) => vram).map(({ model }) => model);
}

/** Free bytes on the disk of `folder`. */
export async function freeDisk(folder: string): Promise<number> {
  const disk = await statfs(folder);
  return disk.bavail * disk.bsize;
}

/** Bytes of memory that programs could take now. */
export function freeMemory(): number {
  return freemem();
}

/** A share of the memory that this process may use: the machine's, or its container's. */
export function shareOfMemory(share: number): number {
  const limit = process.constrainedMemory();
  return Math.floor(share * (limit > 0 ? Math.min(limit, totalmem()) : totalmem()));
}
