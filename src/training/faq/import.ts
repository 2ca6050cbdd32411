/** Rows of a table into an FAQ: what becomes of each row, and every fault of any, before anything is kept. Pure. */
import type { FaqPair } from '../../contracts.js';
import { folded } from '../content.js';
import type { FaqRow } from './table.js';

export type RowOutcome = 'topic' | 'joined' | 'there already';
export interface RowReport {
  row: number;
  outcome: RowOutcome;
  /** Which row it went to. */
  detail?: string;
}
export interface RowFault {
  row: number;
  detail: string;
}
/** Topics that come new, without ids. */
export interface FaqImport {
  topics: { questions: string[]; answer: string }[];
  report: RowReport[];
  faults: RowFault[];
}

const longestQuestion = 8000;
const longestAnswer = 20_000;

/**
 * A row without an answer belongs to the topic above it, as the rows of a merged cell do; rows with the same answer are one topic. A
 * question that is there already, with the same answer, is no news; with another answer it is a fault.
 */
export function faqImport(rows: readonly FaqRow[], present: readonly FaqPair[]): FaqImport {
  const result: FaqImport = { topics: [], report: [], faults: [] };
  const askedIn = new Map<string, { row: number | null; answer: string }>();
  for (const { questions, answer } of present)
    for (const question of questions) askedIn.set(folded(question), { row: null, answer: wordsOf(answer) });
  const topicOf = new Map<string, { row: number; topic: { questions: string[]; answer: string } }>();
  let above: { row: number; answer: string } | null = null;
  for (const { row, questions, answer } of rows) {
    const fault = faultOf({ row, questions, answer }, above !== null);
    if (fault) result.faults.push({ row, detail: fault });
    if (fault || (questions.length === 0 && answer === '')) continue;
    above = answer === '' ? above : { row, answer };
    const said = above?.answer ?? '';
    const fresh = newQuestions({ row, questions, said }, { askedIn, faults: result.faults });
    const topic = topicOf.get(said);
    if (fresh.length === 0) result.report.push({ row, outcome: 'there already' });
    else if (topic) {
      topic.topic.questions.push(...fresh);
      result.report.push({ row, outcome: 'joined', detail: `to row ${topic.row}` });
    } else {
      const made = { questions: fresh, answer: said };
      topicOf.set(said, { row, topic: made });
      result.topics.push(made);
      result.report.push({ row, outcome: 'topic' });
    }
  }
  return result;
}

function faultOf({ questions, answer }: FaqRow, follows: boolean): string | null {
  if (questions.length === 0 && answer !== '') return 'it has an answer but no question: write one, or remove the row';
  if (answer === '' && questions.length > 0 && !follows)
    return 'it has a question but no answer: write one, or remove the row';
  if (questions.some((question) => question.length > longestQuestion))
    return `a question is longer than ${longestQuestion} characters`;
  if (answer.length > longestAnswer) return `the answer is longer than ${longestAnswer} characters`;
  return null;
}

interface Asked {
  askedIn: Map<string, { row: number | null; answer: string }>;
  faults: RowFault[];
}

/** The questions of a row that nobody has asked yet. */
function newQuestions(
  { row, questions, said }: { row: number; questions: string[]; said: string },
  { askedIn, faults }: Asked,
): string[] {
  return questions.filter((question) => {
    const key = folded(question);
    const before = askedIn.get(key);
    if (!before) askedIn.set(key, { row, answer: said });
    else if (before.answer !== said) {
      const where = before.row === null ? 'the FAQ has it already' : `row ${before.row} has it`;
      faults.push({ row, detail: `${where} with another answer: ${JSON.stringify(question.slice(0, 80))}` });
    }
    return !before;
  });
}

const wordsOf = (answer: FaqPair['answer']): string => (typeof answer === 'string' ? answer : JSON.stringify(answer));
