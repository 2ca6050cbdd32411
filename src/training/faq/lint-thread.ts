/** The linter in a thread of its own: what takes milliseconds for a hundred pairs takes the time of many messages for thousands. */
import { askThread } from '../thread.js';
import type { LintFinding, LintPair } from './finding.js';
import { lintFaq } from './lint.js';

/** So few pairs are looked at faster than a thread starts. */
const fewPairs = 50;
const limits = { timeoutMs: 30_000, tooLong: 'Looking at this FAQ takes too long: send a part of it at a time.' };

/** As `lintFaq`. Rejects with `invalid` when it takes too long. */
export async function lintAside(pairs: readonly LintPair[], language?: string): Promise<LintFinding[]> {
  if (pairs.length <= fewPairs) return lintFaq(pairs, language);
  return (await askThread(new URL('./lint-entry.js', import.meta.url), { pairs, language }, limits)) as LintFinding[];
}
