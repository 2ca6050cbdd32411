/** The far end of lint-thread.ts. */
import { answerOnce } from '../thread.js';
import type { LintPair } from './finding.js';
import { lintFaq } from './lint.js';

answerOnce((question) => {
  const { pairs, language } = question as { pairs: LintPair[]; language: string | undefined };
  return lintFaq(pairs, language);
});
