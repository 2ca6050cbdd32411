/** This machine as a trainer: what it shows of itself, and on what it computes. */
import { randomBytes } from 'node:crypto';
import { freemem } from 'node:os';
import type { TrainerStatus } from '../contracts.js';
import { readMachine } from '../machine.js';

export interface SelfOptions {
  /** The disk that is meant. */
  folder: string;
  /** What its trainings can do beyond any trainer's. */
  labels: string[];
  /** On what a training computes, in words. */
  device: string;
  holding?: () => Promise<string | null>;
}
export interface Self {
  trainer: { name: string; device: string };
  /** Its labels. */
  offers: readonly string[];
  self: () => Promise<Omit<TrainerStatus, 'parallel' | 'jobs'>>;
}

/** Reads the machine's lasting facts once, on first use. */
export function createSelf(name: string, options: SelfOptions): Self {
  const id = `${name}-${randomBytes(4).toString('hex')}`;
  let facts: ReturnType<typeof readMachine> | null = null;
  return {
    trainer: { name, device: options.device },
    offers: options.labels,
    async self() {
      const { cores, memory, gpus } = await (facts ??= readMachine(options.folder));
      return {
        id,
        name,
        labels: options.labels,
        cores,
        memory: { total: memory.total, free: freemem() },
        gpus: gpus.map(({ model }) => model),
        device: options.device,
        holding: (await options.holding?.()) ?? null,
      };
    },
  };
}
