/** Rows of the first sheet of an Excel workbook: a zip of XML, unpacked under the limits of archives from strangers. The only importer of sax. */
import sax from 'sax';
import { HubError } from '../../errors.js';
import { type File, type Limits, unpack } from '../import/archive.js';

export interface Sheet {
  /** By the number that Excel shows, from 1. */
  rows: Map<number, string[]>;
  /** Sheets that were not read. */
  others: number;
}

const limits: Limits = { entries: 2000, bytes: 200e6, ratio: 200, fileBytes: 60e6, wantedBytes: 80e6 };
const mostColumns = 50;
const mostRows = 100_000;
const read = /^xl\/(?:workbook\.xml|sharedStrings\.xml|_rels\/workbook\.xml\.rels|worksheets\/[^/]+\.xml)$/;

/** Rejects with `invalid` for what is no workbook. A cell of a merged area has the area's text. */
export async function xlsxRows(bytes: Buffer): Promise<Sheet> {
  const { files } = await unpack(bytes, (path) => read.test(path), limits);
  const named = (path: string): File | undefined => files.find((file) => file.path === path);
  const sheets = sheetPaths(named('xl/workbook.xml'), named('xl/_rels/workbook.xml.rels'));
  const first = named(sheets[0] ?? '') ?? files.find(({ path }) => path.startsWith('xl/worksheets/'));
  if (!first)
    throw new HubError('invalid', 'This is no Excel workbook: it has no sheet. Save the table as .xlsx or .csv.');
  const strings = sharedStrings(named('xl/sharedStrings.xml'));
  return { rows: sheetRows(first, strings), others: Math.max(0, sheets.length - 1) };
}

interface Listener {
  open?: (name: string, attributes: Record<string, string>) => void;
  close?: (name: string) => void;
  text?: (text: string) => void;
}

/** Reads XML and stops at its first flaw. It knows no entities but XML's own five. */
function walk(file: File | undefined, { open, close, text }: Listener): void {
  if (!file) return;
  const parser = sax.parser(true, { trim: false });
  parser.onerror = (error) => {
    throw new HubError(
      'invalid',
      `The workbook is damaged (${file.path}: ${error.message.split('\n')[0] ?? ''}). Save it again.`,
    );
  };
  parser.onopentag = ({ name, attributes }) => open?.(plain(name), attributes as Record<string, string>);
  parser.onclosetag = (name) => close?.(plain(name));
  parser.ontext = (part) => text?.(part);
  parser.oncdata = (part) => text?.(part);
  parser.write(file.bytes.toString('utf8')).close();
}

/** Without its namespace. */
const plain = (name: string): string => name.slice(name.indexOf(':') + 1);
/** Excel writes characters that XML cannot have as `_x000D_`. */
const unescaped = (text: string): string =>
  text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

/** Paths of the sheets that are shown, in the workbook's order. */
function sheetPaths(workbook: File | undefined, relations: File | undefined): string[] {
  const targets = new Map<string, string>();
  walk(relations, {
    open: (name, { Id = '', Target = '' }) => {
      if (name === 'Relationship') targets.set(Id, Target.startsWith('/') ? Target.slice(1) : `xl/${Target}`);
    },
  });
  const paths: string[] = [];
  walk(workbook, {
    open: (name, attributes) => {
      const target = targets.get(attributes['r:id'] ?? '');
      if (name === 'sheet' && target && (attributes['state'] ?? 'visible') === 'visible') paths.push(target);
    },
  });
  return paths;
}

function sharedStrings(file: File | undefined): string[] {
  const strings: string[] = [];
  const state = { text: '', inText: false, phonetic: false };
  walk(file, {
    open: (name) => {
      if (name === 'si') state.text = '';
      if (name === 'rPh') state.phonetic = true;
      if (name === 't') state.inText = !state.phonetic;
    },
    text: (part) => {
      if (state.inText) state.text += part;
    },
    close: (name) => {
      if (name === 't') state.inText = false;
      if (name === 'rPh') state.phonetic = false;
      if (name === 'si') strings.push(unescaped(state.text));
    },
  });
  return strings;
}

interface Cell {
  row: number;
  column: number;
  type: string;
  text: string;
}

function sheetRows(file: File, strings: string[]): Map<number, string[]> {
  const rows = new Map<number, string[]>();
  const merged: string[] = [];
  const state: { cell: Cell | null; reading: boolean; row: number } = { cell: null, reading: false, row: 0 };
  walk(file, {
    open: (name, { r = '', t = 'n', ref = '' }) => {
      if (name === 'row') state.row = Number(r) || state.row + 1;
      if (name === 'c') state.cell = { ...(placeOf(r) ?? { row: state.row, column: 0 }), type: t, text: '' };
      if (name === 'v' || name === 't') state.reading = true;
      if (name === 'mergeCell') merged.push(ref);
    },
    text: (part) => {
      if (state.reading && state.cell) state.cell.text += part;
    },
    close: (name) => {
      if (name === 'v' || name === 't') state.reading = false;
      if (name === 'c' && state.cell) put(rows, state.cell, strings);
      if (name === 'c') state.cell = null;
    },
  });
  for (const ref of merged) fill(rows, ref);
  return rows;
}

function put(rows: Map<number, string[]>, { row, column, type, text }: Cell, strings: string[]): void {
  if (column >= mostColumns || row > mostRows || text === '') return;
  const cells = rows.get(row) ?? [];
  cells[column] = type === 's' ? (strings[Number(text)] ?? '') : unescaped(text);
  rows.set(row, cells);
}

/** Gives every cell of a merged area the text of its first one. */
function fill(rows: Map<number, string[]>, ref: string): void {
  const [from, to] = ref.split(':').map(placeOf);
  if (!from || !to) return;
  const text = rows.get(from.row)?.[from.column];
  if (text === undefined) return;
  for (let row = from.row; row <= Math.min(to.row, mostRows); row += 1)
    for (let column = from.column; column <= Math.min(to.column, mostColumns - 1); column += 1)
      put(rows, { row, column, type: 'str', text }, []);
}

/** `B7` as row 7 and column 1. */
function placeOf(ref: string | undefined): { row: number; column: number } | null {
  const [, letters, digits] = /^([A-Z]{1,3})(\d{1,7})$/.exec(ref ?? '') ?? [];
  if (letters === undefined) return null;
  const column = Array.from(letters).reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
  return { row: Number(digits), column };
}
