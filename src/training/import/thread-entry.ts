/** The far end of thread.ts. */
import { answerOnce } from '../thread.js';
import { readProject } from './read.js';
import { judgeFiles, type Question } from './thread.js';

answerOnce((asked) => {
  const question = asked as Question;
  return 'files' in question
    ? void judgeFiles(question.files, question.allowed)
    : readProject(Buffer.from(question.archive), question.allowed);
});
