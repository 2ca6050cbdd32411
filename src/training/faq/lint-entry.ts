/** The far end of lint-thread.ts. */
import { answerOnce } from '../thread.js';
import { lintFaq, type LintPair } from './lint.js';

answerOnce((pairs) => lintFaq(pairs as LintPair[]));
