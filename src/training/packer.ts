/** What travels with a job through Redis, so that a trainer can begin without a hub. */
import { readFile } from 'node:fs/promises';
import type { ModelShelf, TrainerStatus, TrainingContent, TrainingJob } from '../contracts.js';
import type { BullQueueOptions } from './queue-bull.js';
import { needsOf } from './labels.js';
import type { JobTokens } from './tokens.js';

export interface PackerOptions {
  shelf: Pick<ModelShelf, 'fetch'>;
  tokens: JobTokens;
  trainers: () => Promise<TrainerStatus[]>;
  /** The version of this hub's Rasa, which is to load what is trained; null: it has none. */
  rasa: string | null;
}
/** A longer snapshot stays on the shelf: Redis keeps everything in memory. */
const inlineLimit = 1_000_000;

/** Answers how a job is packed. Where a trainer has a GPU, jobs that gain by one wait for it; all others anybody may take. */
export function createPacker({ shelf, tokens, trainers, rasa }: PackerOptions): BullQueueOptions['pack'] {
  return async (job: TrainingJob) => {
    const text = await readFile(await shelf.fetch(job.content), 'utf8');
    const { bot } = JSON.parse(text) as TrainingContent;
    const gpu = bot.pipeline !== 'semantic' && (await trainers()).some((one) => one.labels.includes('gpu'));
    return {
      content: Buffer.byteLength(text) <= inlineLimit ? text : null,
      token: tokens.of(job.id),
      label: gpu ? 'gpu' : 'any',
      needs: needsOf(bot, rasa),
    };
  };
}
