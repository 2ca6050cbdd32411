/** The far end of thread.ts. */
import { answerOnce } from '../thread.js';
import { readProject } from './read.js';
import { judgeFiles, type Question } from './thread.js';

answerOnce<Question>((question) =>
  'files' in question
    ? judgeFiles(question.files, question.customCode)
    : readProject(Buffer.from(question.archive), question.customCode),
);
