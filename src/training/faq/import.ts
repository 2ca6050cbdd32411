/** Rows of a table into an FAQ: what becomes of each row, and every fault of any, before anything is kept. Pure. */
import type { FaqPair } from '../../contracts.js';
import { folded, headOf } from '../content.js';
import { type Remark, remark } from '../remark.js';
import type { FaqRow } from './table.js';

export type RowOutcome = 'topic' | 'joined' | 'there already';
export interface RowReport {
  row: number;
  outcome: RowOutcome;
  /** Which row it went to. */
  detail?: string;
}
type Fault = Remark<
  'no_question' | 'no_answer' | 'long_question' | 'long_answer' | 'answered_in_row' | 'answered_in_faq'
>;
export interface RowFault extends Fault {
  row: number;
}
/** Topics that come new, without ids. */
export interface FaqImport {
  topics: { questions: string[]; answer: string }[];
  report: RowReport[];
  faults: RowFault[];
}

const longestQuestion = 8000;
const longestAnswer = 20_000;
const shown = 80;

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
    if (fault) result.faults.push({ row, ...fault });
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

function faultOf({ questions, answer }: FaqRow, follows: boolean): Fault | null {
  if (questions.length === 0 && answer !== '')
    return remark('no_question', 'it has an answer but no question: write one, or remove the row');
  if (answer === '' && questions.length > 0 && !follows)
    return remark('no_answer', 'it has a question but no answer: write one, or remove the row');
  if (questions.some((question) => question.length > longestQuestion))
    return remark('long_question', `a question is longer than ${longestQuestion} characters`, [longestQuestion]);
  if (answer.length > longestAnswer)
    return remark('long_answer', `the answer is longer than ${longestAnswer} characters`, [longestAnswer]);
  return null;
}

function answeredOtherwise(question: string, row: number | null): Fault {
  const asked = headOf(question, shown);
  const otherwise = `with another answer: ${JSON.stringify(asked)}`;
  return row === null
    ? remark('answered_in_faq', `the FAQ has it already ${otherwise}`, [asked])
    : remark('answered_in_row', `row ${row} has it ${otherwise}`, [asked, row]);
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
    else if (before.answer !== said) faults.push({ row, ...answeredOtherwise(question, before.row) });
    return !before;
  });
}

const wordsOf = (answer: FaqPair['answer']): string => (typeof answer === 'string' ? answer : JSON.stringify(answer));
