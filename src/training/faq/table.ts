/** A table of questions and answers as people make them, as rows that say what is a question and what the answer. */
import { HubError } from '../../errors.js';
import { type Remark, remark } from '../remark.js';
import { csvRows, type Delimiter } from './csv.js';
import { decoded } from './text.js';
import { xlsxRows } from './xlsx.js';

export interface FaqRow {
  /** As a spreadsheet numbers it, from 1; the place in the list for JSON. */
  row: number;
  questions: string[];
  /** Empty: none. */
  answer: string;
}
/** How a table was read, and what of it was not. */
export type Reading = Remark<
  | ('text' | 'commas' | 'semicolons' | 'tabs' | 'bars' | 'workbook' | 'json')
  | ('named_columns' | 'two_columns' | 'other_sheets' | 'not_read')
>;
export interface FaqTable {
  rows: FaqRow[];
  read: Reading[];
}
type Cells = { row: number; cells: string[] };
/** Which column is what. */
interface Columns {
  questions: number[];
  /** Cells that hold several questions. */
  variants: number[];
  answer: number;
}

const delimiters = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' } as const satisfies Record<
  Delimiter,
  string
>;
const questionWords =
  /^(?:(?:main |standard |标准)?(?:questions?|frage|pregunta|ask|query|q)(?:[ _]?\d+)?|问题?\d*|問題?\d*|提问|标准问(?:题|法)?|題目|题目|user|utterance)$/i;
const variantWords =
  /^(?:similar(?: questions?)?|variants?|alternatives?|synonyms?|other questions?|相似问(?:题|法)?|扩展问|相似問題?|同义问)$/i;
const answerWords =
  /^(?:answers?|antwort|respuesta|response|reply|a|bot|答案?|答复|回答|回复|回覆|標準答案|标准答案)$/i;

/** Rejects with `invalid` for what holds no table of questions and answers. */
export async function tableOf(bytes: Buffer): Promise<FaqTable> {
  if (bytes.subarray(0, 4).equals(Buffer.from([0xd0, 0xcf, 0x11, 0xe0])))
    throw refused(
      remark(
        'old_workbook',
        'This is a workbook of the old kind (.xls), or it has a password: save it as .xlsx or .csv.',
      ),
    );
  if (bytes.subarray(0, 2).toString('latin1') === 'PK') return workbook(bytes);
  const { text, encoding } = decoded(bytes);
  if (/^\s*[[{]/.test(text)) return fromJson(text);
  const { rows, delimiter } = csvRows(text);
  const cells = rows.map((row, at) => ({ row: at + 1, cells: row }));
  const between = delimiters[delimiter];
  return fromCells(cells, [
    remark('text', `Read as ${encoding}.`, [encoding]),
    remark(between, `There are ${between} between its columns.`),
  ]);
}

async function workbook(bytes: Buffer): Promise<FaqTable> {
  const { rows, others } = await xlsxRows(bytes);
  const cells = [...rows]
    .sort(([a], [b]) => a - b)
    .map(([row, list]) => ({ row, cells: Array.from(list, (cell: string | undefined) => cell ?? '') }));
  const read: Reading[] = [remark('workbook', 'Read as an Excel workbook.')];
  if (others > 0)
    read.push(remark('other_sheets', `Only the first sheet was read; there are ${others} more.`, [others]));
  return fromCells(cells, read);
}

function fromCells(all: Cells[], read: Reading[]): FaqTable {
  const filled = all
    .map(({ row, cells }) => ({ row, cells: cells.map((cell) => cell.trim()) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  const header = filled[0] ? columnsOf(filled[0].cells) : null;
  const columns = header ?? { questions: [0], variants: [], answer: 1 };
  const rows = header ? filled.slice(1) : filled;
  if (!rows.some(({ cells }) => (cells[columns.answer] ?? '') !== ''))
    throw refused(
      remark(
        'no_table',
        'No questions and answers were found: the table needs two columns, the question and its answer.',
      ),
    );
  const how = header
    ? remark('named_columns', 'Its columns are told by the names in its first row.')
    : remark('two_columns', 'Its first column was taken as questions, its second as answers.');
  return {
    rows: rows.map((one) => rowOf(one, columns)),
    read: [...read, how, ...unread(filled, columns, header !== null)],
  };
}

/** The columns by the names in a first row; null when it has none of them, and so is a row like the others. */
function columnsOf(cells: string[]): Columns | null {
  const places = (words: RegExp): number[] => cells.flatMap((cell, at) => (words.test(cell.trim()) ? [at] : []));
  const [answer] = places(answerWords);
  const questions = places(questionWords);
  if (answer === undefined || questions.length === 0) return null;
  return { questions, variants: places(variantWords), answer };
}

function unread(rows: Cells[], { questions, variants, answer }: Columns, named: boolean): Reading[] {
  const width = Math.max(...rows.map(({ cells }) => cells.length));
  const used = [...questions, ...variants, answer];
  const others = Array.from({ length: width }, (_, at) => at).filter(
    (at) => !used.includes(at) && rows.some(({ cells }) => (cells[at] ?? '') !== ''),
  );
  if (others.length === 0) return [];
  const names = others.map((at) => (named && rows[0]?.cells[at]) || letterOf(at)).join(', ');
  return [remark('not_read', `Columns that were not read: ${names}.`, [names])];
}

/** The name that a spreadsheet gives the column. */
const letterOf = (at: number): string =>
  (at < 26 ? '' : letterOf(Math.floor(at / 26) - 1)) + String.fromCharCode(65 + (at % 26));

function rowOf({ row, cells }: Cells, { questions, variants, answer }: Columns): FaqRow {
  const asked = questions.flatMap((at) => (cells[at] ?? '').split(/\r?\n/));
  const more = variants.flatMap((at) => (cells[at] ?? '').split(/\r?\n|\|+|[;；]/));
  const texts = [...asked, ...more].map((text) => text.trim()).filter((text) => text !== '');
  return { row, questions: [...new Set(texts)], answer: cells[answer] ?? '' };
}

/** Our own payload, lists of {question, answer}, or one object of questions with their answers. */
function fromJson(text: string): FaqTable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = (error as Error).message;
    throw refused(remark('broken_json', `The text begins like JSON but is none: ${why}.`, [why]));
  }
  const list = listIn(value);
  if (list.length === 0)
    throw refused(
      remark('no_list', 'The JSON holds no list of questions and answers: [{"question": "…", "answer": "…"}].'),
    );
  return { rows: list.map((entry, at) => entryOf(entry, at + 1)), read: [remark('json', 'Read as JSON.')] };
}

function listIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).find(Array.isArray);
  return inner ?? Object.entries(value).map(([question, answer]) => ({ question, answer: answer as unknown }));
}

function entryOf(entry: unknown, row: number): FaqRow {
  const fields = typeof entry === 'object' && entry !== null ? Object.entries(entry) : [];
  const named = (words: RegExp): unknown[] =>
    fields.filter(([name]) => words.test(name)).map(([, value]) => value as unknown);
  const texts = [...named(questionWords), ...named(variantWords)].flatMap(textsIn);
  const [answer] = named(answerWords).flatMap(textsIn);
  return {
    row,
    questions: [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))],
    answer: answer?.trim() ?? '',
  };
}

const textsIn = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
};

const refused = (why: Remark<'old_workbook' | 'no_table' | 'broken_json' | 'no_list'>): HubError =>
  new HubError('invalid', why.detail, { errors: [{ pointer: '/', ...why }] });
