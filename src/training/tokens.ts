/** Tokens by which a trainer shows that it has a job: one per job, made from a key of the hub's store, kept nowhere. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Store } from '../contracts.js';

export interface JobTokens {
  of(jobId: string): string;
  /** Is it this job's token? */
  fits(jobId: string, token: unknown): boolean;
}
/** The setting that has the key they are made of. */
export const jobKey = 'training-key';

/** The tokens of this store, the same for all hubs on it. The first hub makes the key. */
export async function openJobTokens(settings: Store['settings']): Promise<JobTokens> {
  if (!(await settings.get(jobKey))) await settings.set(jobKey, randomBytes(32).toString('base64url'));
  const key = (await settings.get(jobKey)) ?? '';
  const of = (jobId: string): string => createHmac('sha256', key).update(jobId).digest('base64url');
  return {
    of,
    fits(jobId, token) {
      const [given, right] = [Buffer.from(typeof token === 'string' ? token : ''), Buffer.from(of(jobId))];
      return given.length === right.length && timingSafeEqual(given, right);
    },
  };
}
