/** Rows of a text with columns: commas, semicolons, tabs or bars between them. The only importer of csv-parse. */
import { parse } from 'csv-parse/sync';

/** The first of those that fit equally well counts: tabs stand in no sentence, commas in many. */
const delimiters = ['\t', '|', ';', ','] as const;
export type Delimiter = (typeof delimiters)[number];
const probed = 60;

/** Each row's cells; a broken quote ends with its line's text as it stands. */
export function csvRows(text: string): { rows: string[][]; delimiter: Delimiter } {
  const scored = delimiters.map((delimiter) => ({ delimiter, score: scoreOf(cells(text, delimiter, probed)) }));
  const best = scored.reduce((one, other) => (other.score > one.score ? other : one));
  return { rows: cells(text, best.delimiter), delimiter: best.delimiter };
}

function cells(text: string, delimiter: string, to?: number): string[][] {
  return parse(text, {
    delimiter,
    bom: true,
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: false,
    ...(to === undefined ? {} : { to }),
  });
}

/** How much a text looks like a table: rows of two cells and more, the more alike the better. */
function scoreOf(rows: string[][]): number {
  const widths = rows.filter((row) => row.some((cell) => cell.trim() !== '')).map((row) => row.length);
  const wide = widths.filter((width) => width >= 2);
  const counts = new Map<number, number>();
  for (const width of wide) counts.set(width, (counts.get(width) ?? 0) + 1);
  return widths.length === 0 ? 0 : (wide.length + Math.max(0, ...counts.values())) / widths.length;
}
