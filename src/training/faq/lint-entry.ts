/** The far end of lint-thread.ts. */
import { answerOnce } from '../thread.js';
import { lintFaq } from './lint.js';

answerOnce(lintFaq);
